"""Functions under names that Gemini leaves as they are, and the schemas of what they take."""

from __future__ import annotations

import re
from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.tools import Tool
from uutel_bridge.gemini_api.functions import alias, parameters


@pytest.mark.parametrize("name", ["look", "_a-b_C9", "a.b:c", "a__b", "x" * 64])
def test_a_plain_name_stays(name: str) -> None:
    """As long as Gemini takes it."""
    assert alias(name, 64) == name


@pytest.mark.parametrize("name", ["a b", "a/b", "größe", "1", "-", ".a", "look\n", "x" * 65, "x" * 300])
def test_any_other_name_becomes_a_plain_one_of_its_own(name: str) -> None:
    """The same each time, and another than its neighbours'."""
    made = alias(name, 64)
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}", made)
    assert made == alias(name, 64) != alias(f"{name}x", 64)


@pytest.mark.parametrize(("name", "stays"), [("1", True), ("-", True), ("x" * 57, True), ("x" * 58, False)])
def test_what_stands_before_a_name_is_a_part_of_it(name: str, stays: bool) -> None:
    """Of its beginning as of its length."""
    made = alias(name, 63, prefix="mcp_u_")
    assert (made == name) is stays
    assert len(f"mcp_u_{made}") <= 63


@pytest.mark.parametrize("given", [None, {}])
def test_a_function_without_parameters_takes_an_object(given: dict[str, Any] | None) -> None:
    """An object's schema says that it is one."""
    assert parameters(Tool("look", "", given)) == {"type": "object"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "title": "T"},
        {"type": "object", "properties": {"q": {"$ref": "#/$defs/Q"}}, "$defs": {"Q": {"const": 1}}, "required": ["q"]},
        {"type": "object", "properties": {"q": {"type": ["string", "null"]}}, "additionalProperties": False},
        {"type": "object", "properties": {"q": True, "wait_for_previous": {"type": "integer"}}},
        {"type": "object", "properties": {"q": {"properties": {"wait_for_previous": True}}}},
    ],
    ids=["words-about-it", "references", "types", "any-value", "further-down"],
)
def test_a_schema_stays_as_it_is(schema: dict[str, Any]) -> None:
    """Word for word."""
    assert parameters(Tool("look", "", schema)) == schema


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
        parameters(Tool("look", "", schema))
    assert caught.value.param == "tools"
