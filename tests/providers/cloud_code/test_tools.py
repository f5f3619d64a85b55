"""Functions as Code Assist takes them; their names and schemas are `gemini_api`'s."""

from __future__ import annotations

import re
from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.tools import Tool
from uutel_bridge.providers.cloud_code.tools import declarations, wire_name, wire_names


def declared(parameters: dict[str, Any] | None, description: str = "", name: str = "look") -> dict[str, Any]:
    """What Google is told of one function."""
    ((declaration,),) = (tool["functionDeclarations"] for tool in declarations([Tool(name, description, parameters)]))
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


@pytest.mark.parametrize(("name", "stays"), [("x" * 64, True), ("x" * 65, False), ("1", False)])
def test_a_name_is_one_that_gemini_takes(name: str, stays: bool) -> None:
    """It is declared under the one that calls and results have."""
    assert (wire_name(name) == name) is stays
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}", wire_name(name))
    assert declared(None, name=name)["name"] == wire_name(name)


def test_the_callers_names_are_found_by_the_models() -> None:
    """For what the model calls."""
    (plain, other) = (Tool("look", "", None), Tool("look up", "", None))
    assert wire_names([plain, other]) == {"look": "look", wire_name("look up"): "look up"}


def test_a_schema_stays_as_it_is() -> None:
    """Also where Gemini CLI would have to change it."""
    schema = {"type": "object", "properties": {"q": True, "wait_for_previous": {"type": "integer"}}}
    assert declared(schema)["parametersJsonSchema"] == schema


def test_what_cannot_be_declared_is_refused_by_name() -> None:
    """Before anything is sent."""
    with pytest.raises(BadRequest, match=r"'look'.*must be of type") as caught:
        declared({"type": "string"})
    assert caught.value.param == "tools"
