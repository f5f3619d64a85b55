"""Bytes in, lines out. No I/O, no JSON."""

from __future__ import annotations

from uutel_bridge.core.errors import ProtocolError


class LineFramer:
    r"""Puts lines together again from chunks that may break anywhere.

    Only `\n` ends a line: U+2028 and its kind are data in JSON. A line longer than `limit` bytes is refused,
    so a child that never ends its line cannot take all our memory.
    """

    __slots__ = ("_limit", "_parts", "_size")

    def __init__(self, limit: int = 64 * 2**20) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take a chunk; return the lines it completed, without their newline.

        Raises:
            ProtocolError: A line is longer than the limit. What was held is forgotten.
        """
        # Joined only when a line ends: a huge line in small chunks is copied once.
        self._parts.append(chunk)
        self._size += len(chunk)
        lines = b"".join(self._parts).split(b"\n") if b"\n" in chunk else []
        if self._size > self._limit and max(map(len, lines), default=self._size) > self._limit:
            self.flush()
            raise ProtocolError(f"A line is longer than {self._limit} bytes.")
        if lines:
            tail = lines.pop()
            self._parts, self._size = [tail], len(tail)
        return lines

    def flush(self) -> bytes:
        """Take what came after the last newline, possibly nothing."""
        tail = b"".join(self._parts)
        self._parts, self._size = [], 0
        return tail
