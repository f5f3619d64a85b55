"""The caller's functions as an MCP server lists them. Pure.

What the CLI does to names and schemas was measured on gemini 0.61.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uutel_bridge.core.errors import UnsupportedParam
from uutel_bridge.core.tools import Tool
from uutel_bridge.gemini_api.functions import alias, parameters
from uutel_bridge.providers.gemini_cli.models import SERVER

WAIT = "wait_for_previous"
"""A parameter that the CLI adds to every function's, for itself."""

_PREFIX = f"mcp_{SERVER}_"
_LONGEST = 63
"""Characters; in a longer name the CLI cuts out the middle."""
_BOOLEANS: Mapping[object, Mapping[str, Any]] = {True: {}, False: {"not": {}}}


def mcp_tool(tool: Tool) -> dict[str, Any]:
    """An entry of the answer to `tools/list`.

    Raises:
        BadRequest: Its parameters are no object's schema, or no JSON; the message names the function.
        UnsupportedParam: One of its parameters has a name that the CLI uses.
    """
    schema = parameters(tool)
    if "properties" in schema:
        schema["properties"] = _properties(schema["properties"], tool.name)
    return {"name": _alias(tool.name), "description": tool.description, "inputSchema": schema}


def wire_names(tools: Sequence[Tool]) -> dict[str, str]:
    """The caller's name of each function by the one that the model sees."""
    return {wire_name(tool.name): tool.name for tool in tools}


def wire_name(name: str) -> str:
    """What the model sees a function as."""
    return _PREFIX + _alias(name)


def _alias(name: str) -> str:
    """What our server calls a function."""
    return alias(name, _LONGEST, prefix=_PREFIX)


def _properties(schemas: Mapping[str, Any], function: str) -> dict[str, Any]:
    """The parameters' schemas, each as an object: for one that is not, the CLI drops all functions without a word."""
    if WAIT in schemas:
        raise UnsupportedParam(
            f"tools: the parameters of {function!r}: Gemini CLI has a parameter {WAIT!r} of its own; rename yours.",
            param="tools",
        )
    return {name: _BOOLEANS[schema] if isinstance(schema, bool) else schema for name, schema in schemas.items()}
