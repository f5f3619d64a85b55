"""The caller's functions as an MCP server lists them. Pure.

What the CLI does to names and schemas was measured on gemini 0.61.0.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.tools import Tool, as_json
from uutel_bridge.providers.gemini_cli.models import SERVER

WAIT = "wait_for_previous"
"""A parameter that the CLI adds to every function's, for itself."""

_PREFIX = f"mcp_{SERVER}_"
_LONGEST = 63 - len(_PREFIX)
"""Characters; in a longer name the CLI cuts out the middle."""
_NAME = re.compile(rf"[A-Za-z0-9_.:-]{{1,{_LONGEST}}}")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.:-]")
_BOOLEANS: Mapping[object, Mapping[str, Any]] = {True: {}, False: {"not": {}}}


def mcp_tool(tool: Tool) -> dict[str, Any]:
    """An entry of the answer to `tools/list`.

    Raises:
        BadRequest: Its parameters are no object's schema, or no JSON; the message names the function.
        UnsupportedParam: One of its parameters has a name that the CLI uses.
    """
    where = f"tools: the parameters of {tool.name!r}"
    schema = as_json({"type": "object", **(tool.parameters or {})}, where, param="tools")
    if schema["type"] != "object":
        raise BadRequest(f'{where} must be of type "object", not {schema["type"]!r}.', param="tools")
    if "properties" in schema:
        schema["properties"] = _properties(schema["properties"], where)
    if not _are_texts(schema.get("required", [])):
        raise BadRequest(f"{where}: `required` must be a list of names.", param="tools")
    return {"name": _alias(tool.name), "description": tool.description, "inputSchema": schema}


def wire_names(tools: Sequence[Tool]) -> dict[str, str]:
    """The caller's name of each function by the one that the model sees."""
    return {wire_name(tool.name): tool.name for tool in tools}


def wire_name(name: str) -> str:
    """What the model sees a function as."""
    return _PREFIX + _alias(name)


def _alias(name: str) -> str:
    """What our server calls a function: its name, where Gemini and the CLI leave that as it is."""
    if _NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"f_{_NOT_IN_A_NAME.sub('_', name)[: _LONGEST - 11]}_{digest}"


def _properties(given: object, where: str) -> dict[str, Any]:
    """The parameters' schemas, each as an object: for one that is not, the CLI drops all functions without a word."""
    if not isinstance(given, Mapping):
        raise BadRequest(f"{where}: `properties` must be an object of schemas.", param="tools")
    if WAIT in given:
        raise UnsupportedParam(f"{where}: Gemini CLI has a parameter {WAIT!r} of its own; rename yours.", param="tools")
    schemas = cast("Mapping[str, Any]", given)
    made = {name: _BOOLEANS[schema] if isinstance(schema, bool) else schema for name, schema in schemas.items()}
    if wrong := next((name for name, schema in made.items() if not isinstance(schema, Mapping)), None):
        raise BadRequest(f"{where}: the schema of {wrong!r} must be an object.", param="tools")
    return made


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in cast("list[object]", value))
