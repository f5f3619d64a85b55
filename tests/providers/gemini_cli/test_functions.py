"""The server of the caller's functions, asked over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from typing import Any

import anyio
import pytest
from anyio import to_thread

from uutel_bridge.providers.gemini_cli.functions import FunctionServer

BOUND = 30
TOOL = {"name": "a_tool", "description": "Does.", "inputSchema": {"type": "object"}}
OTHER = {**TOOL, "name": "b_tool"}


@asynccontextmanager
async def serving() -> AsyncIterator[FunctionServer]:
    """A server that listens."""
    with anyio.fail_after(BOUND):
        functions = FunctionServer()
        await functions.start()
        try:
            yield functions
        finally:
            await functions.aclose()


async def send(
    entry: Any, message: Any = None, *, method: str = "POST", path: str = "", token: str = ""
) -> tuple[int, Any]:
    """Status and body of one HTTP request, with what the entry says where nothing else is said."""
    host, _, own = entry["url"].removeprefix("http://").partition("/")
    authorization = token or entry["headers"][0]["value"]

    def exchange() -> tuple[int, Any]:
        connection = HTTPConnection(host, timeout=BOUND)
        try:
            body = None if message is None else json.dumps(message)
            connection.request(method, path or f"/{own}", body, {"Authorization": authorization})
            response = connection.getresponse()
            said = response.read()
            return response.status, json.loads(said) if said else None
        finally:
            connection.close()

    return await to_thread.run_sync(exchange)


def ask(method: str, **params: Any) -> dict[str, Any]:
    """A request."""
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


async def test_an_entry_is_what_acp_takes() -> None:
    """An address on loopback that nobody can guess, and a token."""
    async with serving() as functions:
        with functions.serving([TOOL]) as entry, functions.serving([TOOL]) as other:
            assert entry.keys() == {"type", "name", "url", "headers"}
            assert (entry["type"], entry["name"]) == ("http", "u")
            assert entry["url"].startswith("http://127.0.0.1:")
            assert entry["url"] != other["url"]
            (header,) = entry["headers"]
            assert header["name"] == "Authorization"
            assert len(header["value"]) > len("Bearer ") + 32


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"token": "Bearer wrong"}, 401),
        ({"path": "/"}, 404),
        ({"path": "/wrong"}, 404),
        ({"method": "GET"}, 405),
        ({"method": "DELETE"}, 405),
    ],
)
async def test_whoever_asks_wrongly_is_told_nothing(how: dict[str, Any], expected: int) -> None:
    """By token, path and method."""
    async with serving() as functions:
        with functions.serving([TOOL]) as entry:
            assert await send(entry, ask("tools/list"), **how) == (expected, None)


async def test_the_handshake_is_mcps() -> None:
    """The version is the one that is asked for; a notification has no answer."""
    async with serving() as functions:
        with functions.serving([TOOL]) as entry:
            status, told = await send(entry, ask("initialize", protocolVersion="2025-06-18"))
            assert (status, told["id"], told["jsonrpc"]) == (200, 7, "2.0")
            assert told["result"]["protocolVersion"] == "2025-06-18"
            assert told["result"]["capabilities"] == {"tools": {}}
            noted = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            assert await send(entry, noted) == (202, None)
            assert (await send(entry, ask("ping")))[1]["result"] == {}


async def test_each_request_sees_its_own_functions() -> None:
    """And none when it is over, whoever else is served."""
    async with serving() as functions:
        with functions.serving([OTHER]) as other:
            with functions.serving([TOOL]) as entry:
                assert (await send(entry, ask("tools/list")))[1]["result"] == {"tools": [TOOL]}
                assert (await send(other, ask("tools/list")))[1]["result"] == {"tools": [OTHER]}
            assert await send(entry, ask("tools/list")) == (404, None)
            assert (await send(other, ask("tools/list")))[1]["result"] == {"tools": [OTHER]}


async def test_a_call_is_answered_at_once() -> None:
    """Its result is the caller's to give."""
    async with serving() as functions:
        with functions.serving([TOOL]) as entry:
            status, told = await send(entry, ask("tools/call", name="a_tool", arguments={"n": 1}))
    assert status == 200
    assert told["result"] == {"content": [{"type": "text", "text": "deferred"}]}


async def test_other_methods_are_refused() -> None:
    """In JSON-RPC's words."""
    async with serving() as functions:
        with functions.serving([TOOL]) as entry:
            _, told = await send(entry, ask("resources/list"))
    assert told["error"]["code"] == -32601


async def test_it_closes_as_often_as_it_is_asked_to() -> None:
    """Also where it never listened; nobody is answered any more."""
    await FunctionServer().aclose()
    async with serving() as functions:
        with functions.serving([TOOL]) as entry:
            await functions.aclose()
            await functions.aclose()
            with pytest.raises(OSError):  # noqa: PT011  # however the system says it
                await send(entry, ask("tools/list"))
