"""LineFramer, by example and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.core.ndjson import LineFramer

LINES = st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"\r")))


@given(LINES, st.binary(max_size=9).map(lambda data: data.replace(b"\n", b"")), st.data())
def test_lines_survive_any_chunking(lines: list[bytes], tail: bytes, data: st.DataObject) -> None:
    """Where the chunks break never changes which lines come out."""
    blob = b"".join(line + b"\n" for line in lines) + tail
    framer, got, at = LineFramer(), list[bytes](), 0
    while at < len(blob):
        size = data.draw(st.integers(1, len(blob) - at))
        got += framer.feed(blob[at : at + size])
        at += size
    assert got == lines
    assert framer.flush() == tail


def test_only_a_newline_ends_a_line() -> None:
    """What other line splitters take for an end of line is data."""
    line = '{"a":"\u2028\u2029\x0b\x0c\x85\r"}'.encode()
    assert LineFramer().feed(line + b"\n\n") == [line, b""]


def test_flush_takes_what_has_no_newline_and_forgets_it() -> None:
    """The last line of a child that died in the middle of it."""
    framer = LineFramer()
    assert framer.feed(b"a\nb") == [b"a"]
    assert framer.flush() == b"b"
    assert framer.flush() == b""
    assert framer.feed(b"c\n") == [b"c"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"", b"x" * 9),
        (b"", b"x" * 9 + b"\n"),
        (b"x" * 5, b"x" * 4 + b"\n"),
        (b"a\n", b"x" * 9),
        (b"a", b"\n" + b"x" * 9 + b"\nb"),
    ],
)
def test_a_line_over_the_limit_is_refused(first: bytes, second: bytes) -> None:
    """Whether it is complete or not, and wherever the chunks break."""
    framer = LineFramer(limit=8)
    framer.feed(first)
    with pytest.raises(ProtocolError):
        framer.feed(second)
    assert framer.flush() == b""


def test_a_chunk_over_the_limit_is_fine_if_its_lines_are_not() -> None:
    """The limit is a line's, not a chunk's."""
    framer = LineFramer(limit=8)
    assert framer.feed(b"x" * 8 + b"\n" + b"y" * 8 + b"\nz") == [b"x" * 8, b"y" * 8]
    assert framer.feed(b"\n") == [b"z"]


def test_a_huge_line_in_small_chunks_comes_out_whole() -> None:
    """64 KiB chunks are what a pipe gives."""
    framer, chunk = LineFramer(), b"x" * 4096
    for _ in range(8192):
        assert framer.feed(chunk) == []
    assert framer.feed(b"\n") == [chunk * 8192]
