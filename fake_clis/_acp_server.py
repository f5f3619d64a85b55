"""`gemini --acp` over stdio: reads requests, answers each on a thread of its own."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import _acp_files as files
import _acp_lines as lines
import _acp_login as login
import _server_mischief as mischief
from _acp_api import API
from _acp_failures import Failure
from _acp_lines import Refusal
from _acp_options import Options, at, load_env, settings
from _acp_session import Session, system_text
from _acp_turn import Turn

PENALTY = 0.1
"""Seconds that the second of two loads at once waits; twice as long for each more, up to `MOST`."""
MOST = 2.0

_UNKNOWN = """Invalid session identifier "{name}".
  Searched for sessions in {folder}/chats.
  Use --list-sessions to see available sessions, then use --resume {{number}}, --resume {{uuid}}, or --resume latest."""


class Server:
    """The process; lines are read on the main thread."""

    def __init__(self, options: Options, version: str) -> None:
        cwd = os.getcwd()  # noqa: PTH109 -- pathlib costs start-up time
        load_env(cwd)
        self.settings = settings(cwd)
        self.model = options.model
        self.api = API()
        self.system = ""
        self.reads = threading.Event()
        self.stays = threading.Event()
        self._cwd = cwd
        self._options = options
        self._version = version
        self._lacks = os.environ.get("FAKE_GEMINI_LACKS", "").split(",")
        self._sessions: dict[str, Session] = {}
        self._waiting: dict[str, Callable[[dict[str, Any]], None]] = {}
        self._lock = threading.Lock()
        self._loads = threading.Lock()
        self._loading = 0
        self._prompts: set[threading.Thread] = set()
        self._mute = False

    def run(self) -> int:
        """Until stdin ends; turns are brought to their end."""
        self._handle_signals()
        login.renew(self.settings)
        if login.is_missing(self.settings):
            os.write(1, f"{login.ASKS}Enter the authorization code: ".encode())
            while os.read(0, 65536):
                pass
            return 41
        if files.wait_for_lock():
            self.api.record("projects.json.lock", {"waited": files.LOCKED})
        files.SessionFile.fresh(files.folder_of(self._cwd), str(uuid.uuid4()), begun=1)
        self.reads.set()
        rest = b""
        while data := os.read(0, 65536):
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                self._line(line)
            self.reads.wait()
        for prompt in list(self._prompts):
            prompt.join(mischief.LAST_RESORT)
        if self.stays.is_set():
            time.sleep(mischief.LAST_RESORT)
        os._exit(0)

    def _handle_signals(self) -> None:
        if os.environ.get("GEMINI_CLI_NO_RELAUNCH") != "true":
            mischief.ignore_signals()
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: os._exit(0))

    # Writing

    def write(self, line: dict[str, Any]) -> None:
        """One line."""
        data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            while data and not self._mute:
                data = data[os.write(1, data) :]

    def mute(self) -> None:
        """From now on, nothing is written."""
        self._mute = True

    def permitted(self, session: str, call: str, title: str) -> bool:
        """Ask the client whether a call may be made."""
        answered, outcome = threading.Event(), {}

        def take(line: dict[str, Any]) -> None:
            outcome.update(at(line, "result.outcome", {}))
            answered.set()

        number = str(uuid.uuid4())
        self._waiting[number] = take
        names = ("proceed_always_server", "proceed_always_tool", "proceed_once", "cancel")
        kinds = ("allow_always", "allow_always", "allow_once", "reject_once")
        options = [{"optionId": name, "name": name, "kind": kind} for name, kind in zip(names, kinds, strict=True)]
        shown = {
            "toolCallId": call,
            "status": "pending",
            "title": title,
            "content": [],
            "locations": [],
            "kind": "other",
        }
        params = {"sessionId": session, "options": options, "toolCall": shown}
        self.write({"jsonrpc": "2.0", "id": number, "method": "session/request_permission", "params": params})
        answered.wait()
        return outcome.get("outcome") == "selected" and outcome.get("optionId") != "cancel"

    # Reading

    def _line(self, text: bytes) -> None:
        try:
            line = json.loads(text)
        except ValueError as error:
            if text.strip():
                os.write(2, f"Failed to parse JSON message: {text.decode(errors='replace')} {error}\n".encode())
            return
        if not isinstance(line, dict):
            return
        method, params = line.get("method"), line.get("params") or {}
        if method is None:
            taken = self._waiting.pop(line.get("id", ""), None)
            if taken:
                taken(line)
        elif "id" not in line:
            if method == "session/cancel":
                self._cancel(params)
        elif method == "session/prompt":
            self._prepare(params)
            self._in_thread(self._prompt, line["id"], params, kept=self._prompts)
        elif method in {"session/load", "session/new"}:
            self._in_thread(self._open, line["id"], params, method=method)
        else:
            self._answer(self._quick, line["id"], params, method=method)

    def _prepare(self, params: dict[str, Any]) -> None:
        """Signals can be ignored by this thread alone."""
        session = self._sessions.get(params.get("sessionId", ""))
        if session and session.asks_for("ignore_term"):
            mischief.ignore_signals()

    def _in_thread(self, handler: Any, request: Any, params: Any, kept: Any = None, **more: Any) -> None:
        def run() -> None:
            self._answer(handler, request, params, **more)
            if kept is not None:
                kept.discard(threading.current_thread())

        thread = threading.Thread(target=run, daemon=True)
        if kept is not None:
            kept.add(thread)
        thread.start()

    def _answer(self, handler: Any, request: Any, params: Any, **more: Any) -> None:
        try:
            result = handler(params, **more, request=request)
        except Refusal as refusal:
            self._refuse(request, refusal)
        except Failure as failure:
            self._refuse(request, Refusal(failure.code, str(failure)))
        else:
            if result is not None:
                self._reply(request, result)

    def _reply(self, request: Any, result: dict[str, Any]) -> None:
        self.write({"jsonrpc": "2.0", "id": request, "result": result})

    def _refuse(self, request: Any, refusal: Refusal) -> None:
        os.write(2, f"Error handling request {request}: {refusal.code} {refusal}\n".encode())
        self.write(lines.error(request, refusal))

    def _session(self, params: dict[str, Any]) -> Session:
        if params["sessionId"] not in self._sessions:
            raise Refusal(lines.INVALID_PARAMS, f"Session not found: {params['sessionId']}")
        return self._sessions[params["sessionId"]]

    # Requests

    def _quick(self, params: dict[str, Any], method: str, request: Any) -> dict[str, Any]:
        del request
        if method == "initialize":
            return lines.initialized(self._version)
        if method == "session/set_model":
            lines.check(params, sessionId=str, modelId=str)
            self._session(params).model = params["modelId"]
            return {}
        if method == "session/set_mode":
            lines.check(params, sessionId=str, modeId=str)
            session = self._session(params)
            if params["modeId"] not in lines.MODES:
                raise lines.broken(f"Invalid or unavailable mode: {params['modeId']}")
            session.tell(lines.chunk("agent_message", f"[MODE_UPDATE] {params['modeId']}"))
            return {}
        raise Refusal(lines.NO_METHOD, f'"Method not found": {method}', {"method": method})

    def _open(self, params: dict[str, Any], method: str, request: Any) -> None:
        loads = method == "session/load"
        lines.check(params, **({"sessionId": str} if loads else {}), cwd=str, mcpServers=list)
        with self._loads:
            self._loading += 1
            at_once = self._loading
        try:
            if at_once > 1:
                self.api.record("session/load", {"at_once": at_once})
                time.sleep(min(MOST, PENALTY * 2 ** (at_once - 2)))
            session = self._load(params) if loads else self._new(params)
        finally:
            with self._loads:
                self._loading -= 1
        self._tell_opened(session, request, loads=loads)

    def _tell_opened(self, session: Session, request: Any, *, loads: bool) -> None:
        told = lines.opened(session.model)
        notes = session.replay() if loads else []
        for note in notes[:1]:
            session.tell(note)
        self._reply(request, told if loads else {"sessionId": session.id, **told})
        for number, note in enumerate(notes[1:]):
            session.tell(note)
            if number % 10 == 9:
                time.sleep(0.001)  # a long replay goes on while the client asks for more
        session.replayed.set()
        session.tell(lines.commands())

    def _new(self, params: dict[str, Any]) -> Session:
        own = self._ready(params["cwd"], settings(params["cwd"]))
        folder = files.folder_of(params["cwd"])
        name = str(uuid.uuid4())
        session = Session(self, name, own, files.SessionFile.fresh(folder, name))
        session.begin_with_context(folder, always=True)
        return self._opened(session, params)

    def _load(self, params: dict[str, Any]) -> Session:
        self._ready(params["cwd"], self.settings)
        folder, name = files.folder_of(params["cwd"]), params["sessionId"]
        file = files.SessionFile.found(folder, name)
        if file is None:
            raise lines.broken(_UNKNOWN.format(name=name, folder=folder))
        files.SessionFile.fresh(folder, name)
        session = Session(self, name, self.settings, file)
        session.begin_with_context(folder, always="exact_history" in self._lacks)
        return self._opened(session, params)

    def _ready(self, cwd: str, own: dict[str, Any]) -> dict[str, Any]:
        """What every session does first; its system prompt becomes that of all."""
        load_env(cwd)
        problem = login.problem(own)
        if problem:
            raise Refusal(lines.NO_LOGIN, problem)
        self.system = system_text(own)
        return own

    def _opened(self, session: Session, params: dict[str, Any]) -> Session:
        session.connect(params["mcpServers"], self._options.servers, self._version)
        self._sessions[session.id] = session
        return session

    def _prompt(self, params: dict[str, Any], request: Any) -> dict[str, Any] | None:
        del request
        lines.check(params, sessionId=str, prompt=list)
        session = self._session(params)
        if session.turn:
            session.turn.cancel()
        session.turn = turn = Turn(session, params["prompt"])
        return turn.run()

    def _cancel(self, params: dict[str, Any]) -> None:
        session = self._sessions.get(params.get("sessionId", ""))
        if session and session.turn:
            session.turn.cancel()
