"""How the login stands in its plan's limits: told with every answer, and by an error when one is reached."""

from __future__ import annotations

from typing import Any

import litellm
import pytest

from tests.conformance.conversations import system, user
from tests.conformance.world import World


async def whole(world: World) -> dict[str, Any]:
    """The hidden parameters of an answer in one piece."""
    response = await litellm.acompletion(world.model, [system("Be brief."), user(world.marker("rate_warning"))])
    return response._hidden_params


async def stream(world: World) -> dict[str, Any]:
    """Those that its chunks brought, all together."""
    chunks: Any = await litellm.acompletion(
        world.model, [system("Be brief."), user(world.marker("rate_warning"))], stream=True
    )
    return {name: value async for chunk in chunks for name, value in chunk._hidden_params.items()}


@pytest.mark.parametrize("ask", [whole, stream])
@pytest.mark.requirement("limits:windows")
async def test_an_answer_says_how_much_of_the_plan_is_used(world: World, ask: Any) -> None:
    """Each window with its utilisation, its reset and the vendor's word; also where the CLI does not repeat itself."""
    with world.settings(MAX_PROCESSES="1"):
        for _ in range(3):
            assert (await ask(world))["uutel"]["limits"] == world.tables.windows
        assert world.processes_started == world.if_any(1)


@pytest.mark.requirement("limits:reached")
async def test_a_limit_is_told_each_time_that_it_stops_a_request(world: World) -> None:
    """Which one and until when, if that is told, in headers for the Router; from one process too, and once."""
    with world.settings(MAX_PROCESSES="1"):
        for _ in range(2):
            marker = world.marker("limit")
            with pytest.raises(litellm.RateLimitError) as caught:
                await litellm.acompletion(world.model, [user(marker)])
            headers = caught.value.response.headers
            assert headers["x-uutel-limit-scope"] == world.limit
            if world.tables.windows:
                assert headers["x-uutel-resets-at"] == str(world.api.scenarios.RESETS_AT)
                assert int(headers["retry-after"]) > 0
            world.body(marker)
        assert world.processes_started == world.if_any(1)
