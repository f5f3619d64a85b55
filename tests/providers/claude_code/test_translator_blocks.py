"""What is not text in an answer: calls of functions, reasoning, and where the plan's limits stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

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
from uutel_bridge.providers.claude_code.models import (
    ClaudeCodeResponse,
    RateLimitEvent,
    RateLimitInfo,
    Result,
    StreamEvent,
    decode,
)
from uutel_bridge.providers.claude_code.translator import ClaudeCodeTranslator

RECORDINGS = Path(__file__).parents[2] / "recordings" / "claude"
NAMES = {"mcp__b__w": "weather", "mcp__b__t2": "time.of.day"}


def recorded(name: str, turn: int = 0) -> list[ClaudeCodeResponse]:
    """The messages of one turn of a recording."""
    turns: list[list[ClaudeCodeResponse]] = [[]]
    for line in (RECORDINGS / f"{name}.ndjson").read_text(encoding="utf-8").splitlines():
        known = json.loads(line)
        message = decode(orjson.dumps(known["data"])) if known["dir"] == "out" else None
        if message is not None:
            turns[-1].append(message)
        if isinstance(message, Result):
            turns.append([])
    return turns[turn]


def play(messages: list[ClaudeCodeResponse]) -> list[Event]:
    """What one turn's messages amount to."""
    translator = ClaudeCodeTranslator(NAMES)
    return [event for message in messages for event in translator.feed(message)]


def calls(events: list[Event]) -> list[tuple[str, str, str]]:
    """Id, name and whole arguments of each call, by its index."""
    found: list[tuple[str, str, str]] = []
    for event in events:
        if isinstance(event, ToolCallDelta):
            if event.id:
                assert event.index == len(found)
                found.append((event.id, event.name, ""))
            known = found[event.index]
            found[event.index] = (*known[:2], known[2] + event.arguments)
    return found


OSLO = '{"city":"Oslo"}'


def test_a_recorded_call_comes_as_it_was_streamed() -> None:
    """The text before it, its id and name, then its arguments; what the CLI made of it is no answer."""
    events = play(recorded("tool_sdk_mcp"))
    assert events == [
        Started("msg_465308af1072438cb05e", "claude-sonnet-5-5"),
        TextDelta("I will "),
        TextDelta("look."),
        ToolCallDelta(0, id="toolu_4d4514c06ac94047b558", name="weather"),
        ToolCallDelta(0, arguments='{"city":'),
        ToolCallDelta(0, arguments='"Oslo"}'),
        UsageReport(input=18, output=5, cached=7, cost=pytest.approx(0.0001154)),  # type: ignore[arg-type]
        Finished("tool_calls"),
    ]


@pytest.mark.parametrize(
    ("recording", "turn", "expected"),
    [
        pytest.param(
            "tool_sdk_mcp",
            1,
            [
                ("toolu_4b6cfb8752104650a5ce", "weather", OSLO),
                ("toolu_a17860a8a08f48739450", "time.of.day", OSLO),
            ],
            id="two",
        ),
        pytest.param(
            "parallel_sdk_mcp",
            0,
            [
                ("toolu_87f1f4d3d4824ec39fac", "weather", OSLO),
                ("toolu_1cb72fb1b5264cb9beab", "time.of.day", OSLO),
                ("toolu_91f0b4d1adb54f54ba04", "weather", OSLO),
            ],
            id="three",
        ),
        pytest.param(
            "tool_interrupt_rewind_replay",
            0,
            [
                ("toolu_e7805e7714c54a8db8b5", "weather", OSLO),
                ("toolu_38f195cc911e4602915d", "time.of.day", OSLO),
            ],
            id="interrupted-at-its-end",
        ),
    ],
)
def test_recorded_calls_of_one_answer_are_told_apart(
    recording: str, turn: int, expected: list[tuple[str, str, str]]
) -> None:
    """Each under an index of its own, whether the CLI then ran them or was kept from it."""
    events = play(recorded(recording, turn))
    assert calls(events) == expected
    assert events[-1] == Finished("tool_calls")
    assert [type(event) for event in events].count(Started) == 1


# By table


def opened(**block: Any) -> StreamEvent:
    """The start of a content block."""
    return StreamEvent({"type": "content_block_start", "index": 0, "content_block": block})


def more(kind: str, value: str) -> StreamEvent:
    """More of a content block."""
    name = "partial_json" if kind == "input_json" else kind
    return StreamEvent({"type": "content_block_delta", "index": 0, "delta": {"type": f"{kind}_delta", name: value}})


def call(*arguments: str, name: str = "mcp__b__w", call_id: str = "c1") -> list[ClaudeCodeResponse]:
    """A whole call."""
    return [opened(type="tool_use", id=call_id, name=name, input={}), *(more("input_json", a) for a in arguments), STOP]


def thought(*deltas: StreamEvent) -> list[ClaudeCodeResponse]:
    """A whole block of reasoning."""
    return [opened(type="thinking", thinking="", signature=""), *deltas, STOP]


BEGUN = StreamEvent({"type": "message_start", "message": {"id": "m1", "model": "m"}})
STOP = StreamEvent({"type": "content_block_stop", "index": 0})
DONE = Result(num_turns=1)


def answered(*content: ClaudeCodeResponse, reason: str = "tool_use", result: Result = DONE) -> list[Event]:
    """The events of a whole answer's content, and its end."""
    ended = StreamEvent({"type": "message_delta", "delta": {"stop_reason": reason}})
    whole = [BEGUN, *content, ended, StreamEvent({"type": "message_stop"}), result]
    return [event for event in play(whole) if not isinstance(event, Started | UsageReport)]


@pytest.mark.parametrize(
    ("pieces", "arguments"),
    [
        pytest.param(['{"a"', ": 1}"], '{"a": 1}', id="in-pieces"),
        pytest.param(["", '{"a": 1}', ""], '{"a": 1}', id="with-empty-pieces"),
        pytest.param(["{}"], "{}", id="an-empty-object"),
        pytest.param([], "{}", id="nothing-at-all"),
        pytest.param(["", ""], "{}", id="nothing-but-empty-pieces"),
        pytest.param(['{"a": Oslo, '], '{"a": Oslo, ', id="no-json"),
        pytest.param([" ", "{ }", "\n"], " { }\n", id="blanks"),
        pytest.param(['{"a":"\\u2028\u2028', '\U0001f680"}'], '{"a":"\\u2028\u2028\U0001f680"}', id="any-character"),
    ],
)
def test_arguments_are_passed_on_as_the_model_wrote_them(pieces: list[str], arguments: str) -> None:
    """JSON or not; a call with none has an empty object, for clients read JSON."""
    assert calls(answered(*call(*pieces))) == [("c1", "weather", arguments)]


def test_only_the_first_piece_of_a_call_has_its_id_and_name() -> None:
    """And no piece is empty."""
    first, *others = [event for event in answered(*call("", "{", "}")) if isinstance(event, ToolCallDelta)]
    assert first == ToolCallDelta(0, id="c1", name="weather")
    assert others == [ToolCallDelta(0, arguments="{"), ToolCallDelta(0, arguments="}")]


@pytest.mark.parametrize(
    ("on_the_wire", "name"),
    [
        ("mcp__b__w", "weather"),
        ("mcp__b__t2", "time.of.day"),
        ("mcp__b__t3", "mcp__b__t3"),
        ("weather", "weather"),
        ("Bash", "Bash"),
    ],
)
def test_a_function_has_the_callers_name(on_the_wire: str, name: str) -> None:
    """One that the model made up has the model's."""
    assert calls(answered(*call("{}", name=on_the_wire))) == [("c1", name, "{}")]


def test_calls_are_counted_without_what_is_between_them() -> None:
    """An index is a call's place among the calls, not among the blocks."""
    text = (opened(type="text", text=""), more("text", "and "), STOP)
    events = answered(
        *thought(more("thinking", "hm")),
        *text,
        *call('{"n":0}'),
        *text,
        *call(call_id="c2"),
        *call('{"n":2}', call_id="c3"),
    )
    assert calls(events) == [("c1", "weather", '{"n":0}'), ("c2", "weather", "{}"), ("c3", "weather", '{"n":2}')]
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["and ", "and "]


@pytest.mark.parametrize("arguments", [['{"city": "Os'], ['{"city": "Oslo"}']], ids=["in-its-middle", "at-its-end"])
def test_a_call_that_was_cut_off_is_told_as_far_as_it_came(arguments: list[str]) -> None:
    """The finish reason tells that something is missing."""
    events = answered(*call(*arguments), reason="max_tokens")
    assert calls(events) == [("c1", "weather", "".join(arguments))]
    assert events[-1] == Finished("length")


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(
            Result(is_error=True, num_turns=4, terminal_reason="aborted_tools", errors=("[x]",)), id="aborted"
        ),
        pytest.param(Result(is_error=True, num_turns=2, terminal_reason="blocking_limit", result="full"), id="fenced"),
    ],
)
def test_calls_stay_whole_however_the_cli_was_kept_from_going_on(end: Result) -> None:
    """An interrupt and the fence both end in an error."""
    assert answered(*call("{}"), result=end) == answered(*call("{}"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            thought(more("thinking", "a"), more("thinking", "b"), more("signature", "s1"), more("signature", "s2")),
            [ReasoningDelta("a"), ReasoningDelta("b"), ReasoningBlock("ab", "s1s2")],
            id="signed",
        ),
        pytest.param(
            thought(more("thinking", "a")),
            [ReasoningDelta("a")],
            id="unsigned",
        ),
        pytest.param(
            thought(more("signature", "s")),
            [ReasoningBlock("", "s")],
            id="signed-but-not-shown",
        ),
        pytest.param(thought(), [], id="empty"),
        pytest.param(
            [opened(type="redacted_thinking", data="x"), STOP], [ReasoningBlock("", "", redacted="x")], id="redacted"
        ),
        pytest.param(
            [
                *thought(more("thinking", "a"), more("signature", "s")),
                *thought(more("thinking", "b"), more("signature", "t")),
            ],
            [ReasoningDelta("a"), ReasoningBlock("a", "s"), ReasoningDelta("b"), ReasoningBlock("b", "t")],
            id="two",
        ),
        pytest.param(
            [opened(type="of_the_next_release", data="x"), more("thinking", "a"), more("input_json", "b"), STOP],
            [],
            id="a-block-of-another-kind",
        ),
    ],
)
def test_reasoning_is_told_as_it_comes_and_then_sealed(
    content: list[ClaudeCodeResponse], expected: list[Event]
) -> None:
    """Without the vendor's signature there is nothing to hand back later."""
    assert answered(*content, reason="end_turn")[:-1] == expected


def limits(**info: Any) -> RateLimitEvent:
    """A word on the plan's limits."""
    return RateLimitEvent(rate_limit_info=RateLimitInfo.model_validate(info))


FIVE = {"utilization": 0.2, "resetsAt": 100, "status": "allowed"}
SEVEN = {"utilization": 0.8, "resetsAt": 200, "status": "allowed_warning", "surpassedThreshold": 0.75}
FIVE_HOURS = LimitWindow("five_hour", 0.2, 100, "allowed")
SEVEN_DAYS = LimitWindow("seven_day", 0.8, 200, "allowed_warning")


@pytest.mark.parametrize(
    ("told", "windows"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([limits(status="allowed", isUsingOverage=False)], None, id="no-window"),
        pytest.param([limits(rateLimitType="five_hour", **FIVE)], {FIVE_HOURS}, id="one"),
        pytest.param(
            [limits(rateLimitType="seven_day", **SEVEN, unifiedWindows={"five_hour": FIVE, "seven_day": SEVEN})],
            {FIVE_HOURS, SEVEN_DAYS},
            id="several",
        ),
        pytest.param(
            [limits(rateLimitType="five_hour", resetsAt=999, status="allowed", unifiedWindows={"five_hour": FIVE})],
            {FIVE_HOURS},
            id="a-windows-own-numbers-count",
        ),
        pytest.param(
            [limits(rateLimitType="seven_day", **SEVEN, unifiedWindows={"five_hour": FIVE})],
            {FIVE_HOURS, SEVEN_DAYS},
            id="one-that-is-not-among-them",
        ),
        pytest.param(
            [limits(rateLimitType="overage", status="allowed")],
            {LimitWindow("overage", None, None, "allowed")},
            id="without-numbers",
        ),
        pytest.param(
            [limits(rateLimitType="seven_day", **SEVEN), limits(rateLimitType="five_hour", **FIVE)],
            {FIVE_HOURS},
            id="the-last-word-counts",
        ),
    ],
)
def test_a_plans_limits_are_told_at_the_end(told: list[ClaudeCodeResponse], windows: set[LimitWindow] | None) -> None:
    """Each window once; nothing where the vendor tells of none."""
    found = [event for event in answered(*told, reason="end_turn") if isinstance(event, PlanLimits)]
    assert [set(event.windows) for event in found] == ([] if windows is None else [windows])
    assert all(len(event.windows) == len(set(event.windows)) for event in found)


def test_recorded_limits_are_read() -> None:
    """As a login near its weekly limit was told them."""
    (found,) = [event for event in play(recorded("rate_limit_warning")) if isinstance(event, PlanLimits)]
    assert set(found.windows) == {
        LimitWindow("five_hour", 0.2, 1795343235, "allowed"),
        LimitWindow("seven_day", 0.83, 1795345835, "allowed_warning"),
    }
