"""`codex app-server` over stdio: reads requests, answers them, runs a thread for each turn."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import _codex_conversation as conversation
import _codex_lines as lines
import _codex_login as login
import _codex_schemas as schemas
import _server_mischief as mischief
from _codex_api import API
from _codex_models import Models
from _codex_options import put
from _codex_turn import DEFAULT_RETRIES, Turn

INVALID = -32600
EXPERIMENTAL = ("dynamicTools", "experimentalRawEvents", "environments")
_ID = re.compile(r"[0-9a-fA-F-]+")


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, message: str, code: int = INVALID) -> None:
        super().__init__(message)
        self.code = code


class Thread:
    """A conversation and its settings."""

    def __init__(self, server: Server, params: dict[str, Any]) -> None:
        self._server = server
        self.id = conversation.new_id()
        self.config: dict[str, Any] = json.loads(json.dumps(server.config))
        for key, value in (params.get("config") or {}).items():
            put(self.config, key, value)
        self.models = server.models
        self.model: str = params.get("model") or self.models.default
        self.service_tier: str | None = params.get("serviceTier")
        self.retries = int(server.provider.get("stream_max_retries", DEFAULT_RETRIES))
        self.waits_for_network = (self.config.get("features") or {}).get("unbounded_connection_retries") is not False
        self.raw = bool(params.get("experimentalRawEvents"))
        self.tools = schemas.wire(params.get("dynamicTools") or [])
        base = params.get("baseInstructions")
        base = self.models.entry(self.model).get("base_instructions", "") if base is None else base
        told = [base, params.get("developerInstructions")]
        self.preamble = [conversation.message("developer", each) for each in told if each]
        self.items: list[dict[str, Any]] = []
        self.turn: Turn | None = None
        self._total = self._last = lines.usage(None)

    def count(self, added: dict[str, int], last: dict[str, int]) -> None:
        """Take in the usage of a response."""
        self._total = {name: self._total[name] + value for name, value in added.items()}
        self._last = last

    def fill(self) -> None:
        """The model has no more room."""
        self._last = {**lines.usage(None), "totalTokens": self._window()}

    def usage(self) -> dict[str, Any]:
        """The counts, of all and of the last response."""
        return {"total": self._total, "last": self._last, "modelContextWindow": self._window()}

    def _window(self) -> int:
        return self.models.entry(self.model).get("context_window", 272000) * 95 // 100

    def tell_raw(self, turn: str, item: dict[str, Any]) -> None:
        """An item as the API has it, where the client wants to see that."""
        if self.raw:
            marked = {**item, "internal_chat_message_metadata_passthrough": {"turn_id": turn}}
            self._server.tell("rawResponseItem/completed", {"threadId": self.id, "turnId": turn, "item": marked})

    def tell_status(self, status: dict[str, Any]) -> None:
        """What the thread is doing."""
        self._server.tell("thread/status/changed", {"threadId": self.id, "status": status})


class Server:
    """The process; lines are read on the main thread."""

    def __init__(self, config: dict[str, Any], version: str) -> None:
        self.config = config
        self.models = Models(config)
        self.provider_name: str = config.get("model_provider", "openai")
        self.provider: dict[str, Any] = (config.get("model_providers") or {}).get(self.provider_name, {})
        self.api = API(self.provider)
        self._originator = self._agent = ""
        self.reads = threading.Event()
        self.stays = threading.Event()
        self._version = version
        self._lacks = os.environ.get("FAKE_CODEX_LACKS", "").split(",")
        self._threads: dict[str, Thread] = {}
        self._waiting: dict[int, Callable[[dict[str, Any] | None], None]] = {}
        self._asked = 0
        self._client: dict[str, Any] | None = None
        self._unwanted: set[str] = set()
        self._lock = threading.Lock()
        self._mute = False

    def run(self) -> int:
        """Until stdin ends."""
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self.reads.set()
        rest = b""
        while data := os.read(0, 65536):
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                self._line(line)
            self.reads.wait()
        if self.stays.is_set():
            time.sleep(mischief.LAST_RESORT)
        os._exit(0)  # turns are cut off without a word

    # Writing

    def tell(self, method: str, params: dict[str, Any]) -> None:
        """A notification, unless the client does not want it."""
        if method not in self._unwanted:
            self._write(lines.notification(method, params))

    def reply(self, request: Any, result: dict[str, Any]) -> None:
        """The answer to a request."""
        self._write({"id": request, "result": result})

    def call(self, method: str, params: dict[str, Any], answered: Callable[[dict[str, Any] | None], None]) -> None:
        """A request to the client; `answered` gets the result, None for an error."""
        with self._lock:
            number, self._asked = self._asked, self._asked + 1
            self._waiting[number] = answered
        self._write({"method": method, "id": number, "params": params})

    def client_headers(self, thread: str) -> dict[str, str]:
        """What a model request says of who makes it."""
        named = dict.fromkeys(("session-id", "thread-id", "x-client-request-id"), thread)
        return {"originator": self._originator, "user-agent": self._agent, **named}

    def mute(self) -> None:
        """From now on, nothing is written."""
        self._mute = True

    def _write(self, line: dict[str, Any]) -> None:
        data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            while data and not self._mute:
                data = data[os.write(1, data) :]

    # Reading

    def _line(self, text: bytes) -> None:
        try:
            line = json.loads(text)
        except ValueError as error:
            os.write(2, f"ERROR Failed to deserialize JSONRPCMessage: {error}\n".encode())
            return
        if not isinstance(line, dict):
            os.write(2, b"ERROR Failed to deserialize JSONRPCMessage: data did not match any variant\n")
            return
        if b"[[scenario:ignore_term" in text:
            mischief.ignore_signals()
        if "method" not in line:
            answered = self._waiting.pop(line.get("id"), None)
            if answered:
                answered(line.get("result"))
        elif "id" in line:
            self._request(line["id"], line["method"], line.get("params") or {})

    def _request(self, request: Any, method: str, params: dict[str, Any]) -> None:
        try:
            if self._client is None and method != "initialize":
                raise Refusal("Not initialized")
            handler = self._HANDLERS.get(method)
            if handler is None:
                raise Refusal(f"Invalid request: unknown variant `{method}`, expected one of `initialize`")
            handler(self, request, params)
        except KeyError as missing:
            self._refuse(request, Refusal(f"Invalid request: missing field `{missing.args[0]}`"))
        except Refusal as refusal:
            self._refuse(request, refusal)

    def _refuse(self, request: Any, refusal: Refusal) -> None:
        self._write({"error": {"code": refusal.code, "message": str(refusal)}, "id": request})

    def _thread(self, params: dict[str, Any]) -> Thread:
        name = params["threadId"]
        if not _ID.fullmatch(name):
            expected = "expected an optional prefix of `urn:uuid:` followed by [0-9a-fA-F-]"
            raise Refusal(f"invalid thread id: invalid character: {expected}")
        if name not in self._threads:
            raise Refusal(f"thread not found: {name}")
        return self._threads[name]

    # Requests

    def _initialize(self, request: Any, params: dict[str, Any]) -> None:
        if self._client is not None:
            raise Refusal("Already initialized")
        client = params["clientInfo"]
        name, version = client["name"], client["version"]
        self._client = params.get("capabilities") or {}
        self._unwanted = set(self._client.get("optOutNotificationMethods") or [])
        self._originator = name
        self._agent = f"{name}/{self._version} (fake; x86_64) unknown ({name}; {version})"
        told = {"userAgent": self._agent, "codexHome": login.home(), "platformFamily": "unix", "platformOs": "linux"}
        self.reply(request, told)
        off = {"status": "disabled", "serverName": "fake", "installationId": conversation.new_id()}
        self.tell("remoteControl/status/changed", {**off, "environmentId": None})

    def _thread_start(self, request: Any, params: dict[str, Any]) -> None:
        for name in EXPERIMENTAL:
            if params.get(name) is not None and not (self._client or {}).get("experimentalApi"):
                raise Refusal(f"thread/start.{name} requires experimentalApi capability")
        params = dict(params)
        if "raw_events" in self._lacks:
            params.pop("experimentalRawEvents", None)
        if "dynamic_tools" in self._lacks:
            params.pop("dynamicTools", None)
        wrong = schemas.refusal(params.get("dynamicTools") or [])
        if wrong:
            raise Refusal(wrong)
        thread = Thread(self, params)
        self._threads[thread.id] = thread
        told = lines.thread(thread.id, thread.model, self.provider_name, params, self._originator, self._version)
        self.reply(request, lines.started(told, params))
        self.tell("thread/started", {"thread": told})

    def _inject(self, request: Any, params: dict[str, Any]) -> None:
        thread = self._thread(params)
        wrong = conversation.wrong_item(params["items"])
        if wrong:
            raise Refusal(wrong)
        self.reply(request, {})
        known = self.models.entry(thread.model)
        detail = "original" if known.get("supports_image_detail_original") else "high"
        for item in conversation.taken_in(params["items"], detail):
            if conversation.is_sent(item):
                thread.items.append(item)
            thread.tell_raw("auto-compact-0", item)

    def _turn_start(self, request: Any, params: dict[str, Any]) -> None:
        thread = self._thread(params)
        if thread.turn:
            raise Refusal("fake codex: a turn that is steered is not played here")
        said = params["input"]
        thread.turn = turn = Turn(self, thread, params)
        self.reply(request, {"turn": lines.turn(turn.id)})
        model = params.get("model") or thread.model
        if not self.models.entry(model):
            unknown = f"Model metadata for `{model}` not found. Defaulting to fallback metadata"
            told = f"{unknown}; this can degrade performance and cause issues."
            self.tell("warning", {"threadId": thread.id, "message": told})
        thread.tell_status({"type": "active", "activeFlags": []})
        began = lines.turn(turn.id, startedAt=lines.now() // 1000)
        self.tell("turn/started", {"threadId": thread.id, "turn": began})
        if said:
            turn.take_input(said)
        threading.Thread(target=turn.run, daemon=True).start()

    def _turn_interrupt(self, request: Any, params: dict[str, Any]) -> None:
        turn = self._thread(params).turn
        if turn is not None and turn.id != params["turnId"]:
            raise Refusal(f"expected active turn id {params['turnId']} but found {turn.id}")
        if turn is None or not turn.interrupt(request):
            raise Refusal("no active turn to interrupt")

    def _unsubscribe(self, request: Any, params: dict[str, Any]) -> None:
        known = params["threadId"] in self._threads
        if known and self.config.get("thread_unload_delay_secs") == 0:
            del self._threads[params["threadId"]]
        self.reply(request, {"status": "unsubscribed" if known else "notLoaded"})

    def _loaded(self, request: Any, _params: dict[str, Any]) -> None:
        self.reply(request, {"data": list(self._threads), "nextCursor": None})

    def _models(self, request: Any, _params: dict[str, Any]) -> None:
        self.reply(request, {"data": self.models.listed(), "nextCursor": None})

    def _account(self, request: Any, _params: dict[str, Any]) -> None:
        needed = self.provider_name == "openai" or bool(self.provider.get("requires_openai_auth"))
        self.reply(request, {"account": login.account(), "requiresOpenaiAuth": needed})

    _HANDLERS: dict[str, Callable[[Server, Any, dict[str, Any]], None]] = {  # noqa: RUF012 -- a constant
        "initialize": _initialize,
        "thread/start": _thread_start,
        "thread/inject_items": _inject,
        "turn/start": _turn_start,
        "turn/interrupt": _turn_interrupt,
        "thread/unsubscribe": _unsubscribe,
        "thread/loaded/list": _loaded,
        "model/list": _models,
        "account/read": _account,
    }
