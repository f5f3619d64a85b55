"""Frameworks that reach their models through LiteLLM, on the fakes of every CLI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.clients.frameworks import TASKS
from tests.conformance.world import World
from tests.faces.opening import opened

_PROVIDERS = ("claude-code", "codex", "gemini-cli")


@pytest.fixture(scope="module")
def worlds() -> Iterator[Mapping[str, World]]:
    """All of them, for every framework."""
    with opened("fake", *_PROVIDERS) as worlds:
        yield worlds


@pytest.mark.parametrize(
    ("task", "provider"),
    [
        (task, provider)
        for task in TASKS
        for provider in _PROVIDERS
        if (task, provider) != ("smolagents", "gemini-cli")  # its system prompt has three line feeds in a row
    ],
)
def test_a_framework_does_its_task(worlds: Mapping[str, World], task: str, provider: str) -> None:
    """Nobody but the model is asked."""
    assert "rain in" in TASKS[task](worlds[provider].model)
