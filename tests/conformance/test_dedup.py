"""Identical requests at once, and what is told of how they were served: the same whoever the provider is."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import litellm
import pytest

from tests.conformance.conversations import user
from tests.conformance.processes import BOUND
from tests.conformance.world import World

ANSWER = "".join(f"s{n} " for n in range(10))


async def stream(world: World, marker: str) -> tuple[str, dict[str, Any]]:
    """The text, and how it was served."""
    asked: Any = await litellm.acompletion(world.model, [user(marker)], stream=True, uutel_dedup=True)
    chunks = [chunk async for chunk in asked]
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks), chunks[0]._hidden_params["uutel"]


async def whole(world: World, marker: str) -> tuple[str, dict[str, Any]]:
    """Likewise."""
    response: Any = await litellm.acompletion(world.model, [user(marker)], uutel_dedup=True)
    return response.choices[0].message.content, response._hidden_params["uutel"]


async def test_identical_requests_at_once_are_one_for_the_vendor(world: World) -> None:
    """Whole or streamed, each caller has all of the answer, and is told of the same turn."""
    marker = world.marker("slow", n=10, delay=0.1)
    with anyio.fail_after(BOUND):
        answers = await asyncio.gather(*(ask(world, marker) for ask in (stream, whole, stream, whole)))
    assert [text for text, _ in answers] == [ANSWER] * 4
    assert len(world.bodies(marker)) == 1
    assert [facts for _, facts in answers[1:]] == [answers[0][1]] * 3


@pytest.mark.parametrize("ask", [whole, stream])
async def test_an_answer_says_how_it_was_served(world: World, ask: Any) -> None:
    """By which process, and how long each part took."""
    with anyio.fail_after(BOUND):
        _, facts = await ask(world, world.marker("slow", n=3, delay=0.1))
    assert facts["process_uses"] >= 0
    assert 0 <= facts["queue_seconds"] <= facts["first_event_seconds"] <= facts["total_seconds"]
    assert facts["total_seconds"] >= 0.2
