"""The dialogue with a running `codex app-server`: many turns side by side, each on a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from typing import Any, cast

from uutel_bridge import __version__
from uutel_bridge.core.errors import CLIVersion, ProtocolError, RequestRefused, UUError
from uutel_bridge.core.jsonrpc import Call, Notification
from uutel_bridge.core.process import Child
from uutel_bridge.core.rpc import Dialogue
from uutel_bridge.providers.codex.models import CodexRequest, CodexResponse, Notice

_START_SECONDS = 60.0
"""A cold start takes a tenth of a second; a busy machine may take much longer."""

_TOLD = frozenset({
    "item/agentMessage/delta",
    "item/reasoning/summaryPartAdded",
    "item/reasoning/summaryTextDelta",
    "item/started",
    "item/tool/call",
    "rawResponse/completed",
    "rawResponseItem/completed",
    "thread/tokenUsage/updated",
    "turn/completed",
})
"""What is read of a turn; the app-server tells far more."""

_OF_AN_ANSWER = frozenset({"agentMessage", "reasoning", "userMessage"})
"""Items of a turn in which the CLI does nothing of its own."""

_SIGIL = "$"
"""A turn's own input may name a skill of the user's with it, which the CLI then adds; in items it means nothing."""
_LONGEST_INPUT = 2**20
"""Characters that the CLI takes as a turn's own input; of items it takes any number."""
_REQUESTS_AT_ONCE = 64
"""Of more than about 128 that wait to be read, the app-server refuses some as too many."""
_Notices = asyncio.Queue[Notice | UUError]


class CodexSession:
    """An app-server that answers turns, as many at once as it is asked for.

    When a turn ends, a thread of the same kind is opened ahead: the next step of a conversation mostly wants one.
    """

    def __init__(self, child: Child, *, cwd: str, proven: bool = True) -> None:
        """`proven`: whether this version does what is experimental; else it is asked for stable things only."""
        self._rpc = Dialogue(child, "codex", hear=self._hear, lost=self._lose, at_once=_REQUESTS_AT_ONCE)
        self._cwd = cwd
        self._proven = proven
        self._threads: dict[str, _Notices] = {}
        self._ahead: tuple[Mapping[str, Any], asyncio.Task[str]] | None = None
        """A thread that nobody uses yet, and how it was asked for."""
        self._limits: Notice | None = None

    @property
    def alive(self) -> bool:
        """Whether it can take another turn."""
        return self._rpc.alive

    async def start(self) -> None:
        """Wait until it answers.

        Raises:
            CLIExited: It ended instead.
            ProtocolError: It does not speak the protocol, or did not answer in time.
        """
        client = {"name": "uutel_bridge", "title": "uutel-bridge", "version": __version__}
        capabilities = {"experimentalApi": self._proven}
        await self._rpc.open(_START_SECONDS, {"clientInfo": client, "capabilities": capabilities})
        await self._rpc.tell("initialized", {})

    async def models(self) -> list[Mapping[str, Any]]:
        """What it offers, in its own words.

        Raises:
            ProtocolError: It answered something else.
        """
        listed = await self._rpc.ask("model/list", {})
        try:
            return list(listed["data"])
        except (KeyError, TypeError) as exc:
            raise ProtocolError("codex did not list its models.") from exc

    async def run(self, request: CodexRequest, /) -> AsyncGenerator[CodexResponse, None]:
        """What is told of one turn, up to its end; just before that, how the plan's limits stand."""
        wanted = self._thread_start(request)
        opening = self._opening(wanted)
        running: asyncio.Task[str] | None = None
        try:
            thread = await _outcome(opening)
            notices = self._threads[thread] = _Notices()
            said = _own_input(request.items)
            if request.items and not said:
                await self._tell_before(thread, request)
            running = self._rpc.spawn(self._begin(_turn_start(thread, request, said)))
            turn = await _outcome(running)
            calls = False
            while running:
                notice = await notices.get()
                if isinstance(notice, UUError):
                    raise notice
                of, called = _about(notice)
                if of != turn:
                    continue  # an injected item is told of, too
                calls = calls or called
                if notice.method == "item/started":
                    self._check_item(notice)
                    continue
                if notice.method == "item/tool/call":
                    _check_told(calls)
                    continue
                if notice.method == "rawResponse/completed" and calls:
                    # The functions are the caller's; else the model would be asked again with what Codex says for them.
                    self._rpc.spawn(self._rpc.quietly("turn/interrupt", {"threadId": thread, "turnId": turn}))
                if notice.method == "turn/completed":
                    running = None
                    for last in self._before_the_end(notice, turn):
                        yield last
                yield notice
            self._open_ahead(wanted)
        finally:
            self._rpc.part(self._leave(opening, running))

    async def reset(self) -> bool:
        """Threads share nothing, so there is nothing to forget but what is being left."""
        return await self._rpc.settled()

    async def aclose(self) -> None:
        """Stop the process; turns that still run fail."""
        await self._rpc.aclose()

    def _opening(self, wanted: Mapping[str, Any]) -> asyncio.Task[str]:
        if self._ahead is None or self._ahead[0] != wanted:
            return self._rpc.spawn(self._open(wanted))
        (_, opening), self._ahead = self._ahead, None
        return opening

    def _open_ahead(self, wanted: Mapping[str, Any]) -> None:
        if not self.alive or (self._ahead is not None and self._ahead[0] == wanted):
            return
        if self._ahead is not None:
            self._rpc.part(self._leave(self._ahead[1], None))
        self._ahead = wanted, self._rpc.spawn(self._open(wanted))
        self._ahead[1].add_done_callback(self._forget_failed)

    def _forget_failed(self, opening: asyncio.Task[str]) -> None:
        # Whoever wants such a thread next asks for it anew, and is told.
        failed = opening.cancelled() or opening.exception() is not None
        if failed and self._ahead is not None and self._ahead[1] is opening:
            self._ahead = None

    def _thread_start(self, request: CodexRequest) -> Mapping[str, Any]:
        asked = {
            "model": request.model,
            "cwd": self._cwd,
            "ephemeral": True,
            "approvalPolicy": "never",
            "sandbox": "read-only",
            "baseInstructions": request.instructions,
            "serviceTier": request.service_tier,
            "config": {"model_verbosity": request.verbosity} if request.verbosity else None,
        }
        experimental = {
            "environments": [],
            "experimentalRawEvents": True,
            "dynamicTools": list(request.tools) or None,
        }
        given = {**asked, **experimental} if self._proven else asked
        return {name: value for name, value in given.items() if value is not None}

    async def _open(self, wanted: Mapping[str, Any]) -> str:
        opened = await self._rpc.ask("thread/start", wanted)
        thread = _id(opened, "thread")
        if opened.get("instructionSources"):
            await self._rpc.quietly("thread/unsubscribe", {"threadId": thread})
            raise ProtocolError("codex added instructions of its own.", evidence=str(opened["instructionSources"]))
        return thread

    async def _tell_before(self, thread: str, request: CodexRequest) -> None:
        try:
            await self._rpc.ask("thread/inject_items", {"threadId": thread, "items": list(request.items)})
        except RequestRefused as exc:
            if self._proven:
                raise
            raise CLIVersion(
                "This version of codex cannot be told an earlier conversation; update it.", evidence=exc.evidence
            ) from exc

    def _before_the_end(self, notice: Notice, turn: str) -> Iterator[Notice]:
        completed = _object(notice, "turn").get("status") == "completed"
        if completed and not self._proven:  # nothing else tells that the answer is whole
            yield Notice("rawResponse/completed", {"turnId": turn})
        if self._limits:
            yield self._limits

    def _check_item(self, notice: Notice) -> None:
        # A proven version tells what the model said. Of another, this is how it shows that it does something by itself.
        kind = _object(notice, "item").get("type")
        if not self._proven and kind not in _OF_AN_ANSWER:
            raise ProtocolError("codex went on by itself instead of answering.", evidence=str(kind))

    async def _begin(self, params: Mapping[str, Any]) -> str:
        return _id(await self._rpc.ask("turn/start", params), "turn")

    async def _leave(self, opening: asyncio.Task[str], running: asyncio.Task[str] | None) -> None:
        """Break off what is under way, and let the app-server drop the thread: as soon as it has said what to name."""
        with suppress(UUError):  # there is no such thread, or no process any more
            thread = await opening
            self._threads.pop(thread, None)
            if running:
                with suppress(UUError):  # it was refused, or has just ended by itself
                    await self._rpc.ask("turn/interrupt", {"threadId": thread, "turnId": await running})
            await self._rpc.ask("thread/unsubscribe", {"threadId": thread})

    def _hear(self, message: Notification | Call) -> bool:
        # The result of a function is the caller's to give: it gets no reply, the turn ends with the call.
        if isinstance(message, Call) and message.method != "item/tool/call":
            return False
        self._tell(Notice(message.method, message.params))
        return True

    def _lose(self, error: UUError) -> None:
        for notices in self._threads.values():
            notices.put_nowait(copy(error))  # of its own: whoever gets it adds to it

    def _tell(self, notice: Notice) -> None:
        if notice.method == "account/rateLimits/updated":
            self._limits = notice
        elif notice.method in _TOLD:
            thread = notice.params.get("threadId")
            notices = self._threads.get(thread) if isinstance(thread, str) else None
            if notices is not None:
                notices.put_nowait(notice)


async def _outcome(task: asyncio.Task[str]) -> str:
    """What comes of it; it goes on where the one who waits is cancelled."""
    await asyncio.wait([task])
    return task.result()


def _id(reply: Any, what: str) -> str:
    try:
        return reply[what]["id"]
    except (KeyError, TypeError) as exc:
        raise ProtocolError(f"codex began a {what} without its id.") from exc


def _about(notice: Notice) -> tuple[str, bool]:
    """The turn it is about, and whether the model calls a function."""
    try:
        called = notice.method == "rawResponseItem/completed" and _object(notice, "item")["type"] == "function_call"
        return notice.params.get("turnId") or _object(notice, "turn")["id"], called
    except KeyError as exc:
        raise ProtocolError(f"codex sent {notice.method} without what belongs in it.") from exc


def _object(notice: Notice, name: str) -> Mapping[str, Any]:
    """An object in a notice; empty for anything else."""
    value = notice.params.get(name)
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _check_told(calls: bool) -> None:
    if not calls:  # then neither the end of the answer will be told, and it would be waited for without end
        raise ProtocolError("codex asked for the result of a function, but does not tell what the model said.")


def _own_input(items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A conversation that is a single text, as a turn's own input; empty where that is not the same.

    Before it takes items, the CLI makes a request to OpenAI about the account, and again before the turn.
    """
    parts: Sequence[Mapping[str, Any]] = items[0].get("content", ()) if len(items) == 1 else ()
    # What is no text goes the other way, too.
    text = "".join(part.get("text", _SIGIL) for part in parts)
    if _SIGIL in text or len(text) > _LONGEST_INPUT:
        return []
    return [{"type": "text", "text": part["text"]} for part in parts]


def _turn_start(thread: str, request: CodexRequest, said: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    asked = {
        "threadId": thread,
        "input": said,
        "effort": request.effort,
        "summary": "auto",
        "outputSchema": request.output_schema,
    }
    return {name: value for name, value in asked.items() if value is not None}
