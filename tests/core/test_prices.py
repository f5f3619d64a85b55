"""What LiteLLM's model table says of our models."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import litellm
import pytest

from uutel_bridge.core import registry
from uutel_bridge.core.prices import register_prices
from uutel_bridge.core.provider import Model

TOY = Model(
    name="big",
    max_input_tokens=1000,
    max_output_tokens=100,
    input_cost=1e-6,
    output_cost=4e-6,
    cache_read_cost=1e-7,
    cache_creation_cost=2e-6,
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """One provider with one model, which calls functions but cannot be made to."""
    parts = SimpleNamespace(models=(TOY,), transform=SimpleNamespace(supported=frozenset({"tools"})))
    monkeypatch.setattr(registry, "provider_names", lambda: ("toy",))
    monkeypatch.setattr(registry, "parts", lambda _: parts)


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("name", ["uutel/toy/big", "toy/big"])
def test_a_model_is_known_under_both_names(name: str) -> None:
    """Its limits, its prices and what it takes."""
    register_prices()
    info = litellm.get_model_info(name)
    assert (info["max_input_tokens"], info["max_output_tokens"]) == (1000, 100)
    assert (info["input_cost_per_token"], info["output_cost_per_token"]) == (1e-6, 4e-6)
    assert info["cache_read_input_token_cost"] == 1e-7
    assert info["cache_creation_input_token_cost"] == 2e-6
    assert info["supports_vision"]
    assert info["supports_function_calling"]
    assert not info["supports_tool_choice"]
    assert not info["supports_response_schema"]


def test_every_model_of_ours_is_known() -> None:
    """Under both of its names."""
    register_prices()
    for name in registry.provider_names():
        for model in registry.parts(name).models:
            for full in (f"uutel/{name}/{model.name}", f"{name}/{model.name}"):
                assert litellm.get_model_info(full)["input_cost_per_token"] == model.input_cost
                assert litellm.get_model_info(full)["supports_function_calling"]
                assert litellm.get_model_info(full)["supports_response_schema"]


@pytest.mark.usefixtures("toy")
def test_registering_is_silent_and_leaves_litellms_logger_as_it_was(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its warning is of no use to anyone."""
    logger = logging.getLogger("LiteLLM")
    level, advice = logger.level, litellm.suppress_debug_info
    register_prices()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    assert (logger.level, litellm.suppress_debug_info) == (level, advice)


@pytest.mark.usefixtures("toy")
def test_a_failure_leaves_litellms_logger_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not ours."""
    logger = logging.getLogger("LiteLLM")
    level, advice = logger.level, litellm.suppress_debug_info

    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(litellm, "register_model", broken)
    with pytest.raises(ZeroDivisionError):
        register_prices()
    assert (logger.level, litellm.suppress_debug_info) == (level, advice)
