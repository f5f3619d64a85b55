"""Our ends of a child's three pipes, as asyncio protocols. No processes, no lines."""

from __future__ import annotations

import asyncio
from typing import cast

STDERR_TAIL = 8 * 1024
"""Bytes of stderr that are kept."""
_HIGH_WATER = 2**20
"""Bytes of unread stdout after which the child has to wait."""


class Input(asyncio.BaseProtocol):
    """Our end of the child's stdin."""

    def __init__(self) -> None:
        self.transport: asyncio.WriteTransport
        self.room = asyncio.Event()
        """Set while little enough is waiting to be read, and for good when nobody reads any more."""
        self.room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the transport."""
        self.transport = cast("asyncio.WriteTransport", transport)

    def pause_writing(self) -> None:
        """Called by the transport."""
        self.room.clear()

    def resume_writing(self) -> None:
        """Called by the transport."""
        self.room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport."""
        self.room.set()


class Output(asyncio.Protocol):
    """Our end of the child's stdout: chunks wait here until somebody takes them."""

    def __init__(self) -> None:
        self.transport: asyncio.ReadTransport
        self.ended = False
        """Nothing more will be kept."""
        self._chunks: list[bytes] = []
        self._size = 0
        self._ready = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the transport."""
        self.transport = cast("asyncio.ReadTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the transport."""
        if self.ended:  # by us: read only so that a child blocked on writing can go on, and end
            return
        self._chunks.append(data)
        self._size += len(data)
        self._ready.set()
        if self.full:
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport."""
        self.end()

    @property
    def full(self) -> bool:
        """Whether the child has to wait until somebody takes what is here."""
        return self._size > _HIGH_WATER

    async def take(self) -> bytes:
        """All that is here, at least one byte; empty once nothing more will come."""
        while not self._chunks and not self.ended:
            self._ready.clear()
            await self._ready.wait()
        return self._pop()

    def end(self) -> None:
        """Keep what is here and nothing more; the pipe is still read."""
        self.ended = True
        self._ready.set()

    def discard(self) -> None:
        """Keep nothing."""
        self.end()
        self._pop()

    def _pop(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self.transport.resume_reading()
        return data


class Errors(asyncio.Protocol):
    """Our end of the child's stderr: always read, only the end kept."""

    def __init__(self) -> None:
        self.tail = b""
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Called by the transport."""
        self.tail = (self.tail + data)[-STDERR_TAIL:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport."""
        self.ended.set()
