"""The file from which the CLI resumes a long conversation."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from uutel_bridge.providers.claude_code.session_file import PLACEHOLDER, in_file, session_file

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


@pytest.mark.parametrize(
    ("turns", "count"),
    [
        pytest.param(conversation(0), 0, id="one-question"),
        pytest.param(conversation(39), 0, id="just-short"),
        pytest.param(conversation(40), 79, id="long"),
        pytest.param(conversation(400), 799, id="very-long"),
        pytest.param([*conversation(39)[:-1], CALL, RESULT], 0, id="short-before-the-results"),
        pytest.param([*conversation(39), CALL, RESULT], 79, id="ends-with-results"),
        pytest.param([*conversation(39), CALL, RESULT, CALL, RESULT], 81, id="ends-in-a-loop"),
        pytest.param([conversation(0)[0]] * 40, 0, id="nobody-answers"),
        pytest.param([], 0, id="nothing"),
    ],
)
def test_only_a_long_conversation_is_better_put_into_a_file(turns: Turns, count: int) -> None:
    """From forty turns of the user's on that are not the last, and up to the newest of them."""
    assert in_file(turns) == count
    assert count == 0 or turns[count - 1]["role"] == "user"
    assert all(turn["role"] == "assistant" for turn in turns[count:-1] if count)


@pytest.mark.parametrize("asked", [40, 41, 200])
def test_the_file_holds_what_was_said_to_the_character_and_then_a_placeholder(asked: int) -> None:
    """The last question is told, as any other turn's is."""
    turns = conversation(asked, name="\u2028 \x00 é \U0001f680 \\n\n")
    told = lines(turns)
    assert [line["message"] for line in told[:-1]] == turns[: in_file(turns)]
    assert [line["uuid"] for line in told].index(PLACEHOLDER) == len(told) - 1
    assert told[-1]["type"] == "user"
    assert told[-1]["message"]["content"].strip()
    assert b"the last question" not in session_file(turns)


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


def test_another_question_to_the_same_conversation_makes_the_same_file() -> None:
    """It is not in it."""
    one, two = conversation(50), conversation(50)
    two[-1] = {"role": "user", "content": "another question"}
    assert session_file(one) == session_file(two)


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
