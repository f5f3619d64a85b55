"""What a request holds beside the conversation; how each parameter is said is `gemini_api`'s."""

from __future__ import annotations

from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.request import read_request
from uutel_bridge.providers.cloud_code.transforms import CloudCodeTransform

TRANSFORM = CloudCodeTransform()
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("look", "look up")]
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
        ({"seed": 0, "top_k": 5}, config(seed=0, topK=5)),
        ({"safety_settings": SAFETY}, {"safetySettings": SAFETY}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {}),
        ({"project_id": "p"}, {}),
    ],
)
def test_what_was_asked_for_stands_beside_the_conversation(params: dict[str, Any], body: dict[str, Any]) -> None:
    """And what was not asked for does not: Google's own stays."""
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
    ("model", "thinking"),
    [
        ("models/gemini-2.5-pro", {"includeThoughts": True, "thinkingBudget": 1024}),
        ("flash", {"includeThoughts": True, "thinkingLevel": "LOW"}),
        ("a-model-that-nobody-knows", {"includeThoughts": True, "thinkingLevel": "LOW"}),
    ],
)
def test_an_effort_says_more_than_that_thoughts_are_wanted(model: str, thinking: dict[str, Any]) -> None:
    """Of whatever model."""
    assert made(model, reasoning_effort="low") == config(thinkingConfig=thinking)


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


@pytest.mark.parametrize(
    ("params", "cls", "words"),
    [
        ({"reasoning_effort": "none"}, UnsupportedParam, "reasoning_effort: gemini-3-flash-preview cannot be kept"),
        ({"tools": TOOLS, "parallel_tool_calls": False}, UnsupportedParam, "parallel_tool_calls: "),
        ({"safety_settings": [{"category": {1}}]}, BadRequest, "safety_settings"),
    ],
)
def test_what_gemini_could_not_do_is_refused_by_name(params: dict[str, Any], cls: type[BadRequest], words: str) -> None:
    """Of the parameter, and of the model that was meant."""
    with pytest.raises(cls, match=words):
        made("flash", **params)
