"""The caller's functions as an MCP server of ours that the CLI talks to over its own control channel. Pure.

The server's name tells its tools apart from any other set: names on the wire are the same in every process, so the
vendor's prompt cache outlives them, and a process can never mistake one set for another of the same name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.tools import Tool, as_json

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")
_MARKS: Mapping[str, Any] = {
    "annotations": {"readOnlyHint": True},  # else the CLI hands out parallel calls one after another
    "_meta": {"anthropic/maxResultSizeChars": 500_000},  # else it cuts a long result down to a preview
}
_COMBINED = ("oneOf", "anyOf", "allOf", "$ref")
"""At the top of a function's parameters the CLI makes words of these, or drops all functions; the API takes none."""


@dataclass(frozen=True, slots=True)
class ToolServer:
    """A set of functions."""

    name: str
    tools: tuple[Mapping[str, Any], ...]
    """As MCP's `tools/list` has them."""

    @property
    def permission(self) -> str:
        """What the CLI calls all tools of this server."""
        return f"mcp__{self.name}"

    @property
    def wire_names(self) -> frozenset[str]:
        """What the model sees the functions as."""
        return frozenset(f"{self.permission}__{tool['name']}" for tool in self.tools)


def tool_server(tools: Sequence[Tool]) -> ToolServer | None:
    """The server that offers these functions; None for none.

    Raises:
        BadRequest: A schema that would make the CLI drop all tools without a word; the message names its function.
    """
    if not tools:
        return None
    offered = tuple(
        {"name": plain(tool.name), "description": tool.description, "inputSchema": _schema(tool), **_MARKS}
        for tool in tools
    )
    return ToolServer(f"t{_digest(orjson.dumps(offered))}", offered)


def wire_name(server: ToolServer | None, name: str) -> str:
    """What the model sees a function as; without a server, where a conversation goes on without tools, its name."""
    return f"{server.permission}__{plain(name)}" if server else plain(name)


def plain(name: str) -> str:
    """The name in the characters and the length that Anthropic and the CLI leave as they are."""
    if _NAME.fullmatch(name):
        return name
    return f"{_NOT_IN_A_NAME.sub('_', name)[:55]}_{_digest(name.encode())}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def _schema(tool: Tool) -> dict[str, Any]:
    schema = {"type": "object", **(tool.parameters or {})}
    where = f"tools: the parameters of {tool.name!r}"
    combined = next((name for name in _COMBINED if name in schema), None)
    if combined:
        raise BadRequest(f"{where} cannot have {combined} at the top; put it inside a property.", param="tools")
    if schema["type"] != "object":
        raise BadRequest(f'{where} must be of type "object", not {schema["type"]!r}.', param="tools")
    schema["properties"] = {
        # A schema of `true` says nothing; the CLI drops all tools for one.
        name: {} if value is True else value
        for name, value in _mapping(schema.get("properties") or {}, where).items()
    }
    if schema.get("required") is None:
        schema.pop("required", None)
    elif not _is_list_of_text(schema["required"]):
        raise BadRequest(f"{where}: `required` must be a list of names.", param="tools")
    return as_json(schema, where, param="tools")


def _mapping(properties: object, where: str) -> Mapping[str, Any]:
    if isinstance(properties, Mapping):
        found = cast("Mapping[str, Any]", properties)
        if all(value is True or isinstance(value, Mapping) for value in found.values()):
            return found
    raise BadRequest(f"{where}: `properties` must be an object of schemas.", param="tools")


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[object]", value))


def mcp_answer(server: ToolServer, message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The answer to one of the CLI's JSON-RPC messages; None for a call, which is the caller's to answer."""
    method = message.get("method")
    if method == "tools/call":
        return None
    result: Mapping[str, Any] = {}
    if method == "initialize":
        result = {
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": server.name, "version": "1"},
        }
    elif method == "tools/list":
        result = {"tools": server.tools}
    known = {"id": message["id"]} if "id" in message else {}
    return {"jsonrpc": "2.0", **known, "result": result}
