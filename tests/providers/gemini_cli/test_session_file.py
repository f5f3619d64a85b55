"""The CLI's session file: as it is written, and what is read from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.providers.gemini_cli import session_file

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
CONTEXT = "d04923d38bb0f6017037e74183378ef4"


def turn(kind: str, text: str) -> dict[str, Any]:
    """A turn of one text."""
    return {"type": kind, "content": [{"text": text}]}


def test_a_file_is_named_after_the_beginning_of_its_id() -> None:
    """By which the CLI finds it."""
    assert session_file.short(ID) == "0f8fad5b"
    assert session_file.name(ID) == "session-0-0f8fad5b.jsonl"


def test_a_written_file_has_a_line_for_the_session_and_one_for_each_turn() -> None:
    """The first message has the id of the CLI's own scene-setting; each has another one."""
    turns = [turn("user", "one"), turn("gemini", "two"), turn("user", "three")]
    head, *messages = [json.loads(line) for line in session_file.written(ID, turns).splitlines()]
    assert head["sessionId"] == ID
    assert head["kind"] == "main"
    assert len(head["projectHash"]) == 64
    assert [{key: each[key] for key in ("type", "content")} for each in messages] == turns
    ids = [each["id"] for each in messages]
    assert ids[0] == CONTEXT
    assert len(set(ids)) == 3
    assert all(each["timestamp"].endswith("Z") for each in [*messages, {"timestamp": head["startTime"]}])


@pytest.mark.parametrize("text", ["a\u2028b\u2029c\u0085d", "a\nb\r\nc", "\x00", "ü😀", '"\\', "x" * 100_000])
def test_a_text_is_one_line_and_comes_back_as_it_was(text: str) -> None:
    """Whatever some think a line's end."""
    raw = session_file.written(ID, [turn("user", text)])
    assert raw.count(b"\n") == 2
    assert raw.endswith(b"\n")
    assert json.loads(raw.split(b"\n")[1])["content"] == [{"text": text}]


def added(*lines: Any) -> bytes:
    """What the CLI adds to a file."""
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


USER = {"id": "1", "type": "user", "content": [{"text": ""}]}
FIRST = {"id": "2", "type": "gemini", "content": "two", "tokens": {"input": 1}}
LAST = {**FIRST, "toolCalls": [{"id": "a__b"}]}
SET = {"$set": {"lastUpdated": "now"}}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", None),
        (b"\n\n", None),
        (added(USER, SET), None),
        (added(SET, USER, FIRST, SET), FIRST),
        (added(USER, FIRST, SET, LAST, SET), LAST),
        (added({**FIRST, "content": "a\u2028b\u0085c"}), {**FIRST, "content": "a\u2028b\u0085c"}),
        (added(FIRST, 1, "gemini", ["type"], None), FIRST),
        (added(FIRST)[:-1], FIRST),
    ],
    ids=["nothing", "blank", "no answer", "an answer", "written twice", "odd line ends", "no objects", "no line end"],
)
def test_the_last_record_of_the_model_counts(raw: bytes, expected: dict[str, Any] | None) -> None:
    """It is written again with each of its calls."""
    assert session_file.record(raw) == expected


@pytest.mark.parametrize("line", [b'{"type": "gemini", "con', b"\xff\xfe", b"what?" * 1000])
def test_a_line_that_is_no_json_is_a_typed_error(line: bytes) -> None:
    """With its beginning as the evidence."""
    with pytest.raises(ProtocolError) as caught:
        session_file.record(added(FIRST) + line + b"\n" + added(LAST))
    assert caught.value.evidence == line.decode("utf-8", "replace")[:500]
