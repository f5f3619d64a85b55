"""How conversations and answers are told in the log, where they are."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from uutel_bridge.core import transcript
from uutel_bridge.core.events import Event, ReasoningDelta, Started, TextDelta, ToolCallDelta
from uutel_bridge.core.request import read_request

PDF = base64.b64encode(b"%PDF-1.4 made up").decode()


@pytest.fixture(autouse=True)
def _at_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "uutel_bridge")


def asked(*messages: dict[str, Any]) -> None:
    """A request like this is told."""
    transcript.asked(read_request("m", list(messages), {}, provider="claude-code", supported={"tools"}))


async def ignore(event: Event) -> None:
    """Nobody's reader."""


def test_a_message_is_one_line_whatever_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    """With what cannot be seen written out, and media by their kind alone."""
    document = {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}
    asked({"role": "user", "content": [{"type": "text", "text": "one\ntwo\x85\u2028\x1b[31m%s"}, document]})
    assert caplog.messages == [r"message 1 of 1, user: 'one\ntwo\x85\u2028\x1b[31m%s' [document]"]


def test_a_long_text_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    """The line says how long it was."""
    asked({"role": "user", "content": "a" * 4000}, {"role": "user", "content": "b" * 4001})
    assert caplog.messages == [
        f"message 1 of 2, user: '{'a' * 4000}'",
        f"message 2 of 2, user: '{'b' * 4000}'... (4001 characters)",
    ]


def test_calls_have_lines_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    """As the model wrote them."""
    calls = [
        {"id": name, "type": "function", "function": {"name": name, "arguments": f"{{{name}"}}
        for name in ("one", "two")
    ]
    results = [{"role": "tool", "tool_call_id": name, "content": f"of {name}"} for name in ("one", "two")]
    asked({"role": "user", "content": "?"}, {"role": "assistant", "content": None, "tool_calls": calls}, *results)
    assert caplog.messages[1:] == [
        "message 2 of 4, assistant: ''",
        "message 2 of 4 calls one('{one')",
        "message 2 of 4 calls two('{two')",
        "message 3 of 4, tool: 'of one'",
        "message 4 of 4, tool: 'of two'",
    ]


async def test_an_answer_is_told_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    """Text and calls in one piece each, and nothing else of it; the caller hears every event."""
    heard: list[Event] = []

    async def note(event: Event) -> None:
        heard.append(event)

    said = [
        Started("id", "model"),
        ReasoningDelta("Hm."),
        TextDelta("Let me "),
        TextDelta("look."),
        ToolCallDelta(0, "call_1", "alpha", '{"n":', signature="sealed"),
        ToolCallDelta(1, "call_2", "beta"),
        ToolCallDelta(0, arguments=" 1}"),
    ]
    with transcript.answered(note) as hear:
        for event in said:
            await hear(event)
        assert caplog.messages == []
    assert heard == said
    assert caplog.messages == ["answer: 'Let me look.'", "answer calls alpha('{\"n\": 1}')", "answer calls beta('')"]


async def test_of_an_answer_that_breaks_off_it_is_told_what_there_was(caplog: pytest.LogCaptureFixture) -> None:
    """The failure goes on its way."""

    async def break_off() -> None:
        with transcript.answered(ignore) as hear:
            await hear(TextDelta("Half an ans"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await break_off()
    assert caplog.messages == ["answer: 'Half an ans'"]
