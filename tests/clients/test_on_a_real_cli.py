"""Frameworks that reach their models through LiteLLM, on the real `claude`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.frameworks import TASKS
from tests.conformance.world import World
from tests.faces.opening import opened

pytestmark = pytest.mark.real_cli


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One of it, for every framework."""
    with opened("real", "claude-code") as worlds:
        yield worlds["claude-code"]


@pytest.mark.parametrize("task", TASKS)
def test_a_framework_does_its_task(world: World, task: str) -> None:
    """Against the emulator of Anthropic's API."""
    assert "rain in" in TASKS[task](world.model)
