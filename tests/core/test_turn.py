"""One turn over an in-memory session: order, time limit, further tries, and the lease that always comes back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from uutel_bridge.core import log, turn
from uutel_bridge.core.errors import (
    BadRequest,
    CLIExited,
    LoginMissing,
    ProtocolError,
    RateLimited,
    UUError,
    VendorTimeout,
    VendorUnavailable,
)
from uutel_bridge.core.events import (
    Event,
    Finished,
    PlanLimits,
    ReasoningDelta,
    Served,
    Started,
    TextDelta,
    UsageReport,
)
from uutel_bridge.core.pool import Lease
from uutel_bridge.core.retry import RetryConfig

BOUND = 30
STARTED = Started("msg_1", "m")
ANSWER: list[Event] = [STARTED, TextDelta("a"), TextDelta("b"), UsageReport(1, 2), Finished("stop")]

Message = Event | UUError | None
"""What the session below says: an event, a failure that the translator finds in it, or None: then it hangs."""


class ToyTranslator:
    """Messages are events already."""

    def feed(self, message: Event | UUError, /) -> Sequence[Event]:
        """One event, or the failure."""
        if isinstance(message, UUError):
            raise message
        return (message,)


class ToyTransform:
    """Only its translators are used here."""

    supported = frozenset[str]()

    def request(self, chat: object, /) -> str:
        """Not used."""
        raise NotImplementedError

    def translator(self, request: Any, /) -> ToyTranslator:
        """A fresh one."""
        return ToyTranslator()


class ToySession:
    """Says its script, then ends by itself."""

    def __init__(self, script: Sequence[Message], *, dies: UUError | None = None) -> None:
        self.script = script
        self.dies = dies
        self.asked: list[str] = []
        self.closed = False
        self.hanging = anyio.Event()
        self.alive = True

    async def run(self, request: str, /) -> AsyncIterator[Any]:
        """The script."""
        self.asked.append(request)
        try:
            for message in self.script:
                if message is None:
                    self.hanging.set()
                    await anyio.sleep_forever()
                yield message
            if self.dies:
                raise self.dies
        finally:
            self.closed = True

    async def start(self) -> None:
        """Ready at once."""

    async def reset(self) -> bool:
        """Clean."""
        return True

    async def aclose(self) -> None:
        """Nothing to stop."""


class ToyPool:
    """Leases sessions in order, and notes what comes back."""

    def __init__(self, *sessions: ToySession | UUError, uses: int = 0) -> None:
        self.left = deque(sessions)
        self.uses = uses
        self.leased = 0
        self.released = 0
        self.closed_at_release: list[bool] = []

    async def lease(self) -> Lease[Any]:
        """The next session; the last one again and again."""
        session = self.left.popleft() if len(self.left) > 1 else self.left[0]
        if isinstance(session, UUError):
            raise session
        self.leased += 1

        def give_back(**_: bool) -> None:
            self.released += 1
            self.closed_at_release.append(session.closed)

        return Lease(session, self.uses, give_back)


class Heard:
    """The caller's side."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.served: list[Served] = []

    async def __call__(self, event: Event) -> None:
        """Note it, and what the bridge says of itself apart from the answer."""
        if isinstance(event, Served):
            self.served.append(event)
        else:
            self.events.append(event)


def turn_on(pool: ToyPool, *, timeout: float = 1000, retry: RetryConfig | None = None) -> turn.Turn[Any, Any]:
    """A turn with this pool."""
    return turn.Turn(
        provider="toy", request="question", transform=ToyTransform(), lease=pool.lease, timeout=timeout, retry=retry
    )


async def run_in_time(pool: ToyPool, emit: turn.Emit, seconds: float, retry: RetryConfig | None = None) -> None:
    """Carry a turn out, and watch the clock."""
    asked = turn_on(pool, timeout=seconds, retry=retry)
    with turn.time_limit("toy", seconds, asked.started):
        await turn.run(asked, emit)


PATIENT = RetryConfig(max_retries=3, backoff_factor=1)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, noted instead of waited for."""
    noted: list[float] = []

    async def sleep(seconds: float) -> None:
        noted.append(seconds)

    monkeypatch.setattr(turn, "anyio", SimpleNamespace(sleep=sleep, move_on_after=anyio.move_on_after))
    return noted


def busy() -> UUError:
    """A failure that is worth another try."""
    return VendorUnavailable("busy", status=503)


async def test_events_come_in_order_and_the_lease_goes_back_once() -> None:
    """The request is handed over as it is."""
    session, heard = ToySession(ANSWER), Heard()
    pool = ToyPool(session)
    with anyio.fail_after(BOUND):
        await turn.run(turn_on(pool), heard)
    assert heard.events == ANSWER
    assert session.asked == ["question"]
    assert (pool.leased, pool.released) == (1, 1)
    assert pool.closed_at_release == [True]


async def test_an_event_is_out_before_the_next_message_is_read() -> None:
    """A slow model's words are not held back."""
    session, heard = ToySession([STARTED, TextDelta("a"), None]), Heard()
    with anyio.fail_after(BOUND):
        task = asyncio.ensure_future(turn.run(turn_on(ToyPool(session)), heard))
        await session.hanging.wait()
        assert heard.events == [STARTED, TextDelta("a")]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("script", [[None], [STARTED, TextDelta("a"), None]], ids=["silent", "in-mid-answer"])
async def test_a_turn_that_takes_too_long_is_a_timeout(script: list[Message]) -> None:
    """The time limit is named, and the process is free again."""
    session = ToySession(script)
    pool = ToyPool(session)
    with anyio.fail_after(BOUND), pytest.raises(VendorTimeout) as caught:
        await run_in_time(pool, Heard(), 0.05, PATIENT)
    assert "0.05 s" in caught.value.message
    assert caught.value.provider == "toy"
    assert (pool.leased, pool.released) == (1, 1)
    assert session.closed


async def test_waiting_for_a_free_process_counts_against_the_time() -> None:
    """The caller's clock does not start with the process."""

    class Full(ToyPool):
        async def lease(self) -> Lease[Any]:
            await anyio.sleep_forever()
            raise AssertionError

    with anyio.fail_after(BOUND), pytest.raises(VendorTimeout):
        await run_in_time(Full(ToySession(ANSWER)), Heard(), 0.05)


async def test_a_reader_that_takes_too_long_is_a_timeout_too() -> None:
    """The time is for the whole answer."""
    pool = ToyPool(ToySession(ANSWER))

    async def never(_: Event) -> None:
        await anyio.sleep_forever()

    with anyio.fail_after(BOUND), pytest.raises(VendorTimeout):
        await run_in_time(pool, never, 0.05)
    assert (pool.leased, pool.released) == (1, 1)


async def test_a_cancelled_turn_gives_its_lease_back() -> None:
    """After the session's dialogue was closed."""
    session = ToySession([STARTED, None])
    pool = ToyPool(session)
    with anyio.fail_after(BOUND):
        task = asyncio.ensure_future(turn.run(turn_on(pool, retry=PATIENT), Heard()))
        await session.hanging.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (pool.leased, pool.released) == (1, 1)
    assert pool.closed_at_release == [True]


async def test_a_caller_that_fails_gives_the_lease_back() -> None:
    """Its own error passes unchanged, and is no reason for another try."""
    pool = ToyPool(ToySession(ANSWER))

    async def broken(_: Event) -> None:
        raise ZeroDivisionError

    with anyio.fail_after(BOUND), pytest.raises(ZeroDivisionError):
        await turn.run(turn_on(pool, retry=PATIENT), broken)
    assert (pool.leased, pool.released) == (1, 1)


@pytest.mark.parametrize("failures", [1, 2, 3])
@pytest.mark.parametrize("started", [False, True], ids=["before-the-start", "after-the-start"])
async def test_passing_trouble_is_tried_again_and_the_attempts_are_counted(
    failures: int, started: bool, pauses: list[float]
) -> None:
    """As long as nothing was shown; what a failed attempt said of itself is superseded."""
    begun: list[Message] = [STARTED] if started else []
    pool, heard = ToyPool(*(ToySession([*begun, busy()]) for _ in range(failures)), ToySession(ANSWER)), Heard()
    with anyio.fail_after(BOUND):
        await turn.run(turn_on(pool, retry=PATIENT), heard)
    starts = [event.attempts for event in heard.events if isinstance(event, Started)]
    assert starts[-1] == failures + 1
    assert heard.events[len(starts) :] == ANSWER[1:]
    assert (pool.leased, pool.released) == (failures + 1, failures + 1)
    assert len(pauses) == failures
    assert all(0.5 <= pause <= 0.625 for pause in pauses)


async def test_patience_ends(pauses: list[float]) -> None:
    """Then the last failure is the answer."""
    pool = ToyPool(ToySession([busy()]))
    with anyio.fail_after(BOUND), pytest.raises(VendorUnavailable) as caught:
        await turn.run(turn_on(pool, retry=PATIENT), Heard())
    assert caught.value.provider == "toy"
    assert (pool.leased, pool.released, len(pauses)) == (4, 4, 3)


async def test_a_failed_start_counts_as_an_attempt(pauses: list[float]) -> None:
    """Nothing was leased, so nothing goes back."""
    pool, heard = ToyPool(busy(), ToySession(ANSWER)), Heard()
    with anyio.fail_after(BOUND):
        await turn.run(turn_on(pool, retry=PATIENT), heard)
    assert heard.events[0] == Started("msg_1", "m", attempts=2)
    assert (pool.leased, pool.released, len(pauses)) == (1, 1, 1)


@pytest.mark.parametrize(
    "shown", [TextDelta("a"), ReasoningDelta("a"), UsageReport(1, 1)], ids=lambda e: type(e).__name__
)
async def test_nothing_is_tried_again_once_something_was_shown(shown: Event, pauses: list[float]) -> None:
    """Else the caller would read it twice."""
    pool, heard = ToyPool(ToySession([STARTED, shown, busy()]), ToySession(ANSWER)), Heard()
    with anyio.fail_after(BOUND), pytest.raises(VendorUnavailable):
        await turn.run(turn_on(pool, retry=PATIENT), heard)
    assert heard.events == [STARTED, shown]
    assert (pool.leased, pool.released, pauses) == (1, 1, [])


@pytest.mark.parametrize(
    "error",
    [
        BadRequest("no"),
        LoginMissing("no", login_command="toy login"),
        RateLimited("used up", scope="five_hour"),
        ProtocolError("what?"),
        CLIExited("gone", returncode=1),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_lasting_trouble_is_not_tried_again(error: UUError, pauses: list[float]) -> None:
    """It would only cost time."""
    pool = ToyPool(ToySession([error]), ToySession(ANSWER))
    with anyio.fail_after(BOUND), pytest.raises(type(error)) as caught:
        await turn.run(turn_on(pool, retry=PATIENT), Heard())
    assert caught.value is error
    assert (pool.leased, pool.released, pauses) == (1, 1, [])


async def test_a_caller_who_tries_again_by_himself_is_not_anticipated(pauses: list[float]) -> None:
    """Two who retry multiply their attempts."""
    pool = ToyPool(ToySession([busy()]), ToySession(ANSWER))
    with anyio.fail_after(BOUND), pytest.raises(VendorUnavailable):
        await turn.run(turn_on(pool, retry=None), Heard())
    assert (pool.leased, pauses) == (1, [])


async def test_the_vendors_own_wait_is_honoured(pauses: list[float]) -> None:
    """Not one moment earlier."""
    pool, heard = ToyPool(ToySession([RateLimited("slow", retry_after=7.5)]), ToySession(ANSWER)), Heard()
    with anyio.fail_after(BOUND):
        await turn.run(turn_on(pool, retry=PATIENT), heard)
    assert pauses == [7.5]
    assert heard.events[-1] == Finished("stop")


async def test_a_wait_beyond_the_deadline_is_not_begun(pauses: list[float]) -> None:
    """The vendor's failure tells more than a timeout would."""
    pool = ToyPool(ToySession([RateLimited("slow", retry_after=50)]), ToySession(ANSWER))
    with anyio.fail_after(BOUND), pytest.raises(RateLimited):
        await turn.run(turn_on(pool, timeout=40, retry=PATIENT), Heard())
    assert pauses == []


def gone() -> UUError:
    """The end of a process."""
    return CLIExited("gone", returncode=0)


@pytest.mark.parametrize("retry", [None, PATIENT], ids=["caller-retries", "we-retry"])
async def test_a_warm_process_that_had_died_is_replaced_once_at_once(
    retry: RetryConfig | None, pauses: list[float]
) -> None:
    """It never took the request, so this is no attempt of the caller's."""
    pool, heard = ToyPool(ToySession([], dies=gone()), ToySession(ANSWER), uses=3), Heard()
    with anyio.fail_after(BOUND):
        await turn.run(turn_on(pool, retry=retry), heard)
    assert heard.events == ANSWER
    assert (pool.leased, pool.released, pauses) == (2, 2, [])


async def test_a_second_dead_process_in_a_row_is_told(pauses: list[float]) -> None:
    """Something is wrong with more than an old process."""
    pool = ToyPool(ToySession([], dies=gone()), uses=3)
    with anyio.fail_after(BOUND), pytest.raises(CLIExited):
        await turn.run(turn_on(pool, retry=PATIENT), Heard())
    assert (pool.leased, pool.released, pauses) == (2, 2, [])


async def test_a_warm_process_that_dies_in_mid_answer_is_told(pauses: list[float]) -> None:
    """What was shown cannot be taken back."""
    pool = ToyPool(ToySession([STARTED, TextDelta("a")], dies=gone()), ToySession(ANSWER), uses=3)
    with anyio.fail_after(BOUND), pytest.raises(CLIExited):
        await turn.run(turn_on(pool, retry=PATIENT), Heard())
    assert (pool.leased, pool.released, pauses) == (1, 1, [])


@pytest.mark.parametrize(
    "script", [[], [STARTED], [STARTED, TextDelta("a"), UsageReport(1, 1)]], ids=["nothing", "start", "text"]
)
async def test_a_turn_that_just_stops_is_an_error(script: list[Message]) -> None:
    """An answer without its end must not look whole."""
    pool = ToyPool(ToySession(script))
    with anyio.fail_after(BOUND), pytest.raises(ProtocolError) as caught:
        await turn.run(turn_on(pool, retry=PATIENT), Heard())
    assert caught.value.provider == "toy"
    assert (pool.leased, pool.released) == (1, 1)


async def test_a_provider_that_names_itself_keeps_its_name() -> None:
    """Only an empty one is filled in."""
    error = BadRequest("no", provider="other")
    with anyio.fail_after(BOUND), pytest.raises(BadRequest) as caught:
        await turn.run(turn_on(ToyPool(ToySession([error]))), Heard())
    assert caught.value.provider == "other"


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(turn, "monotonic", lambda: self.now)


async def test_the_end_is_preceded_by_how_the_bridge_came_to_it(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """Waits of all attempts, the last process, the first words and the whole; limits and usage are no words."""
    clock = Clock(monkeypatch)

    class Slow(ToyPool):
        async def lease(self) -> Lease[Any]:
            clock.now += 2
            return await super().lease()

    class Heeding(Heard):
        async def __call__(self, event: Event) -> None:
            await super().__call__(event)
            clock.now += 1

    answer: list[Event] = [STARTED, PlanLimits(()), TextDelta("a"), UsageReport(1, 2), Finished("stop")]
    pool, heard = Slow(ToySession([busy()]), ToySession(answer), uses=7), Heeding()
    asked = replace(turn_on(pool, retry=PATIENT), started=99.0)
    with anyio.fail_after(BOUND), log.of_request("req-1"):
        await turn.run(asked, heard)
    # 1 before it began, 2 + 2 for two processes; then 1 for each event.
    assert heard.served == [Served("req-1", 7, 4.0, 1 + 4 + 2.0, 1 + 4 + 4.0)]
    assert [type(event) for event in heard.events] == [Started, PlanLimits, TextDelta, UsageReport, Finished]


async def test_a_model_that_said_nothing_said_nothing_first() -> None:
    """There is no time of its first words."""
    heard = Heard()
    with anyio.fail_after(BOUND):
        await turn.run(turn_on(ToyPool(ToySession([STARTED, UsageReport(1, 0), Finished("stop")]))), heard)
    (served,) = heard.served
    assert served.first_event_seconds is None
    assert served.total_seconds >= served.queue_seconds >= 0


async def test_steps_and_further_tries_are_logged_with_the_request_and_nothing_of_its_words(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """A further try is a warning, all else for those who debug."""
    caplog.set_level("DEBUG", "uutel_bridge")
    failing = VendorUnavailable("secret words", status=503, evidence="secret words")
    pool = ToyPool(ToySession([failing]), ToySession([STARTED, TextDelta("secret words"), Finished("stop")]))
    with anyio.fail_after(BOUND), log.of_request("req-%s"):
        await turn.run(turn_on(pool, retry=PATIENT), Heard())
    lines = [record.getMessage() for record in caplog.records]
    assert [record.levelname for record in caplog.records] == ["DEBUG", "WARNING", "DEBUG", "DEBUG"]
    assert all(line.startswith("[req-%s] toy: ") for line in lines)
    assert {record.request_id for record in caplog.records} == {"req-%s"}  # type: ignore[attr-defined]
    assert {record.name for record in caplog.records} == {"uutel_bridge.turn"}
    assert "VendorUnavailable" in lines[1]
    assert "secret" not in caplog.text


async def test_the_end_of_a_turn_that_failed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """By the kind of the failure; outside of a request the line has no name in front."""
    caplog.set_level("DEBUG", "uutel_bridge")
    with anyio.fail_after(BOUND), pytest.raises(BadRequest):
        await turn.run(turn_on(ToyPool(ToySession([BadRequest("secret words")]))), Heard())
    assert caplog.messages[-1].startswith("toy: ")
    assert caplog.messages[-1].endswith("BadRequest")
    assert "secret" not in caplog.text
