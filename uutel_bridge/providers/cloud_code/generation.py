"""OpenAI's parameters as a `GenerationConfig`. Pure."""

from __future__ import annotations

from typing import Any

from uutel_bridge.core.request import ChatRequest
from uutel_bridge.gemini_api.generation import generation_config, thinking_config
from uutel_bridge.providers.cloud_code.catalog import THINKING


def generation(chat: ChatRequest, model: str) -> dict[str, Any]:
    """What was asked for, and the thoughts of a model that thinks anyway; empty for nothing.

    Args:
        chat: The request.
        model: Its model by the full name.

    Raises:
        BadRequest: An unknown effort, an effort and `thinking` at once, or a schema that is no JSON.
        UnsupportedParam: No thinking of a model that always thinks.
    """
    thinking = thinking_config(chat, model)
    if thinking is None and model in THINKING:
        thinking = {"includeThoughts": True}  # how much it thinks is left to it
    asked = generation_config(chat)
    return {**asked, "thinkingConfig": thinking} if thinking else asked
