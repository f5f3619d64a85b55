"""Endpoints of a test's own for the Service, and how it is asked here."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import anyio
import pytest

from uutel_bridge.core.errors import UUError
from uutel_bridge.core.loopback import Handler, LoopbackServer, Response
from uutel_bridge.providers.cloud_code.service import Service

BOUND = 60
TOKEN = "made-up-secret-token"
SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json; charset=UTF-8"}
ErrorT = TypeVar("ErrorT", bound=UUError)


@asynccontextmanager
async def served(handler: Handler) -> AsyncGenerator[str, None]:
    """The address of an endpoint that answers so."""
    server = LoopbackServer(handler)
    await server.start()
    try:
        yield server.url
    finally:
        await server.aclose()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[Service, None]:
    """A service over an endpoint that answers so."""
    async with served(handler) as url, serviced(url) as service:
        yield service


@asynccontextmanager
async def serviced(url: str) -> AsyncGenerator[Service, None]:
    """A service at an address, for a bounded time."""
    service = Service(url)
    try:
        with anyio.fail_after(BOUND):
            yield service
    finally:
        await service.aclose()


@asynccontextmanager
async def speaking(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], tls: Any = None
) -> AsyncGenerator[int, None]:
    """The port of a server that says to each peer what `talk` does, and hangs up."""
    talks = set[asyncio.Task[None]]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the peer left
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


def answering(response: Response) -> Handler:
    """The same to everybody."""

    async def answer(_: object) -> Response:
        return response

    return answer


async def silence(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Of a server that says nothing."""


async def gather(service: Service, into: list[Any], body: dict[str, Any] | None = None) -> None:
    """Add all events of an answer, also those before its error."""
    async with aclosing(service.stream(body or {}, TOKEN)) as events:
        async for event in events:
            into.append(event)  # noqa: PERF401  # one by one, as they come


async def streamed(service: Service, body: dict[str, Any] | None = None) -> list[Any]:
    """All events of an answer."""
    got: list[Any] = []
    await gather(service, got, body)
    return got


async def failed(asked: Awaitable[object], cls: type[ErrorT]) -> ErrorT:
    """The error that this ends in; it does not tell the token."""
    with pytest.raises(cls) as caught:
        await asked
    error = caught.value
    assert type(error) is cls
    told = [str(error), repr(error), repr(error.__dict__), *traceback.format_exception(error)]
    assert not [text for text in told if TOKEN in text]
    return error
