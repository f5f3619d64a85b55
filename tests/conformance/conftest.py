"""One table of scenarios, run on fake and on real CLIs alike."""

from collections.abc import Iterator

import pytest

import uutel_bridge
from tests.conformance.world import World, claude_code


@pytest.fixture(scope="package", params=["fake", pytest.param("real", marks=pytest.mark.real_cli)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A CLI that stays warm from test to test."""
    uutel_bridge.register()
    with claude_code(request.param) as world:
        yield world
