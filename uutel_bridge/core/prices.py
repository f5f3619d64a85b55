"""What LiteLLM should know of our models before a call: their limits, abilities and prices."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from uutel_bridge.core import registry
from uutel_bridge.core.provider import Model

_ABILITIES: Mapping[str, str] = {
    "supports_function_calling": "tools",
    "supports_parallel_function_calling": "parallel_tool_calls",
    "supports_reasoning": "reasoning_effort",
    "supports_response_schema": "response_format",
    "supports_tool_choice": "tool_choice",
}
"""LiteLLM's word for an ability, and the parameter that takes it."""


def register_prices() -> None:
    """Tell LiteLLM's model table of every model of every provider, under both of its names.

    A request's own price comes with its usage; these serve `get_model_info`, budgets and a proxy's model page.
    """
    import litellm

    table: dict[str, dict[str, Any]] = {}
    for name in registry.provider_names():
        parts = registry.parts(name)
        able = {fact: param in parts.transform.supported for fact, param in _ABILITIES.items()}
        for model in parts.models:
            table[f"uutel/{name}/{model.name}"] = _entry("uutel", model) | able
            table[f"{name}/{model.name}"] = _entry(name, model) | able
    with _quiet(litellm):
        litellm.register_model(table)


@contextmanager
def _quiet(litellm: Any) -> Generator[None, None, None]:
    """LiteLLM warns of every model that brings its own prices, and prints advice for a provider it does not know."""
    logger = logging.getLogger("LiteLLM")
    level, advice = logger.level, litellm.suppress_debug_info
    logger.setLevel(logging.ERROR)
    litellm.suppress_debug_info = True
    try:
        yield
    finally:
        logger.setLevel(level)
        litellm.suppress_debug_info = advice


def _entry(provider: str, model: Model) -> dict[str, Any]:
    return {
        "litellm_provider": provider,
        "mode": "chat",
        "max_input_tokens": model.max_input_tokens,
        "max_output_tokens": model.max_output_tokens,
        "max_tokens": model.max_output_tokens,
        "input_cost_per_token": model.input_cost,
        "output_cost_per_token": model.output_cost,
        "cache_read_input_token_cost": model.cache_read_cost,
        "cache_creation_input_token_cost": model.cache_creation_cost,
        "supports_system_messages": True,
        "supports_vision": True,
    }
