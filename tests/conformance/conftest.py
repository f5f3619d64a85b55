"""One table of scenarios, run on fake and on real CLIs alike."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

import pytest

import uutel_bridge
from tests.conformance.codex_world import codex
from tests.conformance.requirements import REQUIREMENTS
from tests.conformance.world import World, claude_code

WORLDS: Mapping[str, Callable[[], AbstractContextManager[World]]] = {
    "fake": lambda: claude_code("fake"),
    "real": lambda: claude_code("real"),
    "fake codex": lambda: codex("fake"),
    "real codex": lambda: codex("real"),
}
"""One at a time is there: each has the environment to itself."""


@pytest.fixture(scope="package", params=["fake", pytest.param("real", marks=pytest.mark.real_cli)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A CLI that stays warm from test to test."""
    uutel_bridge.register()
    with WORLDS[request.param]() as world:
        yield world


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test can only keep a promise that was made."""
    for item in items:
        for mark in item.iter_markers("requirement"):
            if unknown := [name for name in mark.args if name not in REQUIREMENTS]:
                raise pytest.UsageError(f"{item.nodeid}: {unknown[0]!r} is not in tests/conformance/requirements.py")
