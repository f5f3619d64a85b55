"""Finding providers, and making them known to LiteLLM."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import ModuleType, SimpleNamespace
from typing import Any

import litellm
import pytest

import uutel_bridge
from uutel_bridge.core import registry
from uutel_bridge.core.errors import BadRequest


class ToyUU(litellm.CustomLLM):
    """A foreign provider's LiteLLM class."""


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A package elsewhere that brings the provider `toy-cli`, and one that would replace ours."""
    package, parts = ModuleType("toy_package"), ModuleType("toy_package.parts")
    parts.PARTS = SimpleNamespace(  # type: ignore[attr-defined]
        name="toy-cli", models=(), transform=SimpleNamespace(supported=frozenset())
    )
    package.PROVIDER_CLASS, package.ToyUU = "ToyUU", ToyUU  # type: ignore[attr-defined]
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "toy_package", package)
    monkeypatch.setitem(sys.modules, "toy_package.parts", parts)
    entries = [
        EntryPoint("toy-cli", "toy_package", registry.ENTRY_POINTS),
        EntryPoint("claude-code", "toy_package", registry.ENTRY_POINTS),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: [e for e in entries if e.group == group])
    registry._found.cache_clear()
    yield parts.PARTS  # type: ignore[attr-defined]
    registry._found.cache_clear()


@pytest.fixture
def empty_map(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """LiteLLM's list of custom providers, for this test alone."""
    entries: list[Any] = []
    monkeypatch.setattr(litellm, "custom_provider_map", entries)
    return entries


def test_our_own_providers_are_found_in_their_folder() -> None:
    """With a dash where the folder has an underscore."""
    assert {"claude-code", "codex"} <= set(registry.provider_names())
    assert registry.parts("claude-code").name == "claude-code"


def test_every_provider_says_the_name_it_is_found_by() -> None:
    """And offers its default model."""
    for name in registry.provider_names():
        parts = registry.parts(name)
        assert parts.name == name
        assert parts.default_model in {model.name for model in parts.models}


def test_another_package_can_bring_a_provider(foreign: SimpleNamespace) -> None:
    """By an entry point, without an edit here."""
    assert registry.provider_names() == tuple(sorted(registry.provider_names()))
    assert "toy-cli" in registry.provider_names()
    assert registry.parts("toy-cli") is foreign
    assert isinstance(registry.face("toy-cli"), ToyUU)


def test_another_package_cannot_take_the_place_of_ours(foreign: SimpleNamespace) -> None:
    """Ours were first."""
    assert registry.parts("claude-code") is not foreign


@pytest.mark.parametrize("name", ["nobody", "", "claude_code", "Claude-Code"])
def test_an_unknown_provider_is_refused_with_the_known_ones(name: str) -> None:
    """In the form that a caller writes."""
    with pytest.raises(BadRequest) as caught:
        registry.parts(name)
    assert caught.value.param == "model"
    assert repr(name) in caught.value.message
    assert "uutel/claude-code/<model>, uutel/codex/<model>" in caught.value.message


def test_registering_adds_every_provider_and_the_common_name(empty_map: list[Any], foreign: SimpleNamespace) -> None:
    """Each once, however often it is done."""
    assert foreign
    registry.register()
    registry.register()
    assert sorted(entry["provider"] for entry in empty_map) == sorted(["uutel", *registry.provider_names()])
    handlers = {entry["provider"]: entry["custom_handler"] for entry in empty_map}
    assert handlers["uutel"] is uutel_bridge.handler
    assert isinstance(handlers["toy-cli"], ToyUU)
    assert handlers["claude-code"].provider_name == "claude-code"


def test_registering_leaves_other_peoples_providers_alone(empty_map: list[Any]) -> None:
    """Also one who has taken a name of ours."""
    theirs = [{"provider": "theirs", "custom_handler": ToyUU()}, {"provider": "claude-code", "custom_handler": ToyUU()}]
    empty_map.extend(theirs)
    registry.register()
    assert empty_map[:2] == theirs
    assert [entry["provider"] for entry in empty_map].count("claude-code") == 1


def test_litellm_knows_the_names_at_once(empty_map: list[Any]) -> None:
    """Before the first call."""
    registry.register()
    assert empty_map
    assert litellm.get_llm_provider("uutel/claude-code/sonnet")[:2] == ("claude-code/sonnet", "uutel")
    assert litellm.get_llm_provider("claude-code/sonnet")[:2] == ("sonnet", "claude-code")
