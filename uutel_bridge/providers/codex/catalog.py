"""Which models Codex offers by name, and what it is told of them. Any other name is passed on as it stands."""

from __future__ import annotations

from typing import Any

import orjson

from uutel_bridge.core.provider import Ability, Model, Surcharge

DEFAULT = "default"
"""Stands for the model that the CLI takes when none is named."""

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra")
"""What the CLI or the API of some model knows; which of them a model takes is for the API to say."""
_LISTED_EFFORTS = EFFORTS[:-2]
"""Older versions refuse a catalogue with any other; whatever is asked for is passed on."""

VERBOSITIES = ("low", "medium", "high")
SERVICE_TIERS = ("flex", "priority")
"""Besides `auto` and `default`, which ask for nothing."""

_NO_LIMIT = 1_000_000_000

_CONTEXT = {
    "gpt-6.1-sol": 872_000,
    "gpt-6-astra": 872_000,
    "gpt-6-sol": 872_000,
    "gpt-6-luna": 872_000,
    "gpt-5.6-sol": 872_000,
    "gpt-6.1-terra": 872_000,
    "gpt-5.6-terra": 872_000,
    "gpt-5.6-luna": 872_000,
    "gpt-5.5": 272_000,
}
"""Names, the CLI's default first, and tokens (`codex debug models`, 0.169.0)."""

DEFAULT_MODEL = next(iter(_CONTEXT))
"""What `default` stands for, there and in our own catalogue."""

_MILLION = 1_000_000

# OpenAI's list prices, https://developers.openai.com/api/docs/pricing, in US dollars per million tokens: input, output,
# cached input, and what is written to the cache.
_PRICES = {
    "gpt-6.1-sol": (2.0, 10.0, 0.1, 2.5),
    "gpt-6-astra": (10.0, 50.0, 1.0, 12.5),
    "gpt-6-sol": (2.0, 10.0, 0.2, 2.5),
    "gpt-6-luna": (0.1, 0.5, 0.01, 0.125),
    "gpt-5.6-sol": (4.0, 20.0, 0.4, 5.0),
    "gpt-6.1-terra": (1.0, 5.0, 0.05, 1.25),
    "gpt-5.6-terra": (2.0, 12.0, 0.2, 2.5),
    "gpt-5.6-luna": (0.2, 1.2, 0.02, 0.25),
    "gpt-5.5": (5.0, 30.0, 0.5, 5.0),  # for this one's cache nothing is taken beyond the input's price
}
_LONG_PROMPT = Surcharge(above=272_000, input=2, output=1.5)
_ABILITIES: frozenset[Ability] = frozenset({"images", "prompt_cache"})


def _model(name: str, full: str) -> Model:
    input_cost, output_cost, cache_read_cost, cache_creation_cost = _PRICES[full]
    return Model(
        name=name,
        max_input_tokens=_CONTEXT[full],
        max_output_tokens=128_000,
        input_cost=input_cost / _MILLION,
        output_cost=output_cost / _MILLION,
        cache_read_cost=cache_read_cost / _MILLION,
        cache_creation_cost=cache_creation_cost / _MILLION,
        surcharge=_LONG_PROMPT,
        abilities=_ABILITIES,
    )


MODELS = tuple(
    _model(name, full) for name, full in {DEFAULT: DEFAULT_MODEL, **{name: name for name in _CONTEXT}}.items()
)
"""With the prices of an API key; a ChatGPT plan is not billed by the token."""

_ANY_NAME = ""
"""The CLI takes the entry whose name is the longest beginning of the model's."""


def catalog_json() -> bytes:
    """A file for `model_catalog_json`, in which every model chats and calls plain functions, whatever its name.

    The CLI's own catalogue would have the models call functions from JavaScript only, compact a long conversation,
    and cut long results; for a model that is in no catalogue it has limits of its own.
    """
    names = (*_CONTEXT, _ANY_NAME)
    return orjson.dumps({"models": [_entry(name, priority) for priority, name in enumerate(names, 1)]})


def _entry(name: str, priority: int) -> dict[str, Any]:
    return {
        "slug": name,
        "display_name": name,
        "priority": priority,  # the first is the default
        "visibility": "list" if name else "hide",
        "supported_in_api": True,
        "base_instructions": "",
        "context_window": _NO_LIMIT,  # else a long conversation is compacted
        "truncation_policy": {"mode": "bytes", "limit": _NO_LIMIT},  # else the results of functions are cut
        "input_modalities": ["text", "image"],
        "supports_image_detail_original": True,  # else a large image is made smaller
        "shell_type": "disabled",
        "experimental_supported_tools": [],
        "supports_parallel_tool_calls": True,
        "supported_reasoning_levels": [{"effort": effort, "description": ""} for effort in _LISTED_EFFORTS],
        "supports_reasoning_summaries": True,
        "default_reasoning_summary": "auto",
        "support_verbosity": True,
        "service_tiers": [{"id": tier, "name": tier, "description": ""} for tier in SERVICE_TIERS],
    }
