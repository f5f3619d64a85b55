"""OpenAI's Responses API over a provider: LiteLLM makes chat completions of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import litellm
import pytest

from tests.conformance.conversations import assistant, call, numbered, result, user
from tests.conformance.world import World

pytestmark = pytest.mark.parametrize("provider", ["claude-code", "codex", "gemini-cli"])

ANSWER = "part0 part1 part2 part3 "
ALPHA = {
    "type": "function",
    "name": "alpha",
    "description": "Looks.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def text_of(response: Any) -> str:
    """What the model said."""
    return "".join(part.text for item in response.output if item.type == "message" for part in item.content)


def call_in(response: Any) -> Any:
    """The one call in an answer."""
    (called,) = [item for item in response.output if item.type == "function_call"]
    return called


async def test_an_answer_comes_whole_with_its_usage(worlds: Mapping[str, World], provider: str) -> None:
    """Instructions are the system prompt."""
    world = worlds[provider]
    marker = world.marker("text")
    response: Any = await litellm.aresponses(f"Hello {marker}", world.model, instructions="Be exact.")
    assert (text_of(response), response.status) == (ANSWER, "completed")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (18, 4)
    body = world.body(marker)
    assert (body.system, body.turns) == (["Be exact."], [("user", [f"Hello {marker}"])])


def test_an_answer_comes_whole_to_a_caller_that_waits(worlds: Mapping[str, World], provider: str) -> None:
    """Likewise."""
    world = worlds[provider]
    response: Any = litellm.responses(world.marker("text"), world.model)
    assert text_of(response) == ANSWER


def test_a_stream_is_read_by_a_caller_that_waits(worlds: Mapping[str, World], provider: str) -> None:
    """Likewise."""
    world = worlds[provider]
    events: Any = litellm.responses(world.marker("text"), world.model, stream=True)
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == ANSWER


async def test_an_answer_comes_in_pieces(worlds: Mapping[str, World], provider: str) -> None:
    """From `response.created` to `response.completed`, which holds all of it."""
    world = worlds[provider]
    stream: Any = await litellm.aresponses(world.marker("slow", n=3, delay=0.05), world.model, stream=True)
    events = [event async for event in stream]
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(pieces) > 1
    assert "".join(pieces) == text_of(events[-1].response) == "s0 s1 s2 "
    assert events[-1].response.usage.output_tokens == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_and_what_came_of_it_go_back(worlds: Mapping[str, World], provider: str, stream: bool) -> None:
    """The answer's items are put behind the input, as OpenAI documents it, with a `function_call_output` each."""
    world = worlds[provider]
    marker = world.marker("tool")
    asked: list[Any] = [{"role": "user", "content": f"Where? {marker}"}]

    async def answer() -> Any:
        response: Any = await litellm.aresponses(asked, world.model, tools=[ALPHA], stream=stream)
        return [event async for event in response][-1].response if stream else response

    called = call_in(await answer())
    assert (called.name, json.loads(called.arguments)) == ("alpha", {"city": "Oslo"})
    item = {"type": "function_call", "call_id": called.call_id, "name": called.name, "arguments": called.arguments}
    asked += [item, {"type": "function_call_output", "call_id": called.call_id, "output": "rain"}]
    (told,) = json.loads(text_of(await answer()))
    assert told["text"] == "rain"
    first = [user(f"Where? {marker}")]
    then = [*first, assistant(None, call("c", "alpha", called.arguments)), result("c", "rain")]
    assert [numbered(body.conversation) for body in world.bodies(marker)] == [
        numbered(world.seen(messages)) for messages in (first, then)
    ]
