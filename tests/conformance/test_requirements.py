"""What is promised is tested, what is refused is refused, and the README says just that."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import litellm
import pytest

import tests.conformance
from tests.conformance.requirements import MARKERS, REQUIREMENTS, matrix, with_matrix
from tests.conformance.world import World, user
from uutel_bridge.core import registry

README = Path(__file__).parents[2] / "README.md"
WORLDS = {"claude-code": ("fake", "real"), "codex": ("fake codex", "real codex")}
REFUSED = [
    pytest.param(kind, provider, name, marks=[pytest.mark.real_cli] if kind.startswith("real") else [])
    for provider, kinds in WORLDS.items()
    for kind in kinds
    for name, requirement in REQUIREMENTS.items()
    if provider in requirement.not_on
]


def provider_of(module: str) -> str:
    """Whose promises the tests of a file keep: `test_codex_*.py` are Codex's, files that name nobody Claude Code's."""
    named = (name for name in registry.provider_names() if module.startswith(f"test_{name.replace('-', '_')}_"))
    return next(named, "claude-code")


def claimed() -> set[tuple[str, str]]:
    """Provider and requirement of all tests here that are meant to pass."""
    found: set[tuple[str, str]] = set()
    for module in pkgutil.iter_modules(tests.conformance.__path__):
        if module.name.startswith("test_"):
            provider = provider_of(module.name)
            for value in vars(import_module(f"{tests.conformance.__name__}.{module.name}")).values():
                marks: list[pytest.Mark] = getattr(value, "pytestmark", [])
                if not {"skip", "xfail"} & {mark.name for mark in marks}:
                    found.update((provider, name) for mark in marks if mark.name == "requirement" for name in mark.args)
    return found


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


@pytest.mark.parametrize(("world", "provider", "name"), REFUSED, indirect=["world"], scope="package")
async def test_what_is_not_supported_is_refused(world: World, provider: str, name: str) -> None:
    """By the call itself. If this fails, it may have come to work: the manifest should say so."""
    started, asked = world.processes_started, len(world.api.requests)
    request: dict[str, Any] = {"messages": [user("Hello")], **REQUIREMENTS[name].params}
    with pytest.raises(litellm.BadRequestError):  # the base of UnsupportedParamsError
        await litellm.acompletion(f"uutel/{provider}/{registry.parts(provider).default_model}", **request)
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
