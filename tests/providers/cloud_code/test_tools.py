"""Functions as Gemini declares them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.tools import Tool
from uutel_bridge.providers.cloud_code.tools import declarations, wire_name, wire_names


def declared(parameters: dict[str, Any] | None, description: str = "") -> dict[str, Any]:
    """What Google is told of one function."""
    ((declaration,),) = (tool["functionDeclarations"] for tool in declarations([Tool("look", description, parameters)]))
    return declaration


def test_functions_are_one_tool() -> None:
    """In their order."""
    (tool,) = declarations([Tool("b", "", None), Tool("a", "", None)])
    assert [each["name"] for each in tool["functionDeclarations"]] == ["b", "a"]


def test_without_functions_there_is_no_tool() -> None:
    """An empty list of declarations would be one."""
    assert declarations([]) == []


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ((None, ""), {"name": "look"}),
        ((None, "Look."), {"name": "look", "description": "Look."}),
        (({}, ""), {"name": "look", "parametersJsonSchema": {"type": "object"}}),
    ],
    ids=["bare", "described", "of-no-arguments"],
)
def test_what_was_not_given_is_left_out(tool: tuple[Any, str], told: dict[str, Any]) -> None:
    """An object's schema says that it is one."""
    assert declared(*tool) == told


@pytest.mark.parametrize("name", ["look", "_a-b_C9", "a.b:c", "a__b", "x" * 64])
def test_a_plain_name_stays(name: str) -> None:
    """As long as Gemini takes it."""
    assert wire_name(name) == name


@pytest.mark.parametrize("name", ["a b", "a/b", "größe", "1", "-", ".a", "look\n", "x" * 65, "x" * 300])
def test_any_other_name_becomes_a_plain_one_of_its_own(name: str) -> None:
    """The same each time, and another than its neighbours'."""
    made = wire_name(name)
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}", made)
    assert made == wire_name(name) != wire_name(f"{name}x")


def test_the_callers_names_are_found_by_the_models() -> None:
    """For what the model calls."""
    (plain, other) = (Tool("look", "", None), Tool("look up", "", None))
    assert wire_names([plain, other]) == {"look": "look", wire_name("look up"): "look up"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "title": "T"},
        {"type": "object", "properties": {"q": {"$ref": "#/$defs/Q"}}, "$defs": {"Q": {"const": 1}}, "required": ["q"]},
        {"type": "object", "properties": {"q": {"type": ["string", "null"]}}, "additionalProperties": False},
        {"type": "object", "properties": {"q": True, "wait_for_previous": {"type": "integer"}}},
    ],
    ids=["words-about-it", "references", "types", "any-value"],
)
def test_a_schema_stays_as_it_is(schema: dict[str, Any]) -> None:
    """Word for word."""
    assert declared(schema)["parametersJsonSchema"] == schema


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
    """Before anything is sent."""
    with pytest.raises(BadRequest, match=f"'look'.*{words}") as caught:
        declared(schema)
    assert caught.value.param == "tools"
