"""OpenAI's turns as a session file has them; how each turn is said is `gemini_api`'s."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gemini_api import messages as plain
from tests.gemini_api.messages import IMAGE, IMAGE_PART, Message, assistant, call, result, user
from uutel_bridge.core.messages import read_messages
from uutel_bridge.providers.gemini_cli.conversation import turns

FIRST = {"text": "", "thought": False}
LAST = {"type": "gemini", "content": [{"text": ".", "thought": True}, {"text": ""}]}
NAME = "mcp_u_look"


def made(*messages: Message) -> list[Any]:
    """The turns of the session file."""
    return list(turns(read_messages(list(messages))))


def asked(*parts: Message) -> Message:
    """A turn of the user's."""
    return {"type": "user", "content": [FIRST, *parts]}


def said(*parts: Message) -> Message:
    """A turn of the model's."""
    return {"type": "gemini", "content": list(parts)}


def answered(*parts: Message) -> Message:
    """A turn of the user's that begins with a result."""
    return {"type": "user", "content": list(parts)}


def calling(call_id: str, **beside: Any) -> Message:
    """The part of a call."""
    return plain.calling(call_id, name=NAME, **beside)


def output(call_id: str, text: str = "r") -> Message:
    """The part of a result."""
    return plain.output(call_id, text, name=NAME)


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        pytest.param([user("/help")], [asked({"text": "/help"})], id="one"),
        pytest.param(
            [user("a"), assistant("b"), user("c")],
            [asked({"text": "a"}), said({"text": "b"}), asked({"text": "c"})],
            id="several",
        ),
        pytest.param([assistant("a"), user("b")], [said({"text": "a"}), asked({"text": "b"})], id="answer-first"),
        pytest.param(
            [user("a"), assistant(None), user("b")],
            [asked({"text": "a"}), said({"text": " ", "thought": False}), asked({"text": "b"})],
            id="an-answer-of-nothing",
        ),
        pytest.param(
            [user("a"), assistant("\ufeff\n"), user("b")],
            [asked({"text": "a"}), said({"text": "\ufeff\n", "thought": False}), asked({"text": "b"})],
            id="a-blank-answer",
        ),
        pytest.param([user("")], [asked({"text": " "})], id="a-question-of-nothing"),
    ],
)
def test_a_turn_has_the_shape_that_the_cli_passes_on(messages: list[Message], told: list[Message]) -> None:
    """As it is, whatever is said in it."""
    assert made(*messages) == told


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        pytest.param(
            [assistant("well", call("c", '{"b":1,"a":{"y":2}}')), result("c")],
            [said({"text": "well"}, calling("c", b=1, a={"y": 2})), answered(output("c")), LAST],
            id="a-call-and-its-result",
        ),
        pytest.param(
            [assistant("", call("c"), call("d")), result("d", "2"), result("c", ["a", "b"])],
            [
                said(calling("c"), calling("d", signature=None)),
                answered(output("d", "2"), output("c", "ab")),
                LAST,
            ],
            id="two-calls",
        ),
        pytest.param(
            [assistant(None, call("c")), result("c"), user("/go on")],
            [said(calling("c")), answered(output("c"), {"text": "/go on"}), LAST],
            id="a-result-and-more-of-the-users",
        ),
        pytest.param(
            [assistant(None, call("c")), result("c"), assistant("a"), user("b")],
            [said(calling("c")), answered(output("c")), said({"text": "a"}), asked({"text": "b"})],
            id="a-result-that-was-read",
        ),
        pytest.param(
            [assistant(None, call("c")), result("c", "1"), assistant(None, call("c")), result("c", "2")],
            [said(calling("c")), answered(output("c", "1")), said(calling("c-2")), answered(output("c-2", "2")), LAST],
            id="an-id-that-comes-again",
        ),
        pytest.param(
            [assistant(None, call("c"), call("d")), result("c", ["a", IMAGE, "b"]), result("d", [IMAGE])],
            [
                said(calling("c"), calling("d", signature=None)),
                answered(output("c", "ab"), IMAGE_PART, output("d", ""), IMAGE_PART),
                LAST,
            ],
            id="results-with-images",
        ),
    ],
)
def test_calls_and_results_are_told_part_by_part(messages: list[Message], told: list[Message]) -> None:
    """The CLI adds nothing to them: neither a signature nor a turn that says it was interrupted."""
    assert made(user("q"), *messages)[1:] == told
