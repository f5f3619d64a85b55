"""Functions as dynamic tools: names and schemas that Codex lets through as they are."""

from __future__ import annotations

import re
from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.tools import Tool
from uutel_bridge.providers.codex.tools import dynamic_tool, wire_name, wire_names

ANY_OBJECT = {"type": "object", "properties": {}}


def declared(**properties: Any) -> dict[str, Any]:
    """What the CLI is told of a function's parameters."""
    made = dynamic_tool(Tool("look", "", {"properties": properties}))["inputSchema"]
    assert made["type"] == "object"
    return made["properties"]


def test_a_function_without_parameters_takes_an_object() -> None:
    """Codex takes no null."""
    made = dynamic_tool(Tool("look", "Look.", None))
    assert made == {"type": "function", "name": "look", "description": "Look.", "inputSchema": {"type": "object"}}


@pytest.mark.parametrize("name", ["look", "a-b_C9", "x" * 64, "exec", "mcp"])
def test_a_plain_name_stays(name: str) -> None:
    """What OpenAI and Codex take."""
    assert wire_name(name) == name


@pytest.mark.parametrize("name", ["exec_command", "mcp__x__y", "a.b", "a b", "größe", "x" * 65, "x" * 300])
def test_any_other_name_becomes_a_plain_one_of_its_own(name: str) -> None:
    """The same each time, and another than its neighbours'."""
    made = wire_name(name)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", made)
    assert not made.startswith(("exec_command", "mcp__"))
    assert made == wire_name(name) != wire_name(f"{name}.")
    assert wire_names([Tool(name, "", None)]) == {made: name}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({"type": "string"}, {"type": "string"}, id="as-it-is"),
        pytest.param(
            {"type": "string", "description": "D", "minLength": 2, "pattern": "a"},
            {"type": "string", "description": 'D (minLength 2, pattern "a")'},
            id="limits-in-words",
        ),
        pytest.param(
            {"type": "integer", "minimum": 1, "title": "N", "default": 3},
            {"type": "integer", "description": "(minimum 1, default 3)"},
            id="titles-say-nothing",
        ),
        pytest.param({"const": 5}, {"enum": [5], "type": "integer"}, id="const"),
        pytest.param({"enum": ["a", None]}, {"enum": ["a", None], "type": ["string", "null"]}, id="enum"),
        pytest.param({"enum": ["a"], "type": "string"}, {"enum": ["a"], "type": "string"}, id="enum-with-a-type"),
        pytest.param(True, {}, id="anything"),
        pytest.param({"description": "D"}, {"description": "D", "anyOf": [{}]}, id="anything-described"),
        pytest.param({"type": "array"}, {"type": "array", "items": {}}, id="list-of-anything"),
        pytest.param(
            {"type": "array", "items": {"const": "a"}, "maxItems": 2},
            {"type": "array", "items": {"enum": ["a"], "type": "string"}, "description": "(maxItems 2)"},
            id="list",
        ),
        pytest.param(
            {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            {"anyOf": [{"type": "string", "description": '(format "date")'}, {"type": "null"}]},
            id="choice",
        ),
        pytest.param(
            {"type": "object", "properties": {"a": True}, "additionalProperties": {"type": "string", "maxLength": 1}},
            {
                "type": "object",
                "properties": {"a": {}},
                "additionalProperties": {"type": "string", "description": "(maxLength 1)"},
            },
            id="object",
        ),
        pytest.param({"$ref": "#/$defs/x"}, {"$ref": "#/$defs/x"}, id="reference"),
        pytest.param({"enum": "broken", "anyOf": 3}, {"enum": "broken", "anyOf": 3}, id="not-a-schema"),
    ],
)
def test_what_codex_would_drop_is_told_in_words(given: object, told: object) -> None:
    """And what it would take for something else is said so that it cannot."""
    assert declared(a=given)["a"] == told


def test_definitions_are_schemas_too() -> None:
    """Under both of their names."""
    for name in ("$defs", "definitions"):
        made = dynamic_tool(Tool("look", "", {"type": "object", name: {"x": {"type": "string", "minLength": 1}}}))
        assert made["inputSchema"][name] == {"x": {"type": "string", "description": "(minLength 1)"}}


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"type": "array"}, id="a-list"),
        pytest.param({"properties": ["a"]}, id="properties-in-a-list"),
        pytest.param({"properties": {"a": {"enum": {1, 2}}}}, id="a-set"),
        pytest.param({"properties": {"a": {"default": {1, 2}}}}, id="a-set-that-goes-into-words"),
    ],
)
def test_parameters_that_cannot_be_declared_are_refused(parameters: dict[str, Any]) -> None:
    """The message names the function."""
    with pytest.raises(BadRequest, match="'look'") as caught:
        dynamic_tool(Tool("look", "", parameters))
    assert caught.value.param == "tools"
