"""OpenAI's parameters as Gemini's `GenerateContentConfig`. Pure.

The CLI lays these over its own defaults, field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uutel_bridge.core.request import ChatRequest
from uutel_bridge.gemini_api.generation import (
    generation_config,
    has_budget,
    safety_settings,
    thinking_config,
    tool_config,
)
from uutel_bridge.providers.gemini_cli.tools import wire_name


def generation(chat: ChatRequest) -> dict[str, Any]:
    """What is to differ from the CLI's own configuration; empty for nothing.

    Raises:
        BadRequest: An unknown effort, an effort and `thinking` at once, or a schema or a setting that is no JSON.
        UnsupportedParam: No thinking of a model that always thinks, or calls one at a time.
    """
    asked = {
        **generation_config(chat),
        "safetySettings": safety_settings(chat) or None,
        "thinkingConfig": _thinking(chat),
        "toolConfig": tool_config(chat, wire_name),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _thinking(chat: ChatRequest) -> Mapping[str, Any] | None:
    made = thinking_config(chat, chat.model)
    if made and "thinkingBudget" in made and not has_budget(chat.model):
        return {**made, "thinkingLevel": None}  # Gemini takes a budget or a level, and the CLI's own is a level
    return made
