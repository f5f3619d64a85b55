"""One table of scenarios, run on fake and on real CLIs alike."""

from collections.abc import Iterator

import pytest

import uutel_bridge
from tests.conformance.requirements import REQUIREMENTS
from tests.conformance.world import World, claude_code


@pytest.fixture(scope="package", params=["fake", pytest.param("real", marks=pytest.mark.real_cli)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A CLI that stays warm from test to test."""
    uutel_bridge.register()
    with claude_code(request.param) as world:
        yield world


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test can only keep a promise that was made."""
    for item in items:
        for mark in item.iter_markers("requirement"):
            if unknown := [name for name in mark.args if name not in REQUIREMENTS]:
                raise pytest.UsageError(f"{item.nodeid}: {unknown[0]!r} is not in tests/conformance/requirements.py")
