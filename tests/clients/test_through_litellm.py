"""Frameworks that reach their models through LiteLLM, on every provider, fake and real."""

from __future__ import annotations

from collections.abc import Iterator

import litellm
import pytest
from smolagents import AgentGenerationError

import uutel_bridge
from tests.clients.frameworks import TASKS, calling_agent
from tests.clients.places import PLACES
from tests.conformance.table import WORLDS
from tests.conformance.world import World


@pytest.fixture(scope="module", params=PLACES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """One of each, for every framework."""
    kind, name = request.param
    uutel_bridge.register()
    with WORLDS[name].opened(kind) as world:
        yield world


@pytest.mark.parametrize("task", TASKS)
def test_a_framework_does_its_task(world: World, task: str) -> None:
    """Nobody but the model is asked, and it no more often than the task takes."""
    run, times = TASKS[task]
    world.api.clear()
    assert "rain in" in run(world.model)
    assert len(world.api.requests) == times


@pytest.mark.parametrize("world", [place for place in PLACES if "gemini-cli" in str(place.id)], indirect=True)
def test_a_prompt_that_the_cli_would_alter_is_refused(world: World) -> None:
    """That of smolagents' calling agent, unless its user puts it otherwise; the framework hands LiteLLM's error on."""
    world.api.clear()
    with pytest.raises(AgentGenerationError, match="line feeds") as refused:
        calling_agent(world.model).run("Hello")
    assert isinstance(refused.value.__cause__, litellm.BadRequestError)
    assert world.api.requests == []
