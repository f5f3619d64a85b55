"""Which models Claude Code offers by name. Any other name is passed on as it stands."""

from __future__ import annotations

from uutel_bridge.core.provider import Ability, Model, Surcharge

_MILLION = 1_000_000
_ABILITIES: frozenset[Ability] = frozenset({"forced_calls", "images", "pdf", "prompt_cache"})


def _model(name: str, full: str) -> Model:
    input_cost, output_cost, cache_read_cost = _PRICES[full]
    return Model(
        name=name,
        max_input_tokens=1_000_000,
        max_output_tokens=128_000,
        input_cost=input_cost / _MILLION,
        output_cost=output_cost / _MILLION,
        cache_read_cost=cache_read_cost / _MILLION,
        cache_creation_cost=2 * input_cost / _MILLION,  # the CLI writes to the cache that lasts an hour
        surcharge=_SURCHARGES.get(full),
        abilities=_ABILITIES,
    )


_FAMILIES = {
    "claude-sonnet-5-5": ("sonnet",),
    "claude-opus-5-5": ("opus", "default"),
    "claude-haiku-5-5": ("haiku",),
    "claude-fable-5-2": ("fable",),
}
"""Full names and the CLI's own short ones (2.1.330)."""

# US dollars per million tokens: input, output, cached input. Read from the costs that Claude Code 2.1.330 reports for
# known numbers of tokens.
_PRICES = {
    "claude-sonnet-5-5": (2.0, 10.0, 0.10),
    "claude-opus-5-5": (4.0, 20.0, 0.20),
    "claude-haiku-5-5": (0.1, 0.5, 0.01),
    "claude-fable-5-2": (8.0, 40.0, 0.20),
}
_SURCHARGES = {"claude-haiku-5-5": Surcharge(above=100_000, input=5, output=5)}

MODELS = tuple(_model(name, full) for full, short in _FAMILIES.items() for name in (*short, full))
"""The CLI tells these costs for a plan as well, which is not billed by the token."""


def full_name(name: str) -> str:
    """The model that a short name stands for; any other name stands for itself."""
    return next((full for full, short in _FAMILIES.items() if name in short), name)
