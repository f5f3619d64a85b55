"""A conversation in words, for a version that takes no session file."""

from __future__ import annotations

from typing import Any

import pytest

from uutel_bridge.providers.gemini_cli.transcript import transcript

FIRST = {"text": "", "thought": False}
CALL = {"functionCall": {"id": "c", "name": "mcp_u_a", "args": {"n": 1}}}
RESULT = {"functionResponse": {"id": "c", "name": "mcp_u_a", "response": {"output": "ü"}}}
IMAGE = {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}
AUDIO = {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}}
DOT = {"text": ".", "thought": True}


def text(said: str) -> dict[str, str]:
    """A part of a prompt."""
    return {"type": "text", "text": said}


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([("user", [FIRST, {"text": "Hello"}])], [text("User:\n"), text("Hello\n")]),
        (
            [("user", [{"text": "one"}, {"text": "two"}]), ("gemini", [{"text": "three"}]), ("user", [{"text": "4"}])],
            [
                *(text("User:\n"), text("one\n"), text("two\n")),
                *(text("Assistant:\n"), text("three\n"), text("User:\n"), text("4\n")),
            ],
        ),
        ([("user", [{"text": "/about"}])], [text("User:\n"), text("/about\n")]),
        (
            [("user", [IMAGE, {"text": "what?"}, AUDIO])],
            [
                text("User:\n"),
                {"type": "image", "mimeType": "image/png", "data": "iVBO"},
                text("what?\n"),
                {"type": "audio", "mimeType": "audio/wav", "data": "UklG"},
            ],
        ),
        (
            [("gemini", [CALL]), ("user", [RESULT]), ("gemini", [DOT, {"text": ""}])],
            [
                text("Assistant:\n"),
                text('{"functionCall":{"id":"c","name":"mcp_u_a","args":{"n":1}}}\n'),
                text("User:\n"),
                text('{"functionResponse":{"id":"c","name":"mcp_u_a","response":{"output":"ü"}}}\n'),
                text("Assistant:\n"),
            ],
        ),
    ],
    ids=["a text", "a conversation", "a command", "media", "a call and its result"],
)
def test_a_conversation_is_told_in_order(
    turns: list[tuple[str, list[dict[str, Any]]]], expected: list[dict[str, str]]
) -> None:
    """Who said what; media stand where they stood, and nothing but a label comes first."""
    assert transcript([{"type": kind, "content": content} for kind, content in turns]) == expected
