"""Which models Claude Code offers by name. Any other name is passed on as it stands."""

from __future__ import annotations

from uutel_bridge.core.provider import Model

_MILLION = 1_000_000


def _model(name: str, *, input_cost: float, output_cost: float, cache_read_cost: float) -> Model:
    """Prices in US dollars per million tokens. The CLI writes to the one-hour cache, at twice the input's price."""
    return Model(
        name=name,
        max_input_tokens=1_000_000,
        max_output_tokens=128_000,
        input_cost=input_cost / _MILLION,
        output_cost=output_cost / _MILLION,
        cache_read_cost=cache_read_cost / _MILLION,
        cache_creation_cost=2 * input_cost / _MILLION,
    )


_FAMILIES = {
    "claude-sonnet-5-5": ("sonnet",),
    "claude-opus-5-5": ("opus", "default"),
    "claude-haiku-5-5": ("haiku",),
    "claude-fable-5-2": ("fable",),
}
"""Full names and the CLI's own short ones (2.1.330)."""

# Read from the costs that Claude Code 2.1.330 reports for known numbers of tokens.
_PRICES = {
    "claude-sonnet-5-5": (2.0, 10.0, 0.10),
    "claude-opus-5-5": (4.0, 20.0, 0.20),
    "claude-haiku-5-5": (0.1, 0.5, 0.01),  # five times that once a prompt exceeds 100,000 tokens
    "claude-fable-5-2": (8.0, 40.0, 0.20),
}

MODELS = tuple(
    _model(name, input_cost=_PRICES[full][0], output_cost=_PRICES[full][1], cache_read_cost=_PRICES[full][2])
    for full, short in _FAMILIES.items()
    for name in (*short, full)
)


def full_name(name: str) -> str:
    """The model that a short name stands for; any other name stands for itself."""
    return next((full for full, short in _FAMILIES.items() if name in short), name)
