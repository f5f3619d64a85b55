"""The loopback server, asked by the standard library's own client and by bare sockets."""

from __future__ import annotations

import asyncio
import gc
import http.client
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import pytest

from uutel_bridge.core import loopback
from uutel_bridge.core.loopback import Cut, LoopbackServer, Request, Response

BOUND = 20


async def echo(request: Request) -> Response:
    """Method, target and body, as an answer."""
    return Response(
        headers={"content-type": "text/plain"}, body=f"{request.method} {request.target} ".encode() + request.body
    )


@asynccontextmanager
async def serving(
    handler: Callable[[Request], Awaitable[Response]] = echo, token: str | None = None
) -> AsyncIterator[LoopbackServer]:
    """A running server within the bound of every wait."""
    server = LoopbackServer(handler, token)
    with anyio.fail_after(BOUND):
        await server.start()
        try:
            yield server
        finally:
            await server.aclose()


def client(server: LoopbackServer) -> http.client.HTTPConnection:
    """A keep-alive client."""
    return http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=BOUND)


def ask(
    connection: http.client.HTTPConnection, method: str = "POST", target: str = "/", body: Any = b"", **headers: str
) -> tuple[int, bytes]:
    """One exchange; blocks."""
    connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read()


async def raw(server: LoopbackServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection."""
    return await asyncio.open_connection("127.0.0.1", urlsplit(server.url).port)


def streaming(*parts: bytes) -> Response:
    """A streamed answer."""

    async def body() -> AsyncGenerator[bytes, None]:
        for part in parts:
            yield part

    return Response(body=body())


async def test_one_connection_carries_many_requests():
    """Keep-alive: the socket stays the same."""
    async with serving() as server:
        connection = client(server)

        def ask_thrice() -> list[tuple[int, bytes]]:
            first = ask(connection, "GET", "/a?b=c")
            sock = connection.sock
            rest = [ask(connection, "POST", "/x", b"body"), ask(connection, "DELETE", "/y")]
            assert connection.sock is sock
            connection.close()
            return [first, *rest]

        answers = await anyio.to_thread.run_sync(ask_thrice)
    assert answers == [(200, b"GET /a?b=c "), (200, b"POST /x body"), (200, b"DELETE /y ")]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_arrives_whole(chunked: bool):
    """Three megabytes, with a length or in chunks."""
    body = bytes(range(256)) * 12_000
    async with serving() as server:
        connection = client(server)
        sent = iter([body[:1_000_000], body[1_000_000:]]) if chunked else body
        status, answer = await anyio.to_thread.run_sync(lambda: ask(connection, body=sent))
        connection.close()
    assert (status, answer) == (200, b"POST / " + body)


async def test_a_body_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch):
    """413, and the handler never sees it."""
    monkeypatch.setattr(loopback, "MAX_BODY", 1000)
    async with serving() as server:
        connection = client(server)
        answers = [await anyio.to_thread.run_sync(lambda n=n: ask(connection, body=b"x" * n)) for n in (1001, 1000)]
        connection.close()
    assert [status for status, _ in answers] == [413, 200]


async def test_without_the_token_there_is_only_401():
    """Missing, wrong and right."""
    async with serving(token="s3cret") as server:
        connection = client(server)
        statuses = [
            (await anyio.to_thread.run_sync(lambda h=h: ask(connection, **h)))[0]
            for h in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer s3cret"})
        ]
        connection.close()
    assert statuses == [401, 401, 200]


async def test_a_client_that_asks_before_sending_its_body_is_let_on():
    """`Expect: 100-continue`."""
    async with serving() as server:
        reader, writer = await raw(server)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(b"ok")
        assert (await reader.readuntil(b"POST / ok")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_pipelined_requests_are_answered_in_order():
    """Both were sent before the first answer."""
    async with serving() as server:
        reader, writer = await raw(server)
        writer.write(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = await reader.read()
        writer.close()
    assert answers.index(b"GET /1 ") < answers.index(b"GET /2 ")


async def test_a_head_request_gets_the_length_and_no_body():
    """As HTTP wants it."""
    async with serving() as server:
        connection = client(server)
        connection.request("HEAD", "/hello")
        answer = await anyio.to_thread.run_sync(connection.getresponse)
        assert (answer.status, answer.getheader("content-length"), answer.read()) == (200, "12", b"")
        connection.close()


async def test_nonsense_ends_the_connection():
    """No answer to what is not HTTP."""
    async with serving() as server:
        reader, writer = await raw(server)
        writer.write(b"\x16\x03\x01 not http\r\n\r\n")
        assert await reader.read() == b""
        writer.close()


async def test_a_stream_arrives_as_it_is_made():
    """The first part is there while the second is not yet made."""
    go_on = asyncio.Event()

    async def body() -> AsyncGenerator[bytes, None]:
        yield b"first "
        await go_on.wait()
        yield b"second"

    async def handler(_: Request) -> Response:
        return Response(headers={"content-type": "text/event-stream"}, body=body())

    async with serving(handler) as server:
        reader, writer = await raw(server)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"first ")
        go_on.set()
        await reader.readuntil(b"second")
        writer.close()


async def test_a_long_burst_arrives_whole_in_few_writes():
    """20,000 small parts are not 20,000 writes; a slow reader holds the stream up, not the memory."""
    parts = [b"data: %d\n\n" % n for n in range(20_000)]

    async def handler(_: Request) -> Response:
        return streaming(*parts)

    async with serving(handler) as server:
        connection = client(server)
        status, answer = await anyio.to_thread.run_sync(lambda: ask(connection))
        assert (status, answer) == (200, b"".join(parts))
        reader, writer = await raw(server)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        chunks = (await reader.read()).split(b"\r\n\r\n", 1)[1].count(b"\r\n") // 2
        writer.close()
        connection.close()
    assert chunks < 20


async def test_an_empty_stream_is_an_empty_answer():
    """The status line comes all the same."""

    async def handler(_: Request) -> Response:
        return streaming()

    async with serving(handler) as server:
        connection = client(server)
        assert await anyio.to_thread.run_sync(lambda: ask(connection)) == (200, b"")
        connection.close()


async def test_a_cut_sends_what_was_there_and_breaks_off():
    """The peer sees an incomplete body, not an end."""

    async def body() -> AsyncGenerator[bytes, None]:
        yield b"half"
        raise Cut

    async def handler(_: Request) -> Response:
        return Response(body=body())

    async with serving(handler) as server:
        connection = client(server)
        connection.request("GET", "/")
        answer = await anyio.to_thread.run_sync(connection.getresponse)
        with pytest.raises(http.client.IncompleteRead) as caught:
            await anyio.to_thread.run_sync(answer.read)
        connection.close()
    assert caught.value.partial == b"half"


async def test_a_cut_before_the_answer_sends_nothing():
    """Not even a status line."""

    async def handler(_: Request) -> Response:
        raise Cut

    async with serving(handler) as server:
        reader, writer = await raw(server)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.read() == b""
        writer.close()


async def test_a_handler_that_fails_is_reported_and_breaks_off():
    """Its error reaches the loop, the peer gets no made-up answer."""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async def handler(_: Request) -> Response:
        raise ValueError("broken handler")

    async with serving(handler) as server:
        reader, writer = await raw(server)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
    asyncio.get_running_loop().set_exception_handler(None)
    assert [str(context["exception"]) for context in reported] == ["broken handler"]


class Hanging:
    """A handler that never ends by itself."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.ended = asyncio.Event()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """One part, then nothing."""
        try:
            yield b"first"
            self.reached.set()
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def __call__(self, request: Request) -> Response:
        """Hang before the answer, or in it."""
        if request.target == "/stream":
            return Response(body=self.stream())
        try:
            self.reached.set()
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError


@pytest.mark.parametrize("target", ["/", "/stream"])
async def test_a_handler_ends_when_its_peer_leaves(target: str):
    """Before the answer and in the middle of it."""
    handler = Hanging()
    async with serving(handler) as server:
        _, writer = await raw(server)
        writer.write(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target.encode())
        await handler.reached.wait()
        writer.close()
        await handler.ended.wait()


@pytest.mark.parametrize("target", ["/", "/stream"])
async def test_closing_the_server_ends_its_handlers_and_connections(target: str):
    """Busy and idle connections alike, at once."""
    handler = Hanging()
    async with serving(handler) as server:
        idle_reader, idle_writer = await raw(server)
        _, writer = await raw(server)
        writer.write(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target.encode())
        await handler.reached.wait()
        port = urlsplit(server.url).port
        await server.aclose()
        assert handler.ended.is_set()
        assert await idle_reader.read() == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port or 0), timeout=BOUND).close()
        await server.aclose()
        for each in (idle_writer, writer):
            each.close()


async def test_a_server_that_is_not_running_has_no_url():
    """A programming error says so."""
    with pytest.raises(RuntimeError):
        _ = LoopbackServer(echo).url


@pytest.mark.parametrize("turns", range(5))
async def test_closing_the_server_loses_no_connection_that_has_just_come(turns: int):
    """However far the loop has got with it: the peer finds its connection broken off, and no socket stays behind."""
    server = LoopbackServer(echo)
    with anyio.fail_after(BOUND):
        await server.start()
        peer = socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), timeout=BOUND)
        for _ in range(turns):
            await asyncio.sleep(0)
        await server.aclose()
    with peer, suppress(ConnectionResetError):
        assert await anyio.to_thread.run_sync(peer.recv, 1) == b""
    gc.collect()  # what was left behind is warned of


async def test_a_close_whose_caller_leaves_goes_on():
    """Nobody is left waiting at a server that is no more."""
    handler = Hanging()
    async with serving(handler) as server:
        reader, writer = await raw(server)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await handler.reached.wait()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await server.aclose()
        assert scope.cancelled_caught
        await handler.ended.wait()
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("turns", range(8))
async def test_a_start_whose_caller_leaves_leaves_no_socket_open(turns: int):
    """However far it has got: it is listening, or there is nothing of it."""
    server = LoopbackServer(echo)
    with anyio.fail_after(BOUND):
        starting = asyncio.ensure_future(server.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
            await server.aclose()
    gc.collect()  # what was left behind is warned of
