"""Providers side by side, as LiteLLM's own machinery sees them: several at once, each against its vendor's emulator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.conformance.world import World
from tests.faces.opening import opened


@pytest.fixture(scope="module")
def worlds() -> Iterator[Mapping[str, World]]:
    """All providers on their fakes, by their names; they stay warm for a module."""
    with opened("fake", "claude-code", "codex", "gemini-cli", "cloud-code") as worlds:
        yield worlds
