"""A caller's schema for the answer, as the API takes it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uutel_bridge.providers.claude_code.output_schema import output_schema

TEXT = {"type": "string"}
CLOSED: dict[str, Any] = {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False}
OPEN = {"type": "object", "properties": {"a": TEXT}}


@pytest.mark.parametrize(
    ("given_", "made"),
    [
        pytest.param(OPEN, CLOSED, id="object"),
        pytest.param(
            {"properties": {"a": TEXT}}, {"properties": {"a": TEXT}, "additionalProperties": False}, id="bare"
        ),
        pytest.param({"type": "object"}, {"type": "object", "additionalProperties": False}, id="empty-object"),
        pytest.param(
            {"type": "object", "properties": {"b": OPEN}},
            {"type": "object", "properties": {"b": CLOSED}, "additionalProperties": False},
            id="in-a-property",
        ),
        pytest.param({"type": "array", "items": OPEN}, {"type": "array", "items": CLOSED}, id="in-a-list"),
        pytest.param({"$defs": {"A": OPEN}}, {"$defs": {"A": CLOSED}}, id="in-a-definition"),
        pytest.param({"definitions": {"A": OPEN}}, {"definitions": {"A": CLOSED}}, id="in-an-old-definition"),
        pytest.param({"anyOf": [OPEN, TEXT]}, {"anyOf": [CLOSED, TEXT]}, id="in-a-choice"),
        pytest.param({"allOf": [OPEN]}, {"allOf": [CLOSED]}, id="in-a-sum"),
        pytest.param(
            {"type": ["object", "null"], "properties": {}},
            {"type": ["object", "null"], "properties": {}, "additionalProperties": False},
            id="object-or-null",
        ),
    ],
)
def test_every_object_is_closed(given_: dict[str, Any], made: dict[str, Any]) -> None:
    """Wherever it stands; the API demands it."""
    assert output_schema(given_) == made


def test_an_object_that_may_be_null_is_closed_without_properties_too() -> None:
    """Its type is a list then."""
    made = output_schema({"type": ["object", "null"]})
    assert made == {"type": ["object", "null"], "additionalProperties": False}


@pytest.mark.parametrize("value", [True, False, {"type": "string"}])
def test_what_the_caller_says_of_other_properties_is_kept(value: object) -> None:
    """The API then says itself what it does not take."""
    assert output_schema({**OPEN, "additionalProperties": value}) == {**OPEN, "additionalProperties": value}


@pytest.mark.parametrize(
    ("given_", "made"),
    [
        pytest.param({"oneOf": [TEXT, OPEN]}, {"anyOf": [TEXT, CLOSED]}, id="top"),
        pytest.param({"items": {"oneOf": [TEXT]}}, {"items": {"anyOf": [TEXT]}}, id="inside"),
    ],
)
def test_one_of_becomes_any_of(given_: dict[str, Any], made: dict[str, Any]) -> None:
    """The API knows only that one; where the choices exclude each other, it says the same."""
    assert output_schema(given_) == made


def test_both_kinds_of_choice_at_once_lose_neither() -> None:
    """Each still says something."""
    made = json.dumps(output_schema({"oneOf": [{"const": "from one"}], "anyOf": [{"const": "from any"}]}))
    assert "from one" in made
    assert "from any" in made


@pytest.mark.parametrize(
    ("given_", "made"),
    [
        pytest.param(
            {"type": "integer", "minimum": 1, "maximum": 5},
            {"type": "integer", "description": '({"minimum":1,"maximum":5})'},
            id="limits",
        ),
        pytest.param(
            {"type": "string", "maxLength": 3, "description": "Short."},
            {"type": "string", "description": 'Short. ({"maxLength":3})'},
            id="beside-the-callers-words",
        ),
        pytest.param(
            {"type": "string", "format": "credit-card"},
            {"type": "string", "description": '({"format":"credit-card"})'},
            id="unknown-format",
        ),
        pytest.param(
            {"type": "array", "minItems": 2}, {"type": "array", "description": '({"minItems":2})'}, id="two-items"
        ),
        pytest.param(
            {"type": "array", "items": {"type": "integer", "minimum": 0}},
            {"type": "array", "items": {"type": "integer", "description": '({"minimum":0})'}},
            id="inside",
        ),
        pytest.param({"$schema": "x", **OPEN}, {**CLOSED, "description": '({"$schema":"x"})'}, id="dialect"),
    ],
)
def test_what_the_api_does_not_know_is_told_in_words(given_: dict[str, Any], made: dict[str, Any]) -> None:
    """It would refuse the whole request for it."""
    assert output_schema(given_) == made


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(TEXT, id="text"),
        pytest.param({"type": "string", "format": "date-time", "pattern": "^a"}, id="format"),
        pytest.param({"type": "array", "minItems": 1, "items": TEXT}, id="one-item"),
        pytest.param({"enum": ["a", None, 1]}, id="enum"),
        pytest.param({"const": {"type": "object", "minimum": 1}}, id="const-that-looks-like-a-schema"),
        pytest.param({"default": {"properties": {}}, "title": "T", "description": "D"}, id="default"),
        pytest.param({"$ref": "#/$defs/A", "$defs": {"A": TEXT}}, id="reference"),
        pytest.param({**CLOSED, "required": ["a"]}, id="required"),
        pytest.param({"properties": {"minimum": TEXT, "oneOf": TEXT}, "additionalProperties": False}, id="odd-names"),
        pytest.param({"type": "array", "items": True}, id="anything-goes"),
    ],
)
def test_what_the_api_knows_stays_as_it_is(schema: dict[str, Any]) -> None:
    """To the letter."""
    assert output_schema(schema) == schema


LEAF = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "integer", "null"])},
    optional={
        "description": st.text(max_size=5),
        "minimum": st.integers(-9, 9),
        "format": st.sampled_from(["date", "x"]),
        "minItems": st.integers(0, 3),
        "enum": st.lists(st.integers(), max_size=2),
    },
)


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.sampled_from(["a", "type", "oneOf"]), inner, max_size=2)
    several = st.lists(inner, min_size=1, max_size=2)
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object")},
            optional={"properties": named, "$defs": named, "additionalProperties": st.booleans()},
        ),
        st.fixed_dictionaries({"type": st.just("array"), "items": st.one_of(inner, st.booleans())}),
        st.fixed_dictionaries({"anyOf": several}, optional={"title": st.just("T")}),
        st.fixed_dictionaries({"oneOf": several}, optional={"maxLength": st.just(1)}),
    )


SCHEMAS = st.recursive(LEAF, _grown, max_leaves=8)


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an object within one."""
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object":
        yield schema
    for name in ("properties", "$defs"):
        for inner in schema.get(name, {}).values():
            yield from objects(inner)
    for inner in (*schema.get("anyOf", ()), schema.get("items")):
        yield from objects(inner)


@given(SCHEMAS)
def test_the_callers_schema_is_not_touched(schema: dict[str, Any]) -> None:
    """It may use it again."""
    before = copy.deepcopy(schema)
    output_schema(schema)
    assert schema == before


@given(SCHEMAS)
def test_a_schema_that_was_made_fit_stays_as_it_is(schema: dict[str, Any]) -> None:
    """All is said by then."""
    made = output_schema(schema)
    assert output_schema(made) == made


@given(SCHEMAS)
def test_no_object_is_left_open_by_mistake(schema: dict[str, Any]) -> None:
    """However deep."""
    assert all("additionalProperties" in each for each in objects(output_schema(schema)))
