"""OpenAI's parameters in GenerateContent's words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.core.tools import ResponseFormat, as_json

_BUDGETS: Mapping[str, int] = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
"""Tokens of thought up to Gemini 2.5, as Google's own OpenAI-compatible interface counts them."""
_LEVELS: Mapping[str, str] = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
"""The same from Gemini 3 on."""
_HAS_BUDGET = re.compile(r"(?:models/)?gemini-[12]\b")
_IS_PRO = re.compile(r"\bpro\b")

_MODES: Mapping[str, str] = {"none": "NONE", "required": "ANY", "named": "ANY"}


def has_budget(model: str) -> bool:
    """Whether the model's thinking is measured by a budget, not by a level."""
    return _HAS_BUDGET.match(model) is not None


def generation_config(chat: ChatRequest) -> dict[str, Any]:
    """What was asked for, as fields of a `GenerationConfig`, but for the thinking.

    Raises:
        BadRequest: The answer's schema is no JSON.
    """
    asked = {
        "temperature": chat.temperature,
        "topP": chat.top_p,
        "topK": chat.top_k,
        "maxOutputTokens": chat.max_tokens,
        "stopSequences": list(chat.stop) or None,
        "seed": chat.seed,
        "presencePenalty": chat.presence_penalty,
        "frequencyPenalty": chat.frequency_penalty,
        **_response_format(chat.response_format),
    }
    return {name: value for name, value in asked.items() if value is not None}


def safety_settings(chat: ChatRequest) -> list[dict[str, Any]]:
    """What Google is to let through, in its own words as the caller gave them; empty for nothing.

    Raises:
        BadRequest: They are no JSON.
    """
    return [as_json(dict(each), "safety_settings", param="safety_settings") for each in chat.safety_settings]


def tool_config(chat: ChatRequest, wire_name: Callable[[str], str]) -> dict[str, Any] | None:
    """Whether functions may, must or must not be called; None to leave that to the model.

    Args:
        chat: The request.
        wire_name: What the model sees a function as.

    Raises:
        UnsupportedParam: Calls are wanted one at a time.
    """
    if not chat.parallel_tool_calls:
        raise UnsupportedParam(
            "parallel_tool_calls: Gemini cannot be kept to one call at a time; leave it out.",
            param="parallel_tool_calls",
        )
    choice = chat.tool_choice
    if choice.mode == "auto" or not chat.tools:
        return None
    only = {"allowedFunctionNames": [wire_name(choice.name)]} if choice.mode == "named" else {}
    return {"functionCallingConfig": {"mode": _MODES[choice.mode], **only}}


def thinking_config(chat: ChatRequest, model: str) -> dict[str, Any] | None:
    """How much the model is to think, and whether it is to show it; None where nothing was asked for.

    Args:
        chat: The request.
        model: Its model by the name that decides.

    Raises:
        BadRequest: An unknown effort, or an effort and `thinking` at once.
        UnsupportedParam: No thinking of a model that always thinks.
    """
    if chat.thinking is not None and chat.reasoning_effort is not None:
        raise BadRequest("thinking: reasoning_effort says the same; give one.", param="thinking")
    if chat.reasoning_effort is not None:
        return _effort(model, chat.reasoning_effort)
    return _switched(model, chat.thinking) if chat.thinking is not None else None


def _response_format(wanted: ResponseFormat | None) -> Mapping[str, Any]:
    if wanted is None:
        return {}
    if wanted.schema is None:
        return {"responseMimeType": "application/json"}
    at = "response_format.json_schema.schema"
    schema = as_json(dict(wanted.schema), at, param=at)
    return {"responseMimeType": "application/json", "responseJsonSchema": schema}


def _effort(model: str, effort: str) -> dict[str, Any]:
    if effort not in _BUDGETS:
        raise BadRequest(f"reasoning_effort: {effort!r} is not one of {', '.join(_BUDGETS)}.", param="reasoning_effort")
    if effort == "none":
        return _no_thoughts(model, "reasoning_effort")
    if has_budget(model):
        return {"includeThoughts": True, "thinkingBudget": _BUDGETS[effort]}
    least = effort == "minimal" and _IS_PRO.search(model)  # a level that the Pro models do not have
    return {"includeThoughts": True, "thinkingLevel": "LOW" if least else _LEVELS[effort]}


def _switched(model: str, thinking: Mapping[str, Any]) -> dict[str, Any]:
    if thinking["type"] == "disabled":
        return _no_thoughts(model, "thinking")
    made: dict[str, Any] = {"includeThoughts": thinking.get("display") != "omitted"}
    if thinking["type"] == "enabled":
        made["thinkingBudget"] = thinking["budget_tokens"]
    elif has_budget(model):
        made["thinkingBudget"] = -1
    return made


def _no_thoughts(model: str, param: str) -> dict[str, Any]:
    if not has_budget(model) or _IS_PRO.search(model):
        raise UnsupportedParam(f"{param}: {model} cannot be kept from thinking.", param=param)
    return {"includeThoughts": False, "thinkingBudget": 0}
