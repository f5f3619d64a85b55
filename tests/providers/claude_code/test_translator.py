"""A turn of the real CLI to events: by its recordings, and by what could come in another order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from uutel_bridge.core.errors import BadRequest, ContextTooLong, ProtocolError, UUError, VendorUnavailable
from uutel_bridge.core.events import (
    Event,
    Finished,
    FinishReason,
    ReasoningBlock,
    ReasoningDelta,
    Started,
    TextDelta,
    UsageReport,
)
from uutel_bridge.providers.claude_code.models import (
    ClaudeCodeResponse,
    ControlReply,
    ControlResponse,
    Result,
    StreamEvent,
    System,
    decode,
)
from uutel_bridge.providers.claude_code.translator import ClaudeCodeTranslator

RECORDINGS = Path(__file__).parents[2] / "recordings" / "claude"


def recorded(name: str) -> list[ClaudeCodeResponse]:
    """The messages of a recorded turn."""
    lines = map(json.loads, (RECORDINGS / f"{name}.ndjson").read_text(encoding="utf-8").splitlines())
    printed = [line["data"] for line in lines if line["dir"] == "out" and isinstance(line["data"], dict)]
    return [message for message in map(decode, map(orjson.dumps, printed)) if message is not None]


def play(messages: list[ClaudeCodeResponse]) -> list[Event]:
    """What one turn's messages amount to."""
    translator = ClaudeCodeTranslator()
    return [event for message in messages for event in translator.feed(message)]


def texts(events: list[Event]) -> str:
    """All visible text."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_a_plain_answer() -> None:
    """Every delta, the vendor's usage and price, and the end."""
    assert play(recorded("text")) == [
        Started("msg_c0e2ebb7b46343898d35", "claude-sonnet-5-5"),
        TextDelta("part0 "),
        TextDelta("part1 "),
        TextDelta("part2 "),
        TextDelta("part3 "),
        UsageReport(input=18, output=4, cached=7, cost=pytest.approx(0.0000627)),  # type: ignore[arg-type]
        Finished("stop"),
    ]


def test_reasoning_is_told_apart_from_the_answer() -> None:
    """And its signature is nobody's text."""
    events = play(recorded("thinking"))
    assert [event.text for event in events if isinstance(event, ReasoningDelta)] == ["Let me ", "think ", "this over."]
    assert [event for event in events if isinstance(event, ReasoningBlock)] == [
        ReasoningBlock("Let me think this over.", "c2lnbmF0dXJl")
    ]
    assert texts(events) == "After thought: 42."


@pytest.mark.parametrize(
    ("recording", "text", "usage", "reason"),
    [
        pytest.param("max_tokens", "cut off", (18, 2), "length", id="max-tokens"),
        pytest.param("refusal", "I ", (18, 1), "content_filter", id="refusal"),
        pytest.param("empty", "", (18, 1), "stop", id="empty"),
    ],
)
def test_an_answer_that_the_cli_asks_for_again_is_told_as_it_first_came(
    recording: str, text: str, usage: tuple[int, int], reason: FinishReason
) -> None:
    """The second answer is not the caller's, though it was charged."""
    messages = recorded(recording)
    assert sum(isinstance(m, StreamEvent) and m.event["type"] == "message_start" for m in messages) == 2
    events = play(messages)
    assert texts(events) == text
    assert [type(event) for event in events].count(Started) == 1
    report = next(event for event in events if isinstance(event, UsageReport))
    assert (report.input, report.output) == usage
    assert events[-1] == Finished(reason)


def test_a_warning_about_the_plan_is_no_failure() -> None:
    """The answer is whole."""
    assert play(recorded("rate_limit_warning"))[-1] == Finished("stop")


def begun(*, usage: dict[str, Any] | None = None) -> StreamEvent:
    """The start of an answer."""
    return StreamEvent({"type": "message_start", "message": {"id": "m1", "model": "m", "usage": usage}})


def delta(text: str) -> StreamEvent:
    """More text."""
    return StreamEvent({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})


def ended(reason: str | None, **usage: Any) -> StreamEvent:
    """The end of an answer."""
    return StreamEvent({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage})


STOP = StreamEvent({"type": "message_stop"})
DONE = Result(num_turns=1)
BROKEN = Result(is_error=True, num_turns=2, terminal_reason="aborted_streaming", errors=("interrupted",))


@pytest.mark.parametrize(
    ("stop_reason", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("tool_use", "tool_calls"),
        ("of_the_next_release", "stop"),
    ],
)
def test_each_stop_reason_has_its_finish_reason(stop_reason: str, reason: FinishReason) -> None:
    """An unknown one is a plain end."""
    assert play([begun(), delta("a"), ended(stop_reason), STOP, DONE])[-1] == Finished(reason)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param([STOP, BROKEN], id="interrupted-after-the-end"),
        pytest.param([BROKEN], id="interrupted-before-the-stop"),
        pytest.param([ended(None, output_tokens=1), STOP, BROKEN], id="the-interrupt-closes-the-answer-again"),
        pytest.param([STOP, begun(), delta("again"), BROKEN], id="interrupted-in-the-second-answer"),
        pytest.param([begun(), delta("again"), ended("end_turn"), STOP, DONE], id="second-answer-without-a-stop"),
        pytest.param(
            [STOP, begun(), delta("again"), ended("end_turn", output_tokens=99), STOP, DONE], id="whole-second"
        ),
    ],
)
def test_an_answer_that_came_to_its_end_stays_whole(after: list[ClaudeCodeResponse]) -> None:
    """Whatever the CLI did afterwards, and whenever the interrupt arrived."""
    events = play([begun(usage={"input_tokens": 5}), delta("cut"), ended("max_tokens", output_tokens=7), *after])
    assert texts(events) == "cut"
    assert events[-2:] == [UsageReport(input=5, output=7), Finished("length")]


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([begun(), delta("a"), STOP, DONE], id="without-a-reason"),
        pytest.param([begun(), delta("a"), DONE], id="without-a-stop"),
        pytest.param([begun(), delta("a"), STOP, begun(), delta("a"), ended("end_turn"), STOP, DONE], id="mended"),
        pytest.param([DONE], id="without-anything"),
    ],
)
def test_an_answer_without_an_end_is_an_error_never_a_stop(messages: list[ClaudeCodeResponse]) -> None:
    """What broke off must not look whole."""
    with pytest.raises(VendorUnavailable):
        play(messages)


@pytest.mark.parametrize("reason", ["blocking_limit", "aborted_streaming"])
def test_an_answer_that_the_cli_was_kept_from_mending_is_one_that_broke_off(reason: str) -> None:
    """The CLI's own words tell of the fence, not of what happened."""
    with pytest.raises(VendorUnavailable) as caught:
        play([begun(), delta("a"), STOP, Result(is_error=True, num_turns=1, terminal_reason=reason, result="fence")])
    assert "fence" not in str(caught.value)


def test_a_prompt_that_the_cli_holds_for_too_long_is_too_long() -> None:
    """Nothing was sent, so nothing broke off."""
    with pytest.raises(ContextTooLong) as caught:
        play([Result(is_error=True, num_turns=1, terminal_reason="blocking_limit", result="Prompt is too long")])
    assert caught.value.evidence == "Prompt is too long"


def test_a_message_that_the_cli_answers_by_itself_is_an_error_in_the_request() -> None:
    """The model never saw it, and another try would change nothing."""
    with pytest.raises(BadRequest) as caught:
        play([Result(num_turns=0, result="Blank prompt")])
    assert (caught.value.param, caught.value.evidence) == ("messages", "Blank prompt")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(
            {"input_tokens": 10, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 20, "output_tokens": 1},
            {"output_tokens": 7},
            UsageReport(input=70, output=7, cached=40, cache_creation=20),
            id="cached-tokens-are-input-too",
        ),
        pytest.param(
            {"input_tokens": 10, "cache_read_input_tokens": 40},
            {"input_tokens": None, "cache_read_input_tokens": None, "output_tokens": 7},
            UsageReport(input=50, output=7, cached=40),
            id="a-null-takes-nothing-back",
        ),
        pytest.param(
            {"input_tokens": 10},
            {"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 3}},
            UsageReport(input=10, output=7, reasoning=3),
            id="reasoning",
        ),
        pytest.param(None, {}, UsageReport(input=0, output=0), id="nothing-counted"),
        pytest.param(
            {"input_tokens": 10, "service_tier": "standard", "cache_creation": {"ephemeral_1h_input_tokens": 5}},
            {"output_tokens": 7, "iterations": []},
            UsageReport(input=10, output=7),
            id="other-facts-are-passed-over",
        ),
    ],
)
def test_usage_is_the_vendors_own_count(
    start: dict[str, Any] | None, end: dict[str, Any], expected: UsageReport
) -> None:
    """OpenAI counts cached tokens among the prompt's; Anthropic beside them."""
    assert play([begun(usage=start), ended("end_turn", **end), STOP, DONE])[-2] == expected


def test_the_cost_is_that_of_every_model_the_turn_took() -> None:
    """As the CLI accounts for it; none where it does not."""
    spent = Result.model_validate({
        "num_turns": 1,
        "model_usage_since_last_result": {"a": {"costUSD": 0.25}, "b": {"costUSD": 0.5}},
    })
    whole: list[ClaudeCodeResponse] = [begun(), ended("end_turn"), STOP]
    priced, unpriced = play([*whole, spent])[-2], play([*whole, DONE])[-2]
    assert isinstance(priced, UsageReport)
    assert isinstance(unpriced, UsageReport)
    assert (priced.cost, unpriced.cost) == (0.75, None)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(ControlResponse(response=ControlReply(subtype="success", request_id="u1")), id="control-answer"),
        pytest.param(System(status="requesting"), id="status"),
    ],
)
def test_what_is_meant_for_the_session_is_not_an_event(message: ClaudeCodeResponse) -> None:
    """Wherever in the turn it comes."""
    assert play([begun(), message, delta("a"), ended("end_turn"), STOP, DONE])[1] == TextDelta("a")


@pytest.mark.parametrize("kind", ["ping", "content_block_stop", "error", "of_the_next_release"])
def test_an_event_that_says_nothing_of_the_answer_is_passed_over(kind: str) -> None:
    """New ones may come with every release."""
    assert ClaudeCodeTranslator().feed(StreamEvent({"type": kind})) == ()


@pytest.mark.parametrize("kind", ["signature_delta", "input_json_delta", "citations_delta", "of_the_next_release"])
def test_a_delta_that_is_not_text_is_passed_over(kind: str) -> None:
    """It is not the answer."""
    assert ClaudeCodeTranslator().feed(StreamEvent({"type": "content_block_delta", "delta": {"type": kind}})) == ()


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"type": "message_start"}, id="start-of-nothing"),
        pytest.param({"type": "message_start", "message": {"id": "m1"}}, id="start-without-model"),
        pytest.param({"type": "message_start", "message": None}, id="start-null"),
        pytest.param({"type": "content_block_start"}, id="block-of-nothing"),
        pytest.param({"type": "content_block_start", "content_block": {}}, id="block-without-type"),
        pytest.param({"type": "content_block_start", "content_block": {"type": "tool_use"}}, id="call-without-id"),
        pytest.param(
            {"type": "content_block_start", "content_block": {"type": "redacted_thinking"}}, id="redacted-without-data"
        ),
        pytest.param({"type": "content_block_delta"}, id="no-delta"),
        pytest.param({"type": "content_block_delta", "delta": {}}, id="delta-without-type"),
        pytest.param({"type": "content_block_delta", "delta": {"type": "text_delta"}}, id="text-without-text"),
        pytest.param({"type": "message_delta"}, id="end-without-delta"),
        pytest.param({"type": "message_delta", "delta": []}, id="end-as-a-list"),
    ],
)
def test_an_event_without_what_belongs_in_it_is_an_error_of_ours(event: dict[str, Any]) -> None:
    """A caller who catches `UUError` catches it."""
    with pytest.raises(ProtocolError):
        ClaudeCodeTranslator().feed(StreamEvent(event))


def test_each_turn_has_a_translator_of_its_own() -> None:
    """Nothing of one turn is in the next."""
    failed = ClaudeCodeTranslator()
    with pytest.raises(UUError):
        failed.feed(BROKEN)
    assert play([begun(), delta("a"), ended("end_turn"), STOP, DONE])[-1] == Finished("stop")
