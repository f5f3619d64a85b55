"""A caller's JSON schema for the whole answer, as the Messages API's structured outputs take it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson

_KEPT = frozenset({
    "$defs", "$ref", "additionalProperties", "allOf", "anyOf", "const", "default", "definitions", "description",
    "enum", "format", "items", "minItems", "pattern", "properties", "required", "title", "type",
})  # fmt: skip
"""What Anthropic documents as supported; a request with any other keyword is refused."""
_FORMATS = frozenset({
    "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid",
})  # fmt: skip
_LISTS = ("allOf", "anyOf")
_NAMED = ("$defs", "definitions", "properties")


def output_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with every object closed, which the API demands, and what it does not know told in words.

    A limit such as `minimum` moves into the description: the model reads it there, though nothing enforces it.
    """
    made = dict(schema)
    if "oneOf" in made and "anyOf" not in made:
        made["anyOf"] = made.pop("oneOf")
    told = {name: made.pop(name) for name in list(made) if not _is_kept(name, made[name])}
    for name in _NAMED:
        if isinstance(made.get(name), Mapping):
            made[name] = {key: _inner(value) for key, value in cast("Mapping[str, Any]", made[name]).items()}
    for name in _LISTS:
        if name in made:
            made[name] = [_inner(value) for value in _listed(made[name])]
    if "items" in made:
        made["items"] = _inner(made["items"])
    if "object" in (made.get("type"), *_listed(made.get("type"))) or "properties" in made:
        made.setdefault("additionalProperties", False)
    if told:
        made["description"] = f"{made.get('description', '')} ({orjson.dumps(told).decode()})".strip()
    return made


def _listed(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _inner(value: Any) -> Any:
    return output_schema(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else value


def _is_kept(name: str, value: object) -> bool:
    if name == "format":
        return value in _FORMATS
    if name == "minItems":
        return value in (0, 1)
    return name in _KEPT
