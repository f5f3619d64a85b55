"""Which models are offered, under which names, and at which prices."""

from __future__ import annotations

import litellm
import pytest

from uutel_bridge.core.provider import Model
from uutel_bridge.providers.cloud_code.catalog import DEFAULT_MODEL, MODELS, THINKING, full_name

NAMED = {model.name: model for model in MODELS}


def test_every_name_is_there_once_and_the_default_is_one_of_them() -> None:
    """None of them makes anybody ask another model first which one is to answer."""
    assert len(NAMED) == len(MODELS)
    assert DEFAULT_MODEL in NAMED
    assert not [name for name in NAMED if name.startswith("auto")]


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("pro", "gemini-3-pro-preview"),
        ("flash", "gemini-3-flash-preview"),
        ("flash-lite", "gemini-3.1-flash-lite"),
        ("gemini-3.5-flash", "gemini-3-flash"),
        ("models/gemini-3.5-flash", "gemini-3-flash"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("gemini-3-flash", "gemini-3-flash"),
        ("gemini-3.5-flash-lite", "gemini-3.5-flash-lite"),
        ("gemini-9-ultra", "gemini-9-ultra"),
        ("tuned/models/mine", "tuned/models/mine"),
    ],
)
def test_a_name_goes_out_as_the_cli_sends_it(name: str, full: str) -> None:
    """What is not known passes as it stands."""
    assert full_name(name) == full
    assert full_name(full) == full


@pytest.mark.parametrize("name", list(NAMED))
def test_a_short_name_costs_what_its_model_costs(name: str) -> None:
    """And the model that is asked is one of those that are listed."""
    short, full = NAMED[name], NAMED[full_name(name)]
    assert (short.input_cost, short.output_cost) == (full.input_cost, full.output_cost)


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


def test_all_but_one_think_unasked() -> None:
    """That one must be asked to think before it can be asked for its thoughts."""
    assert {full_name(name) for name in NAMED} - THINKING == {"gemini-2.5-flash-lite"}
