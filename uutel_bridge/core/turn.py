"""One turn, in order: deadline, lease, the vendor's messages, events; and another try where that is right."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Generator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Generic

import anyio

from uutel_bridge.core.errors import CLIExited, ProtocolError, UUError, VendorTimeout
from uutel_bridge.core.events import Event, Finished, Started
from uutel_bridge.core.provider import Lease, RequestT, ResponseT, Transform
from uutel_bridge.core.retry import RetryConfig, delay

Emit = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Turn(Generic[RequestT, ResponseT]):
    """What one turn needs, everything checked."""

    provider: str
    request: RequestT
    transform: Transform[RequestT, ResponseT]
    lease: Callable[[], Awaitable[Lease[RequestT, ResponseT]]]
    timeout: float
    """Seconds for the whole answer, waiting for a free process and further tries included."""
    retry: RetryConfig | None
    """None where the caller retries by itself."""
    started: float = field(default_factory=monotonic)
    """When the time began to run."""


async def run(turn: Turn[Any, Any], emit: Emit) -> None:
    """Carry a turn out, handing each event to `emit` as it comes.

    Raises:
        VendorTimeout: `turn.timeout` is over.
        UUError: What went wrong, after the tries that `turn.retry` allows; never another try once an event is out.
    """
    with time_limit(turn.provider, turn.timeout, turn.started):
        await _tries(turn, emit, turn.started + turn.timeout)


@contextmanager
def time_limit(provider: str, timeout: float, started: float) -> Generator[None, None, None]:
    """Hold whatever happens for an answer to its time.

    Raises:
        VendorTimeout: `timeout` seconds after `started` it had not come to an end.
    """
    with anyio.move_on_after(started + timeout - monotonic()) as scope:
        yield
    if scope.cancelled_caught:
        raise VendorTimeout(
            f"{provider} gave no whole answer within {timeout:g} s. Allow more with timeout=.", provider=provider
        )


async def _tries(turn: Turn[Any, Any], emit: Emit, deadline: float) -> None:
    attempt, stale_process_seen = 1, False
    while True:
        trial = _Trial(emit, attempt)
        try:
            return await _attempt(turn, trial)
        except UUError as error:
            error.provider = error.provider or turn.provider
            if trial.begun:
                raise
            if isinstance(error, CLIExited) and trial.reused and not stale_process_seen:
                # A warm process that had died unseen says nothing of this request.
                stale_process_seen = True
                continue
            wait = turn.retry and delay(turn.retry, attempt, error, deadline - monotonic(), jitter=random.random())  # noqa: S311
            if wait is None:
                raise
            await anyio.sleep(wait)
            attempt += 1


class _Trial:
    """One attempt's way to the caller: notes whether anything got there."""

    def __init__(self, emit: Emit, attempt: int) -> None:
        self._emit = emit
        self._attempt = attempt
        self.begun = False
        self.finished = False
        self.reused = False

    async def emit(self, event: Event) -> None:
        if isinstance(event, Started):
            await self._emit(replace(event, attempts=self._attempt))
        else:
            self.begun = True
            self.finished = isinstance(event, Finished)
            await self._emit(event)


async def _attempt(turn: Turn[Any, Any], trial: _Trial) -> None:
    translator = turn.transform.translator(turn.request)
    lease = await turn.lease()
    trial.reused = lease.uses > 0
    try:
        async with aclosing(lease.session.run(turn.request)) as messages:
            async for message in messages:
                for event in translator.feed(message):
                    await trial.emit(event)
        if not trial.finished:
            raise ProtocolError(f"{turn.provider} left the turn without an end of the answer.")
    finally:
        lease.release()
