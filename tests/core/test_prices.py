"""What LiteLLM's model table says of our models."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import litellm
import pytest

from uutel_bridge.core import registry
from uutel_bridge.core.prices import register_prices
from uutel_bridge.core.provider import Model, Surcharge

TOY = Model(
    name="big",
    max_input_tokens=1_000_000,
    max_output_tokens=100,
    input_cost=1e-6,
    output_cost=4e-6,
    cache_read_cost=1e-7,
    cache_creation_cost=2e-6,
    surcharge=Surcharge(above=300_000, input=2, output=3),
    abilities=frozenset({"images", "prompt_cache"}),
)
NAMES = ["uutel/toy/big", "toy/big"]


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """LiteLLM's model table, for this test alone."""
    monkeypatch.setattr(litellm, "model_cost", dict(litellm.model_cost))
    yield litellm.model_cost
    litellm.utils._invalidate_model_cost_lowercase_map()


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, table: dict[str, Any]) -> None:
    """One provider with one model, which calls functions but cannot be made to."""
    parts = SimpleNamespace(models=(TOY,), transform=SimpleNamespace(supported=frozenset({"tools", "tool_choice"})))
    monkeypatch.setattr(registry, "provider_names", lambda: ("toy",))
    monkeypatch.setattr(registry, "parts", lambda _: parts)
    monkeypatch.setattr(litellm, "provider_list", [*litellm.provider_list, "uutel", "toy"])


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_known_under_both_names(name: str) -> None:
    """Its limits, its prices and what it takes."""
    register_prices()
    provider, _, model = name.partition("/")
    for info in (litellm.get_model_info(name), litellm.get_model_info(model, custom_llm_provider=provider)):
        assert (info["max_input_tokens"], info["max_output_tokens"]) == (1_000_000, 100)
        assert (info["input_cost_per_token"], info["output_cost_per_token"]) == (1e-6, 4e-6)
        assert info["cache_read_input_token_cost"] == 1e-7
        assert info["cache_creation_input_token_cost"] == 2e-6
        assert info["litellm_provider"] == provider
    assert litellm.get_max_tokens(name) == 100
    assert litellm.token_counter(model=name, text="one two") > 0


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("ability", "there"),
    [
        ("function_calling", True),
        ("prompt_caching", True),
        ("system_messages", True),
        ("vision", True),
        ("audio_input", False),
        ("parallel_function_calling", False),
        ("pdf_input", False),
        ("reasoning", False),
        ("response_schema", False),
        ("tool_choice", False),
        ("web_search", False),
    ],
)
def test_what_a_model_is_able_to_is_known_under_both_names(name: str, ability: str, there: bool) -> None:
    """By its parameters, by what it is said to be able to, and never more than the bridge lets through."""
    register_prices()
    assert litellm.get_model_info(name)[f"supports_{ability}"] is there
    asking = getattr(litellm, f"supports_{ability}", None) or getattr(litellm.utils, f"supports_{ability}")
    provider, _, model = name.partition("/")
    assert asking(name, custom_llm_provider=None) is asking(model, custom_llm_provider=provider) is there


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("tokens", "costs"), [(300_000, (0.3, 4e-4)), (300_001, (0.600002, 12e-4))])
def test_a_long_prompt_makes_the_whole_request_dearer(name: str, tokens: int, costs: tuple[float, float]) -> None:
    """From the token on with which the vendor begins to take more."""
    register_prices()
    assert litellm.cost_per_token(name, prompt_tokens=tokens, completion_tokens=100) == pytest.approx(costs)


@pytest.mark.usefixtures("toy")
def test_what_somebody_else_has_entered_for_a_model_stays(table: dict[str, Any]) -> None:
    """The rest is added."""
    litellm.register_model({"toy/big": {"litellm_provider": "toy", "mode": "chat", "input_cost_per_token": 5e-6}})
    register_prices()
    assert table["toy/big"]["input_cost_per_token"] == 5e-6
    assert table["toy/big"]["output_cost_per_token"] == 4e-6
    assert table["uutel/toy/big"]["input_cost_per_token"] == 1e-6


@pytest.mark.usefixtures("toy")
def test_to_register_again_changes_nothing(table: dict[str, Any]) -> None:
    """Nor does it undo what has been entered since."""
    register_prices()
    litellm.register_model({"toy/big": {"input_cost_per_token": 5e-6}})
    before = {name: dict(table[name]) for name in NAMES}
    register_prices()
    assert {name: dict(table[name]) for name in NAMES} == before


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
