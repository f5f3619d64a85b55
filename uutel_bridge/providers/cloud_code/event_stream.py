"""Bytes of an event stream in, Code Assist's events out. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.core.ndjson import LineFramer

_EVIDENCE = 500
"""Characters of what cannot be read that are shown."""


class EventSplitter:
    r"""Puts the data of server-sent events together again from chunks that may break anywhere.

    Only `\n` ends a line: U+2028 and its kind are data in JSON. Comments and other fields mean nothing here. JSON that
    stands bare among the events, or in place of them, is an error that Google did not wrap: it is given out as data.
    """

    __slots__ = ("_framer", "_is_bare", "_parts")

    def __init__(self) -> None:
        self._framer = LineFramer()
        self._parts: list[bytes] = []
        self._is_bare = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take a chunk; return the data of each event that it completed, never empty.

        Raises:
            ProtocolError: A line is longer than any event.
        """
        done: list[bytes] = []
        for line in self._framer.feed(chunk):
            self._take(line, done)
        return done

    def flush(self) -> list[bytes]:
        """Take what came after the last blank line, once the body has ended as it should.

        A browser would throw it away. Here the body's own end says that nothing is missing, and it may be the error
        that ended it.
        """
        done: list[bytes] = []
        self._take(self._framer.flush(), done)
        self._end(done)
        return done

    def _take(self, line: bytes, done: list[bytes]) -> None:
        if line.startswith(b"data:"):
            if self._is_bare:
                self._end(done)
            self._parts.append(line[5:])  # with the space and the \r that may be around it: JSON allows them
        elif line in {b"", b"\r"}:
            self._end(done)
        elif self._is_bare:
            self._parts.append(line)
        elif line.lstrip().startswith((b"{", b"[")):
            self._end(done)
            self._is_bare = True
            self._parts.append(line)

    def _end(self, done: list[bytes]) -> None:
        if self._parts:
            data = b"\n".join(self._parts)
            self._parts.clear()
            self._is_bare = False
            if data and not data.isspace():
                done.append(data)


def read_events(data: bytes) -> Sequence[Mapping[str, Any]]:
    """The events in an event's data, or in a body that is plain JSON: one, or a list of them.

    Raises:
        ProtocolError: It is neither.
    """
    try:
        value: object = orjson.loads(data)
    except ValueError:
        value = None
    if isinstance(value, dict):
        return (cast("dict[str, Any]", value),)
    if isinstance(value, list):
        items = cast("list[object]", value)
        if all(isinstance(item, dict) for item in items):
            return cast("list[dict[str, Any]]", items)
    raise unreadable(data)


def unreadable(data: bytes) -> ProtocolError:
    """What the endpoint wrote is not what it should be."""
    evidence = data[: 4 * _EVIDENCE].decode("utf-8", "replace")[:_EVIDENCE]
    return ProtocolError("Google's service answered something that is no Code Assist answer.", evidence=evidence)
