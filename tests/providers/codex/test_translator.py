"""A turn of the real app-server to events: by its recordings, and by what could come in another order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from uutel_bridge.core.errors import ProtocolError, RateLimited, VendorUnavailable
from uutel_bridge.core.events import (
    Event,
    Finished,
    LimitWindow,
    PlanLimits,
    ReasoningBlock,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from uutel_bridge.providers.codex.models import Notice
from uutel_bridge.providers.codex.translator import CodexTranslator

RECORDINGS = Path(__file__).parents[2] / "recordings" / "codex"
USAGE = UsageReport(input=1200, output=34, cached=1000, reasoning=12)
STARTED = Started("u1", "gpt-6.1-sol")


def recorded(name: str) -> list[Notice]:
    """The notices of the first recorded turn."""
    notices: list[Notice] = []
    for line in map(json.loads, (RECORDINGS / f"appserver_{name}.ndjson").read_text(encoding="utf-8").splitlines()):
        message = line["data"]
        if line["dir"] == "out" and "method" in message:
            notices.append(Notice(message["method"], message["params"]))
            if message["method"] == "turn/completed":
                break
    return notices


def play(notices: list[Notice], names: dict[str, str] | None = None) -> list[Event]:
    """What one turn's notices amount to."""
    translator = CodexTranslator("gpt-6.1-sol", names or {})
    return [event for notice in notices for event in translator.feed(notice)]


def notice(method: str, **params: Any) -> Notice:
    """A notice of the turn."""
    return Notice(method, {"threadId": "t1", "turnId": "u1", **params})


def delta(text: str) -> Notice:
    """More text."""
    return notice("item/agentMessage/delta", itemId="m1", delta=text)


def part() -> Notice:
    """A part of the reasoning's summary begins."""
    return notice("item/reasoning/summaryPartAdded", itemId="r1", summaryIndex=0)


def thought(text: str) -> Notice:
    """More of the reasoning's summary."""
    return notice("item/reasoning/summaryTextDelta", itemId="r1", delta=text)


def item(kind: str, **fields: Any) -> Notice:
    """A finished item of the response."""
    return notice("rawResponseItem/completed", item={"type": kind, **fields})


def call(name: str, arguments: str = "{}") -> Notice:
    """A call of a function."""
    return item("function_call", call_id=f"c-{name}", name=name, arguments=arguments)


def answered(**usage: int) -> Notice:
    """The end of one answer of the model's."""
    return notice("rawResponse/completed", responseId="resp_1", usage=usage or None)


def ended(status: str = "completed", error: dict[str, Any] | None = None) -> Notice:
    """The end of the turn."""
    return Notice("turn/completed", {"threadId": "t1", "turn": {"id": "u1", "status": status, "error": error}})


def limits(*windows: dict[str, Any] | None, reached: str | None = None) -> Notice:
    """Where the login stands."""
    primary, secondary = windows
    snapshot = {"primary": primary, "secondary": secondary, "rateLimitReachedType": reached}
    return Notice("account/rateLimits/updated", {"rateLimits": snapshot})


def test_an_answer_with_reasoning() -> None:
    """Every delta, a blank line between the parts of the summary, the vendor's usage, and the end."""
    assert play(recorded("raw_reasoning_optout")) == [
        Started("01a202b9-6d1f-7392-bae7-d8a4fb862ffe", "gpt-6.1-sol"),
        ReasoningDelta("**Thinking** "),
        ReasoningDelta("about "),
        ReasoningDelta("it"),
        ReasoningDelta("\n\nSecond "),
        ReasoningDelta("part"),
        ReasoningBlock("**Thinking** about it\n\nSecond part", "codex:bW9jay1lbmNyeXB0ZWQ="),
        TextDelta("The "),
        TextDelta("answer "),
        TextDelta("is 4."),
        USAGE,
        Finished("stop"),
    ]


@pytest.mark.parametrize("recording", ["tool_interrupt2", "tool_parallel"])
def test_calls_are_told_once_whatever_the_turn_does_after_the_answer(recording: str) -> None:
    """It is interrupted, or goes on with results."""
    events = play(recorded(recording), {"get_weather": "weather.now"})
    calls = [event for event in events if isinstance(event, ToolCallDelta)]
    assert [(each.index, each.name) for each in calls] == [(0, "weather.now"), (1, "weather.now")]
    assert sorted(each.arguments for each in calls) == ['{"city": "Oslo"}', '{"city": "Paris"}']
    assert len({each.id for each in calls}) == 2
    assert events[-2:] == [USAGE, Finished("tool_calls")]
    assert not [event for event in events if isinstance(event, TextDelta)]


def test_an_answer_that_was_cut_short_has_its_end() -> None:
    """The CLI calls it a failure."""
    assert play(recorded("incomplete"))[-2:] == [TextDelta("cut "), Finished("length")]


@pytest.mark.parametrize(
    ("notices", "events"),
    [
        pytest.param([answered(), ended()], [STARTED, Finished("stop")], id="empty"),
        pytest.param(
            [delta("a"), call("look", ""), answered(), ended("interrupted")],
            [STARTED, TextDelta("a"), ToolCallDelta(0, "c-look", "look", "{}"), Finished("tool_calls")],
            id="a-call-without-arguments",
        ),
        pytest.param(
            [call("look", "{broken"), answered(), item("function_call_output"), delta("b"), answered(), ended()],
            [STARTED, ToolCallDelta(0, "c-look", "look", "{broken"), Finished("tool_calls")],
            id="a-second-answer-is-nobodys",
        ),
        pytest.param(
            [part(), part(), thought("a"), part(), delta("x"), answered(), ended()],
            [STARTED, ReasoningDelta("a"), TextDelta("x"), Finished("stop")],
            id="no-gap-around-empty-parts",
        ),
        pytest.param(
            [
                delta("a"),
                ended("failed", {"message": "Incomplete response returned, reason: content_filter"}),
            ],
            [STARTED, TextDelta("a"), Finished("content_filter")],
            id="content-filter",
        ),
        pytest.param(
            [
                delta("a"),
                notice("thread/tokenUsage/updated", tokenUsage={"total": {"inputTokens": 10, "outputTokens": 5}}),
                ended("failed", {"message": "Incomplete response returned, reason: max_output_tokens"}),
            ],
            [STARTED, TextDelta("a"), UsageReport(10, 5), Finished("length")],
            id="cut-short-and-counted-by-the-thread",
        ),
        pytest.param(
            [
                notice("error", willRetry=False, error={"message": "m"}),
                notice("item/tool/call"),
                item("reasoning"),
                answered(),
                ended(),
            ],
            [STARTED, Finished("stop")],
            id="what-says-nothing",
        ),
    ],
)
def test_notices_in_other_orders(notices: list[Notice], events: list[Event]) -> None:
    """Started is first, Finished last, and each of them once."""
    assert play(notices) == events


def test_limits_stand_before_the_usage_under_names_of_their_windows() -> None:
    """The last report counts; one without windows takes nothing back."""
    hours = {"usedPercent": 43, "windowDurationMins": 300, "resetsAt": 1795400000}
    days = {"usedPercent": 7, "windowDurationMins": 10080, "resetsAt": None}
    odd = {"usedPercent": 100, "windowDurationMins": 60}
    told = [limits(odd, None), limits(hours, days, reached="rate_limit_reached"), limits(None, None)]
    assert play([delta("a"), *told, answered(inputTokens=1, outputTokens=2), ended()])[2:] == [
        PlanLimits((
            LimitWindow("five_hour", 0.43, 1795400000, "rate_limit_reached"),
            LimitWindow("seven_day", 0.07, None, "rate_limit_reached"),
        )),
        UsageReport(1, 2),
        Finished("stop"),
    ]
    assert PlanLimits((LimitWindow("60_minutes", 1.0, None, ""),)) in play([told[0], answered(), ended()])


def test_a_limit_that_was_reached_is_told_with_the_failure() -> None:
    """Its window says when it ends."""
    full = {"usedPercent": 100, "windowDurationMins": 10080, "resetsAt": 1795900000}
    half = {"usedPercent": 50, "windowDurationMins": 300, "resetsAt": 1795400000}
    with pytest.raises(RateLimited) as caught:
        play([limits(half, full), ended("failed", {"message": "m", "codexErrorInfo": "usageLimitExceeded"})])
    assert (caught.value.scope, caught.value.resets_at) == ("seven_day", 1795900000)


@pytest.mark.parametrize("status", ["completed", "interrupted"])
def test_a_turn_without_a_whole_answer_is_a_failure(status: str) -> None:
    """Even if the CLI calls it completed."""
    with pytest.raises(VendorUnavailable, match="before the model had finished"):
        play([delta("a"), ended(status)])


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(notice("item/agentMessage/delta"), id="no-delta"),
        pytest.param(notice("rawResponseItem/completed"), id="no-item"),
        pytest.param(item("function_call", name="look"), id="no-call-id"),
        pytest.param(Notice("turn/completed", {}), id="no-turn"),
        pytest.param(Notice("account/rateLimits/updated", {"rateLimits": None}), id="no-limits"),
    ],
)
def test_a_notice_without_what_belongs_in_it_is_outside_the_grammar(broken: Notice) -> None:
    """It is named, and nothing of it is quoted."""
    with pytest.raises(ProtocolError, match=broken.method):
        play([broken])
