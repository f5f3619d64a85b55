"""What the Messages API refuses with 400, as far as a caller's tools and schemas can bring it about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from _anthropic_asked import blocks_of

MOST_CACHE_MARKS = 4
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_DATA = ("enum", "const", "default", "examples")
"""Keys of a schema under which no schema stands."""


def violation(body: dict[str, Any]) -> str:
    """The first rule that the body breaks, in the vendor's words; empty: none."""
    return next((wrong for rule in _RULES for wrong in rule(body)), "")


def _tool_names(body: dict[str, Any]) -> Iterator[str]:
    for at, tool in enumerate(body.get("tools") or []):
        if not _NAME.fullmatch(tool.get("name", "")):
            yield f"tools.{at}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"


def _tool_calls(body: dict[str, Any]) -> Iterator[str]:
    for at, message in enumerate(body.get("messages") or []):
        for index, block in enumerate(blocks_of(message.get("content"))):
            if block.get("type") != "tool_use":
                continue
            where = f"messages.{at}.content.{index}.tool_use"
            if not _ID.fullmatch(block.get("id", "")):
                yield f"{where}.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
            if not _NAME.fullmatch(block.get("name", "")):
                yield f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"


def _results_follow(body: dict[str, Any]) -> Iterator[str]:
    turns = [(at, each) for at, each in enumerate(body.get("messages") or []) if each.get("role") != "system"]
    for (at, before), (_, after) in pairwise([*turns, (0, {"content": []})]):
        answered = {block.get("tool_use_id") for block in blocks_of(after.get("content"))}
        calls = [block["id"] for block in blocks_of(before.get("content")) if block.get("type") == "tool_use"]
        missing = ", ".join(call for call in calls if call not in answered)
        if missing:
            yield (
                f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {missing}."
                " Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            )


def _forced_tool(body: dict[str, Any]) -> Iterator[str]:
    forced = (body.get("tool_choice") or {}).get("type") in {"any", "tool"}
    if forced and (body.get("thinking") or {"type": "disabled"}).get("type") != "disabled":
        yield "Thinking may not be enabled when tool_choice forces tool use."


def _cache_marks(body: dict[str, Any]) -> Iterator[str]:
    marks = sum(_marks(body.get(part)) for part in ("tools", "system", "messages"))
    if marks > MOST_CACHE_MARKS:
        yield f"A maximum of {MOST_CACHE_MARKS} blocks with cache_control may be provided. Found {marks}."


def _marks(value: Any) -> int:
    """Cache marks in blocks and in the blocks within them; not in a call's arguments or a schema."""
    if isinstance(value, list):
        return sum(_marks(each) for each in value)
    if not isinstance(value, dict):
        return 0
    return ("cache_control" in value) + _marks(value.get("content"))


def _closed_objects(body: dict[str, Any]) -> Iterator[str]:
    schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    if _has_open_object(schema):
        wrong = "For 'object' type, 'additionalProperties' must be explicitly set to false"
        yield f"output_config.format.schema: {wrong}"


def _has_open_object(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(_has_open_object(each) for each in schema)
    if not isinstance(schema, dict):
        return False
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return True
    return any(_has_open_object(value) for key, value in schema.items() if key not in _DATA)


_RULES = (_tool_names, _tool_calls, _results_follow, _forced_tool, _cache_marks, _closed_objects)
