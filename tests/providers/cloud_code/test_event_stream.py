"""EventSplitter and read_events, by example and by property."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.providers.cloud_code.event_stream import EventSplitter, read_events

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3),
    max_leaves=9,
)
EVENTS = st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), max_size=6)
NOISE = st.lists(st.sampled_from([b": alive", b"event: message", b"id: 7", b"retry: 9", b"unknown", b"data:", b""]))


def events(*chunks: bytes) -> list[object]:
    """All that comes out of a body."""
    splitter = EventSplitter()
    texts = [data for chunk in chunks for data in splitter.feed(chunk)] + splitter.flush()
    return [event for data in texts for event in read_events(data)]


@given(EVENTS, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), NOISE, st.data())
def test_events_survive_any_chunking(
    sent: list[dict[str, object]], newline: bytes, pretty: bool, noise: list[bytes], data: st.DataObject
) -> None:
    """Where the chunks break, how lines end and what stands between them never changes what comes out."""
    blob = b""
    for event in sent:
        text = orjson.dumps(event, option=orjson.OPT_INDENT_2 if pretty else None)
        lines = [*noise, b"", *(b"data: " + line for line in text.split(b"\n")), b""]
        blob += b"".join(line + newline for line in lines)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(blob) - 1)))))
    chunks = [blob[start:end] for start, end in zip([0, *cuts], [*cuts, len(blob)], strict=True)]
    assert events(*chunks) == sent


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b'data: {"a":1}\r\n\r\ndata: {"a":2}\r\n\r\n', [{"a": 1}, {"a": 2}], id="CRLF"),
        pytest.param(b'data:{"a":1}\n\n\n\ndata:   {"a":2}\n\n', [{"a": 1}, {"a": 2}], id="LF, blanks"),
        pytest.param(b'data: {\ndata: "a":\r\ndata: 1}\n\n', [{"a": 1}], id="several data lines"),
        pytest.param(b': x\n\nevent: a\nid: 1\ndata: {"a":1}\nretry: 5\n\n: y\n', [{"a": 1}], id="other fields"),
        pytest.param(b"event: a\n\ndata:\n\ndata: \r\n\r\ndata\n\n", [], id="without data"),
        pytest.param('data: {"a":"\u2028\u2029\x85"}\n\n'.encode(), [{"a": "\u2028\u2029\x85"}], id="unicode"),
        pytest.param(b'data: {"a":1}', [{"a": 1}], id="no blank line at the end"),
        pytest.param(b'data: {"a":1}\n', [{"a": 1}], id="one newline at the end"),
        pytest.param(b'data: [{"a":1},{"a":2}]\n\n', [{"a": 1}, {"a": 2}], id="a list"),
        pytest.param(b"", [], id="nothing"),
        pytest.param(b'{"error":{"code":1}}', [{"error": {"code": 1}}], id="bare"),
        pytest.param(
            b'[{\n  "error": {\n    "code": 1\n  }\n}\n]\n', [{"error": {"code": 1}}], id="bare, pretty, list"
        ),
        pytest.param(
            b'data: {"a":1}\r\n\r\n{\r\n  "error": {}\r\n}\r\ndata: {"a":2}\r\n\r\n',
            [{"a": 1}, {"error": {}}, {"a": 2}],
            id="bare, between events",
        ),
        pytest.param(b'data: {"a":1}\n{"error":{}}\n\n', [{"a": 1}, {"error": {}}], id="bare, right after data"),
        pytest.param(b'{"error":{}}\n\ndata: {"a":1}\n\n', [{"error": {}}, {"a": 1}], id="bare, before a blank line"),
    ],
)
def test_what_an_event_stream_may_look_like(body: bytes, expected: list[object]) -> None:
    """Whole, and one byte at a time."""
    assert events(body) == expected
    assert events(*(body[at : at + 1] for at in range(len(body)))) == expected


def test_an_event_comes_out_with_its_blank_line() -> None:
    """It does not wait for the next one."""
    splitter = EventSplitter()
    assert splitter.feed(b'data: {"a":1}\r\n') == []
    assert splitter.feed(b"\r\n") == [b' {"a":1}\r']


@pytest.mark.parametrize("text", [b"{", b"1", b"null", b'"a"', b"[DONE]", b"[1]", b"<html>", b'{"a":"\xff"}', b""])
def test_data_that_is_no_event_is_refused_with_what_was_written(text: bytes) -> None:
    """Nothing is guessed, nothing is skipped."""
    with pytest.raises(ProtocolError) as caught:
        read_events(text)
    assert caught.value.evidence == text.decode("utf-8", "replace")


def test_the_evidence_is_bounded() -> None:
    """However much was written."""
    with pytest.raises(ProtocolError) as caught:
        read_events("é".encode() * 10_000)
    assert caught.value.evidence == "é" * 500


def test_an_event_of_a_megabyte_comes_out_whole() -> None:
    """In the chunks of a socket."""
    event = {"a": "x" * 2**20}
    blob = b"data: " + orjson.dumps(event) + b"\r\n\r\n"
    assert events(*(blob[at : at + 65536] for at in range(0, len(blob), 65536))) == [event]
