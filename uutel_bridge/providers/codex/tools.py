"""The caller's functions as Codex's dynamic tools, with as much of their schemas as it lets through. Pure.

What it keeps of a schema was measured on codex 0.169.0.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.tools import Tool, as_json

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")
_RESERVED = ("exec_command", "mcp__")
"""The first is left out without a word; what begins with the second is refused."""

_KEPT = frozenset({
    "$defs", "$ref", "additionalProperties", "allOf", "anyOf", "definitions", "description", "enum", "items",
    "minItems", "oneOf", "properties", "required", "type",
})  # fmt: skip
_SAYS_NOTHING = frozenset({"$comment", "$id", "$schema", "title"})
_LISTS = ("allOf", "anyOf", "oneOf")
_NAMED = ("$defs", "definitions", "properties")
_INNER = ("additionalProperties", "items")
_DECIDES = ("$ref", "allOf", "anyOf", "oneOf", "properties", "type")
"""Keywords without which Codex takes a schema for one that says nothing, and drops its description."""
_TYPES: Mapping[type, str] = {
    str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null", list: "array", dict: "object",
}  # fmt: skip


def dynamic_tool(tool: Tool) -> dict[str, Any]:
    """An entry of `dynamicTools`.

    Raises:
        BadRequest: Its parameters are no object's schema, or no JSON; the message names the function.
    """
    where = f"tools: the parameters of {tool.name!r}"
    given = tool.parameters or {}
    if given.get("type", "object") != "object":
        raise BadRequest(f'{where} must be of type "object", not {given["type"]!r}.', param="tools")
    if not isinstance(given.get("properties", {}), Mapping):
        raise BadRequest(f"{where}: `properties` must be an object of schemas.", param="tools")
    schema = _schema(as_json({"type": "object", **given}, where, param="tools"))
    return {"type": "function", "name": wire_name(tool.name), "description": tool.description, "inputSchema": schema}


def wire_names(tools: Sequence[Tool]) -> dict[str, str]:
    """The caller's name of each function by the one on the wire."""
    return {wire_name(tool.name): tool.name for tool in tools}


def wire_name(name: str) -> str:
    """What the model sees a function as: its name, where OpenAI and Codex leave that as it is."""
    if _NAME.fullmatch(name) and not name.startswith(_RESERVED):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"f_{_NOT_IN_A_NAME.sub('_', name)[:53]}_{digest}"


def _schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with what Codex drops told in words, and nothing left that it would take for something else."""
    made = {name: value for name, value in schema.items() if name not in _SAYS_NOTHING}
    if "const" in made and "enum" not in made:
        made["enum"] = [made.pop("const")]
    told = {name: made.pop(name) for name in list(made) if name not in _KEPT}
    for name in _NAMED:
        if isinstance(made.get(name), Mapping):
            made[name] = {key: _inner(value) for key, value in cast("Mapping[str, Any]", made[name]).items()}
    for name in _LISTS:
        if isinstance(made.get(name), list):
            made[name] = [_inner(value) for value in _listed(made[name])]
    for name in _INNER:
        if isinstance(made.get(name), Mapping):
            made[name] = _inner(made[name])
    _say_type(made)
    if told:
        made["description"] = f"{made.get('description', '')} ({_words(told)})".strip()
    if "description" in made and not any(name in made for name in _DECIDES):
        made["anyOf"] = [{}]
    return made


def _inner(value: Any) -> Any:
    if value is True:  # Codex would make text of it
        return {}
    return _schema(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else value


def _say_type(schema: dict[str, Any]) -> None:
    """Name the type where Codex would take the schema for one of text."""
    types = list(dict.fromkeys(_type_of(value) for value in _listed(schema.get("enum"))))
    if types and "type" not in schema:
        schema["type"] = types[0] if len(types) == 1 else types
    if "array" in (schema.get("type"), *_listed(schema.get("type"))):
        schema.setdefault("items", {})


def _type_of(value: object) -> str:
    return _TYPES.get(type(value), "string")


def _words(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {orjson.dumps(value).decode()}" for name, value in told.items())


def _listed(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
