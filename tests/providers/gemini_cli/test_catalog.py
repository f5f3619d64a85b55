"""Which models are offered, and what their names stand for."""

from __future__ import annotations

import pytest

from uutel_bridge.core.provider import Model
from uutel_bridge.gemini_api.prices import model
from uutel_bridge.providers.gemini_cli.catalog import DEFAULT_MODEL, MODELS, full_name

NAMED = {listed.name: listed for listed in MODELS}


def test_every_name_is_there_once_and_the_default_is_one_of_them() -> None:
    """None of them makes the CLI ask another model first which one is to answer."""
    assert len(NAMED) == len(MODELS)
    assert DEFAULT_MODEL in NAMED
    assert not [name for name in NAMED if name.startswith("auto")]


@pytest.mark.parametrize("listed", MODELS, ids=lambda listed: listed.name)
def test_a_name_costs_what_the_model_costs_that_it_stands_for(listed: Model) -> None:
    """And that model is one of those that are listed."""
    assert listed == model(listed.name, full_name(listed.name))
    assert full_name(listed.name) in NAMED
