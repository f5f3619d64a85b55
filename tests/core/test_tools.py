"""The caller's functions, the choice among them, and the form of the answer: what is read and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.tools import (
    ResponseFormat,
    Tool,
    ToolChoice,
    read_response_format,
    read_tool_choice,
    read_tools,
)

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def function(**facts: Any) -> dict[str, Any]:
    """A tool of OpenAI's."""
    return {"type": "function", "function": {"name": "f", **facts}}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(function(), Tool("f", "", None), id="name-alone"),
        pytest.param(
            function(description="Looks.", parameters=SCHEMA, strict=True), Tool("f", "Looks.", SCHEMA), id="everything"
        ),
        pytest.param(function(description=None, parameters=None, strict=None), Tool("f", "", None), id="nulls"),
        pytest.param(function(parameters={}), Tool("f", "", {}), id="empty-schema"),
        pytest.param(function(name="Ünï.cödé/x y"), Tool("Ünï.cödé/x y", "", None), id="any-name"),
        pytest.param(function(x_note=1), Tool("f", "", None), id="unknown-key"),
    ],
)
def test_every_shape_of_a_tool_is_read(raw: dict[str, Any], expected: Tool) -> None:
    """Its schema as it stands."""
    assert read_tools([raw]) == (expected,)


def test_tools_keep_their_order() -> None:
    """Which the model sees."""
    assert [tool.name for tool in read_tools([function(name=name) for name in "cab"])] == ["c", "a", "b"]
    assert read_tools([]) == ()


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        pytest.param(None, "tools", id="null"),
        pytest.param("f", "tools", id="text"),
        pytest.param(function(), "tools", id="one-tool-no-list"),
        pytest.param(["f"], "tools[0]", id="tool-as-text"),
        pytest.param([{"type": "function"}], "tools[0].function", id="no-function"),
        pytest.param([{"type": "function", "function": "f"}], "tools[0].function", id="function-as-text"),
        pytest.param([{"type": "function", "function": {}}], "tools[0].function.name", id="no-name"),
        pytest.param([function(name="")], "tools[0].function.name", id="empty-name"),
        pytest.param([function(name=5)], "tools[0].function.name", id="name-is-a-number"),
        pytest.param([function(name="\ud800")], "tools[0].function.name", id="name-no-unicode"),
        pytest.param([function(description=5)], "tools[0].function.description", id="description-is-a-number"),
        pytest.param([function(parameters="{}")], "tools[0].function.parameters", id="schema-as-text"),
        pytest.param([function(parameters=[])], "tools[0].function.parameters", id="schema-as-a-list"),
        pytest.param([function(name="g"), function(), function()], "tools[2].function.name", id="one-name-twice"),
    ],
)
def test_a_tool_that_cannot_be_read_is_refused_with_its_place(raw: object, param: str) -> None:
    """`param` says where, as the caller wrote it, and so does the sentence."""
    with pytest.raises(BadRequest) as caught:
        read_tools(raw)
    assert caught.value.param == param
    assert caught.value.message.startswith(param)
    assert type(caught.value) is BadRequest


@pytest.mark.parametrize("kind", ["web_search", "custom", None])
def test_another_kind_of_tool_is_unsupported(kind: str | None) -> None:
    """It exists elsewhere."""
    with pytest.raises(UnsupportedParam) as caught:
        read_tools([function(), {"type": kind}])
    assert caught.value.param == "tools[1].type"


TOOLS = (Tool("f", "", None), Tool("g", "", None))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("auto", ToolChoice("auto"), id="auto"),
        pytest.param("none", ToolChoice("none"), id="none"),
        pytest.param("required", ToolChoice("required"), id="required"),
        pytest.param({"type": "function", "function": {"name": "g"}}, ToolChoice("named", "g"), id="named"),
        pytest.param({"type": "function", "name": "g"}, ToolChoice("named", "g"), id="named-in-the-shorter-form"),
    ],
)
def test_every_choice_is_read(raw: object, expected: ToolChoice) -> None:
    """As a mode, with a name where there is one."""
    assert read_tool_choice(raw, TOOLS) == expected


@pytest.mark.parametrize(
    ("raw", "tools"),
    [
        pytest.param("any", TOOLS, id="unknown-word"),
        pytest.param("named", TOOLS, id="our-own-word"),
        pytest.param("", TOOLS, id="empty"),
        pytest.param(None, TOOLS, id="null"),
        pytest.param(["auto"], TOOLS, id="list"),
        pytest.param({}, TOOLS, id="empty-object"),
        pytest.param({"type": "function"}, TOOLS, id="no-function"),
        pytest.param({"type": "function", "function": "f"}, TOOLS, id="function-as-text"),
        pytest.param({"type": "function", "function": {}}, TOOLS, id="no-name"),
        pytest.param({"type": "tool", "name": "f"}, TOOLS, id="another-type"),
        pytest.param({"type": "function", "function": {"name": "h"}}, TOOLS, id="not-among-the-tools"),
        pytest.param({"type": "function", "function": {"name": "f"}}, (), id="named-without-tools"),
        pytest.param("required", (), id="required-without-tools"),
    ],
)
def test_a_choice_that_cannot_be_made_is_refused(raw: object, tools: tuple[Tool, ...]) -> None:
    """Under the parameter's name."""
    with pytest.raises(BadRequest) as caught:
        read_tool_choice(raw, tools)
    assert caught.value.param == "tool_choice"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param({"type": "text"}, None, id="text"),
        pytest.param({"type": "json_object"}, ResponseFormat(None), id="any-object"),
        pytest.param(
            {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}},
            ResponseFormat(SCHEMA, "city"),
            id="schema",
        ),
        pytest.param(
            {"type": "json_schema", "json_schema": {"schema": {}}}, ResponseFormat({}), id="schema-without-a-name"
        ),
    ],
)
def test_every_form_of_an_answer_is_read(raw: object, expected: ResponseFormat | None) -> None:
    """Text is no form at all."""
    assert read_response_format(raw) == expected


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        pytest.param("json", "response_format", id="text"),
        pytest.param({}, "response_format.type", id="no-type"),
        pytest.param({"type": "xml"}, "response_format.type", id="unknown-type"),
        pytest.param({"type": "json_schema"}, "response_format.json_schema", id="no-wrapping"),
        pytest.param({"type": "json_schema", "json_schema": {}}, "response_format.json_schema.schema", id="no-schema"),
        pytest.param(
            {"type": "json_schema", "json_schema": {"schema": "{}"}},
            "response_format.json_schema.schema",
            id="schema-as-text",
        ),
        pytest.param(
            {"type": "json_schema", "json_schema": {"schema": {}, "name": 5}},
            "response_format.json_schema.name",
            id="name-is-a-number",
        ),
    ],
)
def test_a_form_that_cannot_be_read_is_refused_with_its_place(raw: object, param: str) -> None:
    """`param` says where, as the caller wrote it, and so does the sentence."""
    with pytest.raises(BadRequest) as caught:
        read_response_format(raw)
    assert caught.value.param == param
    assert caught.value.message.startswith(param)
