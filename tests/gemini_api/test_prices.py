"""What Gemini models take and cost."""

from __future__ import annotations

from dataclasses import replace

import litellm
import pytest

from uutel_bridge.core.provider import Model
from uutel_bridge.gemini_api.prices import _PRICES, model

MODELS = [model(name, name) for name in _PRICES]


def test_a_model_costs_the_same_under_every_name() -> None:
    """And is of the same size."""
    (short, full) = (model(name, "gemini-3.1-pro-preview") for name in ("pro", "gemini-3.1-pro-preview"))
    assert replace(short, name=full.name) == full
    assert (full.input_cost, full.output_cost, full.max_input_tokens) == (2e-06, 1.2e-05, 1_048_576)


@pytest.mark.parametrize("priced", MODELS, ids=lambda priced: priced.name)
def test_cached_input_costs_less_than_other_input(priced: Model) -> None:
    """Prices are in dollars per token."""
    assert 0 < priced.cache_read_cost < priced.input_cost < priced.output_cost < 1e-4


@pytest.mark.parametrize("priced", MODELS, ids=lambda priced: priced.name)
def test_prices_are_those_that_litellm_has_for_googles_api(priced: Model) -> None:
    """Where it has them; the Pro models cost more when a prompt is long."""
    entry = litellm.model_cost.get(f"gemini/{priced.name}")
    if entry is None:
        pytest.skip("LiteLLM does not know this model")
    theirs = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost")
    ours = (priced.input_cost, priced.output_cost, priced.cache_read_cost)
    assert ours == pytest.approx([entry[key] for key in theirs])
    dear = entry.get("input_cost_per_token_above_200k_tokens", priced.input_cost)
    assert dear / priced.input_cost == pytest.approx(priced.surcharge.input if priced.surcharge else 1)
