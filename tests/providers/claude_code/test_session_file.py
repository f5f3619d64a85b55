"""The file from which the CLI resumes a conversation, and which conversations are better told by one."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from uutel_bridge.core.media import Media
from uutel_bridge.core.messages import Message, Part, Role, Text
from uutel_bridge.providers.claude_code.session_file import PLACEHOLDER, is_better_in_a_file, session_file

Turns = list[dict[str, Any]]


def conversation(asked: int, name: str = "x") -> Turns:
    """Questions with their answers, and one more question, which is the last."""
    turns = [
        {"role": role, "content": f"{role} {n} {name}"} for n in range(1, asked + 1) for role in ("user", "assistant")
    ]
    return [*turns, {"role": "user", "content": "the last question"}]


def lines(turns: Turns) -> list[dict[str, Any]]:
    """The lines of the file."""
    return [json.loads(line) for line in session_file(turns).splitlines()]


CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "r"}]}


def image(size: tuple[int, int], count: int = 9) -> Media:
    """An image of so many pixels and bytes."""
    return Media("image", "image/png", "A" * (count * 4 // 3), "", size)


def said(role: Role, *parts: Part) -> Message:
    """A message."""
    return Message(role, parts or (Text("x"),))


@pytest.mark.parametrize(
    ("turns", "better"),
    [
        pytest.param([said("user")], False, id="one-question"),
        pytest.param([said("user"), said("assistant")] * 99, False, id="just-short"),
        pytest.param([said("user"), said("assistant")] * 99 + [said("user")], True, id="long"),
        pytest.param([said("user"), *[said("assistant"), said("tool")] * 99], True, id="a-long-loop"),
        pytest.param(
            [said("user"), *[said("assistant"), said("tool"), said("tool")] * 98], False, id="two-results-a-turn"
        ),
        pytest.param([said("user")] * 300, False, id="one-turn-of-many-messages"),
        pytest.param([said("user", image((2000, 2000), 500_000))], False, id="an-image-just-small-enough"),
        pytest.param([said("user", image((2001, 1)))], True, id="a-wide-image"),
        pytest.param([said("user", image((1, 2001)))], True, id="a-high-image"),
        pytest.param([said("user", image((9, 9), 500_100))], True, id="a-heavy-image"),
        pytest.param([said("user", Text("x"), image((3000, 9))), said("assistant"), said("user")], True, id="earlier"),
        pytest.param([said("user"), said("assistant"), said("tool", image((3000, 9)))], False, id="in-a-result"),
        pytest.param([said("user", Media("document", "application/pdf", "A" * 9**6, ""))], False, id="a-heavy-pdf"),
        pytest.param([said("user", Media("image", "", "", "https://a/b.png"))], False, id="an-image-by-its-address"),
    ],
)
def test_only_what_takes_long_or_would_be_changed_is_better_told_by_a_file(turns: list[Message], better: bool) -> None:
    """The CLI changes large images on stdin, and no other."""
    assert is_better_in_a_file(turns) is better


@pytest.mark.parametrize("asked", [40, 41, 200])
def test_the_file_holds_what_was_said_to_the_character_and_then_a_placeholder(asked: int) -> None:
    """The last question is in it as well."""
    turns = conversation(asked, name="\u2028 \x00 é \U0001f680 \\n\n")
    told = lines(turns)
    assert [line["message"] for line in told[:-1]] == turns
    assert [line["uuid"] for line in told].index(PLACEHOLDER) == len(told) - 1
    assert told[-1]["type"] == "user"
    assert told[-1]["message"]["content"].strip()


def test_each_line_hangs_on_the_one_before() -> None:
    """The CLI follows them from the last to the first."""
    told = lines(conversation(50))
    assert [line["parentUuid"] for line in told] == [None, *(line["uuid"] for line in told[:-1])]
    assert len({line["uuid"] for line in told}) == len(told)
    assert all(line["type"] == line["message"]["role"] for line in told)


def test_all_ids_are_uuids_and_one_session_holds_all_lines() -> None:
    """In the form that the CLI itself writes."""
    told = lines(conversation(300))
    (session,) = {line["sessionId"] for line in told}
    for each in (session, *(line["uuid"] for line in told)):
        assert str(UUID(each)) == each
        assert UUID(each).version == 4


def test_the_same_conversation_makes_the_same_file() -> None:
    """Equal starts are equal plans."""
    assert session_file(conversation(50)) == session_file(conversation(50))


def test_another_conversation_is_another_session() -> None:
    """Though the ids of its lines are the same."""
    one, two = lines(conversation(50)), lines(conversation(50, name="y"))
    assert one[0]["sessionId"] != two[0]["sessionId"]
    assert [line["uuid"] for line in one] == [line["uuid"] for line in two]


def test_a_message_keeps_all_its_fields() -> None:
    """The model's name, without which reasoning would be dropped, and blocks of any kind."""
    thought = {
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [{"type": "thinking", "thinking": "t", "signature": "s"}, *CALL["content"]],
    }
    turns = [conversation(0)[0], thought, RESULT, CALL, RESULT, *conversation(40)[1:]]
    told = lines(turns)
    assert [line["message"] for line in told[1:5]] == [thought, RESULT, CALL, RESULT]
