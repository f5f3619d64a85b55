"""Warm sessions, leased to requests one by one or side by side. `PoolState` decides; this room carries it out.

Everything here runs on one event loop, and nothing awaits between reading the state and changing it. Whatever takes
time (a start, a reset, a stop) is a task that the pool owns, so no cancelled caller can lose it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from typing_extensions import assert_never

from uutel_bridge.core.errors import CLIExited, UUError
from uutel_bridge.core.log import logger
from uutel_bridge.core.pool_state import Decision, Hand, Limits, PoolState, Reset, Start, Stop
from uutel_bridge.core.process import LaunchPlan

__all__ = ["Lease", "Limits", "Pool", "PooledSession", "Snapshot"]

log = logger("pool")


class PooledSession(Protocol):
    """What the pool needs of a session."""

    @property
    def alive(self) -> bool:
        """False once its child has exited."""
        ...

    async def reset(self) -> bool:
        """Forget the last use, within a time of its own; True only if proven clean."""
        ...

    async def aclose(self) -> None:
        """Stop the child, also in the middle of a use; idempotent, and not undone by a cancelled caller."""
        ...


SessionT = TypeVar("SessionT", bound=PooledSession)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a pool stands: members by status, requests waiting, and starts so far (failed ones included)."""

    idle: int = 0
    leased: int = 0
    starting: int = 0
    resetting: int = 0
    stopping: int = 0
    waiting: int = 0
    started_total: int = 0


class Lease(Generic[SessionT]):
    """A session lent to one request until it is released; where its plan has several turns at once, to others too."""

    __slots__ = ("_give_back", "session", "uses")

    def __init__(self, session: SessionT, uses: int, give_back: Callable[..., None]) -> None:
        self.session = session
        self.uses = uses
        """How many requests it has served before; 0 for a fresh process."""
        self._give_back: Callable[..., None] | None = give_back

    def release(self, *, used: bool = True, broken: bool = False) -> None:
        """Give the session back; only the first call counts, and none raises or waits.

        Args:
            used: False where nothing was sent to it: it needs no reset.
            broken: True where it must not serve again: it is stopped, as soon as no other request has it.
        """
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back(used=used, broken=broken)


class Pool(Generic[SessionT]):
    """The processes of one provider.

    Args:
        open_session: Starts a child and waits until it is ready, within a time of its own. Where it raises or is
            cancelled, it leaves no child behind.
        limits: How many processes there may be, and for how long.
        clock: Seconds, never going back.
    """

    def __init__(
        self,
        open_session: Callable[[LaunchPlan], Awaitable[SessionT]],
        limits: Limits,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._open_session = open_session
        self._clock = clock
        self._state: PoolState[LaunchPlan] = PoolState(limits)
        self._sessions: dict[int, SessionT] = {}
        self._waiting: dict[int, asyncio.Future[Lease[SessionT]]] = {}
        self._jobs: dict[int, asyncio.Task[None]] = {}  # the start, reset or stop of a member under way
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._loop: asyncio.AbstractEventLoop  # known at first use: a pool may be made before its loop runs

    def __repr__(self) -> str:
        return f"<Pool {self.snapshot()}>"

    def snapshot(self) -> Snapshot:
        """How the pool stands; may be asked from any thread."""
        status = Counter(member.status for member in list(self._state.members.values()))
        return Snapshot(
            idle=status["idle"],
            leased=status["leased"],
            starting=status["starting"],
            resetting=status["resetting"],
            stopping=status["stopping"],
            waiting=len(self._state.waiters),
            started_total=self._state.started_total,
        )

    async def acquire(self, plan: LaunchPlan) -> Lease[SessionT]:
        """A session for this plan; requests are served in order of arrival. The deadline is the caller's own.

        Raises:
            UUError: The child did not start (the error of `open_session`), or the pool is closed.
        """
        self._check_open()
        waiter = self._state.add_waiter(
            plan, plan.max_uses, self._clock(), turns_at_once=plan.turns_at_once, variant=plan.variant
        )
        future = self._waiting[waiter] = self._loop.create_future()
        self._step()
        try:
            return await future
        except (asyncio.CancelledError, GeneratorExit):
            self._give_up(waiter, future)
            raise

    async def warm(self, plan: LaunchPlan, n: int) -> None:
        """Have `n` sessions ready, as far as the limits leave room; for a plan that cannot be reused there are none.

        Raises:
            UUError: One of them did not start, or the pool is closed.
        """
        self._check_open()
        self._state.want_spares(plan, plan.max_uses, n, self._clock(), turns_at_once=plan.turns_at_once)
        self._step()
        members = self._state.members.values()
        starts = [self._jobs[m.id] for m in members if m.status == "starting" and m.kind.key == plan]
        if starts:
            await asyncio.wait(starts)
            self._check_open()
        for start in starts:
            if error := _failure(start):
                raise error

    async def aclose(self) -> None:
        """Stop every session, leased ones too, and wait until that is done. Idempotent."""
        self._closed = True
        self._loop = asyncio.get_running_loop()
        for waiter in self._state.close():
            self._fail(waiter, UUError("The bridge was closed while the request waited for a process."))
        self._step()
        if self._jobs:
            await asyncio.wait(list(self._jobs.values()))

    def _check_open(self) -> None:
        if self._closed:
            raise UUError("The bridge is closed; its processes have been stopped.")
        self._loop = asyncio.get_running_loop()

    def _give_up(self, waiter: int, future: asyncio.Future[Lease[SessionT]]) -> None:
        self._state.drop_waiter(waiter)
        self._waiting.pop(waiter, None)
        if future.done() and not future.cancelled() and future.exception() is None:
            # Handed a member and cancelled in the same tick: nobody else knows of this lease.
            future.result().release(used=False)
        self._step()

    def _release(self, member: int, *, used: bool, broken: bool) -> None:
        self._state.released(member, self._clock(), used=used, broken=broken)
        self._step()

    def _step(self) -> None:
        """Carry out what follows from the last change; called after every change."""
        if self._loop.is_closed():  # a lease was collected after the end of everything
            return
        self._drop_dead()
        now = self._clock()
        for decision in self._state.decide(now):
            self._carry_out(decision)
        self._set_timer(now)

    def _drop_dead(self) -> None:
        for member in list(self._state.members.values()):
            if member.open and not self._sessions[member.id].alive:
                log.debug("process %d exited while %s", member.id, member.status)
                self._state.died(member.id)
                if member.status == "idle":
                    self._stop(member.id)  # its pipes and files are still there

    def _carry_out(self, decision: Decision[LaunchPlan]) -> None:
        if isinstance(decision, Start):
            log.debug("process %d starts", decision.member)
            self._begin(decision.member, "start", self._open(decision.member, decision.key), self._start_ended)
        elif isinstance(decision, Hand):
            self._hand(decision)
        elif isinstance(decision, Reset):
            self._begin(decision.member, "reset", self._reset(decision.member), self._reset_ended)
        elif isinstance(decision, Stop):
            self._stop(decision.member)
        else:
            assert_never(decision)

    def _hand(self, decision: Hand) -> None:
        member = decision.member
        future = self._waiting.pop(decision.waiter)
        if future.done():  # cancelled, but not yet given up; giving up takes the next step
            self._state.released(member, self._clock(), used=False, broken=False)
            return
        uses = self._state.members[member].uses
        future.set_result(Lease(self._sessions[member], uses, partial(self._release, member)))

    def _stop(self, member: int) -> None:
        log.debug("process %d stops", member)
        before = self._jobs.get(member)
        if before is not None:
            before.cancel()
        self._begin(member, "stop", self._close(member, before), self._stop_ended)

    def _set_timer(self, now: float) -> None:
        wakeup = self._state.next_wakeup(now)
        if self._timer is not None:
            self._timer.cancel()
        # In a context of its own: what is done then is no part of the request that is being served now.
        self._timer = None if wakeup is None else self._loop.call_later(wakeup - now, self._step, context=Context())

    # Jobs: one at a time for each member, and the last one counts

    def _begin(
        self,
        member: int,
        name: str,
        work: Coroutine[Any, Any, None],
        ended: Callable[[int, BaseException | None], None],
    ) -> None:
        task = self._loop.create_task(work, name=f"uutel_bridge pool: {name} of process {member}")
        self._jobs[member] = task
        task.add_done_callback(partial(self._end, member, ended))

    def _end(self, member: int, ended: Callable[[int, BaseException | None], None], task: asyncio.Task[None]) -> None:
        error = _failure(task)
        if self._jobs.get(member) is task:
            del self._jobs[member]
            ended(member, error)
            self._step()

    async def _open(self, member: int, plan: LaunchPlan) -> None:
        session = await self._open_session(plan)
        if not session.alive:
            await session.aclose()
            raise CLIExited("The CLI exited as soon as it was ready.", returncode=None)
        self._sessions[member] = session

    def _start_ended(self, member: int, error: BaseException | None) -> None:
        if error is None:
            self._state.started(member, self._clock())
            return
        log.warning("process %d did not start: %s", member, type(error).__name__)
        for waiter in self._state.start_failed(member):
            self._fail(waiter, error)

    def _fail(self, waiter: int, error: BaseException) -> None:
        future = self._waiting.pop(waiter)
        if not future.done():
            future.set_exception(error)

    async def _reset(self, member: int) -> None:
        if not await self._sessions[member].reset():
            raise UUError("The session could not be proven clean.")

    def _reset_ended(self, member: int, error: BaseException | None) -> None:
        if error is not None:
            log.warning("process %d was not reset: %s", member, type(error).__name__)
        self._state.reset_done(member, self._clock(), clean=error is None)

    async def _close(self, member: int, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        session = self._sessions.pop(member, None)
        if session is not None:
            await session.aclose()

    def _stop_ended(self, member: int, error: BaseException | None) -> None:
        if error is not None:
            log.warning("process %d was not stopped in good order: %s", member, type(error).__name__)
        self._state.stopped(member)


def _failure(task: asyncio.Task[None]) -> BaseException | None:
    """Why a task that is done did not do its work; None if it did."""
    if task.cancelled():
        return UUError("The work on a process was cancelled.")
    return task.exception()
