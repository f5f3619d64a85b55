"""What the CLI is told of models."""

from __future__ import annotations

import orjson

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


def test_the_default_is_a_model_of_the_same_size() -> None:
    """It is one of them under another name, and nothing is billed by the token."""
    sizes = {model.name: model.max_input_tokens for model in MODELS}
    assert sizes["default"] == sizes[DEFAULT_MODEL]
    assert len(sizes) == len(MODELS)
    assert {model.input_cost + model.output_cost for model in MODELS} == {0.0}
