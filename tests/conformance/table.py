"""The axis of the table: the providers, and which rows are for which of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from tests.conformance.claude_world import ClaudeWorld
from tests.conformance.cloud_world import CloudWorld
from tests.conformance.codex_world import CodexWorld
from tests.conformance.gemini_world import GeminiWorld
from tests.conformance.requirements import REQUIREMENTS
from tests.conformance.world import World

WORLDS: Mapping[str, type[World]] = {each.provider: each for each in (ClaudeWorld, CodexWorld, GeminiWorld, CloudWorld)}
"""The providers by their names."""


def entries(table: str) -> list[str]:
    """All that stands in one of the providers' tables of this name."""
    return list(dict.fromkeys(entry for cls in WORLDS.values() for entry in getattr(cls.tables, table)))


def runs_with(
    cls: type[World], kind: str, marks: Iterable[pytest.Mark], given: Mapping[str, object] | None = None
) -> bool:
    """Whether a test is for a provider: by its marks, by what the provider promises, and by the provider's tables.

    Without what was given to the test, it is enough that there is something in the table.
    """
    words = {kind, cls.provider, *cls.traits, *(() if cls.slow and kind == "real" else ("quick",))}
    for mark in marks:
        if mark.name == "on" and not words.issuperset(mark.args):
            return False
        if mark.name == "requirement" and any(REQUIREMENTS[name].without(cls.provider) for name in mark.args):
            return False
        if mark.name == "each":
            name, table = mark.args
            listed = getattr(cls.tables, table)
            if not listed or (given is not None and given[name] not in listed):
                return False
    return True
