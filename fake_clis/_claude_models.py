"""Model names and list prices as `claude` 2.1.330 knows them (measured on its own `modelUsage`)."""

from __future__ import annotations

import re
from typing import Any

ALIASES = {
    "default": "claude-opus-5-5",
    "best": "claude-opus-5-5",
    "opus": "claude-opus-5-5",
    "sonnet": "claude-sonnet-5-5",
    "opusplan": "claude-sonnet-5-5",
    "haiku": "claude-haiku-5-5",
    "fable": "claude-fable-5-2",
}
OFFERED = (
    ("default", "Default (recommended)"),
    ("opus", "Opus"),
    ("fable", "Fable"),
    ("sonnet", "Sonnet"),
    ("haiku", "Haiku"),
)
# US dollars per million tokens: input, output, cache read, cache write for 5 minutes, for 1 hour
PRICES = {
    "claude-opus-5-5": (4.0, 20.0, 0.2, 5.0, 8.0),
    "claude-sonnet-5-5": (2.0, 10.0, 0.1, 2.5, 4.0),
    "claude-haiku-5-5": (0.1, 0.5, 0.01, 0.125, 0.2),
    "claude-fable-5-2": (8.0, 40.0, 0.2, 10.0, 16.0),
    "claude-sonnet-4-5": (3.0, 15.0, 0.3, 3.75, 6.0),
}


def resolve(name: str | None) -> str:
    """The model's full name; what is no alias passes as it stands."""
    plain = (name or "default").removesuffix("[1m]")
    return ALIASES.get(plain.lower(), plain)


def is_alias(name: str | None) -> bool:
    """Whether `set_model` takes the name without asking the API; opus's own full name counts."""
    plain = (name or "default").removesuffix("[1m]").lower()
    return plain in ALIASES or plain == ALIASES["opus"]


def recognized(model: str) -> bool:
    """Whether the full name is in the vendor's list."""
    return model in PRICES


def display(model: str) -> str:
    """`claude-sonnet-5-5` -> `Sonnet 5.5`."""
    named = re.fullmatch(r"claude-([a-z]+)-(\d+)-(\d+)", model)
    return f"{named[1].capitalize()} {named[2]}.{named[3]}" if named else model


def max_tokens(model: str) -> int:
    """How many tokens a request asks for unless told otherwise."""
    return 128_000 if re.fullmatch(r"claude-[a-z]+-5-\d", model) else 32_000


def effort(model: str) -> str:
    """The effort of a request unless told otherwise."""
    return "medium" if recognized(model) else "high"


def thinking(model: str, display: str) -> dict[str, Any]:
    """The `thinking` field of a request."""
    if "-4-" in model:
        return {"budget_tokens": max_tokens(model) - 1, "type": "enabled", "display": display}
    return {"type": "adaptive", "display": display}


def offered() -> list[dict[str, Any]]:
    """The models in the reply to `initialize`."""
    return [
        {
            "value": value,
            "resolvedModel": ALIASES[value],
            "displayName": name,
            "supportsEffort": True,
            "supportedEffortLevels": ["low", "medium", "high", "xhigh", "max"],
            "supportsAdaptiveThinking": True,
        }
        for value, name in OFFERED
    ]


def model_usage(model: str, usage: dict[str, Any]) -> dict[str, Any]:
    """One request's usage, in the words of the `modelUsage` field."""
    written = usage.get("cache_creation") or {}
    five_minutes, hour = written.get("ephemeral_5m_input_tokens", 0), written.get("ephemeral_1h_input_tokens", 0)
    counts = (usage.get("input_tokens", 0), usage.get("output_tokens", 0), usage.get("cache_read_input_tokens", 0))
    prices = PRICES.get(model, PRICES["claude-opus-5-5"])
    cost = sum(count * price for count, price in zip((*counts, five_minutes, hour), prices, strict=True)) / 1e6
    return {
        "inputTokens": counts[0],
        "outputTokens": counts[1],
        "cacheReadInputTokens": counts[2],
        "cacheCreationInputTokens": usage.get("cache_creation_input_tokens", 0),
        "webSearchRequests": 0,
        "costUSD": cost,
        "contextWindow": 200_000 if "-4-" in model else 1_000_000,
        "maxOutputTokens": max_tokens(model),
        "thinkingTokens": 0,
        "cacheCreationEphemeral5mInputTokens": five_minutes,
        "cacheCreationEphemeral1hInputTokens": hour,
        "canonicalModel": model,
        "provider": "firstParty",
        "costBasis": "list" if recognized(model) else "unknown",
    }


_ADDED = (
    "inputTokens",
    "outputTokens",
    "cacheReadInputTokens",
    "cacheCreationInputTokens",
    "costUSD",
    "cacheCreationEphemeral5mInputTokens",
    "cacheCreationEphemeral1hInputTokens",
)


def add_model_usage(totals: dict[str, dict[str, Any]], model: str, usage: dict[str, Any]) -> None:
    """Add one request's usage to running totals by model."""
    new = model_usage(model, usage)
    if model in totals:
        for key in _ADDED:
            new[key] += totals[model][key]
    totals[model] = new
