"""The caller's functions as an MCP server on loopback, which the CLI lists and calls; each request has its own address.

A call gets no result here, for that is the caller's to give: it is answered at once, so that the CLI goes on to the
next one, and the turn ends with them.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from uutel_bridge.core.loopback import LoopbackServer, Request, Response
from uutel_bridge.providers.gemini_cli.models import SERVER

_JSON = {"content-type": "application/json"}
_CALLED = {"content": [{"type": "text", "text": "deferred"}]}


class FunctionServer:
    """Serves the functions of as many requests as there are."""

    def __init__(self) -> None:
        self._token = secrets.token_urlsafe(32)
        self._server = LoopbackServer(self._answer, self._token)
        self._url = ""
        self._tools: dict[str, Sequence[Mapping[str, Any]]] = {}

    @contextmanager
    def serving(self, tools: Sequence[Mapping[str, Any]]) -> Generator[Mapping[str, Any], None, None]:
        """ACP's entry for a server with these functions, as long as they are needed. `start()` comes first."""
        path = f"/{secrets.token_urlsafe(16)}"
        self._tools[path] = tools
        try:
            authorization = {"name": "Authorization", "value": f"Bearer {self._token}"}
            yield {"type": "http", "name": SERVER, "url": self._url + path, "headers": [authorization]}
        finally:
            del self._tools[path]

    async def start(self) -> None:
        """Listen."""
        await self._server.start()
        self._url = self._server.url

    async def aclose(self) -> None:
        """Serve no more; idempotent."""
        await self._server.aclose()

    async def _answer(self, request: Request) -> Response:
        tools = self._tools.get(request.target)
        if tools is None:
            return Response(status=404)
        if request.method != "POST":
            return Response(status=405)
        message: dict[str, Any] = orjson.loads(request.body)
        if "id" not in message:
            return Response(status=202)
        params: dict[str, Any] = message.get("params") or {}
        results: dict[object, Mapping[str, Any]] = {
            "initialize": {
                "protocolVersion": params.get("protocolVersion"),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "uutel_bridge", "version": "1"},
            },
            "tools/list": {"tools": list(tools)},
            "tools/call": _CALLED,
            "ping": {},
        }
        result = results.get(message.get("method"))
        answer = {"result": result} if result is not None else {"error": {"code": -32601, "message": "no such method"}}
        return Response(headers=_JSON, body=orjson.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}))
