"""Functions as an MCP server lists them, under names and with schemas that the CLI lets through."""

from __future__ import annotations

import re
from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.tools import Tool
from uutel_bridge.providers.gemini_cli.tools import mcp_tool, wire_name, wire_names


def declared(parameters: dict[str, Any] | None) -> dict[str, Any]:
    """What the CLI is told of a function's parameters."""
    return mcp_tool(Tool("look", "", parameters))["inputSchema"]


def test_a_function_without_parameters_takes_an_object() -> None:
    """The CLI takes no function without a schema."""
    made = mcp_tool(Tool("look", "Look.", None))
    assert made == {"name": "look", "description": "Look.", "inputSchema": {"type": "object"}}


@pytest.mark.parametrize("name", ["look", "a-b_C9", "a.b:c", "1", "-", "a__b", "x" * 57])
def test_a_plain_name_stays(name: str) -> None:
    """What Gemini and the CLI take."""
    assert wire_name(name) == f"mcp_u_{name}"
    assert mcp_tool(Tool(name, "", None))["name"] == name


@pytest.mark.parametrize("name", ["a b", "a/b", "größe", "x" * 58, "x" * 300])
def test_any_other_name_becomes_a_plain_one_of_its_own(name: str) -> None:
    """The same each time, short enough for the CLI, and another than its neighbours'."""
    made = wire_name(name)
    assert re.fullmatch(r"mcp_u_f_[A-Za-z0-9_.:-]+", made)
    assert len(made) <= 63
    assert made == wire_name(name) != wire_name(f"{name}x")


def test_the_callers_names_are_found_by_the_models() -> None:
    """The CLI's name of our server is a part of them."""
    (plain, other) = (Tool("look", "", None), Tool("look up", "", None))
    assert wire_names([plain, other]) == {"mcp_u_look": "look", wire_name("look up"): "look up"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "title": "T"},
        {"type": "object", "properties": {"q": {"$ref": "#/$defs/Q"}}, "$defs": {"Q": {"const": 1}}, "required": ["q"]},
        {"type": "object", "properties": {"q": {"type": ["string", "null"]}}, "additionalProperties": False},
        {"type": "object", "properties": {"q": {"properties": {"wait_for_previous": True}}}},
    ],
    ids=["words-about-it", "references", "types", "further-down"],
)
def test_a_schema_stays_as_it_is(schema: dict[str, Any]) -> None:
    """Word for word."""
    assert declared(schema) == schema


def test_a_schema_that_is_true_or_false_is_said_as_an_object() -> None:
    """For one that is none, the CLI drops all functions."""
    made = declared({"properties": {"a": True, "b": False}})
    assert made == {"type": "object", "properties": {"a": {}, "b": {"not": {}}}}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "must be of type"),
        ({"type": ["object", "null"]}, "must be of type"),
        ({"properties": ["q"]}, "`properties` must be an object"),
        ({"properties": {"q": "string"}}, "the schema of 'q' must be an object"),
        ({"required": "q"}, "`required` must be a list"),
        ({"required": [1]}, "`required` must be a list"),
        ({"enum": {1, 2}}, "cannot be sent as JSON"),
    ],
)
def test_what_cannot_be_declared_is_refused_by_name(schema: dict[str, Any], words: str) -> None:
    """The CLI would leave it out, and every other function, without a word."""
    with pytest.raises(BadRequest, match=f"'look'.*{words}") as caught:
        declared(schema)
    assert caught.value.param == "tools"


def test_a_parameter_of_the_clis_own_name_is_refused() -> None:
    """The model would see the CLI's in its place."""
    with pytest.raises(UnsupportedParam, match=r"'look'.*'wait_for_previous' of its own"):
        declared({"properties": {"wait_for_previous": {"type": "integer"}}})
