"""Functions as an MCP server lists them: what the CLI lets through of the names and schemas that `gemini_api` makes."""

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


@pytest.mark.parametrize(("name", "stays"), [("x" * 57, True), ("1", True), ("x" * 58, False), ("a b", False)])
def test_a_name_is_one_that_gemini_and_the_cli_take(name: str, stays: bool) -> None:
    """It is declared without the prefix that the CLI puts before it."""
    declared_name = mcp_tool(Tool(name, "", None))["name"]
    assert (declared_name == name) is stays
    assert wire_name(name) == f"mcp_u_{declared_name}"
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]{0,62}", wire_name(name))


def test_the_callers_names_are_found_by_the_models() -> None:
    """The CLI's name of our server is a part of them."""
    (plain, other) = (Tool("look", "", None), Tool("look up", "", None))
    assert wire_names([plain, other]) == {"mcp_u_look": "look", wire_name("look up"): "look up"}


def test_a_schema_stays_as_it_is() -> None:
    """Also where the CLI's own parameter stands further down in it."""
    schema = {"type": "object", "properties": {"q": {"properties": {"wait_for_previous": True}}}}
    assert declared(schema) == schema


def test_a_schema_that_is_true_or_false_is_said_as_an_object() -> None:
    """For one that is none, the CLI drops all functions."""
    made = declared({"properties": {"a": True, "b": False}})
    assert made == {"type": "object", "properties": {"a": {}, "b": {"not": {}}}}


def test_what_cannot_be_declared_is_refused_by_name() -> None:
    """The CLI would leave it out, and every other function, without a word."""
    with pytest.raises(BadRequest, match=r"'look'.*must be of type") as caught:
        declared({"type": "string"})
    assert caught.value.param == "tools"


def test_a_parameter_of_the_clis_own_name_is_refused() -> None:
    """The model would see the CLI's in its place."""
    with pytest.raises(UnsupportedParam, match=r"'look'.*'wait_for_previous' of its own"):
        declared({"properties": {"wait_for_previous": {"type": "integer"}}})
