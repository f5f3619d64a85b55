"""The dialogue with a running `gemini --acp`: many turns side by side, each in a session of its own."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast
from uuid import uuid4

import anyio

from uutel_bridge.core.errors import LoginExpired, ProtocolError, RequestRefused, UUError
from uutel_bridge.core.jsonrpc import Call, Notification
from uutel_bridge.core.process import Child
from uutel_bridge.core.rpc import Dialogue
from uutel_bridge.gemini_api.failures import LOGIN_COMMAND
from uutel_bridge.providers.gemini_cli import session_file
from uutel_bridge.providers.gemini_cli.functions import FunctionServer
from uutel_bridge.providers.gemini_cli.launch import CHATS, CWD, SYSTEM_PROMPT
from uutel_bridge.providers.gemini_cli.models import GeminiCLIRequest, GeminiCLIResponse, Update
from uutel_bridge.providers.gemini_cli.transcript import transcript

_START_SECONDS = 120.0
"""A cold start takes a second or two; a busy machine may take much longer."""
_REPLAY_SECONDS = 60.0
"""For telling a conversation of hundreds of turns back takes a few hundredths of a second."""
_REQUESTS_AT_ONCE = 64
_ASKS_FOR_LOGIN = re.compile(r"authorization code|https://accounts\.google\.com|visit the following URL", re.IGNORECASE)
"""The CLI prints such words instead of a reply, and takes the next line for an answer."""
_NOTHING = [{"type": "text", "text": ""}]
"""What is asked of a session that has the whole conversation already."""
_Chunk: TypeAlias = Literal["agent_message_chunk", "agent_thought_chunk"]
_CHUNKS = frozenset({"agent_message_chunk", "agent_thought_chunk"})
_REPLAYED = frozenset({"agent_message_chunk", "user_message_chunk"})
_DUMPS = "gemini-client-error-*"
"""What the CLI writes, conversation and all, when the API refuses a request."""


@contextmanager
def _in_the_home() -> Generator[None, None, None]:
    """For work on files of the private home: it is gone when the process was stopped, and a disk may be full."""
    try:
        yield
    except OSError as exc:
        raise UUError(f"The files of a gemini session can be neither written nor read: {exc.strerror}.") from exc


class _Turn:
    """What has been told of a session so far."""

    def __init__(self, replayed: int) -> None:
        self.updates: asyncio.Queue[Update | UUError] = asyncio.Queue()
        self.replayed = asyncio.Event()
        """Whether the CLI has told the conversation back, one update for each message; some come late."""
        self._to_be_replayed = replayed
        if not replayed:
            self.replayed.set()

    def hear(self, update: object) -> None:
        if not isinstance(update, dict):
            return
        told = cast("dict[str, Any]", update)
        kind = str(told.get("sessionUpdate"))
        if self._to_be_replayed and kind in _REPLAYED:
            self._to_be_replayed -= 1
            if not self._to_be_replayed:
                self.replayed.set()
        elif kind in _CHUNKS:
            self.updates.put_nowait(Update(cast("_Chunk", kind), told))


class GeminiCLISession:
    """A CLI that answers turns, as many at once as it is asked for, all of them with one system prompt at a time."""

    def __init__(self, child: Child, *, proven: bool = True) -> None:
        """`proven`: whether this version takes a conversation from a session file; else it is told in words."""
        self._rpc = Dialogue(child, "gemini", hear=self._hear, lost=self._lose, at_once=_REQUESTS_AT_ONCE)
        self._home = child.scratch
        self._chats = self._home / CHATS
        self._proven = proven
        self._functions = FunctionServer()
        self._beginning = anyio.Lock()
        """The CLI takes many times as long to begin two sessions at once as one after the other."""
        self._turns: dict[str, _Turn] = {}
        self._system_prompt: str | None = None

    @property
    def alive(self) -> bool:
        """Whether it can take another turn."""
        return self._rpc.alive

    async def start(self) -> None:
        """Wait until it answers.

        Raises:
            CLIExited: It ended instead.
            LoginExpired: It wants somebody to log in.
            ProtocolError: It does not speak the protocol, or did not answer in time.
        """
        try:
            await self._rpc.open(_START_SECONDS, {"protocolVersion": 1, "clientCapabilities": {}})
        except ProtocolError as exc:
            if not _ASKS_FOR_LOGIN.search(exc.evidence):
                raise
            message = (
                "The Gemini CLI wants somebody to log in: its login is no longer accepted, or Google's sign-in service "
                f"cannot be reached. If it can, log in again: {LOGIN_COMMAND}"
            )
            raise LoginExpired(message, login_command=LOGIN_COMMAND, evidence=exc.evidence) from exc
        with _in_the_home():
            self._chats.mkdir(mode=0o700, parents=True, exist_ok=True)
        await self._functions.start()

    async def run(self, request: GeminiCLIRequest, /) -> AsyncGenerator[GeminiCLIResponse, None]:
        """What is told of one turn, up to its end.

        All that run at once must have the same system prompt.
        """
        serving = ExitStack()
        served = [serving.enter_context(self._functions.serving(request.tools))] if request.tools else []
        beginning = self._rpc.spawn(self._begin(request, served))
        asking: asyncio.Task[None] | None = None
        try:
            await asyncio.wait([beginning])
            session, written = beginning.result()
            turn = self._turns[session]
            await self._replayed(turn)
            asking = self._rpc.spawn(self._ask(session, request, turn))
            ended = False
            while not ended:
                update = await turn.updates.get()
                if isinstance(update, UUError):
                    raise update
                ended = update.kind in {"answered", "failed"}
                if ended and (noted := self._noted(session, written)):
                    yield Update("record", noted)
                yield update
        finally:
            serving.close()
            self._rpc.part(self._leave(beginning, asking))

    async def reset(self) -> bool:
        """Sessions share nothing, so there is nothing to forget but what is being left."""
        return await self._rpc.settled()

    async def aclose(self) -> None:
        """Stop the process; turns that still run fail."""
        try:
            await self._rpc.aclose()
        finally:
            await self._functions.aclose()

    async def _begin(self, request: GeminiCLIRequest, servers: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
        """A session with the conversation in it: its id, and how much of its file is ours."""
        where = {"cwd": str(self._home / CWD), "mcpServers": servers}
        async with self._beginning:
            self._instruct(request.system_prompt)
            session, written = await (self._load(request, where) if self._proven else self._new(where))
        await self._told(session, "session/set_model", {"modelId": request.model})
        return session, written

    async def _load(self, request: GeminiCLIRequest, where: Mapping[str, Any]) -> tuple[str, int]:
        session = str(uuid4())
        content = session_file.written(session, request.turns)
        self._write(self._chats / session_file.name(session), content)
        self._turns[session] = _Turn(len(request.turns))
        await self._told(session, "session/load", where)
        return session, len(content)

    async def _new(self, where: Mapping[str, Any]) -> tuple[str, int]:
        made = await self._rpc.ask("session/new", where)
        try:
            session = str(made["sessionId"])
        except (KeyError, TypeError) as exc:
            raise ProtocolError("gemini made a session without an id.") from exc
        self._turns[session] = _Turn(0)
        return session, 0

    async def _told(self, session: str, method: str, params: Mapping[str, Any]) -> None:
        """Ask something of a session, which is over where that is refused."""
        try:
            await self._rpc.ask(method, {"sessionId": session, **params})
        except UUError:
            self._forget(session)
            raise

    def _instruct(self, system_prompt: str) -> None:
        if system_prompt != self._system_prompt:
            self._write(self._home / SYSTEM_PROMPT, system_prompt.encode())
            self._system_prompt = system_prompt

    def _write(self, file: Path, content: bytes) -> None:
        if not self.alive:
            return  # its private home goes with it, and must not come back; whatever it is asked next is refused
        with _in_the_home(), os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as opened:
            # Not emptied before: what is then written, ext4 brings to the disk at once, and we would wait for it.
            opened.write(content)
            opened.truncate()

    async def _replayed(self, turn: _Turn) -> None:
        with anyio.move_on_after(_REPLAY_SECONDS):
            await turn.replayed.wait()
        if not turn.replayed.is_set():
            raise ProtocolError("gemini did not tell the conversation back that it was given.")

    async def _ask(self, session: str, request: GeminiCLIRequest, turn: _Turn) -> None:
        words = _NOTHING if self._proven else transcript(request.turns)
        try:
            result = await self._rpc.ask("session/prompt", {"sessionId": session, "prompt": words})
        except RequestRefused as exc:
            turn.updates.put_nowait(Update("failed", {"code": exc.code, "message": exc.evidence}))
        except UUError as exc:
            turn.updates.put_nowait(exc)
        else:
            turn.updates.put_nowait(Update("answered", result))

    def _noted(self, session: str, written: int) -> Mapping[str, Any] | None:
        """What the CLI added to the session's file: to ours, or else to the one that it made."""
        own = self._chats / session_file.name(session)
        files = [own] if written else list(self._chats.glob(f"*{session_file.short(session)}*"))
        with _in_the_home():
            raw = b"".join(file.read_bytes() for file in files)
        return session_file.record(raw[written:])

    async def _leave(self, beginning: asyncio.Task[tuple[str, int]], asking: asyncio.Task[None] | None) -> None:
        """Break off what is under way, and remove what the CLI has written of it: as soon as it writes no more."""
        with suppress(UUError):  # there is no such session, or no process any more
            session, _ = await beginning
            if asking is not None and not asking.done():
                await self._rpc.tell("session/cancel", {"sessionId": session})
                await asyncio.wait([asking])
            self._forget(session)
        if not self._turns and not self._beginning.locked():
            self._instruct("")  # nobody needs it now, and it is the caller's

    def _forget(self, session: str) -> None:
        del self._turns[session]
        running = {session_file.short(each) for each in self._turns}
        for file in (*self._chats.glob("*"), *self._home.glob(_DUMPS)):
            if not any(name in file.name for name in running):
                file.unlink(missing_ok=True)

    def _hear(self, message: Notification | Call) -> bool:
        if isinstance(message, Call):
            return False  # it is given no files and no permissions
        turn = self._turns.get(str(message.params.get("sessionId")))
        if turn is not None and message.method == "session/update":
            turn.hear(message.params.get("update"))
        return True

    def _lose(self, error: UUError) -> None:
        for turn in self._turns.values():
            turn.replayed.set()
            turn.updates.put_nowait(copy(error))  # of its own: whoever gets it adds to it
