"""The caller's functions as a server of the CLI's: names, schemas, and the server's answers."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.tools import Tool
from uutel_bridge.providers.claude_code.tools import ToolServer, mcp_answer, plain, tool_server, wire_name

OBJECT: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def served(*tools: Tool) -> ToolServer:
    """The server of some functions."""
    server = tool_server(tools)
    assert server is not None
    return server


def look(parameters: dict[str, Any] | None) -> Tool:
    """A function with these parameters."""
    return Tool("look", "Looks.", parameters)


def schema_of(parameters: dict[str, Any] | None) -> dict[str, Any]:
    """What the CLI is told of a function's parameters."""
    (tool,) = served(look(parameters)).tools
    return tool["inputSchema"]


SERVER = served(look(OBJECT), Tool("hear", "", None))


# Names


@pytest.mark.parametrize("name", ["look", "a__b", "-x", "_x", "x-", "0", "mcp__a__b", "A" * 64])
def test_a_legal_name_stays_as_it_is(name: str) -> None:
    """Whatever it looks like."""
    server = served(Tool(name, "", None))
    assert server.tools[0]["name"] == name
    assert wire_name(server, name) == f"mcp__{server.name}__{name}"


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        pytest.param("a.b", "a_b_", id="dot"),
        pytest.param("a b", "a_b_", id="blank"),
        pytest.param("wetter_für", "wetter_f_r_", id="umlaut"),
        pytest.param("天気", "___", id="no-letter-of-theirs"),
        pytest.param("look\n", "look__", id="line-break-at-the-end"),
        pytest.param("A" * 65, "A" * 55 + "_", id="too-long"),
    ],
)
def test_any_other_name_becomes_one_that_tells_what_it_was(name: str, starts: str) -> None:
    """As far as its characters go."""
    assert plain(name).startswith(starts)


@given(st.text(min_size=1))
def test_every_name_becomes_legal_and_stays_so(name: str) -> None:
    """With the server's name before it, it still fits into what the API takes."""
    made = plain(name)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", made)
    assert plain(made) == made == plain(name)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,128}", wire_name(SERVER, name))


@given(st.lists(st.text("a.-_ é", min_size=1, max_size=4), unique=True))
def test_names_that_differ_stay_apart(names: list[str]) -> None:
    """Also where the same characters have to go."""
    assert len({plain(name) for name in names}) == len(names)


def test_a_long_name_differs_by_its_end() -> None:
    """Though the end is what is cut off."""
    assert plain("A" * 70 + "1") != plain("A" * 70 + "2")


def test_without_functions_there_is_no_server() -> None:
    """An earlier call in the conversation then keeps its name."""
    assert tool_server([]) is None
    assert wire_name(None, "look") == "look"
    assert wire_name(None, "a.b") == plain("a.b")


def test_all_that_a_server_is_called_follows_from_its_name() -> None:
    """The CLI's permission for all its functions, and what the model sees."""
    assert re.fullmatch(r"t[0-9a-f]{8}", SERVER.name)
    assert SERVER.permission == f"mcp__{SERVER.name}"
    assert SERVER.wire_names == {f"mcp__{SERVER.name}__look", f"mcp__{SERVER.name}__hear"}


def test_the_same_functions_have_the_same_server() -> None:
    """In every process: the prompt cache lives on it."""
    again = served(look(copy.deepcopy(OBJECT)), Tool("hear", "", None))
    assert again == SERVER
    assert served(Tool("look", "", None)).name == "tb89e2057"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((look(OBJECT),), id="fewer"),
        pytest.param((Tool("hear", "", None), look(OBJECT)), id="order"),
        pytest.param((Tool("look", "Sees.", OBJECT), Tool("hear", "", None)), id="description"),
        pytest.param((look({**OBJECT, "required": []}), Tool("hear", "", None)), id="parameters"),
        pytest.param((look(OBJECT), Tool("heed", "", None)), id="name"),
    ],
)
def test_another_set_is_another_server(other: tuple[Tool, ...]) -> None:
    """A process that knows one is never taken to know the other."""
    assert served(*other).name != SERVER.name


# Schemas


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        pytest.param(None, {"type": "object", "properties": {}}, id="none"),
        pytest.param({}, {"type": "object", "properties": {}}, id="empty"),
        pytest.param({"type": "object"}, {"type": "object", "properties": {}}, id="no-properties"),
        pytest.param(
            {"type": "object", "properties": None}, {"type": "object", "properties": {}}, id="null-properties"
        ),
        pytest.param(
            {"properties": {"a": {"type": "string"}}},
            {"type": "object", "properties": {"a": {"type": "string"}}},
            id="no-type",
        ),
        pytest.param({"properties": {"a": True}}, {"type": "object", "properties": {"a": {}}}, id="anything-goes"),
        pytest.param({"required": None}, {"type": "object", "properties": {}}, id="null-required"),
        pytest.param({"required": []}, {"type": "object", "properties": {}, "required": []}, id="nothing-required"),
    ],
)
def test_a_schema_that_the_cli_cannot_read_is_made_one_that_it_can(
    given_: dict[str, Any] | None, told: dict[str, Any]
) -> None:
    """It would drop all functions for it, without a word."""
    assert schema_of(given_) == told


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param(OBJECT, id="plain"),
        pytest.param({**OBJECT, "additionalProperties": False, "title": "T", "x-mine": [1]}, id="more-keys"),
        pytest.param({**OBJECT, "$schema": "https://json-schema.org/draft/2020-12/schema"}, id="dialect"),
        pytest.param(
            {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"oneOf": [{"type": "string"}, {"type": "null"}]}},
                "$defs": {"A": {"type": "object", "properties": {"deep": True}}},
            },
            id="definitions-and-choices-inside",
        ),
        pytest.param({"type": "object", "properties": {"oneOf": {}, "type": {}, "$ref": {}}}, id="names-of-keywords"),
        pytest.param({"type": "object", "properties": {"": {}, "ä b": {"enum": [None, 1.5]}}}, id="odd-names"),
        pytest.param({"type": "object", "properties": {"a": {"minimum": 10**18}}}, id="big-number"),
    ],
)
def test_any_other_schema_arrives_whole(parameters: dict[str, Any]) -> None:
    """Nothing is left out, nothing is added, and the caller's own is not touched."""
    before = copy.deepcopy(parameters)
    assert schema_of(parameters) == before == parameters


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        pytest.param({"type": "string"}, "type", id="text"),
        pytest.param({"type": ["object", "null"]}, "type", id="several-types"),
        pytest.param({"type": None}, "type", id="null-type"),
        *(pytest.param({**OBJECT, word: []}, word, id=word) for word in ("oneOf", "anyOf", "allOf", "$ref")),
        pytest.param({"properties": {"a": False}}, "properties", id="nothing-goes"),
        pytest.param({"properties": {"a": None}}, "properties", id="null-property"),
        pytest.param({"properties": {"a": "string"}}, "properties", id="property-as-text"),
        pytest.param({"properties": ["a"]}, "properties", id="properties-as-a-list"),
        pytest.param({"properties": [{}]}, "properties", id="properties-as-a-list-of-objects"),
        pytest.param({"required": "city"}, "required", id="required-as-text"),
        pytest.param({"required": True}, "required", id="required-as-in-old-drafts"),
        pytest.param({"required": [1]}, "required", id="required-numbers"),
    ],
)
def test_a_schema_that_cannot_be_made_readable_is_refused_by_name(parameters: dict[str, Any], says: str) -> None:
    """The function's, and what is wrong with it."""
    with pytest.raises(BadRequest) as caught:
        served(Tool("hear", "", None), look(parameters))
    assert caught.value.param == "tools"
    assert "'look'" in caught.value.message
    assert says in caught.value.message


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"properties": {"a": {"maximum": 2**64}}}, id="number-of-more-than-64-bits"),
        pytest.param({"properties": {"a": {"title": "\ud800"}}}, id="half-a-surrogate-pair"),
        pytest.param({"properties": {"a": {"enum": {"x"}}}}, id="set"),
        pytest.param({"properties": {1: {}}}, id="number-as-a-name"),
    ],
)
def test_a_schema_that_is_no_json_is_refused_by_name(parameters: dict[str, Any]) -> None:
    """It could not be sent."""
    with pytest.raises(BadRequest, match="look") as caught:
        served(look(parameters))
    assert caught.value.param == "tools"


def test_a_function_is_declared_with_its_marks() -> None:
    """Without them, calls come one by one and long results get lost."""
    (tool,) = served(look(OBJECT)).tools
    assert tool == {
        "name": "look",
        "description": "Looks.",
        "inputSchema": OBJECT,
        "annotations": {"readOnlyHint": True},
        "_meta": {"anthropic/maxResultSizeChars": 500_000},
    }


# The server's answers


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        pytest.param(
            {"method": "initialize", "params": {"protocolVersion": "2025-11-25"}, "jsonrpc": "2.0", "id": 0},
            {
                "id": 0,
                "result": {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": SERVER.name, "version": "1"},
                },
            },
            id="initialize",
        ),
        pytest.param({"method": "notifications/initialized"}, {"result": {}}, id="initialized"),
        pytest.param({"method": "notifications/cancelled", "params": {"requestId": 2}}, {"result": {}}, id="cancelled"),
        pytest.param({"method": "tools/list", "id": 1}, {"id": 1, "result": {"tools": SERVER.tools}}, id="list"),
        pytest.param({"method": "ping", "id": "p"}, {"id": "p", "result": {}}, id="ping"),
        pytest.param({"method": "of/the_next_release", "id": 9}, {"id": 9, "result": {}}, id="unknown"),
    ],
)
def test_each_question_of_the_cli_has_its_answer(message: dict[str, Any], answer: dict[str, Any]) -> None:
    """Under the question's own id, which a notification has none of."""
    assert mcp_answer(SERVER, message) == {"jsonrpc": "2.0", **answer}


def test_a_call_is_not_answered() -> None:
    """That is for the caller to do, in the next request."""
    assert mcp_answer(SERVER, {"method": "tools/call", "params": {"name": "look", "arguments": {}}, "id": 2}) is None
