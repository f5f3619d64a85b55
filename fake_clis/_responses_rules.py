"""What the Responses API refuses with 400, as far as a caller's functions and history can bring it about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import _responses_asked as asking

_NAME = re.compile(r"[a-zA-Z0-9_-]+")


def violation(body: dict[str, Any]) -> str:
    """The first rule that the body breaks, in the vendor's words; empty: none."""
    return next((wrong for rule in _RULES for wrong in rule(body)), "")


def _names(body: dict[str, Any]) -> Iterator[str]:
    for at, tool in enumerate(body.get("tools") or []):
        if not _NAME.fullmatch(tool.get("name", "")):
            yield (
                f"Invalid 'tools[{at}].name': string does not match pattern. Expected a string that matches the pattern"
                " '^[a-zA-Z0-9_-]+$'."
            )


def _pairs(body: dict[str, Any]) -> Iterator[str]:
    items = asking.items(body)
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    outputs = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    for call in calls:
        if call not in outputs:
            yield f"No tool output found for function call {call}."
    for output in outputs:
        if output not in calls:
            yield f"No tool call found for function call output with call_id {output}."


def _closed_objects(body: dict[str, Any]) -> Iterator[str]:
    wanted = (body.get("text") or {}).get("format") or {}
    schema = wanted.get("schema") or {}
    if wanted.get("strict") and schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        yield (
            f"Invalid schema for response_format '{wanted.get('name')}': In context=(), 'additionalProperties' is"
            " required to be supplied and to be false."
        )


_RULES = (_names, _pairs, _closed_objects)
