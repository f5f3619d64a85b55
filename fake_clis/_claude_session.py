"""The stream-json dialogue of `claude -p`: what stdin says, one turn after another. Measured on 2.1.330."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NoReturn

import _claude_control as control
import _claude_conversation as conversation
import _claude_lines as lines
import _claude_login
import _claude_mischief as mischief
import _claude_models as models
import _claude_options
import _claude_resume
from _anthropic_asked import text_of
from _claude_api import Calls
from _claude_tools import Tools
from _claude_turn import Interrupted, Turn
from _scenario_words import named_in

GATHER = 0.002
"""Seconds to look for more lines before one is kept; with the real CLI others overtake it for 10 ms."""
PATIENCE = 2.0
"""Seconds that a turn may last once stdin has ended. The real CLI would finish it, however long that takes."""
INTERRUPT = b"SIGINT"


class Inbox:
    """Stdin, read by a thread of its own, as batches of lines; None at its end."""

    def __init__(self) -> None:
        self._batches: SimpleQueue[list[bytes] | None] = SimpleQueue()
        self._reading = True
        self.ended_at: float | None = None

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        pending: list[bytes] = []
        while self._reading and (chunk := os.read(0, 1 << 16)):
            *whole, rest = chunk.split(b"\n")
            if whole:
                whole[0] = b"".join([*pending, whole[0]])
                pending.clear()
                self._batches.put(whole)
            pending.append(rest)
        if self._reading:
            self._batches.put(None)

    def put(self, line: bytes) -> None:
        """Add a line of the program's own; safe in a signal handler."""
        self._batches.put([line])

    def take(self, seconds: float | None) -> list[bytes]:
        """The next batch; none if it does not come in time, or after the end. None: wait for ever."""
        if self.ended_at is not None and seconds is None:
            return []
        try:
            batch = self._batches.get(timeout=seconds) if seconds != 0 else self._batches.get_nowait()
        except Empty:
            return []
        if batch is None:
            self.ended_at = time.monotonic()
            return []
        return batch

    def stop_reading(self) -> None:
        """Leave in the pipe whatever comes from now on."""
        self._reading = False

    def wait_for_end(self) -> None:
        """Throw away everything up to the end of stdin."""
        while self.ended_at is None:
            self.take(None)


class Session:
    """State of one `claude -p` process."""

    def __init__(self, options: dict[str, str], version: str) -> None:
        self.options = options
        self.version = version
        self.session_id = options.get("session-id") or lines.new_uuid()
        self.env = dict(os.environ)
        self.model = self.chosen_model = models.resolve(options.get("model"))
        self.system = _system_prompt(options)
        asked = options.get("effort")
        self.chosen_effort = asked if asked in _claude_options.EFFORTS else None
        self.permission_mode = options.get("permission-mode", "default")
        self.inbox = Inbox()
        self.calls = Calls()
        self.conversation = conversation.Conversation()
        if "resume" in options:
            self.session_id = _claude_resume.load(options["resume"], self.conversation) or self.session_id
        self.tools = Tools(self)
        self.tool_calls: Any = None
        """Of the model's newest answer."""
        self.queued: list[dict[str, Any]] = []
        self.running = False
        self.interrupted = False
        self.bad_rewind = False
        self.rewind_after: dict[str, Any] | None = None
        self.validated: set[str] = set()
        self._signalled = False
        self._limits: dict[str, Any] | None = None
        self._totals: dict[str, dict[str, Any]] = {}
        self._since_last: dict[str, dict[str, Any]] = {}
        self._results = 0
        self._last_failed = False

    def run(self) -> NoReturn:
        """Serve stdin until it ends."""
        signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
        signal.signal(signal.SIGHUP, lambda *_: os._exit(129))
        signal.signal(signal.SIGINT, lambda *_: self.inbox.put(INTERRUPT))
        self.inbox.start()
        while self.queued or self.inbox.ended_at is None:
            self._handle(self.inbox.take(0 if self.queued else None))
            while self.queued and not _queries(self.queued[-1]) and (more := self.inbox.take(GATHER)):
                self._handle(more)
            if self.queued:
                self._turn()
        if signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
            time.sleep(mischief.LAST_RESORT)
        os._exit(1 if self._last_failed else 0)

    def _turn(self) -> None:
        """Run the turn of what is queued: one line to be kept, or all the queries up to the next such line."""
        count = 1
        while count < len(self.queued) and all(_queries(line) for line in self.queued[: count + 1]):
            count += 1
        asked, self.queued = self.queued[:count], self.queued[count:]
        self.tools.list_all()
        self.running, self.interrupted = True, False
        Turn(self, asked).run()
        self.running = False
        if self.rewind_after:
            control.rewind(self, self.rewind_after)
            self.rewind_after = None
        if self._signalled:
            os._exit(0)

    def wait(self, seconds: float) -> None:
        """Let time pass in mid-turn, with an open ear.

        Raises:
            Interrupted: The turn shall end.
        """
        until = time.monotonic() + seconds
        while True:
            left = max(0.0, until - time.monotonic())
            self._listen(left)
            if self.interrupted:
                raise Interrupted
            if left == 0:
                return

    def wait_until(self, done: Callable[[], bool]) -> None:
        """Listen in mid-turn until something is the case.

        Raises:
            Interrupted: The turn shall end.
        """
        self.listen_until(lambda: self.interrupted or done())
        if self.interrupted:
            raise Interrupted

    def listen_until(self, done: Callable[[], bool]) -> None:
        """Take what stdin says until something is the case."""
        while not done():
            self._listen(PATIENCE)

    def _listen(self, seconds: float) -> None:
        """Take what comes within that time, but no more than one batch."""
        ended = self.inbox.ended_at
        if ended is not None and time.monotonic() - ended > PATIENCE:
            fail("fake claude: stdin ended in mid-turn")
        self._handle(self.inbox.take(seconds if ended is None else min(seconds, 0.1)))

    def _handle(self, batch: list[bytes]) -> None:
        for line in batch:
            if line == INTERRUPT:
                if not self.running:
                    os._exit(0)
                self.interrupted = self._signalled = True
            elif line.strip():
                self._line(line)

    def _line(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            length = len(line.decode(errors="replace"))
            fail(f"Error parsing streaming input line (type=unknown, {length} chars): SyntaxError")
        if said is None:
            fail(f"Error parsing streaming input line (type=unknown, {len(line)} chars): TypeError")
        kind = said.get("type") if isinstance(said, dict) else None
        if kind == "user":
            self._user(said)
        elif kind == "assistant" and isinstance(said.get("message"), dict):
            message = said["message"]
            self.conversation.add_assistant(message.get("content"), said.get("uuid") or "", message.get("model", ""))
            self._lifecycle(said, "completed")
        elif kind == "control_request":
            control.handle(self, said)
        elif kind == "control_response":
            self.tools.answered(said)

    def _user(self, said: dict[str, Any]) -> None:
        message = said.get("message")
        role = message.get("role", "undefined") if isinstance(message, dict) else "undefined"
        if role != "user":
            fail(f"Error: Expected message role 'user', got '{role}'")
        if isinstance(message.get("content"), (str, list, type(None))):
            if _queries(said):
                mischief.on_arrival(named_in(text_of(message.get("content")))[0], self.inbox)
            self.queued.append(said)
            self._lifecycle(said, "queued")

    def _lifecycle(self, said: dict[str, Any], state: str) -> None:
        if said.get("uuid"):
            self.emit({"type": "command_lifecycle", "command_uuid": said["uuid"], "state": state})

    # What turns and control requests need

    def login(self) -> _claude_login.Login:
        """The login of this moment."""
        return _claude_login.find(bare="bare" in self.options)

    @property
    def effort(self) -> str:
        """The effort that requests ask for."""
        return self.chosen_effort or models.effort(self.model)

    def init_line(self) -> dict[str, Any]:
        """The line that opens a turn."""
        told = {"tools": [tool.wire_name for tool in self.tools.current()], "mcp_servers": self.tools.connected()}
        return lines.init(self.model, self.version, self.permission_mode, self.login()) | told

    def body(self) -> dict[str, Any]:
        """The request that the conversation amounts to."""
        settings = {"model": self.model, "system": self.system, "effort": self.effort, "env": self.env}
        settings |= {"thinking_display": self.options.get("thinking-display", "updates")}
        settings |= {"tools": self.tools.definitions(), "session_id": self.session_id, "version": self.version}
        return conversation.body(self.conversation, settings)

    def emit(self, line: dict[str, Any]) -> None:
        """Write a line, with the session's id and one of its own."""
        send({**line, "session_id": self.session_id, "uuid": lines.new_uuid()})

    def account(self, usage: dict[str, Any]) -> None:
        """Add what a request used."""
        if usage:
            models.add_model_usage(self._totals, self.model, usage)
            models.add_model_usage(self._since_last, self.model, usage)

    def tell_limits(self, info: dict[str, Any], windows: dict[str, Any]) -> None:
        """Write a `rate_limit_event` if it says something new."""
        told = {**info, "unifiedWindows": windows} if windows else info
        if told != self._limits:
            self._limits = told
            self.emit({"type": "rate_limit_event", "rate_limit_info": told})

    def write_result(self, usage: dict[str, Any], elapsed: int, fields: dict[str, Any]) -> None:
        """Write the line that ends a turn; `type` is not its first key, as with the real one."""
        self._last_failed = fields["is_error"]
        spent, self._since_last = self._since_last, {}
        head = {
            "duration_api_ms": elapsed if spent else 0,
            "total_cost_usd": sum(usage["costUSD"] for usage in self._totals.values()),
            "usage": usage,
            "modelUsage": self._totals,
            "permission_denials": [],
            **lines.FAST_MODE,
            "subagent_stats": lines.subagent_stats(),
        }
        tail = {"duration_ms": elapsed, "queued_turn_count": 0, "result_index": self._results}
        self._results += 1
        self.emit({**head, **fields, "type": "result", **tail, "model_usage_since_last_result": spent})


def _queries(line: dict[str, Any]) -> bool:
    return line.get("shouldQuery") is not False


def _system_prompt(options: dict[str, str]) -> str:
    if "system-prompt-file" not in options:
        return options.get("system-prompt", "")
    with open(options["system-prompt-file"], encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
        return file.read()


def send(line: dict[str, Any]) -> None:
    """Write one line to stdout; if nobody reads any more, live on, as the real one does."""
    data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace") + b"\n"
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:
        return


def fail(message: str) -> NoReturn:
    """Say what is wrong on stderr and exit with 1."""
    os.write(2, f"{message}\n".encode())
    os._exit(1)
