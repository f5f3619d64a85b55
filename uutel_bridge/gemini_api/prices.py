"""What Gemini models take and cost, whichever provider asks them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from uutel_bridge.core.provider import Ability, Model, Surcharge

# The Gemini API's list prices for text, https://ai.google.dev/gemini-api/docs/pricing, in US dollars per
# million tokens: input, output, cached input.
_PRICES: Mapping[str, tuple[float, float, float]] = {
    "gemini-3-pro-preview": (2.0, 12.0, 0.2),
    "gemini-3.1-pro-preview": (2.0, 12.0, 0.2),
    "gemini-3.8-flash": (0.75, 3.75, 0.075),
    "gemini-3-flash": (1.5, 9.0, 0.15),  # as gemini-3.5-flash, which has this name on Code Assist alone
    "gemini-3-flash-preview": (0.5, 3.0, 0.05),
    "gemini-3.5-flash-lite": (0.3, 2.5, 0.03),
    "gemini-3.1-flash-lite": (0.25, 1.5, 0.025),
    "gemini-2.5-pro": (1.25, 10.0, 0.125),
    "gemini-2.5-flash": (0.3, 2.5, 0.03),
    "gemini-2.5-flash-lite": (0.1, 0.4, 0.01),
}
_MILLION = 1_000_000
_LONG_PROMPT = Surcharge(above=200_000, input=2, output=1.5)
"""Of the Pro models."""
_ABILITIES: frozenset[Ability] = frozenset({"audio", "forced_calls", "images", "pdf", "prompt_cache"})


def model(name: str, full: str) -> Model:
    """A model with the prices of an API key; a licensed account is not billed by the token.

    Args:
        name: What the provider offers it as.
        full: Google's own name of it.
    """
    input_cost, output_cost, cache_read_cost = _PRICES[full]
    return Model(
        name=name,
        max_input_tokens=1_048_576,
        max_output_tokens=65_536,
        input_cost=input_cost / _MILLION,
        output_cost=output_cost / _MILLION,
        cache_read_cost=cache_read_cost / _MILLION,
        cache_creation_cost=0.0,  # Google caches by itself, and takes nothing for that
        surcharge=_LONG_PROMPT if "-pro" in full else None,
        abilities=_ABILITIES,
    )
