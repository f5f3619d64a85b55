"""One table of scenarios, run with every provider that promises them, on fake and on real CLIs alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import uutel_bridge
from tests.conformance.requirements import REQUIREMENTS
from tests.conformance.table import WORLDS, entries, runs_with
from tests.conformance.world import World

_HERE = Path(__file__).parent


@pytest.fixture(
    scope="package",
    params=[
        pytest.param((provider, kind), marks=[pytest.mark.real_cli] if kind == "real" else [], id=f"{kind}-{provider}")
        for provider, cls in WORLDS.items()
        for kind in cls.kinds
    ],
)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A provider that stays warm from test to test. One at a time is there: each has the environment to itself."""
    provider, kind = request.param
    uutel_bridge.register()
    with WORLDS[provider].opened(kind) as world:
        yield world


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that is marked with `each` runs once for every entry of a table."""
    for mark in metafunc.definition.iter_markers("each"):
        name, table = mark.args
        metafunc.parametrize(name, entries(table))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a test where it is for the provider; it can only keep a promise that was made."""
    chosen: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        marks = list(item.iter_markers())
        named = [name for mark in marks if mark.name == "requirement" for name in mark.args]
        if unknown := [name for name in named if name not in REQUIREMENTS]:
            raise pytest.UsageError(f"{item.nodeid}: {unknown[0]!r} is not in tests/conformance/requirements.py")
        given = getattr(item, "callspec", None) if item.path.is_relative_to(_HERE) else None
        provider, kind = given.params.get("world", ("", "")) if given else ("", "")
        chosen[not provider or runs_with(WORLDS[provider], kind, marks, given.params)].append(item)
    config.hook.pytest_deselected(items=chosen[False])
    items[:] = chosen[True]
