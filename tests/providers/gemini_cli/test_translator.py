"""What the real CLI was seen to tell of turns, as events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from uutel_bridge.core.errors import ContextTooLong, ProtocolError, RateLimited, UUError, VendorUnavailable
from uutel_bridge.core.events import (
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from uutel_bridge.providers.gemini_cli.models import GeminiCLIRequest, Update
from uutel_bridge.providers.gemini_cli.translator import GeminiCLITranslator

MODEL = "gemini-2.5-pro"
STARTED = Started("r", MODEL)
TOKENS = {"input": 18, "output": 4, "cached": 7, "thoughts": 3, "tool": 2, "total": 27}
USAGE = UsageReport(input=20, output=7, cached=7, reasoning=3)


def text(said: str) -> Update:
    """A piece of the answer."""
    return Update("agent_message_chunk", {"content": {"type": "text", "text": said}})


def thought(said: str) -> Update:
    """A part of the model's thoughts."""
    return Update("agent_thought_chunk", {"content": {"type": "text", "text": said}})


def call(call_id: str, args: dict[str, Any], *, name: str = "mcp_u_look", status: str = "success") -> dict[str, Any]:
    """A call in the record."""
    return {"id": f"{name}__{call_id}", "name": name, "args": args, "status": status, "resultDisplay": "deferred"}


def record(*calls: dict[str, Any], tokens: Mapping[str, int] | None = TOKENS, model: str = MODEL) -> Update:
    """The last entry of the session file."""
    more = {"toolCalls": list(calls)} if calls else {}
    return Update("record", {"type": "gemini", "content": "", "tokens": tokens, "model": model, **more})


def answered(said: str = "end_turn", count: tuple[int, int] = (18, 4), *, whole: bool = True) -> Update:
    """The result of the request."""
    counted = {"input_tokens": count[0], "output_tokens": count[1]}
    usage = [{"model": MODEL, "token_count": counted}] if whole else []
    quota: dict[str, Any] = {"token_count": counted, "model_usage": usage}
    return Update("answered", {"stopReason": said, "_meta": {"quota": quota}})


def play(*updates: Update, **generation: Any) -> list[Event]:
    """The events of a whole turn."""
    names = {"mcp_u_look": "look", "mcp_u_f_x": "x y"}
    request = GeminiCLIRequest(MODEL, "", (), names=names, generation=generation)
    translator = GeminiCLITranslator("r", request)
    return [event for update in updates for event in translator.feed(update)]


@pytest.mark.parametrize(
    ("updates", "events"),
    [
        pytest.param(
            [text("a "), text(""), text("b"), record(), answered()],
            [STARTED, TextDelta("a "), TextDelta("b"), USAGE, Finished("stop")],
            id="text",
        ),
        pytest.param(
            [thought("**Sub**\nrest"), thought("****\nplain"), thought("**S2**\n"), text("a"), record(), answered()],
            [
                STARTED,
                ReasoningDelta("**Sub**\nrest"),
                ReasoningDelta("\n\nplain"),
                ReasoningDelta("\n\n**S2**"),
                TextDelta("a"),
                USAGE,
                Finished("stop"),
            ],
            id="thoughts",
        ),
        pytest.param(
            [text("a"), record(model="gemini-3.1-pro-preview"), answered()],
            [STARTED, TextDelta("a"), Started("r", "gemini-3.1-pro-preview"), USAGE, Finished("stop")],
            id="another-model-answered",
        ),
        pytest.param(
            [text("a"), record(tokens=None), answered(count=(0, 0))],
            [STARTED, TextDelta("a"), Finished("stop")],
            id="nothing-counted",
        ),
        pytest.param(
            [text("a"), answered()],
            [STARTED, TextDelta("a"), UsageReport(18, 4), Finished("stop")],
            id="no-record",
        ),
    ],
)
def test_an_answer(updates: list[Update], events: list[Event]) -> None:
    """Started is first, Finished last, the usage right before it."""
    assert play(*updates) == events


@pytest.mark.parametrize("ending", [answered(whole=False), Update("answered", {"stopReason": "end_turn"})])
def test_an_answer_that_the_cli_does_not_count_was_broken_off(ending: Update) -> None:
    """Nothing else tells that the model had not finished."""
    with pytest.raises(VendorUnavailable, match="before the model had finished"):
        play(text("a"), record(), ending)


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        pytest.param(
            [call("i1", {"q": "a", "b": {"y": 1, "a": None}})],
            [ToolCallDelta(0, "i1", "look", '{"q":"a","b":{"y":1,"a":null}}')],
            id="in-the-models-order",
        ),
        pytest.param(
            [call("i1", {"q": 5}, status="error"), call("x__y", {}, name="mcp_u_f_x")],
            [ToolCallDelta(0, "i1", "look", '{"q":5}'), ToolCallDelta(1, "x__y", "x y", "{}")],
            id="one-that-breaks-its-schema-and-another",
        ),
        pytest.param(
            [call("mcp_u_look_1795376022408_0", {"wait_for_previous": True, "q": {"wait_for_previous": 1}})],
            [ToolCallDelta(0, "mcp_u_look_1795376022408_0", "look", '{"q":{"wait_for_previous":1}}')],
            id="without-what-the-cli-added",
        ),
    ],
)
def test_calls_are_told_whole_at_the_end(calls: list[dict[str, Any]], told: list[Event]) -> None:
    """By the caller's names and the vendor's ids."""
    assert play(text("hm"), record(*calls), answered("max_turn_requests")) == [
        STARTED, TextDelta("hm"), *told, USAGE, Finished("tool_calls"),
    ]  # fmt: skip


def test_calls_without_words_come_after_the_start() -> None:
    """Of the model that really answered, for nothing was told before."""
    events = play(record(call("c", {}), model="other"), answered("max_turn_requests"))
    assert events[:2] == [Started("r", "other"), ToolCallDelta(0, "c", "look", "{}")]


@pytest.mark.parametrize(
    ("updates", "limit", "reason"),
    [
        pytest.param([text("a"), record(), answered()], 7, "length", id="used-up"),
        pytest.param([text("a"), record(), answered()], 8, "stop", id="not-used-up"),
        pytest.param([thought("a"), answered(count=(18, 77))], 77, "length", id="without-a-word"),
    ],
)
def test_an_answer_that_was_cut_short_shows_in_its_tokens(
    updates: list[Update], limit: int, reason: FinishReason
) -> None:
    """Thoughts count."""
    assert play(*updates, maxOutputTokens=limit)[-1] == Finished(reason)


@pytest.mark.parametrize(
    ("updates", "cls", "words"),
    [
        pytest.param([answered(count=(98, 0))], VendorUnavailable, "without an answer", id="nothing"),
        pytest.param([thought("a"), answered()], VendorUnavailable, "without an answer", id="thoughts-alone"),
        pytest.param(
            [text("hm"), record(), answered("max_turn_requests")], VendorUnavailable, "was not given", id="undeclared"
        ),
        pytest.param([text("a"), answered("cancelled")], VendorUnavailable, "cancelled", id="broken-off"),
        pytest.param([answered("max_tokens")], ContextTooLong, "context window", id="too-long"),
        pytest.param([Update("failed", {"code": 429, "message": "m"})], RateLimited, "fewer requests", id="failed"),
    ],
)
def test_a_turn_without_an_answer_is_a_failure(updates: list[Update], cls: type[UUError], words: str) -> None:
    """Never an empty success."""
    with pytest.raises(cls, match=words):
        play(*updates)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param([Update("agent_message_chunk", {})], id="no-content"),
        pytest.param([Update("agent_thought_chunk", {"content": {"type": "text", "text": None}})], id="no-text"),
        pytest.param([record({"id": "x"}), answered()], id="no-name"),
        pytest.param([text("a"), record(tokens={"input": 1}), answered()], id="half-counted"),
        pytest.param([text("a"), Update("answered", {})], id="no-reason"),
        pytest.param([Update("failed", {"message": "m"})], id="no-code"),
    ],
)
def test_an_update_without_what_belongs_in_it_is_outside_the_grammar(broken: list[Update]) -> None:
    """It is named, and nothing of it is quoted."""
    with pytest.raises(ProtocolError, match=f"gemini sent {broken[-1].kind} without"):
        play(*broken)
