"""What the endpoint sends of an answer, as events."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from uutel_bridge.core.errors import ProtocolError, VendorUnavailable
from uutel_bridge.core.events import (
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    TextDelta,
    TextSignature,
    ToolCallDelta,
    UsageReport,
)
from uutel_bridge.core.retry import RetryConfig, delay
from uutel_bridge.providers.cloud_code.models import CloudCodeRequest, CloudCodeResponse
from uutel_bridge.providers.cloud_code.translator import CloudCodeTranslator

RECORDINGS = Path(__file__).parents[2] / "recordings" / "cloud_code"
CALLS = [json.loads(line) for line in (RECORDINGS / "calls.ndjson").read_text(encoding="utf-8").splitlines()]
MODEL = "gemini-3-pro-preview"
TRACE = "trace-1"
STARTED = Started(TRACE, MODEL)
COUNTED = {
    "promptTokenCount": 18,
    "toolUsePromptTokenCount": 2,
    "candidatesTokenCount": 4,
    "thoughtsTokenCount": 3,
    "cachedContentTokenCount": 7,
    "totalTokenCount": 27,
}
USAGE = UsageReport(input=20, output=7, cached=7, reasoning=3)
END = CloudCodeResponse("end")


def chunk(*candidates: Any, trace: Any = TRACE, **response: Any) -> CloudCodeResponse:
    """An event of the stream."""
    told = {**({"candidates": list(candidates)} if candidates else {}), **response}
    return CloudCodeResponse("chunk", {"response": told, **({"traceId": trace} if trace else {})})


def said(*parts: Any, reason: str | None = None, **candidate: Any) -> CloudCodeResponse:
    """A chunk of these parts, which is the last one if it has a reason."""
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    return chunk({**content, **({"finishReason": reason} if reason else {}), **candidate}, modelVersion=MODEL)


def text(words: str, **more: Any) -> dict[str, Any]:
    """A part of the answer."""
    return {"text": words, **more}


def thought(words: str, **more: Any) -> dict[str, Any]:
    """A part of the thoughts."""
    return {"text": words, "thought": True, **more}


def call(name: str, args: Any = None, call_id: str = "", **more: Any) -> dict[str, Any]:
    """A call."""
    return {
        "functionCall": {
            "name": name,
            **({} if args is None else {"args": args}),
            **({"id": call_id} if call_id else {}),
        },
        **more,
    }


def play(*messages: CloudCodeResponse, names: dict[str, str] | None = None) -> list[Event]:
    """The events of a whole turn."""
    translator = CloudCodeTranslator(CloudCodeRequest(MODEL, {}, names or {}))
    return [event for message in messages for event in translator.feed(message)]


def test_an_answer_is_told_as_it_comes() -> None:
    """Each piece at once; the usage, which every chunk repeats, once and as it was last."""
    translator = CloudCodeTranslator(CloudCodeRequest(MODEL, {}))
    first = CloudCodeResponse("chunk", {**said(text("Hel")).data, "traceId": TRACE})
    told = [
        translator.feed(message)
        for message in (
            first,
            chunk({"content": {"parts": [text("lo\u2028")]}}, usageMetadata={**COUNTED, "candidatesTokenCount": 1}),
            chunk({"finishReason": "STOP"}, usageMetadata=COUNTED),
            END,
        )
    ]
    assert [*map(tuple, told)] == [
        (STARTED, TextDelta("Hel")),
        (TextDelta("lo\u2028"),),
        (),
        (USAGE, Finished("stop")),
    ]


@pytest.mark.parametrize(
    ("parts", "events"),
    [
        pytest.param([text("a"), text(""), text("b")], [TextDelta("a"), TextDelta("b")], id="empty-text"),
        pytest.param(
            [thought("hm"), thought("hm\n"), text("a")],
            [ReasoningDelta("hm"), ReasoningDelta("hm\n"), TextDelta("a")],
            id="thoughts",
        ),
        pytest.param([text("a", thought=False)], [TextDelta("a")], id="no-thought"),
        pytest.param(
            [text("a"), text("", thoughtSignature="s1")], [TextDelta("a"), TextSignature("s1")], id="seal-alone"
        ),
        pytest.param([text("a", thoughtSignature="s1")], [TextDelta("a"), TextSignature("s1")], id="seal-beside-text"),
        pytest.param([{"thoughtSignature": "s1"}], [TextSignature("s1")], id="seal-without-text"),
        pytest.param(
            [thought("hm", thoughtSignature="s1")],
            [ReasoningDelta("hm"), TextSignature("s1")],
            id="seal-beside-a-thought",
        ),
        pytest.param([{"executableCode": {}}, text("a")], [TextDelta("a")], id="a-part-of-another-kind"),
    ],
)
def test_parts_are_told_in_their_order(parts: list[dict[str, Any]], events: list[Event]) -> None:
    """Text, thoughts and their seals."""
    assert play(said(*parts, reason="STOP"), END) == [STARTED, *events, Finished("stop")]


def test_calls_are_told_whole() -> None:
    """Under the caller's names, with the vendor's ids, and the seal of the first."""
    told = play(
        said(text("I look."), call("f_look", {"city": "Bâle", "n": 1.5}, "fc-0", thoughtSignature="s1")),
        said(call("now", {}, "fc-1"), call("f_look", None, "fc-2"), reason="STOP"),
        END,
        names={"f_look": "look up"},
    )
    assert told == [
        STARTED,
        TextDelta("I look."),
        ToolCallDelta(0, "fc-0", "look up", '{"city":"Bâle","n":1.5}', signature="s1"),
        ToolCallDelta(1, "fc-1", "now", "{}"),
        ToolCallDelta(2, "fc-2", "look up", "{}"),
        Finished("tool_calls"),
    ]


def test_calls_without_an_id_of_their_own_are_given_one() -> None:
    """Or the results could not be told apart; one that the vendor gave twice is none."""
    told = play(said(call("f"), call("f"), call("f", call_id="c"), call("f", call_id="c"), reason="STOP"), END)
    ids = [event.id for event in told if isinstance(event, ToolCallDelta)]
    assert len(set(ids)) == 4
    assert ids[2] == "c"
    assert all(re.fullmatch(r"call_[0-9a-f]{32}", made) for made in (*ids[:2], ids[3]))


@pytest.mark.parametrize("recorded", CALLS, ids=lambda recorded: recorded["scenario"])
def test_calls_that_the_real_cli_was_given(recorded: dict[str, Any]) -> None:
    """The parts that it sent back: ids, arguments, and the seal that only the first one has."""
    _, *told, finished = play(said(*recorded["parts"], reason="STOP"), END)
    assert told == [
        ToolCallDelta(
            index,
            part["functionCall"]["id"],
            part["functionCall"]["name"],
            json.dumps(part["functionCall"]["args"], separators=(",", ":")),
            signature=part.get("thoughtSignature", ""),
        )
        for index, part in enumerate(recorded["parts"])
    ]
    assert finished == Finished("tool_calls")


@pytest.mark.parametrize(
    ("vendors", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        *[
            (word, "content_filter")
            for word in (
                "SAFETY",
                "RECITATION",
                "BLOCKLIST",
                "PROHIBITED_CONTENT",
                "SPII",
                "LANGUAGE",
                "OTHER",
                "IMAGE_SAFETY",
                "IMAGE_PROHIBITED_CONTENT",
                "IMAGE_RECITATION",
                "IMAGE_OTHER",
            )
        ],
    ],
)
@pytest.mark.parametrize("parts", [[], [text("a")]], ids=["silent", "after-text"])
def test_how_an_answer_ended(vendors: str, reason: FinishReason, parts: list[dict[str, Any]]) -> None:
    """Whether it said something or not: an empty answer is an answer that the vendor meant so."""
    assert play(said(*parts, reason=vendors), END)[-1] == Finished(reason)


def test_calls_that_were_cut_short_are_not_whole() -> None:
    """The length wins."""
    assert play(said(call("f"), reason="MAX_TOKENS"), END)[-1] == Finished("length")


def test_thoughts_that_use_up_the_tokens_leave_an_empty_answer() -> None:
    """Counted all the same."""
    counted = {"promptTokenCount": 5, "thoughtsTokenCount": 256}
    assert play(chunk({"finishReason": "MAX_TOKENS"}, usageMetadata=counted), END) == [
        STARTED,
        UsageReport(input=5, output=256, reasoning=256),
        Finished("length"),
    ]


@pytest.mark.parametrize(
    "feedback", [{"blockReason": "PROHIBITED_CONTENT"}, {"blockReason": "OTHER", "safetyRatings": []}]
)
def test_a_question_that_is_refused_has_an_empty_answer_that_says_so(feedback: dict[str, Any]) -> None:
    """As an answer that is refused has."""
    assert play(chunk(promptFeedback=feedback, usageMetadata={"promptTokenCount": 5}), END) == [
        STARTED,
        UsageReport(input=5, output=0),
        Finished("content_filter"),
    ]


@pytest.mark.parametrize(
    ("messages", "words", "evidence"),
    [
        pytest.param([], "ended before", "", id="nothing"),
        pytest.param([chunk(usageMetadata=COUNTED)], "ended before", "", id="no-candidates"),
        pytest.param([CloudCodeResponse("chunk", {"traceId": TRACE})], "ended before", "", id="no-response"),
        pytest.param([chunk(promptFeedback={})], "ended before", "", id="no-reason-to-block"),
        pytest.param([said(text("a"))], "ended before", "", id="no-finish"),
        pytest.param([said(text("a"), reason="FINISH_REASON_UNSPECIFIED")], "ended before", "", id="finish-not-told"),
        pytest.param(
            [said(reason="MALFORMED_FUNCTION_CALL", finishMessage="Malformed function call: f(")],
            r"broke the answer off \(MALFORMED_FUNCTION_CALL\)",
            "Malformed function call: f(",
            id="malformed-call",
        ),
        pytest.param([said(reason="UNEXPECTED_TOOL_CALL")], "UNEXPECTED_TOOL_CALL", "", id="unexpected-call"),
        pytest.param([said(text("a"), reason="NEW_REASON")], "NEW_REASON", "", id="unknown"),
    ],
)
def test_an_answer_that_breaks_off_is_a_failure_that_may_be_tried_again(
    messages: Sequence[CloudCodeResponse], words: str, evidence: str
) -> None:
    """Never an end of its own."""
    with pytest.raises(VendorUnavailable, match=words) as caught:
        play(*messages, END)
    assert (caught.value.status, caught.value.evidence) == (None, evidence)
    assert delay(RetryConfig(), 1, caught.value, None) is not None


@pytest.mark.parametrize(
    ("first", "response_id"),
    [
        pytest.param(chunk({"finishReason": "STOP"}, responseId="r"), TRACE, id="trace"),
        pytest.param(chunk({"finishReason": "STOP"}, trace=None, responseId="r"), "r", id="response"),
        pytest.param(chunk({"finishReason": "STOP"}, trace=None), None, id="none"),
    ],
)
def test_an_answer_has_the_vendors_id_or_one_of_ours(first: CloudCodeResponse, response_id: str | None) -> None:
    """The one that Google's support asks for comes first."""
    (started, _) = play(first, END)
    assert isinstance(started, Started)
    assert started.model == MODEL
    assert re.fullmatch(response_id or r"cloud-code-[0-9a-f-]{36}", started.response_id)


def test_the_model_that_really_answers_is_told() -> None:
    """Again at the end, where it is only then known."""
    early = chunk({"content": {"parts": [text("a")]}}, modelVersion="gemini-3.1-pro")
    late = chunk({"finishReason": "STOP"}, modelVersion="gemini-3.1-pro")
    started = Started(TRACE, "gemini-3.1-pro")
    assert play(early, late, END) == [started, TextDelta("a"), Finished("stop")]
    silent = chunk({"content": {"parts": [text("a")]}})
    assert play(silent, late, END) == [STARTED, TextDelta("a"), started, Finished("stop")]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(CloudCodeResponse("chunk", {"response": "a"}), id="response-as-text"),
        pytest.param(CloudCodeResponse("chunk", {"response": [1]}), id="response-as-a-list"),
        pytest.param(CloudCodeResponse("chunk", ["a"]), id="chunk-as-a-list"),  # type: ignore[arg-type]
        pytest.param(chunk(trace=5), id="trace-as-a-number"),
        pytest.param(chunk(responseId=5, trace=None), id="id-as-a-number"),
        pytest.param(chunk(modelVersion=5), id="model-as-a-number"),
        pytest.param(chunk(promptFeedback="a"), id="feedback-as-text"),
        pytest.param(chunk(candidates={"a": 1}), id="candidates-as-an-object"),
        pytest.param(chunk(candidates=5), id="candidates-as-a-number"),
        pytest.param(chunk("a"), id="candidate-as-text"),
        pytest.param(chunk({"content": "a"}), id="content-as-text"),
        pytest.param(chunk({"content": {"parts": "a"}}), id="parts-as-text"),
        pytest.param(chunk({"content": {"parts": 5}}), id="parts-as-a-number"),
        pytest.param(chunk({"finishReason": 5}), id="reason-as-a-number"),
        pytest.param(chunk({"finishReason": "OTHER", "finishMessage": 5}), id="message-as-a-number"),
        pytest.param(said(None), id="no-part"),
        pytest.param(said(text(5)), id="text-as-a-number"),  # type: ignore[arg-type]
        pytest.param(said(text("a", thoughtSignature=5)), id="seal-as-a-number"),
        pytest.param(said({"functionCall": "f"}), id="call-as-text"),
        pytest.param(said({"functionCall": {}}), id="empty-call"),
        pytest.param(said({"functionCall": {"args": {}}}), id="call-without-a-name"),
        pytest.param(said(call(5)), id="name-as-a-number"),  # type: ignore[arg-type]
        pytest.param(said(call("f", [])), id="arguments-as-a-list"),
        pytest.param(said(call("f", "{}")), id="arguments-as-text"),
        pytest.param(said(call("f", call_id=5)), id="call-id-as-a-number"),  # type: ignore[arg-type]
        pytest.param(chunk({"finishReason": "STOP"}, usageMetadata=["a"]), id="usage-as-a-list"),
        pytest.param(chunk({"finishReason": "STOP"}, usageMetadata={"promptTokenCount": "5"}), id="count-as-text"),
        pytest.param(chunk({"finishReason": "STOP"}, usageMetadata={"thoughtsTokenCount": 1.5}), id="half-a-token"),
    ],
)
def test_a_chunk_of_another_shape_is_outside_the_grammar(broken: CloudCodeResponse) -> None:
    """It is named, and nothing of it is quoted."""
    with pytest.raises(ProtocolError, match="without what belongs in it") as caught:
        play(broken, END)
    assert caught.value.evidence == ""
