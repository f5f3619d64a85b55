"""When the CLI is kept from asking the model again: by recordings, and message by message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from uutel_bridge.providers.claude_code.guard import Guard
from uutel_bridge.providers.claude_code.models import (
    AssistantMessage,
    ClaudeCodeResponse,
    Result,
    StreamEvent,
    System,
    decode,
)

RECORDINGS = Path(__file__).parents[2] / "recordings" / "claude"


def event(kind: str, **fields: Any) -> StreamEvent:
    """An event of the stream."""
    return StreamEvent({"type": kind, **fields})


def ended(reason: str | None) -> StreamEvent:
    """The end of an answer."""
    return event("message_delta", delta={"stop_reason": reason})


REQUESTING = System(subtype="status", status="requesting")
BEGUN = event("message_start", message={})
BLOCK = event("content_block_start", content_block={"type": "text"})
STOP = event("message_stop")


def recorded(name: str) -> list[ClaudeCodeResponse]:
    """The messages of a recorded turn."""
    lines = map(json.loads, (RECORDINGS / f"{name}.ndjson").read_text(encoding="utf-8").splitlines())
    printed = [line["data"] for line in lines if line["dir"] == "out"]
    messages = [message for message in map(decode, map(orjson.dumps, printed)) if message is not None]
    end = next(at for at, message in enumerate(messages) if isinstance(message, Result))
    return messages[: end + 1]


@pytest.mark.parametrize(
    ("early", "message", "closes"),
    [
        pytest.param(True, REQUESTING, True, id="early-as-it-is-asked"),
        pytest.param(True, BEGUN, False, id="early-not-again-as-it-answers"),
        pytest.param(False, REQUESTING, False, id="late-not-as-it-is-asked"),
        pytest.param(False, BEGUN, True, id="late-as-it-answers"),
        *(
            pytest.param(early, message, False, id=f"{name}-{'early' if early else 'late'}")
            for early in (True, False)
            for name, message in {
                "setup": System(subtype="init"),
                "other-status": System(subtype="status", status="compacting"),
                "block": BLOCK,
                "end": STOP,
                "result": Result(),
            }.items()
        ),
    ],
)
def test_the_fence_goes_up_with_the_request_or_with_the_answer(
    early: bool, message: ClaudeCodeResponse, closes: bool
) -> None:
    """And at no other word."""
    assert Guard(early=early).must_close(message) is closes


@pytest.mark.parametrize(
    ("messages", "at"),
    [
        *(
            pytest.param([BEGUN, BLOCK, ended(reason), STOP], 2, id=reason)
            for reason in ("max_tokens", "model_context_window_exceeded", "refusal", "tool_use")
        ),
        *(
            pytest.param([BEGUN, BLOCK, ended(reason), STOP], None, id=reason)
            for reason in ("end_turn", "stop_sequence", "of_the_next_release")
        ),
        pytest.param([BEGUN, ended("end_turn"), STOP], 2, id="empty"),
        pytest.param([BEGUN, BLOCK, STOP], 2, id="without-an-end"),
        pytest.param([BEGUN, BLOCK, ended(None), STOP], 3, id="without-a-reason"),
        pytest.param([REQUESTING, AssistantMessage(error="rate_limit"), Result(is_error=True)], None, id="failed"),
    ],
)
@pytest.mark.parametrize("early", [True, False], ids=["early", "late"])
def test_the_cli_is_interrupted_where_it_is_about_to_go_on(
    messages: list[ClaudeCodeResponse], at: int | None, early: bool
) -> None:
    """At the first word that tells of it, and once."""
    guard = Guard(early=early)
    assert [n for n, message in enumerate(messages) if guard.must_interrupt(message)] == ([] if at is None else [at])


@pytest.mark.parametrize(
    ("recording", "reason"),
    [
        ("tool_interrupt_rewind_replay", "tool_use"),
        ("parallel_sdk_mcp", "tool_use"),
        ("tool_sdk_mcp", "tool_use"),
        ("max_tokens", "max_tokens"),
        ("refusal", "refusal"),
    ],
)
def test_a_recorded_turn_that_went_on_would_have_been_interrupted_in_its_first_answer(
    recording: str, reason: str
) -> None:
    """When all of it had been streamed."""
    guard, messages = Guard(early=True), recorded(recording)
    at = next(n for n, message in enumerate(messages) if guard.must_interrupt(message))
    first = messages[at]
    assert isinstance(first, StreamEvent)
    assert first.event["delta"]["stop_reason"] == reason
    begun = [message for message in messages[:at] if isinstance(message, StreamEvent)]
    assert sum(message.event["type"] == "message_start" for message in begun) == 1


@pytest.mark.parametrize("recording", ["text", "thinking", "rate_limit_warning", "e400", "limit", "too_long"])
def test_a_recorded_turn_that_ended_by_itself_is_let_alone(recording: str) -> None:
    """An interrupt would make an error of it."""
    guard = Guard(early=True)
    assert not [message for message in recorded(recording) if guard.must_interrupt(message)]


FULL = Result(is_error=True, terminal_reason="blocking_limit")


@pytest.mark.parametrize(
    ("early", "messages", "too_early"),
    [
        pytest.param(True, [REQUESTING, FULL], True, id="before-its-request"),
        pytest.param(False, [REQUESTING, FULL], False, id="late-so-it-was-not-the-fence"),
        pytest.param(True, [REQUESTING, BEGUN, BLOCK, ended("max_tokens"), STOP, FULL], False, id="after-an-answer"),
        pytest.param(True, [REQUESTING, Result()], False, id="a-plain-end"),
        pytest.param(True, [REQUESTING, Result(terminal_reason="prompt_too_long")], False, id="too-long-says-the-api"),
        pytest.param(True, [REQUESTING], False, id="under-way"),
    ],
)
def test_a_fence_that_came_too_early_is_told_from_one_in_time(
    early: bool, messages: list[ClaudeCodeResponse], too_early: bool
) -> None:
    """The turn is then asked once more."""
    guard = Guard(early=early)
    for message in messages:
        guard.must_close(message)
        guard.must_interrupt(message)
    assert guard.too_early is too_early
