"""Finding providers, and making them known to LiteLLM."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType, SimpleNamespace
from typing import Any

import litellm
import pytest

import uutel_bridge
from uutel_bridge.core import registry
from uutel_bridge.core.base import BaseUU
from uutel_bridge.core.errors import BadRequest, UUError
from uutel_bridge.providers.claude_code import ClaudeCodeUU
from uutel_bridge.providers.cloud_code import CloudCodeUU
from uutel_bridge.providers.codex import CodexUU
from uutel_bridge.providers.gemini_cli import GeminiCLIUU


class ToyUU(litellm.CustomLLM):
    """A foreign provider's LiteLLM class."""


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Have providers of other packages, each a name, a package, and what its modules hold."""
    entries: list[EntryPoint] = []
    caches = (registry._theirs, registry.broken)

    def add(name: str, package: str, *, parts: dict[str, Any] | None = None, **holds: Any) -> None:
        entries.append(EntryPoint(name, package, registry.ENTRY_POINTS))
        for module, content in ((package, holds), (f"{package}.parts", parts)):
            if content is not None:
                made = ModuleType(module)
                made.__path__ = []
                vars(made).update(content)
                monkeypatch.setitem(sys.modules, module, made)
        for each in caches:
            each.cache_clear()

    monkeypatch.setattr(registry, "entry_points", lambda group: [e for e in entries if e.group == group])
    yield add
    for each in caches:
        each.cache_clear()


@pytest.fixture
def foreign(install: Callable[..., None]) -> Any:
    """A package elsewhere that brings the provider `toy-cli`, and one that would replace ours."""
    parts = replace(registry.parts("codex"), name="toy-cli")
    for name in ("toy-cli", "claude-code"):
        install(name, "toy_package", parts={"PARTS": parts}, PROVIDER_CLASS="ToyUU", ToyUU=ToyUU)
    return parts


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


def test_another_package_can_bring_a_provider(foreign: Any) -> None:
    """By an entry point, without an edit here."""
    assert registry.provider_names() == tuple(sorted(registry.provider_names()))
    assert "toy-cli" in registry.provider_names()
    assert registry.parts("toy-cli") is foreign
    assert isinstance(registry.face("toy-cli"), ToyUU)


def test_another_package_cannot_take_the_place_of_ours(foreign: Any) -> None:
    """Ours were first."""
    assert registry.parts("claude-code") is not foreign


def out_of_luck(name: str) -> None:
    """What a module may answer when something is asked of it."""
    raise RuntimeError("out of luck")


@pytest.mark.parametrize(
    ("holds", "reason"),
    [
        ({"parts": None}, "ModuleNotFoundError: No module named 'broken_package.parts'"),
        ({"parts": {}}, "AttributeError: "),
        ({"parts": {"PARTS": SimpleNamespace(name="broken-cli", models=())}}, "TypeError: PARTS is no "),
        ({"parts": {"__getattr__": out_of_luck}}, "RuntimeError: out of luck"),
    ],
)
def test_a_foreign_provider_that_cannot_be_loaded_stops_no_other(
    install: Callable[..., None], caplog: pytest.LogCaptureFixture, holds: dict[str, Any], reason: str
) -> None:
    """It is left out, with a word in the log, once; whoever asks for it hears why."""
    install("broken-cli", "broken_package", **holds)
    with caplog.at_level(logging.WARNING, "uutel_bridge"):
        assert "broken-cli" not in registry.provider_names()
        assert "claude-code" in registry.provider_names()
    (record,) = caplog.records
    assert record.getMessage() == registry.broken()["broken-cli"]
    with pytest.raises(UUError, match="broken-cli, of the package broken_package, cannot be loaded: ") as caught:
        registry.parts("broken-cli")
    assert reason in caught.value.message
    assert caught.value.provider == "broken-cli"
    assert "broken-cli" in registry.installed_names()


def test_a_foreign_provider_whose_litellm_class_fails_is_not_registered(
    install: Callable[..., None], empty_map: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """All others are."""
    install("half-cli", "half_package", parts={"PARTS": replace(registry.parts("codex"), name="half-cli")})
    with caplog.at_level(logging.WARNING, "uutel_bridge"):
        registry.register()
    assert {entry["provider"] for entry in empty_map} == {"uutel", *registry.provider_names()} - {"half-cli"}
    (record,) = caplog.records
    assert "half-cli, of the package half_package, cannot be loaded: AttributeError" in record.getMessage()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("nobody", ""), ("", ""), ("claude_code", "claude-code"), ("Claude-Code", "claude-code"), ("codx", "codex")],
)
def test_an_unknown_provider_is_refused_with_the_known_ones(name: str, nearest: str) -> None:
    """And with the one that may be meant."""
    with pytest.raises(BadRequest) as caught:
        registry.parts(name)
    assert caught.value.param == "model"
    hint = f"Did you mean {nearest}? " if nearest else ""
    known = "claude-code, cloud-code, codex, gemini-cli; a model of theirs is uutel/<provider>/<model>"
    assert caught.value.message == f"There is no provider {name!r}. {hint}Known are {known}."


def test_registering_adds_every_provider_and_the_common_name(empty_map: list[Any], foreign: Any) -> None:
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


def test_threads_that_register_at_once_add_each_provider_once(empty_map: list[Any]) -> None:
    """As a web server's workers may."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: registry.register(), range(8)))
    names = [entry["provider"] for entry in empty_map]
    assert sorted(names) == sorted(["uutel", *registry.provider_names()])


@pytest.mark.parametrize("first", ["by hand", "by register()"])
def test_both_ways_of_registering_go_together(monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    """A provider's own entry, made by hand, stays the one that is asked."""
    monkeypatch.setattr(litellm, "custom_provider_map", [])
    if first == "by register()":
        registry.register()
    by_hand: list[Any] = [
        {"provider": "claude-code", "custom_handler": ClaudeCodeUU()},
        {"provider": "gemini-cli", "custom_handler": GeminiCLIUU()},
        {"provider": "cloud-code", "custom_handler": CloudCodeUU()},
        {"provider": "codex", "custom_handler": CodexUU()},
    ]
    litellm.custom_provider_map = list(by_hand)
    registry.register()
    assert litellm.custom_provider_map[:4] == by_hand
    assert [entry["provider"] for entry in litellm.custom_provider_map[4:]] == ["uutel"]
    assert all(isinstance(entry["custom_handler"], BaseUU) for entry in litellm.custom_provider_map)


def test_litellm_knows_the_names_at_once(empty_map: list[Any]) -> None:
    """Before the first call."""
    registry.register()
    assert empty_map
    assert litellm.get_llm_provider("uutel/claude-code/sonnet")[:2] == ("claude-code/sonnet", "uutel")
    assert litellm.get_llm_provider("claude-code/sonnet")[:2] == ("sonnet", "claude-code")
