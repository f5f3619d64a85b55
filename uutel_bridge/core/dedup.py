"""Identical requests that are under way at once can share one turn: its events are kept, and told to each caller.

Lives on the private loop. The turn never waits for a reader, and each reader gets the events at its own pace, from the
first one on. What is kept is one answer, once for all its callers, until the last of them has read it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from copy import copy
from functools import partial
from typing import Any, TypeAlias

import anyio

from uutel_bridge.core.errors import UUError
from uutel_bridge.core.events import Event
from uutel_bridge.core.log import logger, request_id
from uutel_bridge.core.request import ChatRequest

Emit: TypeAlias = Callable[[Event], Awaitable[None]]
Run: TypeAlias = Callable[[Emit], Coroutine[Any, Any, None]]
"""Carries a turn out, handing its events over."""

log = logger("dedup")


def key(chat: ChatRequest, *terms: object) -> str:
    """What identical requests have in common; nothing of what they say can be read from it. Pure.

    Args:
        chat: The request.
        terms: What else must be the same, each with a telling `repr`.
    """
    digest = hashlib.sha256(chat.model_dump_json().encode())
    digest.update(repr(terms).encode())
    return digest.hexdigest()


class SharedTurns:
    """The turns of a provider that callers may join."""

    def __init__(self) -> None:
        self._turns: dict[Hashable, _SharedTurn] = {}

    async def join(self, which: Hashable, run: Run, emit: Emit) -> None:
        """Hand the events of a turn over, from its first one on; only the first caller's `run` is carried out.

        A caller who leaves is not missed by the others; the last one to leave ends the turn.

        Raises:
            UUError: What the turn came to; each caller has an error of his own.
        """
        turn = self._turns.get(which)
        if turn is None:
            turn = self._turns[which] = _SharedTurn(run, partial(self._forget, which))
        else:
            log.debug("shares the turn of request %s", turn.request_id)
        turn.callers += 1
        try:
            await turn.tell(emit)
        finally:
            turn.callers -= 1
            if not turn.callers:
                self._forget(which, turn)  # so that nobody joins it while it ends
                await turn.stop()

    def _forget(self, which: Hashable, turn: _SharedTurn) -> None:
        if self._turns.get(which) is turn:
            del self._turns[which]


class _SharedTurn:
    """A turn, and what it has said so far."""

    def __init__(self, run: Run, ended: Callable[[_SharedTurn], None]) -> None:
        self.callers = 0
        self.request_id = request_id()
        self._said: list[Event] = []
        self._news = asyncio.Event()
        self._ended = ended
        self._task = asyncio.ensure_future(run(self._say))
        self._task.add_done_callback(self._end)

    async def tell(self, emit: Emit) -> None:
        """All that was said, then what comes, to one caller; then the turn's failure, if it failed."""
        told = 0
        while True:
            news = self._news
            while told < len(self._said):
                await emit(self._said[told])
                told += 1
            if self._task.done():
                return self._raise_failure()
            await news.wait()

    async def stop(self) -> None:
        """End the turn, if it has not ended, and wait until it has cleaned up."""
        self._task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([self._task])

    async def _say(self, event: Event) -> None:
        self._said.append(event)
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # it is the callers'; where there is none left, it is nobody's
        self._ended(self)
        self._wake()

    def _raise_failure(self) -> None:
        try:
            self._task.result()
        except UUError as error:
            raise copy(error) from error  # callers in several threads must not add to one traceback
