"""What `codex` 0.169.0 makes of the functions that a thread is given: names refused, schemas with less in them."""

from __future__ import annotations

import re
from typing import Any

MOST_CHARACTERS = 128
_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_CHOICES = ("anyOf", "oneOf", "allOf")
_TYPE_OF = (("properties", "object"), ("items", "array"), ("enum", "string"), ("const", "string"))


def refusal(tools: list[dict[str, Any]]) -> str:
    """Why these functions are not taken; empty: they are."""
    seen: set[str] = set()
    for tool in tools:
        name = tool["name"]
        wrong = _wrong_name(name)
        if wrong:
            return wrong
        if name in seen:
            return f"duplicate dynamic tool name: {name}"
        seen.add(name)
        if tool.get("inputSchema") is None:
            expected = "invalid type: null, expected struct JsonSchema"
            return f"dynamic tool input schema is not supported for {name}: {expected}"
    return ""


def _wrong_name(name: str) -> str:
    if not name:
        return "dynamic tool name must not be empty"
    if not _NAME.fullmatch(name):
        return f"dynamic tool name must match ^[a-zA-Z0-9_-]+$ to match Responses API: {name}"
    if len(name) > MOST_CHARACTERS:
        return f"dynamic tool name must be at most {MOST_CHARACTERS} characters to match Responses API: {name}"
    return f"dynamic tool name is reserved: {name}" if name.startswith("mcp__") else ""


def wire(tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The functions as a model request has them; one of the name `exec_command` is left out without a word."""
    return [
        {
            "type": "function",
            "name": tool["name"],
            "description": tool.get("description", ""),
            "strict": False,
            "parameters": reduced(tool["inputSchema"]),
        }
        for tool in tools
        if tool["name"] != "exec_command"
    ]


def reduced(schema: Any) -> dict[str, Any]:
    """What is left of a whole schema."""
    kept = _reduced(schema)
    defined = schema.get("$defs") if isinstance(schema, dict) else None
    used = {name: _reduced(each) for name, each in (defined or {}).items() if f"#/$defs/{name}" in str(schema)}
    return {**kept, "$defs": used} if used else kept


def _reduced(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {"type": "string"}
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    kept: dict[str, Any] = {key: [_reduced(each) for each in schema[key]] for key in _CHOICES if key in schema}
    kind = schema.get("type") or next((kind for key, kind in _TYPE_OF if key in schema), None)
    if kind is not None:
        kept["type"] = kind
    elif not kept:
        return {}
    if "const" in schema:
        kept["enum"] = [schema["const"]]
    kept |= {key: schema[key] for key in ("description", "enum", "required", "minItems") if key in schema}
    if kind == "object":
        kept["properties"] = {name: _reduced(each) for name, each in sorted((schema.get("properties") or {}).items())}
    if "items" in schema:
        kept["items"] = _reduced(schema["items"])
    more = schema.get("additionalProperties")
    if more is not None:
        kept["additionalProperties"] = more if isinstance(more, bool) else _reduced(more)
    return kept
