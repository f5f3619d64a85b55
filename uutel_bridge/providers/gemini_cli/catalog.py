"""Which models Gemini CLI offers by name. Any other name is passed on as it stands."""

from __future__ import annotations

from uutel_bridge.core.provider import Ability, Model, Surcharge

DEFAULT_MODEL = "flash"
"""The CLI's own default, `auto`, asks a small model which one is to answer: two calls for one."""

_MILLION = 1_000_000

_SHORT = {
    "pro": "gemini-3.1-pro-preview",
    "flash": "gemini-3.8-flash",
    "flash-lite": "gemini-3.5-flash-lite",
}
"""What the CLI's own short names stand for with an API key (0.61.0). For an account it may be a preview model, which
the CLI then asks again and again, in silence, when Google is busy."""


def full_name(name: str) -> str:
    """The model that a name stands for, so that it is the same for every login."""
    return _SHORT.get(name, name)


# Names that the CLI passes on as they are: for `gemini-3.5-flash`, say, it asks for another.
# The Gemini API's list prices for text, https://ai.google.dev/gemini-api/docs/pricing, in US dollars per
# million tokens: input, output, cached input.
_PRICES = {
    "gemini-3.1-pro-preview": (2.0, 12.0, 0.2),
    "gemini-3.8-flash": (0.75, 3.75, 0.075),
    "gemini-3.5-flash-lite": (0.3, 2.5, 0.03),
    "gemini-3-flash-preview": (0.5, 3.0, 0.05),
    "gemini-2.5-pro": (1.25, 10.0, 0.125),
    "gemini-2.5-flash": (0.3, 2.5, 0.03),
    "gemini-2.5-flash-lite": (0.1, 0.4, 0.01),
}
_LONG_PROMPT = Surcharge(above=200_000, input=2, output=1.5)
"""Of the Pro models."""
_ABILITIES: frozenset[Ability] = frozenset({"audio", "forced_calls", "images", "pdf", "prompt_cache"})


def _model(name: str, full: str) -> Model:
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


MODELS = tuple(_model(name, full) for name, full in {**_SHORT, **{name: name for name in _PRICES}}.items())
"""With the prices of an API key; a licensed account is not billed by the token."""
