"""Which models are offered, and what their names stand for."""

from __future__ import annotations

import pytest

from uutel_bridge.core.provider import Model
from uutel_bridge.gemini_api.prices import model
from uutel_bridge.providers.cloud_code.catalog import DEFAULT_MODEL, MODELS, THINKING, full_name

NAMED = {listed.name: listed for listed in MODELS}


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


@pytest.mark.parametrize("listed", MODELS, ids=lambda listed: listed.name)
def test_a_name_costs_what_the_model_costs_that_it_stands_for(listed: Model) -> None:
    """And that model is one of those that are listed."""
    assert listed == model(listed.name, full_name(listed.name))
    assert full_name(listed.name) in NAMED


def test_all_but_one_think_unasked() -> None:
    """That one must be asked to think before it can be asked for its thoughts."""
    assert {full_name(name) for name in NAMED} - THINKING == {"gemini-2.5-flash-lite"}
