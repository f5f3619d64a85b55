"""Parameters as a `GenerationConfig` and what stands beside it, by table."""

from __future__ import annotations

from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.request import read_request
from uutel_bridge.providers.cloud_code.transforms import CloudCodeTransform

TRANSFORM = CloudCodeTransform()
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("look", "look up")]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
WANTED = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
ENABLED = {"type": "enabled", "budget_tokens": 2000}
SAFETY = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]


def made(model: str = "a-model-that-nobody-knows", **params: Any) -> dict[str, Any]:
    """All that is sent beside the conversation."""
    hi = [{"role": "user", "content": "hi"}]
    chat = read_request(model, hi, params, provider="cloud-code", supported=TRANSFORM.supported)
    return {name: value for name, value in TRANSFORM.request(chat).body.items() if name != "contents"}


def config(**fields: Any) -> dict[str, Any]:
    """A body with these fields of the generation's configuration alone."""
    return {"generationConfig": fields}


def calling(**fields: Any) -> dict[str, Any]:
    """The part of a body that says how to use functions."""
    return {"toolConfig": {"functionCallingConfig": fields}}


@pytest.mark.parametrize(
    ("params", "body"),
    [
        ({}, {}),
        ({"temperature": 0, "top_p": 0.5}, config(temperature=0, topP=0.5)),
        ({"top_k": 5}, config(topK=5)),
        ({"max_tokens": 7}, config(maxOutputTokens=7)),
        ({"max_completion_tokens": 7}, config(maxOutputTokens=7)),
        ({"stop": "x"}, config(stopSequences=["x"])),
        ({"stop": ["x", "y"]}, config(stopSequences=["x", "y"])),
        (
            {"seed": 0, "presence_penalty": 0.5, "frequency_penalty": -1},
            config(seed=0, presencePenalty=0.5, frequencyPenalty=-1),
        ),
        ({"response_format": {"type": "json_object"}}, config(responseMimeType="application/json")),
        ({"response_format": WANTED}, config(responseMimeType="application/json", responseJsonSchema=SCHEMA)),
        ({"safety_settings": SAFETY}, {"safetySettings": SAFETY}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {}),
        ({"project_id": "p"}, {}),
    ],
)
def test_each_parameter_has_its_field(params: dict[str, Any], body: dict[str, Any]) -> None:
    """And what was not asked for has none: Google's own stays."""
    assert made(**params) == body


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        ("auto", {}),
        ("none", calling(mode="NONE")),
        ("required", calling(mode="ANY")),
        ({"type": "function", "function": {"name": "look"}}, calling(mode="ANY", allowedFunctionNames=["look"])),
    ],
    ids=["auto", "none", "required", "named"],
)
def test_functions_are_declared_whatever_is_to_be_done_with_them(choice: Any, fields: dict[str, Any]) -> None:
    """So that the next request of the conversation begins with the same bytes."""
    body = made(tools=TOOLS, tool_choice=choice)
    assert {name: value for name, value in body.items() if name != "tools"} == fields
    assert body["tools"] == made(tools=TOOLS)["tools"]


def test_a_function_is_chosen_by_the_name_that_the_model_sees() -> None:
    """Where that is not the caller's."""
    body = made(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "look up"}})
    (_, declared) = body["tools"][0]["functionDeclarations"]
    assert body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == [declared["name"]]


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-2.5-flash", "none", {"includeThoughts": False, "thinkingBudget": 0}),
        ("gemini-2.5-flash-lite", "minimal", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("gemini-2.5-pro", "low", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("models/gemini-2.5-pro", "medium", {"includeThoughts": True, "thinkingBudget": 8192}),
        ("gemini-2.5-pro", "high", {"includeThoughts": True, "thinkingBudget": 24_576}),
        ("gemini-3-flash-preview", "minimal", {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        ("gemini-3.5-flash", "minimal", {"includeThoughts": True, "thinkingLevel": "MINIMAL"}),
        ("gemini-3.1-pro-preview", "minimal", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("pro", "minimal", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("flash", "medium", {"includeThoughts": True, "thinkingLevel": "MEDIUM"}),
        ("gemini-flash-latest", "high", {"includeThoughts": True, "thinkingLevel": "HIGH"}),
    ],
)
def test_an_effort_is_a_budget_or_a_level(model: str, effort: str, thinking: dict[str, Any]) -> None:
    """As the model has the one or the other."""
    assert made(model, reasoning_effort=effort) == config(thinkingConfig=thinking)


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
    assert made(model, thinking=asked) == config(thinkingConfig=thinking)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("gemini-2.5-pro", config(thinkingConfig={"includeThoughts": True})),
        ("models/gemini-2.5-flash", config(thinkingConfig={"includeThoughts": True})),
        ("gemini-3.5-flash", config(thinkingConfig={"includeThoughts": True})),
        ("flash-lite", config(thinkingConfig={"includeThoughts": True})),
        ("gemini-2.5-flash-lite", {}),
        ("gemma-4-31b-it", {}),
        ("gemini-9-ultra", {}),
    ],
)
def test_a_model_that_thinks_anyway_is_asked_for_its_thoughts(model: str, fields: dict[str, Any]) -> None:
    """Of the others, and of those that are not known, it would be an error."""
    assert made(model) == fields


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3-flash-preview", "gemini-3.8-flash"])
@pytest.mark.parametrize("params", [{"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}])
def test_a_model_that_always_thinks_cannot_be_kept_from_it(model: str, params: dict[str, Any]) -> None:
    """It is said by name."""
    with pytest.raises(UnsupportedParam, match=f"{model} cannot be kept from thinking") as caught:
        made(model, **params)
    assert [caught.value.param] == list(params)


@pytest.mark.parametrize(
    ("params", "cls", "param"),
    [
        ({"reasoning_effort": "much"}, BadRequest, "reasoning_effort"),
        ({"reasoning_effort": "low", "thinking": ENABLED}, BadRequest, "thinking"),
        ({"tools": TOOLS, "parallel_tool_calls": False}, UnsupportedParam, "parallel_tool_calls"),
        ({"safety_settings": [{"category": {1}}]}, BadRequest, "safety_settings"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"enum": {1}}}}},
            BadRequest,
            "response_format.json_schema.schema",
        ),
    ],
)
def test_what_gemini_could_not_do_is_refused_by_name(params: dict[str, Any], cls: type[BadRequest], param: str) -> None:
    """Before anything is sent."""
    with pytest.raises(BadRequest) as caught:
        made(**params)
    assert (type(caught.value), caught.value.param) == (cls, param)
