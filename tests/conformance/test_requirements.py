"""What is promised is tested, what is refused is refused, and the README says just that."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import litellm
import pytest

import tests.conformance
from tests.conformance.conversations import user
from tests.conformance.requirements import MARKERS, REQUIREMENTS, matrix, with_matrix
from tests.conformance.table import WORLDS, runs_with
from tests.conformance.world import World
from uutel_bridge.core import registry

README = Path(__file__).parents[2] / "README.md"


def claimed() -> set[tuple[str, str]]:
    """Provider and requirement of all tests here that are meant to pass."""
    found: set[tuple[str, str]] = set()
    for module in pkgutil.iter_modules(tests.conformance.__path__):
        if module.name.startswith("test_"):
            rows = vars(import_module(f"{tests.conformance.__name__}.{module.name}"))
            common: Any = rows.get("pytestmark", [])
            common = common if isinstance(common, list) else [common]
            for value in rows.values():
                marks = [*(each.mark for each in common), *getattr(value, "pytestmark", [])]
                found.update((cls.provider, name) for cls in WORLDS.values() for name in kept_by(cls, marks))
    return found


def kept_by(cls: type[World], marks: list[pytest.Mark]) -> set[str]:
    """The requirements that a test with these marks keeps for a provider."""
    if {"skip", "xfail"} & {mark.name for mark in marks} or not any(runs_with(cls, kind, marks) for kind in cls.kinds):
        return set()
    names = {name for mark in marks if mark.name == "requirement" for name in mark.args}
    cases = [case for mark in marks if mark.name == "parametrize" for case in mark.args[1] if hasattr(case, "marks")]
    for case in cases:  # a case may keep something of its own
        names |= kept_by(cls, [mark for mark in case.marks if mark.name != "parametrize"])
    return names


def test_every_requirement_is_claimed_by_a_test() -> None:
    """One for each provider that keeps it; and no test claims what nobody requires."""
    kept = {
        (provider, name)
        for provider in registry.provider_names()
        for name, requirement in REQUIREMENTS.items()
        if not requirement.without(provider)
    }
    assert sorted(kept - claimed()) == []
    assert sorted({name for _, name in claimed()} - set(REQUIREMENTS)) == []


def test_exceptions_are_those_of_providers_that_exist() -> None:
    """Each is one of them, and what is refused can be asked for."""
    for requirement in REQUIREMENTS.values():
        named = [*requirement.not_on, *requirement.absent_on, *requirement.limited_on]
        assert set(named) <= set(registry.provider_names())
        assert len(set(named)) == len(named)
        assert bool(requirement.params) == bool(requirement.not_on)


@pytest.mark.each("name", "refused")
async def test_what_is_not_supported_is_refused(world: World, name: str) -> None:
    """By the call itself. If this fails, it may have come to work: the manifest should say so."""
    started, asked = world.processes_started, len(world.api.requests)
    request: dict[str, Any] = {"messages": [user("Hello")], **world.tables.refused[name]}
    with pytest.raises(litellm.BadRequestError):  # the base of UnsupportedParamsError
        await litellm.acompletion(world.named(world.parts.default_model), **request)
    assert (world.processes_started, len(world.api.requests)) == (started, asked)


def test_the_readme_has_the_matrix_of_today() -> None:
    """It is printed from the requirements, never written by hand."""
    text = README.read_text(encoding="utf-8")
    assert [text.count(marker) for marker in MARKERS] == [1, 1]
    assert text == with_matrix(text), "mend it: python -m tests.conformance.requirements README.md"


def test_the_matrix_can_be_read_by_people() -> None:
    """A page of it, with every cell filled."""
    lines = matrix().splitlines()
    assert len(lines) < 40
    assert {line.count("|") for line in lines} == {len(registry.provider_names()) + 2}
    assert all(cell.strip() for line in lines[1:] for cell in line.split("|")[1:-1])
