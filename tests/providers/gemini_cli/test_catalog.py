"""Which models are offered, and at which prices."""

from __future__ import annotations

import litellm
import pytest

from uutel_bridge.core.provider import Model
from uutel_bridge.providers.gemini_cli.catalog import DEFAULT_MODEL, MODELS, full_name

NAMED = {model.name: model for model in MODELS}


def test_every_name_is_there_once_and_the_default_is_one_of_them() -> None:
    """None of them makes the CLI ask another model first which one is to answer."""
    assert len(NAMED) == len(MODELS)
    assert DEFAULT_MODEL in NAMED
    assert not [name for name in NAMED if name.startswith("auto")]


def test_a_short_name_costs_what_its_model_costs() -> None:
    """And is of the same size."""
    short, full = NAMED["pro"], NAMED["gemini-3.1-pro-preview"]
    assert (short.input_cost, short.output_cost, short.max_input_tokens) == (2e-06, 1.2e-05, 1_048_576)
    assert (full.input_cost, full.output_cost, full.max_input_tokens) == (2e-06, 1.2e-05, 1_048_576)


def test_cached_input_costs_less_than_other_input() -> None:
    """Prices are in dollars per token."""
    assert all(0 < model.cache_read_cost < model.input_cost < model.output_cost < 1e-4 for model in MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_prices_are_those_that_litellm_has_for_googles_api(model: Model) -> None:
    """Where it has them; the Pro models cost more when a prompt is long."""
    entry = litellm.model_cost.get(f"gemini/{full_name(model.name)}")
    if entry is None:
        pytest.skip("LiteLLM does not know this model")
    theirs = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost")
    ours = (model.input_cost, model.output_cost, model.cache_read_cost)
    assert ours == pytest.approx([entry[key] for key in theirs])
    dear = entry.get("input_cost_per_token_above_200k_tokens", model.input_cost)
    assert dear / model.input_cost == pytest.approx(model.surcharge.input if model.surcharge else 1)
