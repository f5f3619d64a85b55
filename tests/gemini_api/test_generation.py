"""Parameters as fields of a `GenerationConfig` and what stands beside it, by table."""

from __future__ import annotations

from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.request import ChatRequest, read_request
from uutel_bridge.gemini_api.generation import generation_config, safety_settings, thinking_config, tool_config

MODEL = "gemini-2.5-flash"
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("look", "look up")]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
WANTED = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
NO_JSON = {"type": "json_schema", "json_schema": {"schema": {"enum": {1}}}}
ENABLED = {"type": "enabled", "budget_tokens": 2000}
SAFETY = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]


def chat(**params: Any) -> ChatRequest:
    """A request that brings these."""
    hi = [{"role": "user", "content": "hi"}]
    return read_request(MODEL, hi, params, provider="gemini", supported=ChatRequest.model_fields)


def calling(**params: Any) -> dict[str, Any] | None:
    """How functions may be used, under names that the model alone knows."""
    return tool_config(chat(**params), lambda name: f"its_{name}")


def everything(**params: Any) -> tuple[object, ...]:
    """All that is made of a request."""
    asked = chat(**params)
    return generation_config(asked), safety_settings(asked), calling(**params), thinking_config(asked, MODEL)


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({}, {}),
        ({"temperature": 0, "top_p": 0.5}, {"temperature": 0, "topP": 0.5}),
        ({"top_k": 5}, {"topK": 5}),
        ({"max_tokens": 7}, {"maxOutputTokens": 7}),
        ({"max_completion_tokens": 7}, {"maxOutputTokens": 7}),
        ({"stop": "x"}, {"stopSequences": ["x"]}),
        ({"stop": ["x", "y"]}, {"stopSequences": ["x", "y"]}),
        (
            {"seed": 0, "presence_penalty": 0.5, "frequency_penalty": -1},
            {"seed": 0, "presencePenalty": 0.5, "frequencyPenalty": -1},
        ),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
        ({"response_format": WANTED}, {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}),
        ({"reasoning_effort": "low", "safety_settings": SAFETY, "tools": TOOLS, "tool_choice": "none"}, {}),
    ],
)
def test_each_parameter_has_its_field(params: dict[str, Any], fields: dict[str, Any]) -> None:
    """And what was not asked for, or stands elsewhere, has none: Google's own stays."""
    assert generation_config(chat(**params)) == fields


def test_safety_settings_are_the_callers() -> None:
    """Word for word."""
    assert safety_settings(chat(safety_settings=SAFETY)) == SAFETY
    assert safety_settings(chat()) == []


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"tools": TOOLS}, None),
        ({"tools": TOOLS, "tool_choice": "auto"}, None),
        ({"tools": TOOLS, "tool_choice": "none"}, {"mode": "NONE"}),
        ({"tools": TOOLS, "tool_choice": "required"}, {"mode": "ANY"}),
        (
            {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "look"}}},
            {"mode": "ANY", "allowedFunctionNames": ["its_look"]},
        ),
        ({"tool_choice": "none", "parallel_tool_calls": False}, None),
    ],
)
def test_how_functions_may_be_used_is_said_where_the_model_is_not_free(
    params: dict[str, Any], fields: dict[str, Any] | None
) -> None:
    """By the name that it sees."""
    assert calling(**params) == (fields and {"functionCallingConfig": fields})


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-2.5-flash", "none", {"includeThoughts": False, "thinkingBudget": 0}),
        ("gemini-2.5-flash", "minimal", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("gemini-2.5-flash-lite", "minimal", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("gemini-2.5-pro", "low", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("models/gemini-2.5-pro", "medium", {"includeThoughts": True, "thinkingBudget": 8192}),
        ("gemini-2.5-pro", "high", {"includeThoughts": True, "thinkingBudget": 24_576}),
        ("gemini-3-flash-preview", "minimal", {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        ("gemini-3.5-flash", "minimal", {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        ("gemini-3.1-pro-preview", "minimal", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("pro", "minimal", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("pro", "low", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("flash", "medium", {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        ("auto-gemini-2.5", "medium", {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        ("gemini-flash-latest", "high", {"includeThoughts": True, "thinkingLevel": "HIGH"}),
    ],
)
def test_an_effort_is_a_budget_or_a_level(model: str, effort: str, thinking: dict[str, Any]) -> None:
    """As the model has the one or the other."""
    assert thinking_config(chat(reasoning_effort=effort), model) == thinking


@pytest.mark.parametrize(
    ("model", "asked", "thinking"),
    [
        ("gemini-2.5-pro", ENABLED, {"includeThoughts": True, "thinkingBudget": 2000}),
        ("gemini-2.5-pro", {**ENABLED, "display": "omitted"}, {"includeThoughts": False, "thinkingBudget": 2000}),
        ("gemini-3-pro-preview", ENABLED, {"includeThoughts": True, "thinkingBudget": 2000}),
        ("gemini-2.5-flash", {"type": "disabled"}, {"includeThoughts": False, "thinkingBudget": 0}),
        ("gemini-2.5-flash", {"type": "adaptive"}, {"includeThoughts": True, "thinkingBudget": -1}),
        ("gemini-3-pro-preview", {"type": "adaptive", "display": "omitted"}, {"includeThoughts": False}),
    ],
)
def test_anthropics_switch_is_a_budget(model: str, asked: dict[str, Any], thinking: dict[str, Any]) -> None:
    """Never together with a level: Gemini refuses both at once."""
    assert thinking_config(chat(thinking=asked), model) == thinking


def test_thinking_is_left_to_the_model_unless_it_is_asked_for() -> None:
    """Whatever else is."""
    assert thinking_config(chat(seed=0, tools=TOOLS), MODEL) is None


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3-flash-preview", "gemini-3.8-flash", "flash"])
@pytest.mark.parametrize("params", [{"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}])
def test_a_model_that_always_thinks_cannot_be_kept_from_it(model: str, params: dict[str, Any]) -> None:
    """It is said by name, not by a long wait."""
    with pytest.raises(UnsupportedParam, match=f"{model} cannot be kept from thinking") as caught:
        thinking_config(chat(**params), model)
    assert [caught.value.param] == list(params)


@pytest.mark.parametrize(
    ("params", "cls", "param"),
    [
        ({"reasoning_effort": "much"}, BadRequest, "reasoning_effort"),
        ({"reasoning_effort": "low", "thinking": ENABLED}, BadRequest, "thinking"),
        ({"tools": TOOLS, "parallel_tool_calls": False}, UnsupportedParam, "parallel_tool_calls"),
        ({"safety_settings": [{"category": {1}}]}, BadRequest, "safety_settings"),
        ({"response_format": NO_JSON}, BadRequest, "response_format.json_schema.schema"),
    ],
)
def test_what_gemini_could_not_do_is_refused_by_name(params: dict[str, Any], cls: type[BadRequest], param: str) -> None:
    """Before anything is sent."""
    with pytest.raises(BadRequest) as caught:
        everything(**params)
    assert (type(caught.value), caught.value.param) == (cls, param)
