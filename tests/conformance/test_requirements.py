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
REFUSED = [(provider, name) for name, requirement in REQUIREMENTS.items() for provider in requirement.not_on]


def claimed() -> set[str]:
    """The requirements of all tests here that are meant to pass."""
    found: set[str] = set()
    for module in pkgutil.iter_modules(tests.conformance.__path__):
        if module.name.startswith("test_"):
            for value in vars(import_module(f"{tests.conformance.__name__}.{module.name}")).values():
                marks: list[pytest.Mark] = getattr(value, "pytestmark", [])
                if not {"skip", "xfail"} & {mark.name for mark in marks}:
                    found.update(name for mark in marks if mark.name == "requirement" for name in mark.args)
    return found


def test_every_requirement_is_claimed_by_a_test() -> None:
    """Of those that some provider keeps; and no test claims what nobody requires."""
    providers = set(registry.provider_names())
    kept = {name for name, requirement in REQUIREMENTS.items() if providers - set(requirement.not_on)}
    assert sorted(kept - claimed()) == []
    assert sorted(claimed() - set(REQUIREMENTS)) == []


def test_exceptions_are_those_of_providers_that_exist() -> None:
    """None is both refused and limited, and what is refused can be asked for."""
    for requirement in REQUIREMENTS.values():
        assert {*requirement.not_on, *requirement.limited_on} <= set(registry.provider_names())
        assert not set(requirement.not_on) & set(requirement.limited_on)
        assert bool(requirement.params) == bool(requirement.not_on)


@pytest.mark.parametrize(("provider", "name"), REFUSED)
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
