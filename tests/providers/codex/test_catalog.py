"""What the CLI is told of models."""

from __future__ import annotations

from dataclasses import replace

import litellm
import orjson
import pytest

from uutel_bridge.core.provider import Model
from uutel_bridge.providers.codex.catalog import DEFAULT_MODEL, MODELS, catalog_json

ENTRIES = orjson.loads(catalog_json())["models"]


def test_every_model_that_is_offered_is_told_of_and_the_default_first() -> None:
    """By its priority the CLI chooses; the nameless entry fits any other name."""
    told = [entry["slug"] for entry in sorted(ENTRIES, key=lambda entry: entry["priority"])]
    assert told == [*(model.name for model in MODELS if model.name != "default"), ""]
    assert told[0] == DEFAULT_MODEL


def test_all_models_are_plain_chat_models() -> None:
    """Nothing of an entry depends on the model, so that one process serves all."""
    own = ("slug", "display_name", "priority", "visibility")
    first, *others = [{key: value for key, value in entry.items() if key not in own} for entry in ENTRIES]
    assert all(entry == first for entry in others)
    assert not {"tool_mode", "apply_patch_tool_type", "multi_agent_version", "use_responses_lite"} & set(first)
    assert (first["shell_type"], first["base_instructions"]) == ("disabled", "")
    assert min(first["context_window"], first["truncation_policy"]["limit"]) >= 1_000_000_000


def test_the_default_is_one_of_the_others_under_another_name() -> None:
    """Of the same size and at the same price."""
    named = {model.name: model for model in MODELS}
    assert len(named) == len(MODELS)
    assert replace(named["default"], name=DEFAULT_MODEL) == named[DEFAULT_MODEL]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_prices_are_those_that_litellm_has_for_openais_api(model: Model) -> None:
    """Where it has them; what is written to the cache costs no less than other input."""
    entry = litellm.model_cost.get(DEFAULT_MODEL if model.name == "default" else model.name)
    assert 0 < model.cache_read_cost < model.input_cost <= model.cache_creation_cost < model.output_cost < 1e-4
    if entry is None:
        pytest.skip("LiteLLM does not know this model yet")
    assert model.surcharge is not None
    theirs = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost")
    ours = (model.input_cost, model.output_cost, model.cache_read_cost)
    assert ours == pytest.approx([entry[key] for key in theirs])
    assert model.cache_creation_cost == pytest.approx(entry.get("cache_creation_input_token_cost", model.input_cost))
    times = (model.surcharge.input, model.surcharge.output, model.surcharge.input)
    assert times == pytest.approx([entry[f"{key}_above_272k_tokens"] / entry[key] for key in theirs])
