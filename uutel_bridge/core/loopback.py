"""A small HTTP/1.1 server on 127.0.0.1: what a child is pointed at. Knows HTTP (by h11), nothing of any vendor."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeAlias

import h11

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a request's body; more is answered with 413."""
_MAX_HEAD = 64 * 1024
_COALESCE = 64 * 1024  # bytes written at once where a stream yields faster than the socket takes


class Cut(Exception):
    """Raised by a handler or by a streamed body: send what is there, then break the connection off."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole."""

    method: str
    target: str
    """Path and query, as sent."""
    headers: dict[str, str]
    """Names in lower case; repeated ones joined by a comma."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """One answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes | AsyncGenerator[bytes, None] = b""
    """A generator is streamed: its first bytes bring the status line, and it is closed when the peer leaves."""


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class LoopbackServer:
    """Answers with `handler` until closed; one event loop owns it.

    With a `token`, whoever does not send `Authorization: Bearer <token>` gets 401. A handler whose peer leaves is
    cancelled; one that fails breaks its connection off and is reported to the loop's exception handler.
    """

    def __init__(self, handler: Handler, token: str | None = None) -> None:
        self._handler = handler
        self._authorization = None if token is None else f"Bearer {token}".encode()
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, once started."""
        if self._server is None:
            raise RuntimeError("the server is not running")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        """Listen on a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self._handler, self._authorization, self._connections),
            "127.0.0.1",
            0,
            start_serving=False,  # it would lose the socket, if it were cancelled then
        )
        try:
            await self._server.start_serving()
        except asyncio.CancelledError:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Stop listening, break open connections off and wait for their handlers.

        Idempotent. It goes on when its caller is cancelled.
        """
        if self._server is not None:
            server, self._server = self._server, None
            self._closing = asyncio.create_task(self._close(server), name="loopback close")
        if self._closing is not None:
            await asyncio.shield(self._closing)

    async def _close(self, server: asyncio.Server) -> None:
        for listener in server.sockets:
            asyncio.get_running_loop().remove_reader(listener)
        for _ in range(2):  # a server that closes leaks whom it accepted but has no transport for yet
            await asyncio.sleep(0)
        server.close()
        await asyncio.gather(*(connection.break_off() for connection in list(self._connections)))


class _Connection(asyncio.Protocol):
    """One peer: requests in, one answer at a time out."""

    def __init__(self, handler: Handler, authorization: bytes | None, open_ones: set[_Connection]) -> None:
        self._handler = handler
        self._authorization = authorization
        self._open_ones = open_ones
        self._loop = asyncio.get_running_loop()
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._refusal = 0  # the status that answers the current request instead of the handler
        self._answering: asyncio.Task[None] | None = None
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._flush_handle: asyncio.Handle | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._lost = asyncio.Event()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.discard(self)
        self._lost.set()
        self._writable.set()
        if self._flush_handle is not None:
            self._flush_handle.cancel()
        if self._answering is not None:
            self._answering.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._h11.receive_data(data)
        if self._answering is None:
            self._read_on()
        else:
            self._transport.pause_reading()  # the next request can wait in the kernel

    async def break_off(self) -> None:
        """Drop the peer and wait for the handler to end."""
        task = self._answering
        self._transport.abort()
        await self._lost.wait()
        if task is not None:
            await asyncio.wait([task])

    # Requests

    def _read_on(self) -> None:
        try:
            while self._answering is None:
                event = self._h11.next_event()
                if event is h11.NEED_DATA:
                    self._grant_body()
                    return
                if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                    return
                self._take(event)
        except h11.RemoteProtocolError:
            self._transport.close()

    def _grant_body(self) -> None:
        if self._h11.they_are_waiting_for_100_continue:
            self._transport.write(self._h11.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")

    def _take(self, event: object) -> None:
        if isinstance(event, h11.Request):
            self._head = event
            self._body.clear()
            self._refusal = 0 if self._authorized(event) else 401
        elif isinstance(event, h11.Data) and not self._refusal:
            self._body += event.data
            if len(self._body) > MAX_BODY:
                self._body.clear()
                self._refusal = 413
        elif isinstance(event, h11.EndOfMessage):
            self._answering = self._loop.create_task(self._answer(), name="loopback answer")
            self._answering.add_done_callback(self._answered)

    def _authorized(self, head: h11.Request) -> bool:
        if self._authorization is None:
            return True
        return hmac.compare_digest(dict(head.headers).get(b"authorization", b""), self._authorization)

    # Answers

    async def _answer(self) -> None:
        request = self._request()
        try:
            response = Response(self._refusal) if self._refusal else await self._handler(request)
            if isinstance(response.body, bytes):
                self._send_head(response, {"content-length": str(len(response.body))})
                self._send(b"" if request.method == "HEAD" else response.body)
            else:
                await self._stream(response, response.body)
            self._flush()
            self._transport.write(self._h11.send(h11.EndOfMessage()) or b"")
        except Cut:
            self._flush()
            self._transport.close()

    def _request(self) -> Request:
        head = self._head
        assert head is not None
        headers: dict[str, str] = {}
        for raw_name, raw_value in head.headers:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return Request(head.method.decode("latin-1"), head.target.decode("latin-1"), headers, bytes(self._body))

    async def _stream(self, response: Response, body: AsyncGenerator[bytes, None]) -> None:
        head_sent = False
        async with aclosing(body):
            async for data in body:
                if not head_sent:
                    self._send_head(response, {})
                    head_sent = True
                self._send(data)
                if self._pending_size >= _COALESCE:
                    self._flush()
                    await self._writable.wait()
        if not head_sent:
            self._send_head(response, {})

    def _send_head(self, response: Response, framing: dict[str, str]) -> None:
        headers = [(name, value) for name, value in (response.headers | framing).items()]
        self._transport.write(self._h11.send(h11.Response(status_code=response.status, headers=headers)) or b"")

    def _send(self, data: bytes) -> None:
        """Collect until the handler waits for something, or has filled a buffer: one write, not thousands."""
        if not data:
            return
        self._pending.append(data)
        self._pending_size += len(data)
        if self._flush_handle is None:
            self._flush_handle = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._flush_handle is not None:
            self._flush_handle.cancel()
            self._flush_handle = None
        if self._pending:
            data = b"".join(self._pending)
            self._pending.clear()
            self._pending_size = 0
            self._transport.write(self._h11.send(h11.Data(data=data)) or b"")

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering = None
        if self._lost.is_set() or task.cancelled():
            self._transport.abort()
        elif (error := task.exception()) is not None:
            self._transport.abort()
            self._loop.call_exception_handler({"message": "loopback handler failed", "exception": error})
        elif self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            self._transport.resume_reading()
            self._read_on()
        else:
            self._transport.close()
