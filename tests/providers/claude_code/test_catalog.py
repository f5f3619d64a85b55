"""The catalog against what the real CLI reported of its models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litellm
import pytest

from uutel_bridge.core.provider import Model
from uutel_bridge.providers.claude_code.catalog import MODELS, full_name

RECORDINGS = Path(__file__).parents[2] / "recordings" / "claude"
BY_NAME = {model.name: model for model in MODELS}


def reported() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every model's account in every recorded result."""
    for path in sorted(RECORDINGS.glob("*.ndjson")):
        for line in path.read_text(encoding="utf-8").splitlines():
            data = json.loads(line)["data"]
            if isinstance(data, dict) and data.get("type") == "result":
                yield from data["modelUsage"].items()


REPORTED = list(reported())


def test_the_recordings_hold_several_models() -> None:
    """Else the tests below say little."""
    assert {name for name, _ in REPORTED} >= {"claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-5-5"}


def test_prices_give_the_costs_that_the_cli_reported() -> None:
    """For every recorded account of short prompts."""
    for name, account in REPORTED:
        model = BY_NAME[name]
        cost = (
            account["inputTokens"] * model.input_cost
            + account["outputTokens"] * model.output_cost
            + account["cacheReadInputTokens"] * model.cache_read_cost
            + account["cacheCreationInputTokens"] * model.cache_creation_cost
        )
        assert cost == pytest.approx(account["costUSD"]), name


def test_limits_are_those_that_the_cli_reported() -> None:
    """The context window and the longest answer."""
    for name, account in REPORTED:
        limits = (BY_NAME[name].max_input_tokens, BY_NAME[name].max_output_tokens)
        assert limits == (account["contextWindow"], account["maxOutputTokens"]), name


def test_no_model_is_listed_twice() -> None:
    """The later one would win in silence."""
    assert len(BY_NAME) == len(MODELS)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("sonnet", "claude-sonnet-5-5"),
        ("opus", "claude-opus-5-5"),
        ("default", "claude-opus-5-5"),
        ("haiku", "claude-haiku-5-5"),
        ("fable", "claude-fable-5-2"),
    ],
)
def test_an_alias_costs_what_its_model_costs(alias: str, name: str) -> None:
    """They are one model."""
    short, long = BY_NAME[alias], BY_NAME[name]
    assert (short.input_cost, short.output_cost, short.cache_read_cost, short.cache_creation_cost) == (
        long.input_cost,
        long.output_cost,
        long.cache_read_cost,
        long.cache_creation_cost,
    )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_prices_of_long_prompts_are_those_that_litellm_has(model: Model) -> None:
    """Where it knows the model: Haiku's alone are others."""
    entry = litellm.model_cost.get(full_name(model.name))
    if entry is None:
        pytest.skip("LiteLLM does not know this model")
    dear = entry.get("input_cost_per_token_above_100k_tokens", model.input_cost)
    assert dear / model.input_cost == pytest.approx(model.surcharge.input if model.surcharge else 1)
    assert (model.surcharge is not None) == ("haiku" in full_name(model.name))
