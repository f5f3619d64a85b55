"""OpenAI's parameters as Gemini's `GenerateContentConfig`. Pure.

The CLI lays these over its own defaults, field by field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.core.tools import ResponseFormat, ToolChoice, as_json
from uutel_bridge.providers.gemini_cli.tools import wire_name

_BUDGETS: Mapping[str, int] = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
"""Tokens of thought up to Gemini 2.5, as Google's own OpenAI-compatible interface counts them."""
_LEVELS: Mapping[str, str] = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
"""The same from Gemini 3 on."""
_HAS_BUDGET = re.compile(r"(?:models/)?gemini-[12]\b")
_IS_PRO = re.compile(r"\bpro\b")

_MODES: Mapping[str, str] = {"none": "NONE", "required": "ANY", "named": "ANY"}


def generation(chat: ChatRequest) -> dict[str, Any]:
    """What is to differ from the CLI's own configuration; empty for nothing.

    Raises:
        BadRequest: An unknown effort, an effort and `thinking` at once, or a schema that is no JSON.
        UnsupportedParam: No thinking of a model that always thinks, or calls one at a time.
    """
    if not chat.parallel_tool_calls:
        raise UnsupportedParam(
            "parallel_tool_calls: Gemini cannot be kept to one call at a time; leave it out.",
            param="parallel_tool_calls",
        )
    asked = {
        "temperature": chat.temperature,
        "topP": chat.top_p,
        "topK": chat.top_k,
        "maxOutputTokens": chat.max_tokens,
        "stopSequences": list(chat.stop) or None,
        "seed": chat.seed,
        "presencePenalty": chat.presence_penalty,
        "frequencyPenalty": chat.frequency_penalty,
        "safetySettings": [dict(each) for each in chat.safety_settings] or None,
        "thinkingConfig": _thinking(chat),
        "toolConfig": _tool_config(chat.tool_choice) if chat.tools else None,
        **_response_format(chat.response_format),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _tool_config(choice: ToolChoice) -> Mapping[str, Any] | None:
    if choice.mode == "auto":
        return None
    only = {"allowedFunctionNames": [wire_name(choice.name)]} if choice.mode == "named" else {}
    return {"functionCallingConfig": {"mode": _MODES[choice.mode], **only}}


def _response_format(wanted: ResponseFormat | None) -> Mapping[str, Any]:
    if wanted is None:
        return {}
    if wanted.schema is None:
        return {"responseMimeType": "application/json"}
    at = "response_format.json_schema.schema"
    schema = as_json(dict(wanted.schema), at, param=at)
    return {"responseMimeType": "application/json", "responseJsonSchema": schema}


def _thinking(chat: ChatRequest) -> Mapping[str, Any] | None:
    if chat.thinking is not None and chat.reasoning_effort is not None:
        raise BadRequest("thinking: reasoning_effort says the same; give one.", param="thinking")
    if chat.reasoning_effort is not None:
        return _effort(chat.model, chat.reasoning_effort)
    return _switched(chat.model, chat.thinking) if chat.thinking is not None else None


def _effort(model: str, effort: str) -> Mapping[str, Any]:
    if effort not in _BUDGETS:
        raise BadRequest(f"reasoning_effort: {effort!r} is not one of {', '.join(_BUDGETS)}.", param="reasoning_effort")
    if effort == "none":
        return _no_thoughts(model, "reasoning_effort")
    if _HAS_BUDGET.match(model):
        return {"includeThoughts": True, "thinkingBudget": _BUDGETS[effort]}
    least = effort == "minimal" and _IS_PRO.search(model)  # a level that the Pro models do not have
    return {"includeThoughts": True, "thinkingLevel": "LOW" if least else _LEVELS[effort]}


def _switched(model: str, thinking: Mapping[str, Any]) -> Mapping[str, Any]:
    if thinking["type"] == "disabled":
        return _no_thoughts(model, "thinking")
    made: dict[str, Any] = {"includeThoughts": thinking.get("display") != "omitted"}
    has_budget = _HAS_BUDGET.match(model)
    if thinking["type"] == "enabled":
        made["thinkingBudget"] = thinking["budget_tokens"]
        if not has_budget:  # Gemini takes a budget or a level, and the CLI's own is a level
            made["thinkingLevel"] = None
    elif has_budget:
        made["thinkingBudget"] = -1
    return made


def _no_thoughts(model: str, param: str) -> Mapping[str, Any]:
    if not _HAS_BUDGET.match(model) or _IS_PRO.search(model):
        raise UnsupportedParam(f"{param}: {model} cannot be kept from thinking.", param=param)
    return {"includeThoughts": False, "thinkingBudget": 0}
