"""OpenAI's old completions, which have a prompt instead of messages, and several requests at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import litellm
import pytest

from tests.conformance.conversations import user
from tests.conformance.world import World

ANSWER = "part0 part1 part2 part3 "
TWO = pytest.mark.parametrize("provider", ["claude-code", "codex"])


@TWO
async def test_a_prompt_is_what_the_user_says(worlds: Mapping[str, World], provider: str) -> None:
    """And the answer is a text, with its usage."""
    world = worlds[provider]
    marker = world.marker("text")
    response: Any = await litellm.atext_completion(f"Hello {marker}", world.model)
    (choice,) = response.choices
    assert (choice.text, choice.finish_reason) == (ANSWER, "stop")
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (18, 4)
    assert world.body(marker).turns == [("user", [f"Hello {marker}"])]


@TWO
async def test_a_text_comes_in_pieces(worlds: Mapping[str, World], provider: str) -> None:
    """As it is made."""
    world = worlds[provider]
    stream: Any = await litellm.atext_completion(world.marker("slow", n=3, delay=0.05), world.model, stream=True)
    pieces = [chunk.choices[0].text or "" async for chunk in stream]
    assert len([piece for piece in pieces if piece]) > 1
    assert "".join(pieces) == "s0 s1 s2 "


@TWO
def test_a_caller_that_waits_is_served_likewise(worlds: Mapping[str, World], provider: str) -> None:
    """Whole and in pieces."""
    world = worlds[provider]
    response: Any = litellm.text_completion(world.marker("text"), world.model)
    assert response.choices[0].text == ANSWER
    stream: Any = litellm.text_completion(world.marker("text"), world.model, stream=True)
    assert "".join(chunk.choices[0].text or "" for chunk in stream) == ANSWER


@TWO
def test_a_batch_is_answered_in_its_order(worlds: Mapping[str, World], provider: str) -> None:
    """Each conversation by itself, more of them than a pool has processes; a failure takes its own place alone."""
    world = worlds[provider]
    batch = [[user(f"number {n} {world.marker('e400' if n == 2 else 'echo')}")] for n in range(6)]
    answers = litellm.batch_completion(world.model, batch)
    assert isinstance(answers.pop(2), litellm.BadRequestError)
    assert [answer.choices[0].message.content for answer in answers] == [f"number {n} " for n in (0, 1, 3, 4, 5)]
