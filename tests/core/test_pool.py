"""The pool at work, with sessions that live in memory and do as they are told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import anyio
import pytest

from uutel_bridge.core.errors import CLIExited, UUError
from uutel_bridge.core.pool import Lease, Limits, Pool
from uutel_bridge.core.process import LaunchPlan

BOUND = 30.0


def plan(name: str = "A", max_uses: int = 50, turns_at_once: int = 1) -> LaunchPlan:
    """A plan that differs from others by its name."""
    return LaunchPlan(argv=(name,), env=(), max_uses=max_uses, turns_at_once=turns_at_once)


class Session:
    """A session whose reset and stop end when the test says so."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.alive = True
        self.clean = True
        self.reset_error: Exception | None = None
        self.stop_error: Exception | None = None
        self.resets = 0
        self.stops = 0
        self.may_reset = anyio.Event()
        self.may_stop = anyio.Event()
        self.may_reset.set()
        self.may_stop.set()

    async def reset(self) -> bool:
        """Count, wait, answer."""
        self.resets += 1
        await self.may_reset.wait()
        if self.reset_error:
            raise self.reset_error
        return self.clean

    async def aclose(self) -> None:
        """Count, wait, die."""
        self.stops += 1
        await self.may_stop.wait()
        self.alive = False
        if self.stop_error:
            raise self.stop_error


class Vendor:
    """Opens sessions, or fails to; knows all it has opened."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.opening = 0
        self.most_alive = 0
        self.failures: list[Exception | None] = []
        self.may_open = anyio.Event()
        self.may_open.set()

    @property
    def alive(self) -> list[Session]:
        """Sessions whose child is still there."""
        return [session for session in self.sessions if session.alive]

    async def open(self, plan: LaunchPlan) -> Session:
        """The pool's `open_session`."""
        self.opening += 1
        self.most_alive = max(self.most_alive, len(self.alive) + self.opening)
        try:
            await self.may_open.wait()
        finally:
            self.opening -= 1
        if self.failures and (error := self.failures.pop(0)):
            raise error
        self.sessions.append(Session(len(self.sessions), plan.argv[0]))
        return self.sessions[-1]

    def pool(self, max_processes: int = 4, spares: int = 0, idle_seconds: float = 300.0) -> Pool[Session]:
        """A pool of this vendor's sessions."""
        return Pool(self.open, Limits(max_processes, spares, idle_seconds))


async def until(true: Callable[[], bool]) -> None:
    """Let the loop run until something is so."""
    with anyio.fail_after(BOUND):
        while not true():
            await asyncio.sleep(0)


async def get(pool: Pool[Session], wanted: LaunchPlan | None = None) -> Lease[Session]:
    """Acquire with a bound."""
    with anyio.fail_after(BOUND):
        return await pool.acquire(wanted or plan())


async def close(pool: Pool[Session]) -> None:
    """Close with a bound; nothing may be left."""
    with anyio.fail_after(BOUND):
        await pool.aclose()
    shown = pool.snapshot()
    assert (shown.idle, shown.leased, shown.starting, shown.resetting, shown.stopping, shown.waiting) == (0,) * 6


async def test_a_released_session_is_reset_and_used_again() -> None:
    """Warm reuse is what the pool is for."""
    vendor = Vendor()
    pool = vendor.pool()
    first = await get(pool)
    assert first.uses == 0
    first.release()
    second = await get(pool)
    assert second.session is first.session
    assert second.uses == 1
    assert second.session.resets == 1
    second.release()
    await close(pool)
    assert len(vendor.sessions) == 1


async def test_a_hundred_waiters_are_served_in_order_by_four_processes() -> None:
    """Nobody overtakes, nobody is forgotten, and there are never more than four."""
    vendor, served = Vendor(), list[int]()
    pool = vendor.pool(max_processes=4)

    async def request(number: int) -> None:
        lease = await pool.acquire(plan())
        served.append(number)
        await asyncio.sleep(0)
        lease.release()

    with anyio.fail_after(BOUND):
        await asyncio.gather(*(request(number) for number in range(100)))
    assert served == list(range(100))
    assert vendor.most_alive == 4
    assert pool.snapshot().started_total == 4
    await close(pool)


async def test_waiters_of_many_plans_all_get_their_own() -> None:
    """Keys that take turns evict each other, and none starves."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=2, spares=1)

    async def request(name: str) -> None:
        lease = await pool.acquire(plan(name))
        assert lease.session.name == name
        await asyncio.sleep(0)
        lease.release()

    with anyio.fail_after(BOUND):
        await asyncio.gather(*(request(name) for name in "ABCDE" * 8))
    assert vendor.most_alive <= 2
    await close(pool)


@pytest.mark.parametrize("ticks", range(12))
@pytest.mark.parametrize("spares", [0, 1])
async def test_a_request_cancelled_at_any_moment_loses_no_process(ticks: int, spares: int) -> None:
    """Before, while and just after it was handed one."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=2, spares=spares)
    holder = await get(pool)

    async def request() -> None:
        lease = await pool.acquire(plan())
        try:
            await asyncio.sleep(0)
        finally:
            lease.release()

    tasks = [asyncio.create_task(request()) for _ in range(3)]
    for tick in range(ticks):
        if tick == 3:
            holder.release()
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    holder.release()
    leases = [await get(pool), await get(pool)]
    assert leases[0].session is not leases[1].session
    assert vendor.most_alive <= 2
    assert pool.snapshot().waiting == 0
    assert not pool._waiting
    await close(pool)


async def test_a_request_thrown_away_while_it_waits_leaves_the_queue() -> None:
    """As a coroutine that is closed instead of cancelled."""
    pool = Vendor().pool()
    request = pool.acquire(plan())
    request.send(None)
    assert pool.snapshot().waiting == 1
    request.close()
    assert pool.snapshot().waiting == 0
    await close(pool)


async def test_a_session_handed_to_a_request_cancelled_in_the_same_tick_goes_back_unused() -> None:
    """The lease exists, but its request will never see it."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=1)
    holder = await get(pool)
    task = asyncio.create_task(pool.acquire(plan()))
    await until(lambda: pool.snapshot().waiting == 1)
    holder.release(used=False)
    assert pool.snapshot().leased == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pool.snapshot().idle == 1
    again = await get(pool)
    assert (again.uses, again.session.resets) == (0, 0)
    await close(pool)


async def test_a_session_released_in_the_tick_of_a_cancel_goes_to_the_next_request() -> None:
    """The cancelled one has not had the time to leave the queue."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=1)
    holder = await get(pool)
    leaver = asyncio.create_task(pool.acquire(plan()))
    stayer = asyncio.create_task(pool.acquire(plan()))
    await until(lambda: pool.snapshot().waiting == 2)
    leaver.cancel()
    holder.release(used=False)
    with anyio.fail_after(BOUND):
        assert (await stayer).session is holder.session
    assert leaver.cancelled()
    await close(pool)


async def test_a_start_outlives_the_request_it_was_made_for() -> None:
    """The next one finds it under way."""
    vendor = Vendor()
    vendor.may_open = anyio.Event()
    pool = vendor.pool()
    task = asyncio.create_task(pool.acquire(plan()))
    await until(lambda: vendor.opening == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    vendor.may_open.set()
    await get(pool)
    assert pool.snapshot().started_total == 1
    await close(pool)


async def test_a_failed_start_and_a_cancel_in_one_tick_leave_no_trace() -> None:
    """The error has nobody left to reach, and the pool goes on."""
    vendor = Vendor()
    vendor.failures = [UUError("no")]
    vendor.may_open = anyio.Event()
    pool = vendor.pool()
    task = asyncio.create_task(pool.acquire(plan()))
    await until(lambda: vendor.opening == 1)
    vendor.may_open.set()
    await until(lambda: pool.snapshot().starting == 0)
    task.cancel()
    with pytest.raises((asyncio.CancelledError, UUError)):
        await task
    await get(pool)
    await close(pool)


async def test_one_process_serves_many_requests_side_by_side() -> None:
    """Nobody waits, and it is reset when the last one has left."""
    vendor, served = Vendor(), list[int]()
    pool = vendor.pool()
    all_served = anyio.Event()

    async def request(number: int) -> None:
        lease = await pool.acquire(plan(max_uses=200, turns_at_once=100))
        served.append(number)
        if len(served) == 100:
            assert (pool.snapshot().leased, pool.snapshot().waiting) == (1, 0)
            all_served.set()
        await all_served.wait()
        assert lease.session.resets == 0
        lease.release()

    with anyio.fail_after(BOUND):
        await asyncio.gather(*(request(number) for number in range(100)))
    await until(lambda: pool.snapshot().idle == 1)
    assert served == list(range(100))
    assert [session.resets for session in vendor.sessions] == [1]
    lease = await get(pool, plan(max_uses=200, turns_at_once=100))
    assert lease.uses == 100
    await close(pool)


async def test_a_shared_session_found_dead_serves_nobody_new() -> None:
    """Those who have it end as they will; it is cleaned up after the last of them."""
    vendor = Vendor()
    pool = vendor.pool()
    shared = plan(turns_at_once=3)
    first, second = await get(pool, shared), await get(pool, shared)
    assert second.session is first.session
    first.session.alive = False
    third = await get(pool, shared)
    assert third.session is not first.session
    first.release(broken=True)
    assert (pool.snapshot().leased, first.session.stops) == (2, 0)
    second.release(broken=True)
    await until(lambda: pool.snapshot().stopping == 0)
    assert (first.session.stops, third.session.stops) == (1, 0)
    await close(pool)


async def test_a_shared_session_broken_for_one_request_goes_on_for_the_others() -> None:
    """It is stopped when they are done, and not before."""
    vendor = Vendor()
    pool = vendor.pool()
    shared = plan(turns_at_once=3)
    first, second = await get(pool, shared), await get(pool, shared)
    first.release(broken=True)
    assert (second.session.alive, second.session.stops) == (True, 0)
    third = await get(pool, shared)
    assert third.session is not second.session
    second.release()
    await until(lambda: not second.session.alive)
    assert (second.session.resets, second.session.stops) == (0, 1)
    await close(pool)


@pytest.mark.parametrize("ticks", range(8))
async def test_a_cancelled_request_does_not_touch_those_it_shares_with(ticks: int) -> None:
    """Whenever it leaves, its place is free again and theirs is not."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=1)
    shared = plan(turns_at_once=2)
    holder = await get(pool, shared)

    async def request() -> None:
        lease = await pool.acquire(shared)
        try:
            await asyncio.sleep(0)
        finally:
            lease.release()

    tasks = [asyncio.create_task(request()) for _ in range(2)]
    for _ in range(ticks):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    other = await get(pool, shared)
    assert other.session is holder.session
    assert (holder.session.resets, holder.session.stops) == (0, 0)
    holder.release()
    assert pool.snapshot().leased == 1
    other.release()
    await until(lambda: pool.snapshot().idle == 1)
    assert not pool._waiting
    await close(pool)


async def test_a_failed_start_fails_all_whom_it_would_have_served() -> None:
    """One after the other they would all fail the same way; the rest has a start of its own."""
    vendor = Vendor()
    error = UUError("not today")
    vendor.failures = [error, None]
    pool = vendor.pool(max_processes=1)
    tasks = [asyncio.create_task(pool.acquire(plan(turns_at_once=2))) for _ in range(3)]
    with anyio.fail_after(BOUND):
        failed = await asyncio.gather(*tasks[:2], return_exceptions=True)
        (await tasks[2]).release()
    assert failed == [error, error]
    assert pool.snapshot().started_total == 2
    await close(pool)


async def test_closing_stops_a_shared_session_once() -> None:
    """Its leases come back to a closed pool."""
    vendor = Vendor()
    pool = vendor.pool()
    leases = [await get(pool, plan(turns_at_once=3)) for _ in range(3)]
    await close(pool)
    for lease in leases:
        lease.release()
    assert [session.stops for session in vendor.sessions] == [1]


async def test_a_failed_start_fails_one_request_with_its_own_error() -> None:
    """The other has a start of its own, which may work."""
    vendor = Vendor()
    error = UUError("not today")
    vendor.failures = [error, None]
    pool = vendor.pool(max_processes=1)
    first, second = (asyncio.create_task(pool.acquire(plan())) for _ in range(2))
    with pytest.raises(UUError) as caught:
        await first
    assert caught.value is error
    with anyio.fail_after(BOUND):
        (await second).release()
    assert pool.snapshot().started_total == 2
    await close(pool)


async def test_a_spare_that_does_not_start_is_not_tried_over_and_over(caplog: pytest.LogCaptureFixture) -> None:
    """One failure, one line in the log without the error's text, and no further start."""
    vendor = Vendor()
    vendor.failures = [None, *[UUError("secret words")] * 5]
    pool = vendor.pool(spares=1)
    with caplog.at_level(logging.DEBUG, logger="uutel_bridge.pool"):
        lease = await get(pool)
        await until(lambda: pool.snapshot().starting == 0)
        lease.release()
        await until(lambda: pool.snapshot().idle == 1)
    assert pool.snapshot().started_total == 2
    assert [record.levelname for record in caplog.records if "did not start" in record.message] == ["WARNING"]
    assert "secret" not in caplog.text
    await close(pool)


async def test_a_process_that_dies_as_soon_as_it_is_ready_fails_its_request() -> None:
    """It is a failed start, not one more idle corpse to hand out and start again."""
    closed = list[Session]()

    async def stillborn(plan: LaunchPlan) -> Session:
        session = Session(0, plan.argv[0])
        session.alive = False
        closed.append(session)
        return session

    pool = Pool(stillborn, Limits(2, 0, 300.0))
    with pytest.raises(CLIExited):
        await get(pool)
    assert [session.stops for session in closed] == [1]
    await close(pool)


@pytest.mark.parametrize("error", [None, UUError("secret words")])
async def test_a_session_not_proven_clean_is_stopped(error: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    """Whether it says so or fails to say anything."""
    vendor = Vendor()
    pool = vendor.pool()
    lease = await get(pool)
    lease.session.clean = False
    lease.session.reset_error = error
    lease.release()
    await until(lambda: not vendor.alive)
    assert "was not reset" in caplog.text
    assert "secret" not in caplog.text
    assert (await get(pool)).uses == 0
    await close(pool)


async def test_a_broken_or_worn_out_session_is_stopped_without_a_reset() -> None:
    """Nothing is asked of it any more."""
    vendor = Vendor()
    pool = vendor.pool()
    for wanted, broken in [(plan(max_uses=50), True), (plan(max_uses=1), False)]:
        lease = await get(pool, wanted)
        lease.release(broken=broken)
        await until(lambda session=lease.session: not session.alive)
        assert (lease.session.resets, lease.session.stops) == (0, 1)
    await close(pool)


async def test_only_the_first_release_counts() -> None:
    """A second one must not give away what somebody else holds by now."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=1)
    lease = await get(pool)
    lease.release()
    other = await get(pool)
    lease.release(broken=True)
    assert other.session.alive
    assert pool.snapshot().leased == 1
    await close(pool)


async def test_a_process_found_dead_is_replaced_and_cleaned_up() -> None:
    """It is looked at when it would be handed out."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=1)
    first = await get(pool)
    first.release()
    await until(lambda: pool.snapshot().idle == 1)
    first.session.alive = False
    second = await get(pool)
    assert second.session is not first.session
    assert first.session.stops == 1
    await close(pool)


async def test_an_idle_process_of_another_plan_makes_room() -> None:
    """The new one starts only when the old one has gone."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=1)
    first = await get(pool, plan("A"))
    first.session.may_stop = anyio.Event()
    first.release()
    await until(lambda: pool.snapshot().idle == 1)
    task = asyncio.create_task(pool.acquire(plan("B")))
    await until(lambda: first.session.stops == 1)
    assert vendor.opening == 0
    first.session.may_stop.set()
    with anyio.fail_after(BOUND):
        assert (await task).session.name == "B"
    assert vendor.most_alive == 1
    await close(pool)


async def test_an_idle_process_is_stopped_after_its_time() -> None:
    """By the pool's own timer."""
    vendor = Vendor()
    pool = vendor.pool(spares=1, idle_seconds=0.01)
    lease = await get(pool)
    lease.release()
    await until(lambda: len(vendor.sessions) >= 2 and not vendor.alive and not vendor.opening)
    await close(pool)


async def test_a_stop_that_fails_still_frees_its_slot(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is left of the child is not the pool's to mend."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=1)
    lease = await get(pool)
    lease.session.stop_error = UUError("secret words")
    lease.release(broken=True)
    await get(pool)
    assert "was not stopped in good order: UUError" in caplog.text
    assert "secret" not in caplog.text
    await close(pool)


async def test_warming_waits_until_the_sessions_are_ready() -> None:
    """The requests after it start nothing."""
    vendor = Vendor()
    pool = vendor.pool()
    with anyio.fail_after(BOUND):
        await pool.warm(plan(), 3)
        assert pool.snapshot().idle == 3
        await pool.warm(plan(), 2)
    await get(pool)
    assert pool.snapshot().started_total == 3
    await close(pool)


async def test_warming_stays_within_the_limits() -> None:
    """As many as there is room for, and none that could be used only once."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=2)
    with anyio.fail_after(BOUND):
        await pool.warm(plan(max_uses=1), 5)
        assert not vendor.sessions
        await pool.warm(plan(), 5)
    assert pool.snapshot().idle == 2
    await close(pool)


async def test_warming_tells_why_a_start_failed() -> None:
    """The ones that worked stay."""
    vendor = Vendor()
    vendor.failures = [None, UUError("not today")]
    pool = vendor.pool()
    with pytest.raises(UUError, match="not today"), anyio.fail_after(BOUND):
        await pool.warm(plan(), 2)
    assert pool.snapshot().idle == 1
    await close(pool)


async def test_warming_does_not_wait_for_other_plans() -> None:
    """Their starts are somebody else's."""
    vendor = Vendor()
    vendor.may_open = anyio.Event()
    pool = vendor.pool()
    other = asyncio.create_task(pool.acquire(plan("B")))
    await until(lambda: vendor.opening == 1)
    slow, vendor.may_open = vendor.may_open, anyio.Event()
    vendor.may_open.set()
    with anyio.fail_after(BOUND):
        await pool.warm(plan("A"), 1)
    assert not other.done()
    slow.set()
    with anyio.fail_after(BOUND):
        await other
    await close(pool)


async def test_a_cancelled_warming_leaves_the_starts_alone() -> None:
    """They belong to the pool."""
    vendor = Vendor()
    vendor.may_open = anyio.Event()
    pool = vendor.pool()
    task = asyncio.create_task(pool.warm(plan(), 2))
    await until(lambda: vendor.opening == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    vendor.may_open.set()
    await until(lambda: pool.snapshot().idle == 2)
    await close(pool)


async def test_closing_stops_every_session_at_once_and_waits() -> None:
    """Idle, leased and resetting ones side by side; requests in the queue are told."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=3)
    leases = [await get(pool) for _ in range(3)]
    for session in vendor.sessions:
        session.may_stop = anyio.Event()
    leases[0].release(used=False)
    leases[1].session.may_reset = anyio.Event()
    leases[1].release()
    await until(lambda: pool.snapshot().resetting == 1)
    leases.append(await get(pool))
    leases[3].release(used=False)
    task = asyncio.create_task(pool.aclose())
    await until(lambda: [session.stops for session in vendor.sessions] == [1, 1, 1])
    assert not task.done()
    for session in vendor.sessions:
        session.may_stop.set()
    with anyio.fail_after(BOUND):
        await task
    assert not vendor.alive
    for lease in leases:
        lease.release()
    await close(pool)
    assert [session.stops for session in vendor.sessions] == [1, 1, 1]


async def test_closing_fails_those_who_wait_and_those_who_come() -> None:
    """With a sentence, not with a hang."""
    vendor = Vendor()
    pool = vendor.pool(max_processes=1)
    await get(pool)
    waiting = asyncio.create_task(pool.acquire(plan()))
    leaving = asyncio.create_task(pool.acquire(plan()))
    await until(lambda: pool.snapshot().waiting == 2)
    leaving.cancel()
    await close(pool)
    with pytest.raises(UUError, match="closed while the request waited"):
        await waiting
    assert leaving.cancelled()
    with pytest.raises(UUError, match="closed"):
        await pool.acquire(plan())
    with pytest.raises(UUError, match="closed"):
        await pool.warm(plan(), 1)


async def test_closing_ends_the_starts_under_way() -> None:
    """Those who warm the pool are told, too."""
    vendor = Vendor()
    vendor.may_open = anyio.Event()
    pool = vendor.pool()
    warming = asyncio.create_task(pool.warm(plan(), 2))
    waiting = asyncio.create_task(pool.acquire(plan("B")))
    await until(lambda: vendor.opening == 3)
    await close(pool)
    assert vendor.opening == 0
    for task in (warming, waiting):
        with pytest.raises(UUError, match="closed"):
            await task


async def test_a_start_that_ends_while_the_pool_closes_is_stopped() -> None:
    """A child that came up against all odds is not left behind."""
    opened = list[Session]()
    begun = anyio.Event()

    async def stubborn(plan: LaunchPlan) -> Session:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            opened.append(Session(0, plan.argv[0]))
        return opened[-1]

    pool = Pool(stubborn, Limits(1, 0, 300.0))
    waiting = asyncio.create_task(pool.acquire(plan()))
    with anyio.fail_after(BOUND):
        await begun.wait()
    await close(pool)
    assert [session.alive for session in opened] == [False]
    with pytest.raises(UUError):
        await waiting


async def test_closing_lets_a_broken_off_reset_end_before_the_stop() -> None:
    """Nobody else speaks to the child while the reset still does."""
    vendor = Vendor()
    pool = vendor.pool()
    lease = await get(pool)
    session, last_words = lease.session, anyio.Event()
    resetting = anyio.Event()

    async def reset() -> bool:
        resetting.set()
        try:
            await asyncio.Event().wait()
        finally:
            await last_words.wait()
        return True

    session.reset = reset
    lease.release()
    with anyio.fail_after(BOUND):
        await resetting.wait()
    task = asyncio.create_task(pool.aclose())
    for _ in range(10):
        await asyncio.sleep(0)
    assert session.stops == 0
    last_words.set()
    with anyio.fail_after(BOUND):
        await task
    assert session.stops == 1


async def test_closing_ends_the_timer() -> None:
    """Nothing of the pool stays on the loop."""
    pool = Vendor().pool()
    (await get(pool)).release()
    await until(lambda: pool.snapshot().idle == 1)
    timer = pool._timer
    assert timer is not None
    await close(pool)
    assert timer.cancelled()
    assert pool._timer is None


async def test_a_cancelled_close_is_still_carried_out() -> None:
    """The next caller waits for the same stops."""
    vendor = Vendor()
    pool = vendor.pool()
    lease = await get(pool)
    lease.session.may_stop = anyio.Event()
    task = asyncio.create_task(pool.aclose())
    await until(lambda: lease.session.stops == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    lease.session.may_stop.set()
    await close(pool)
    assert lease.session.stops == 1
    assert not lease.session.alive


async def test_a_reset_goes_on_when_the_request_that_caused_it_is_cancelled() -> None:
    """Releasing in a `finally` is enough."""
    vendor = Vendor()
    pool = vendor.pool()
    held = anyio.Event()

    async def request() -> None:
        lease = await pool.acquire(plan())
        try:
            held.set()
            await asyncio.Event().wait()
        finally:
            lease.release()

    task = asyncio.create_task(request())
    with anyio.fail_after(BOUND):
        await held.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: pool.snapshot().idle == 1)
    assert vendor.sessions[0].resets == 1
    await close(pool)


async def test_a_pool_never_used_can_be_closed() -> None:
    """It has started nothing."""
    pool = Vendor().pool()
    await close(pool)
    await close(pool)


async def test_the_pool_shows_how_it_stands() -> None:
    """In its own words."""
    pool = Vendor().pool()
    await get(pool)
    assert "leased=1" in repr(pool)
    assert "started_total=1" in repr(pool)
    await close(pool)


def test_a_lease_released_after_its_loop_has_ended_does_nothing() -> None:
    """As the interpreter's own cleaning up does it."""
    vendor = Vendor()
    pool = vendor.pool()
    lease = asyncio.run(get(pool))
    lease.release()
