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


# Read from the costs that Claude Code 2.1.330 reports for known numbers of tokens.
MODELS = tuple(
    _model(name, input_cost=prices[0], output_cost=prices[1], cache_read_cost=prices[2])
    for names, prices in {
        ("sonnet", "claude-sonnet-5-5"): (2.0, 10.0, 0.10),
        ("opus", "default", "claude-opus-5-5"): (4.0, 20.0, 0.20),
        ("haiku", "claude-haiku-5-5"): (0.1, 0.5, 0.01),  # five times that once a prompt exceeds 100,000 tokens
        ("fable", "claude-fable-5-2"): (8.0, 40.0, 0.20),
    }.items()
    for name in names
)
