"""Identical requests under way at once: who shares a turn, what each caller gets, and when the turn ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import litellm
import pytest

import uutel_bridge
from uutel_bridge import testing
from uutel_bridge.core import log, loop
from uutel_bridge.core.bridge import Options, bridge
from uutel_bridge.core.dedup import SharedTurns, key
from uutel_bridge.core.errors import RateLimited, VendorTimeout
from uutel_bridge.core.events import Event, Finished, TextDelta
from uutel_bridge.core.request import ChatRequest, read_request

BOUND = 60
MODEL = "uutel/claude-code/sonnet"
SLOW = "[[scenario:slow n=15 delay=0.2]]"
SLOW_ANSWER = "".join(f"s{n} " for n in range(15))
SUPPORTED = ("temperature", "tools", "seed")
TOOL = {"name": "f", "parameters": {"type": "object", "properties": {"a": {}, "b": {}}}}
SWAPPED = {"name": "f", "parameters": {"type": "object", "properties": {"b": {}, "a": {}}}}


def chat(text: str = "secret words", model: str = "sonnet", **fields: Any) -> ChatRequest:
    """A request of one message."""
    said = [{"role": "user", "content": text}]
    return read_request(model, said, fields, provider="claude-code", supported=SUPPORTED)


def with_tool(function: Any) -> ChatRequest:
    """A request with a function."""
    return chat(tools=[{"type": "function", "function": function}])


def test_identical_requests_have_one_key() -> None:
    """Which tells nothing of them."""
    assert key(with_tool(TOOL), "my key", None) == key(with_tool(dict(TOOL)), "my key", None)
    assert len(key(chat(), "my key")) == len(key(chat("a" * 10_000), "my key")) == 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param((chat("a"),), (chat("b"),), id="text"),
        pytest.param((chat(),), (chat(model="opus"),), id="model"),
        pytest.param((chat(),), (chat(temperature=0.5),), id="parameter"),
        pytest.param((chat(),), (with_tool(TOOL),), id="tools"),
        pytest.param((with_tool(TOOL),), (with_tool(SWAPPED),), id="order-of-a-schema"),
        pytest.param((with_tool({"name": "1"}),), (with_tool({"name": "f"}),), id="name-of-a-tool"),
        pytest.param((chat(), "key", None), (chat(), None, "key"), id="place-of-a-term"),
        pytest.param((chat(), None), (chat(), "None"), id="type-of-a-term"),
        pytest.param((chat(), True), (chat(), 1), id="true-and-one"),
        pytest.param((chat(), "a", "b"), (chat(), "a', 'b"), id="quotes-in-a-term"),
    ],
)
def test_requests_that_differ_have_different_keys(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """However little."""
    assert key(*one) != key(*other)


class Model:
    """Says what it is told to say, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.cleaned_up = 0
        self.script: asyncio.Queue[Event | Exception] = asyncio.Queue()

    def says(self, *items: Event | Exception) -> None:
        """As soon as it is asked; a failure or `Finished` is the end."""
        for item in items:
            self.script.put_nowait(item)

    async def run(self, emit: Callable[[Event], Awaitable[None]]) -> None:
        """One turn."""
        self.asked += 1
        try:
            while True:
                item = await self.script.get()
                if isinstance(item, Exception):
                    raise item
                await emit(item)
                if isinstance(item, Finished):
                    return
        finally:
            await asyncio.sleep(0)  # as one who has something to give back
            self.cleaned_up += 1


class Caller:
    """One who asks, and what it has heard."""

    def __init__(self, turns: SharedTurns, model: Model, which: str = "one") -> None:
        self.heard: list[Event] = []
        self.patience = asyncio.Event()
        self.patience.set()
        self._news = asyncio.Event()
        self.task = asyncio.ensure_future(turns.join(which, model.run, self._hear))

    async def _hear(self, event: Event) -> None:
        await self.patience.wait()
        self.heard.append(event)
        self._news.set()

    async def has_heard(self, *events: Event) -> None:
        """Wait until it has heard this, and nothing else."""
        with anyio.fail_after(BOUND):
            while len(self.heard) < len(events):
                self._news.clear()
                await self._news.wait()
        assert self.heard == [*events]

    async def ended(self) -> None:
        """Wait for the end, or raise what it came to."""
        with anyio.fail_after(BOUND):
            await self.task

    async def leave(self) -> None:
        """Want no more."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.ended()


A, B, END = TextDelta("a"), TextDelta("b"), Finished("stop")


async def test_a_late_caller_gets_what_was_said_and_then_the_rest() -> None:
    """And the model is asked once."""
    turns, model = SharedTurns(), Model()
    first = Caller(turns, model)
    model.says(A)
    await first.has_heard(A)
    late = Caller(turns, model)
    await late.has_heard(A)
    model.says(B, END)
    await first.ended()
    await late.ended()
    assert first.heard == late.heard == [A, B, END]
    assert (model.asked, model.cleaned_up) == (1, 1)


async def test_a_slow_reader_holds_nobody_up() -> None:
    """It gets all of it when it has time, also after the turn is over."""
    turns, model = SharedTurns(), Model()
    slow, quick = Caller(turns, model), Caller(turns, model)
    slow.patience.clear()
    model.says(A, B, END)
    await quick.ended()
    assert (model.cleaned_up, slow.heard) == (1, [])
    slow.patience.set()
    await slow.ended()
    assert slow.heard == quick.heard == [A, B, END]


@pytest.mark.parametrize("leaver", [0, 1], ids=["first", "late"])
async def test_one_who_leaves_does_not_end_the_others(leaver: int) -> None:
    """Whoever came first."""
    turns, model = SharedTurns(), Model()
    callers = [Caller(turns, model), Caller(turns, model)]
    model.says(A)
    for caller in callers:
        await caller.has_heard(A)
    await callers.pop(leaver).leave()
    model.says(B, END)
    await callers[0].ended()
    assert callers[0].heard == [A, B, END]
    assert model.asked == 1


async def test_the_last_who_leaves_ends_the_turn() -> None:
    """It has cleaned up when he is gone, and the next caller gets a turn of his own."""
    turns, model = SharedTurns(), Model()
    callers = [Caller(turns, model), Caller(turns, model)]
    model.says(A)
    for caller in callers:
        await caller.has_heard(A)
    await callers[0].leave()
    assert model.cleaned_up == 0
    await callers[1].leave()
    assert model.cleaned_up == 1
    again = Caller(turns, model)
    model.says(B, END)
    await again.ended()
    assert again.heard == [B, END]
    assert model.asked == 2


async def test_a_last_caller_whose_time_is_over_still_waits_for_the_end_of_the_turn() -> None:
    """A time limit goes on cancelling who does not leave at once."""
    turns, model = SharedTurns(), Model()
    with anyio.move_on_after(0.05):
        await turns.join("one", model.run, Caller(SharedTurns(), Model())._hear)
    assert (model.asked, model.cleaned_up) == (1, 1)


async def test_a_failure_reaches_all_after_what_came_before_it() -> None:
    """Each gets an error of its own, with all its facts."""
    turns, model = SharedTurns(), Model()
    callers = [Caller(turns, model), Caller(turns, model)]
    failure = RateLimited("too much", retry_after=7, scope="five_hour", provider="toy", evidence="words")
    model.says(A, failure)
    errors: list[RateLimited] = []
    for caller in callers:
        with pytest.raises(RateLimited) as caught:
            await caller.ended()
        assert caller.heard == [A]
        errors.append(caught.value)
    assert len({id(error) for error in [*errors, failure]}) == 3
    for error in errors:
        assert (str(error), vars(error)) == (str(failure), vars(failure))
        assert error.__cause__ is failure


async def test_a_fault_of_our_own_reaches_all_as_it_is() -> None:
    """Nothing hides it."""
    turns, model = SharedTurns(), Model()
    callers = [Caller(turns, model), Caller(turns, model)]
    model.says(ZeroDivisionError())
    for caller in callers:
        with pytest.raises(ZeroDivisionError):
            await caller.ended()


async def test_a_turn_that_is_over_is_not_shared() -> None:
    """This is no cache."""
    turns, model = SharedTurns(), Model()
    model.says(A, END, B, END)
    first = Caller(turns, model)
    await first.ended()
    second = Caller(turns, model)
    await second.ended()
    assert (first.heard, second.heard, model.asked) == ([A, END], [B, END], 2)


async def test_different_requests_do_not_share() -> None:
    """Each has a turn of its own."""
    turns, models = SharedTurns(), (Model(), Model())
    callers = [Caller(turns, model, which) for model, which in zip(models, "ab", strict=True)]
    for model, said in zip(models, (A, B), strict=True):
        model.says(said, END)
    for caller in callers:
        await caller.ended()
    assert [caller.heard for caller in callers] == [[A, END], [B, END]]


async def test_who_shares_a_turn_is_logged_with_whose_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """So that its other lines can be found."""
    caplog.set_level("DEBUG", "uutel_bridge")
    turns, model = SharedTurns(), Model()
    with log.of_request("first"):
        first = Caller(turns, model)
    with log.of_request("late"):
        late = Caller(turns, model)
    model.says(END)
    await first.ended()
    await late.ended()
    assert caplog.messages == ["[late] shares the turn of request first"]


# On a provider


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Fake CLIs; says how many requests the model has had."""
    uutel_bridge.register()
    with testing.fake_clis() as home:
        path = home / "log"
        monkeypatch.setenv("FAKE_CLI_LOG", str(path))
        monkeypatch.setenv("UUTEL_CLAUDE_CODE__PASS_ENV", "FAKE_CLI_LOG")
        monkeypatch.setenv("UUTEL_CLAUDE_CODE__SPARES", "0")
        yield lambda: _requests(path)


def _requests(path: Path) -> int:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return sum("[[scenario:" in json.dumps(json.loads(line)["body"]) for line in lines)


def text_of(events: list[Event]) -> str:
    """What was said."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def collect(options: Options, choices: int = 1, text: str = SLOW) -> list[str]:
    """The texts of whole answers."""
    at_work = bridge("claude-code")
    call = at_work.call(chat(text), options)
    with anyio.fail_after(BOUND):
        return [text_of(events) for events in await loop.arun(lambda: at_work.collect(call, choices))]


async def test_several_choices_stay_several_and_are_shared_one_by_one(asked: Callable[[], int]) -> None:
    """They are not identical to each other."""
    answers = await asyncio.gather(collect(Options(shared=True), 2), collect(Options(shared=True), 2))
    assert answers == [[SLOW_ANSWER] * 2] * 2
    assert asked() == 2


async def test_each_caller_has_his_own_time(asked: Callable[[], int]) -> None:
    """One who has no more of it leaves the turn to the other."""
    hasty, patient = await asyncio.gather(
        collect(Options(shared=True, timeout=1)), collect(Options(shared=True, timeout=50)), return_exceptions=True
    )
    assert isinstance(hasty, VendorTimeout)
    assert patient == [SLOW_ANSWER]
    assert asked() == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Options(), Options()),
        (Options(shared=True), Options()),
        (Options(shared=True), Options(shared=True, api_key="sk-another")),
        (Options(shared=True), Options(shared=True, retries=0)),
    ],
    ids=["nobody-asked", "one-asked", "who-pays", "who-retries"],
)
async def test_calls_that_differ_or_did_not_ask_have_turns_of_their_own(
    asked: Callable[[], int], one: Options, other: Options
) -> None:
    """As ever."""
    text = "[[scenario:slow n=3 delay=0.2]]"
    assert await asyncio.gather(collect(one, text=text), collect(other, text=text)) == [["s0 s1 s2 "]] * 2
    assert asked() == 2


async def test_the_process_is_free_when_the_last_caller_has_left(asked: Callable[[], int]) -> None:
    """Not before."""
    calls = [asyncio.ensure_future(collect(Options(shared=True), text="[[scenario:hang]]")) for _ in range(2)]

    def leased() -> int:
        return bridge("claude-code").status().processes.leased

    with anyio.fail_after(BOUND):
        while not leased():
            await asyncio.sleep(0.01)
        await cancelled(calls[0])
        assert leased() == 1
        await cancelled(calls[1])
        assert leased() == 0


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel it and wait until it is."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


# Through LiteLLM

SAID = [{"role": "user", "content": SLOW}]


def sync_call(**options: Any) -> tuple[str, str]:
    """`completion`: the answer, and which request it was."""
    response: Any = litellm.completion(MODEL, SAID, **options)
    return response.choices[0].message.content, response._hidden_params["uutel"]["request_id"]


def sync_stream(**options: Any) -> tuple[str, str]:
    """`streaming`."""
    chunks: Any = list(litellm.completion(MODEL, SAID, stream=True, **options))
    return _streamed(chunks)


def async_call(**options: Any) -> tuple[str, str]:
    """`acompletion`, on a loop of its own."""

    async def call() -> tuple[str, str]:
        response: Any = await litellm.acompletion(MODEL, SAID, **options)
        return response.choices[0].message.content, response._hidden_params["uutel"]["request_id"]

    return asyncio.run(call())


def async_stream(**options: Any) -> tuple[str, str]:
    """`astreaming`, on a loop of its own."""

    async def call() -> list[Any]:
        chunks: Any = await litellm.acompletion(MODEL, SAID, stream=True, **options)
        return [chunk async for chunk in chunks]

    return _streamed(asyncio.run(call()))


def _streamed(chunks: list[Any]) -> tuple[str, str]:
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    return text, chunks[0]._hidden_params["uutel"]["request_id"]


@pytest.mark.parametrize("asking", [{"uutel_dedup": True}, {"caching": True}], ids=["uutel_dedup", "caching"])
def test_all_four_calls_share_one_turn_from_threads_and_loops(asked: Callable[[], int], asking: dict[str, Any]) -> None:
    """Those that come while the first one is in mid answer, and it itself."""
    stream: Any = litellm.completion(MODEL, SAID, stream=True, **asking)
    first = next(stream)
    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(call, **asking) for call in (sync_call, sync_stream, async_call, async_stream)]
        answers = [call.result(BOUND) for call in calls]
    mine = _streamed([first, *stream])
    assert mine[0] == SLOW_ANSWER
    assert answers == [mine] * 4
    assert asked() == 1


def test_a_stream_that_is_closed_early_leaves_the_turn_to_the_others(asked: Callable[[], int]) -> None:
    """The first one's, too."""
    stream: Any = litellm.completion(MODEL, SAID, stream=True, uutel_dedup=True)
    next(stream)
    with ThreadPoolExecutor(1) as threads:
        other: Any = litellm.completion(MODEL, SAID, stream=True, uutel_dedup=True)
        first = next(other)
        stream.completion_stream.close()
        assert threads.submit(lambda: _streamed([first, *other])[0]).result(BOUND) == SLOW_ANSWER
    assert asked() == 1


def test_who_says_no_has_a_turn_of_his_own(asked: Callable[[], int]) -> None:
    """Whatever he says of LiteLLM's cache."""
    stream: Any = litellm.completion(MODEL, SAID, stream=True, caching=True)
    next(stream)
    assert sync_call(caching=True, uutel_dedup=False)[0] == SLOW_ANSWER
    stream.completion_stream.close()
    assert asked() == 2


def test_neither_yes_nor_no_is_refused(asked: Callable[[], int]) -> None:
    """With the name of the parameter."""
    with pytest.raises(litellm.BadRequestError, match="uutel_dedup"):
        sync_call(uutel_dedup="yes")
    assert asked() == 0
