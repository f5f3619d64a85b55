"""One turn, in order: lease, the vendor's messages, events; and another try where that is right."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Generator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Generic

import anyio

from uutel_bridge.core.errors import CLIExited, ProtocolError, UUError, VendorTimeout
from uutel_bridge.core.events import Event, Finished, PlanLimits, Served, Started, UsageReport
from uutel_bridge.core.log import logger, request_id
from uutel_bridge.core.provider import AnyLease, Lease, RequestT, ResponseT, Transform
from uutel_bridge.core.retry import RetryConfig, delay

Emit = Callable[[Event], Awaitable[None]]

log = logger("turn")


@dataclass(frozen=True, slots=True)
class Turn(Generic[RequestT, ResponseT]):
    """What one turn needs, everything checked."""

    provider: str
    request: RequestT
    transform: Transform[RequestT, ResponseT]
    lease: Callable[[], Awaitable[Lease[RequestT, ResponseT]]]
    timeout: float
    """Seconds that the answer may take, see `time_limit`; no wait is begun that would end later."""
    retry: RetryConfig | None
    """None where the caller retries by itself."""
    started: float = field(default_factory=monotonic)
    """When the time began to run."""


async def run(turn: Turn[Any, Any], emit: Emit) -> None:
    """Carry a turn out, handing each event to `emit` as it comes. It is for the caller to watch the clock.

    Raises:
        UUError: What went wrong, after the tries that `turn.retry` allows; never another try once an event is out.
    """
    record = _Record(turn.started)
    try:
        await _tries(turn, emit, record)
    except BaseException as exc:
        log.debug("%s: no whole answer after %.3f s: %s", turn.provider, record.seconds(), type(exc).__name__)
        raise


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
            f"{provider} gave no whole answer within {timeout:g} s. Allow more with timeout= or the setting TIMEOUT.",
            provider=provider,
        )


@dataclass(slots=True)
class _Record:
    """How a turn goes, over all its attempts."""

    started: float
    attempts: int = 1
    process_uses: int = 0
    queue_seconds: float = 0.0
    first_event_seconds: float | None = None

    def seconds(self) -> float:
        """Since the time began to run."""
        return monotonic() - self.started

    def served(self) -> Served:
        """What is told of it."""
        return Served(
            request_id(), self.process_uses, self.queue_seconds, self.first_event_seconds, total_seconds=self.seconds()
        )


async def _tries(turn: Turn[Any, Any], emit: Emit, record: _Record) -> None:
    stale_process_seen = False
    while True:
        trial = _Trial(emit, record)
        try:
            return await _attempt(turn, trial, record)
        except UUError as error:
            error.provider = error.provider or turn.provider
            if trial.begun:
                raise
            if isinstance(error, CLIExited) and record.process_uses and not stale_process_seen:
                # A warm process that had died unseen says nothing of this request.
                stale_process_seen = True
                log.warning("%s: a process had died since its last request; another one is asked", turn.provider)
                continue
            left = turn.timeout - record.seconds()
            wait = turn.retry and delay(turn.retry, record.attempts, error, left, jitter=random.random())  # noqa: S311
            if wait is None:
                raise
            failure = type(error).__name__
            log.warning(
                "%s: attempt %d failed: %s; the next one in %.2f s", turn.provider, record.attempts, failure, wait
            )
            await anyio.sleep(wait)
            record.attempts += 1


class _Trial:
    """One attempt's way to the caller: notes whether anything got there."""

    def __init__(self, emit: Emit, record: _Record) -> None:
        self._emit = emit
        self._record = record
        self.begun = False
        self.finished = False

    async def emit(self, event: Event) -> None:
        record = self._record
        if isinstance(event, Started):
            event = replace(event, attempts=record.attempts)
        else:
            self.begun = True
            self.finished = isinstance(event, Finished)
            if self.finished:
                await self._emit(record.served())
            elif record.first_event_seconds is None and not isinstance(event, PlanLimits | UsageReport):
                record.first_event_seconds = record.seconds()
        await self._emit(event)


async def _attempt(turn: Turn[Any, Any], trial: _Trial, record: _Record) -> None:
    translator = turn.transform.translator(turn.request)
    lease = await _lease(turn, record)
    try:
        async with aclosing(lease.session.run(turn.request)) as messages:
            async for message in messages:
                for event in translator.feed(message):
                    await trial.emit(event)
        if not trial.finished:
            raise ProtocolError(f"{turn.provider} left the turn without an end of the answer.")
        log.debug("%s: answered after %.3f s", turn.provider, record.seconds())
    finally:
        lease.release()


async def _lease(turn: Turn[Any, Any], record: _Record) -> AnyLease:
    record.process_uses = 0
    asked = monotonic()
    try:
        lease = await turn.lease()
    finally:
        waited = monotonic() - asked
        record.queue_seconds += waited
    record.process_uses = lease.uses
    log.debug(
        "%s: attempt %d begins; waited %.3f s for a process that has served %d requests before",
        turn.provider,
        record.attempts,
        waited,
        lease.uses,
    )
    return lease
