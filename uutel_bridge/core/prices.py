"""What LiteLLM should know of our models before a call: their limits, abilities and prices."""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from typing import Any

from uutel_bridge.core import registry
from uutel_bridge.core.provider import Ability, Model

_BY_PARAMETER: Mapping[str, str] = {
    "supports_function_calling": "tools",
    "supports_parallel_function_calling": "parallel_tool_calls",
    "supports_reasoning": "reasoning_effort",
    "supports_response_schema": "response_format",
}
"""LiteLLM's word for an ability, and the parameter that takes it."""
_BY_ABILITY: Mapping[str, Ability] = {
    "supports_audio_input": "audio",
    "supports_pdf_input": "pdf",
    "supports_prompt_caching": "prompt_cache",
    "supports_tool_choice": "forced_calls",
    "supports_vision": "images",
}
_NEVER = (
    "supports_assistant_prefill",
    "supports_audio_output",
    "supports_computer_use",
    "supports_mid_conversation_system",
    "supports_tool_search",
    "supports_url_context",
    "supports_video_input",
    "supports_web_search",
)
"""What the bridge refuses. LiteLLM would guess some of these by the model's name."""


def register_prices() -> None:
    """Tell LiteLLM's model table of every model of every provider, under both of its names.

    A cost that the vendor tells with an answer wins over these. What somebody else has entered for a model stays, and
    once all is there, this costs nothing.
    """
    import litellm

    entries: dict[str, dict[str, Any]] = {}
    for name in registry.provider_names():
        parts = registry.parts(name)
        for model in parts.models:
            facts = _facts(model, parts.transform.supported)
            entries[f"uutel/{name}/{model.name}"] = {"litellm_provider": "uutel", **facts}
            entries[f"{name}/{model.name}"] = {"litellm_provider": name, **facts}
    with _quiet(litellm):
        litellm.register_model(_lacking(litellm, entries))


def _lacking(litellm: Any, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What of these its table does not know yet."""
    found: dict[str, dict[str, Any]] = {}
    for name, entry in entries.items():
        known = litellm.model_cost.get(name, {})
        if facts := {fact: value for fact, value in entry.items() if known.get(fact) is None}:
            found[name] = facts
    return found


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


def _facts(model: Model, supported: Collection[str]) -> dict[str, Any]:
    return {
        "mode": "chat",
        "max_input_tokens": model.max_input_tokens,
        "max_output_tokens": model.max_output_tokens,
        "max_tokens": model.max_output_tokens,
        **_costs(model),
        "supports_system_messages": True,
        **{fact: param in supported for fact, param in _BY_PARAMETER.items()},
        **{fact: ability in model.abilities for fact, ability in _BY_ABILITY.items()},
        **dict.fromkeys(_NEVER, False),
    }


def _costs(model: Model) -> dict[str, float]:
    costs = {
        "input_cost_per_token": model.input_cost,
        "cache_read_input_token_cost": model.cache_read_cost,
        "cache_creation_input_token_cost": model.cache_creation_cost,
        "output_cost_per_token": model.output_cost,
    }
    if model.surcharge is None:
        return costs
    suffix = f"_above_{model.surcharge.above // 1000}k_tokens"
    times = {"output_cost_per_token": model.surcharge.output}
    return costs | {f"{key}{suffix}": cost * times.get(key, model.surcharge.input) for key, cost in costs.items()}
