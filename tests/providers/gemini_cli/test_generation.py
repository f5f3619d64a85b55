"""Parameters as Gemini's configuration, by table."""

from __future__ import annotations

from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.request import read_request
from uutel_bridge.providers.gemini_cli.generation import generation
from uutel_bridge.providers.gemini_cli.transforms import GeminiCLITransform

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("look", "look up")]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
WANTED = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
ENABLED = {"type": "enabled", "budget_tokens": 2000}


def made(model: str = "gemini-2.5-flash", **params: Any) -> dict[str, Any]:
    """What differs from the CLI's own configuration."""
    hi = [{"role": "user", "content": "hi"}]
    supported = GeminiCLITransform.supported
    return generation(read_request(model, hi, params, provider="gemini-cli", supported=supported))


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({}, {}),
        ({"temperature": 0, "top_p": 0.5}, {"temperature": 0, "topP": 0.5}),
        ({"top_k": 5}, {"topK": 5}),
        (
            {"safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]},
            {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]},
        ),
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
        ({"tools": TOOLS}, {}),
        ({"tools": TOOLS, "tool_choice": "none"}, {"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}),
        ({"tools": TOOLS, "tool_choice": "required"}, {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}),
        (
            {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "look"}}},
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["mcp_u_look"]}}},
        ),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {}),
    ],
)
def test_each_parameter_has_its_field(params: dict[str, Any], fields: dict[str, Any]) -> None:
    """And what was not asked for has none: the CLI's own stays."""
    assert made(**params) == fields


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-2.5-flash", "none", {"includeThoughts": False, "thinkingBudget": 0}),
        ("gemini-2.5-flash", "minimal", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("gemini-2.5-pro", "low", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("models/gemini-2.5-pro", "medium", {"includeThoughts": True, "thinkingBudget": 8192}),
        ("gemini-2.5-pro", "high", {"includeThoughts": True, "thinkingBudget": 24_576}),
        ("gemini-3-flash-preview", "minimal", {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        ("gemini-3.1-pro-preview", "minimal", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("pro", "low", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("auto-gemini-2.5", "medium", {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        ("gemini-flash-latest", "high", {"includeThoughts": True, "thinkingLevel": "HIGH"}),
    ],
)
def test_an_effort_is_a_budget_or_a_level(model: str, effort: str, thinking: dict[str, Any]) -> None:
    """As the model has the one or the other."""
    assert made(model, reasoning_effort=effort) == {"thinkingConfig": thinking}


@pytest.mark.parametrize(
    ("model", "asked", "thinking"),
    [
        ("gemini-2.5-pro", ENABLED, {"includeThoughts": True, "thinkingBudget": 2000}),
        ("gemini-2.5-pro", {**ENABLED, "display": "omitted"}, {"includeThoughts": False, "thinkingBudget": 2000}),
        ("gemini-3-pro", ENABLED, {"includeThoughts": True, "thinkingBudget": 2000, "thinkingLevel": None}),
        ("gemini-2.5-flash", {"type": "disabled"}, {"includeThoughts": False, "thinkingBudget": 0}),
        ("gemini-2.5-flash", {"type": "adaptive"}, {"includeThoughts": True, "thinkingBudget": -1}),
        ("gemini-3-pro", {"type": "adaptive", "display": "omitted"}, {"includeThoughts": False}),
    ],
)
def test_anthropics_switch_is_a_budget(model: str, asked: dict[str, Any], thinking: dict[str, Any]) -> None:
    """The CLI's own level is taken away where it has one: Gemini refuses both at once."""
    assert made(model, thinking=asked) == {"thinkingConfig": thinking}


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3-flash-preview", "flash"])
@pytest.mark.parametrize("params", [{"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}])
def test_a_model_that_always_thinks_cannot_be_kept_from_it(model: str, params: dict[str, Any]) -> None:
    """It is said by name, not by a long wait."""
    with pytest.raises(UnsupportedParam, match=f"{model} cannot be kept from thinking") as caught:
        made(model, **params)
    assert [caught.value.param] == list(params)


@pytest.mark.parametrize(
    ("params", "cls", "param"),
    [
        ({"reasoning_effort": "much"}, BadRequest, "reasoning_effort"),
        ({"reasoning_effort": "low", "thinking": ENABLED}, BadRequest, "thinking"),
        ({"tools": TOOLS, "parallel_tool_calls": False}, UnsupportedParam, "parallel_tool_calls"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"enum": {1}}}}},
            BadRequest,
            "response_format.json_schema.schema",
        ),
    ],
)
def test_what_gemini_could_not_do_is_refused_by_name(params: dict[str, Any], cls: type[BadRequest], param: str) -> None:
    """Before anything is started."""
    with pytest.raises(BadRequest) as caught:
        made(**params)
    assert (type(caught.value), caught.value.param) == (cls, param)
