"""Parameters as what differs from the CLI's own configuration; how each is said is `gemini_api`'s."""

from __future__ import annotations

from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.request import read_request
from uutel_bridge.providers.gemini_cli.generation import generation
from uutel_bridge.providers.gemini_cli.transforms import GeminiCLITransform

TOOLS = [{"type": "function", "function": {"name": "look"}}]
SAFETY = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
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
        ({"seed": 0, "top_k": 5}, {"seed": 0, "topK": 5}),
        ({"safety_settings": SAFETY}, {"safetySettings": SAFETY}),
        ({"tools": TOOLS}, {}),
        (
            {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "look"}}},
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["mcp_u_look"]}}},
        ),
        ({"reasoning_effort": "low"}, {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024}}),
    ],
)
def test_all_that_was_asked_for_is_in_one_configuration(params: dict[str, Any], fields: dict[str, Any]) -> None:
    """And what was not asked for has no field: the CLI's own stays."""
    assert made(**params) == fields


@pytest.mark.parametrize(
    ("model", "asked", "thinking"),
    [
        ("gemini-2.5-pro", ENABLED, {"includeThoughts": True, "thinkingBudget": 2000}),
        ("gemini-3-pro", ENABLED, {"includeThoughts": True, "thinkingBudget": 2000, "thinkingLevel": None}),
        ("gemini-3-pro", {"type": "adaptive", "display": "omitted"}, {"includeThoughts": False}),
    ],
)
def test_a_budget_takes_the_clis_own_level_away(model: str, asked: dict[str, Any], thinking: dict[str, Any]) -> None:
    """Where it has one: Gemini refuses both at once."""
    assert made(model, thinking=asked) == {"thinkingConfig": thinking}


@pytest.mark.parametrize(
    ("params", "cls", "param"),
    [
        ({"reasoning_effort": "none"}, UnsupportedParam, "reasoning_effort"),
        ({"tools": TOOLS, "parallel_tool_calls": False}, UnsupportedParam, "parallel_tool_calls"),
        ({"safety_settings": [{"category": {1}}]}, BadRequest, "safety_settings"),
    ],
)
def test_what_gemini_could_not_do_is_refused_by_name(params: dict[str, Any], cls: type[BadRequest], param: str) -> None:
    """Before anything is started."""
    with pytest.raises(cls) as caught:
        made("flash", **params)
    assert caught.value.param == param
