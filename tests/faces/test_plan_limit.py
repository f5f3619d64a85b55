"""A plan that is used up in the middle of the day: the Router goes to the next provider, and comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import anyio
import litellm
import pytest
from litellm.router_utils.cooldown_handlers import async_get_cooldown_deployments

import uutel_bridge
from tests.conformance.conversations import assistant, function, numbered, result, system, user
from tests.conformance.processes import BOUND
from tests.conformance.world import World
from tests.faces.opening import opened

_SECONDS = 5
"""How long the plan is used up: enough for two answers of a provider that is warm."""
TOOLS = [function("alpha", "Looks."), function("beta", "Looks closer.")]


@pytest.fixture(scope="module")
def two(request: pytest.FixtureRequest) -> Iterator[Mapping[str, World]]:
    """Claude Code and Codex, fake and real."""
    with opened(request.param, "claude-code", "codex") as worlds:
        uutel_bridge.warm("codex")
        yield worlds


def a_router(two: Mapping[str, World]) -> litellm.Router:
    """One group for both; Claude Code is asked first as long as it can be."""
    deployments = [
        {"model_name": "coder", "litellm_params": {"model": two[name].model, "order": order}}
        for order, name in enumerate(("claude-code", "codex"), start=1)
    ]
    return litellm.Router(model_list=deployments, num_retries=1)


async def whole(router: litellm.Router, messages: list[Any]) -> Any:
    """The model's answer as a message."""
    response: Any = await router.acompletion("coder", messages, tools=TOOLS)
    return response.choices[0].message


async def streamed(router: litellm.Router, messages: list[Any]) -> Any:
    """The same, put together from its chunks."""
    stream: Any = await router.acompletion("coder", messages, tools=TOOLS, stream=True)
    built: Any = litellm.stream_chunk_builder([chunk async for chunk in stream])
    return built.choices[0].message


@pytest.mark.parametrize(
    ("two", "ask"),
    [("fake", whole), ("fake", streamed), pytest.param("real", streamed, marks=pytest.mark.real_cli)],
    indirect=["two"],
)
async def test_an_agent_goes_on_with_the_next_provider_until_the_plan_is_there_again(
    two: Mapping[str, World], ask: Any
) -> None:
    """In the middle of its work: calls that one model made and what came of them are there for the other."""
    claude, codex = two["claude-code"], two["codex"]
    router = a_router(two)
    marker = claude.marker("loop", n=4)
    messages: list[Any] = [system("Be exact."), user(f"Look around. {marker}")]

    async def step(asked: World) -> None:
        """One answer of the model's, which sees all that was said, and what its calls come to."""
        answer = await ask(router, messages)
        body = asked.bodies(marker)[-1]
        assert body.system == ["Be exact."]
        assert numbered(body.conversation) == numbered(asked.seen(messages))
        messages.append(assistant(answer.content, *(call.model_dump() for call in answer.tool_calls)))
        messages.extend(result(call.id, f"{call.function.name} of {asked.provider}") for call in answer.tool_calls)

    with anyio.fail_after(BOUND):
        await step(claude)
        claude.api.limited_until = int(time.time()) + _SECONDS
        await step(codex)
        refused = len(claude.bodies(marker))
        await step(codex)
        assert (refused, len(claude.bodies(marker)), len(codex.bodies(marker))) == (2, 2, 2)
        while await async_get_cooldown_deployments(router, None):
            await anyio.sleep(0.05)
        await step(claude)
        answer = await ask(router, messages)
    assert answer.content == "done after 4 steps"
    assert (len(claude.bodies(marker)), len(codex.bodies(marker))) == (4, 2)
