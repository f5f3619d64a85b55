"""The CLI's lines, decoded: every recorded one, and those that no CLI should write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.providers.claude_code.models import (
    AssistantMessage,
    ControlRequest,
    ControlResponse,
    RateLimitEvent,
    Result,
    StreamEvent,
    System,
    decode,
)

RECORDINGS = sorted((Path(__file__).parents[2] / "recordings" / "claude").glob("*.ndjson"))

KINDS: dict[str, type] = {
    "stream_event": StreamEvent,
    "system": System,
    "assistant": AssistantMessage,
    "rate_limit_event": RateLimitEvent,
    "result": Result,
    "control_request": ControlRequest,
    "control_response": ControlResponse,
}


def printed(path: Path) -> list[dict[str, Any]]:
    """What the real CLI wrote to stdout."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [line["data"] for line in lines if line["dir"] == "out" and isinstance(line["data"], dict)]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_every_line_of_the_real_cli_is_decoded(path: Path) -> None:
    """Into its type, or into nothing where it says nothing we need."""
    for data in printed(path):
        message = decode(orjson.dumps(data))
        if data["type"] in KINDS:
            assert type(message) is KINDS[data["type"]]
        else:
            assert message is None


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"type":"user","message":{}}', id="user"),
        pytest.param(b'{"type":"keep_alive"}', id="keep-alive"),
        pytest.param(b'{"type":"of_the_next_release","event":5}', id="unknown"),
        pytest.param(b'{"type":null}', id="null-type"),
    ],
)
def test_a_type_that_is_not_ours_is_passed_over(line: bytes) -> None:
    """New ones come with every release."""
    assert decode(line) is None


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"(node:1) Warning: x", id="no-json"),
        pytest.param(b'{"type":"result"', id="cut-off"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"5", id="number"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"type"', id="text"),
        pytest.param(b"{}", id="no-type"),
        pytest.param(b'{"type":["result"]}', id="type-as-a-list"),
        pytest.param(b'{"type":"stream_event"}', id="event-missing"),
        pytest.param(b'{"type":"stream_event","event":null}', id="event-null"),
        pytest.param(b'{"type":"stream_event","event":"x"}', id="event-text"),
        pytest.param(b'{"type":"stream_event","event":{}}', id="event-without-type"),
        pytest.param(b'{"type":"stream_event","event":{"type":5}}', id="event-type-number"),
        pytest.param(b'{"type":"result","is_error":"maybe"}', id="result-with-a-wrong-field"),
        pytest.param(b'{"type":"system","tools":"all"}', id="tools-as-text"),
        pytest.param(b'{"type":"rate_limit_event"}', id="limits-without-inside"),
        pytest.param(b'{"type":"rate_limit_event","rate_limit_info":{"unifiedWindows":[]}}', id="windows-as-a-list"),
        pytest.param(b'{"type":"control_request","request_id":"c1"}', id="question-without-inside"),
        pytest.param(b'{"type":"control_request","request":{}}', id="question-without-id"),
        pytest.param(b'{"type":"control_response"}', id="control-without-inside"),
        pytest.param(b'{"type":"control_response","response":{"subtype":"success"}}', id="control-without-id"),
        pytest.param(b'\xff\xfe{"type":"result"}', id="no-utf8"),
    ],
)
def test_a_line_outside_the_grammar_is_an_error_with_the_line_as_evidence(line: bytes) -> None:
    """Nothing but our own error, whatever the line."""
    with pytest.raises(ProtocolError) as caught:
        decode(line)
    assert caught.value.evidence == line.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            b'{"type":"system","subtype":"status","status":"requesting"}',
            System(subtype="status", status="requesting"),
            id="requesting",
        ),
        pytest.param(
            b'{"type":"system","subtype":"init","tools":["mcp__a__b"],"cwd":"x"}',
            System(subtype="init", tools=("mcp__a__b",)),
            id="tools",
        ),
        pytest.param(
            b'{"type":"system","subtype":"x","status":{"a":1}}',
            System(subtype="x", status={"a": 1}),
            id="something-of-its-own",
        ),
        pytest.param(b'{"type":"system"}', System(), id="nothing"),
    ],
)
def test_what_the_cli_says_of_itself_is_read(line: bytes, expected: System) -> None:
    """What it offers, what it is about to do, and whatever else a system line holds."""
    assert decode(line) == expected


def test_what_the_cli_asks_is_read() -> None:
    """With the name to answer under, and all that it asks."""
    asked = {"subtype": "mcp_message", "server_name": "s", "message": {"method": "ping", "id": 1}}
    line = orjson.dumps({"type": "control_request", "request_id": "c1", "request": asked})
    assert decode(line) == ControlRequest(request_id="c1", request=asked)


def test_a_long_line_is_cut_in_the_evidence() -> None:
    """An error is no place for megabytes."""
    with pytest.raises(ProtocolError) as caught:
        decode(b"x" * 10**6)
    assert len(caught.value.evidence) <= 500


def test_fields_of_later_releases_are_passed_over() -> None:
    """Beside those that are read."""
    message = decode(b'{"shiny":1,"is_error":true,"result":"no","usage":{"new":[1]},"type":"result"}')
    assert message == Result(is_error=True, result="no")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param({"result": "no"}, "no", id="result"),
        pytest.param({"errors": ["a", "b"]}, "a\nb", id="errors"),
        pytest.param({"result": "no", "errors": ["a"]}, "no", id="result-first"),
        pytest.param({"result": "", "errors": ["a"]}, "a", id="empty-result"),
        pytest.param({}, "", id="nothing"),
    ],
)
def test_what_the_cli_says_of_a_failure_is_found(line: dict[str, Any], text: str) -> None:
    """API errors say it in one field, broken-off turns in another."""
    message = decode(orjson.dumps({"type": "result", "is_error": True, **line}))
    assert isinstance(message, Result)
    assert message.text == text
