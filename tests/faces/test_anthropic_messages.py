"""Anthropic's Messages API over a provider: LiteLLM makes chat completions of it."""

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
    "name": "alpha",
    "description": "Looks.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


async def ask(world: World, messages: list[Any], **given: Any) -> Any:
    """One request. Its form demands `max_tokens`, which not every provider can keep to."""
    return await litellm.anthropic.messages.acreate(
        max_tokens=100, messages=messages, model=world.model, drop_params=True, **given
    )


async def events(stream: Any) -> list[dict[str, Any]]:
    """The events of a stream, which come as bytes."""
    lines = b"".join([piece async for piece in stream]).decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


async def test_an_answer_comes_whole_with_its_usage(worlds: Mapping[str, World], provider: str) -> None:
    """And `system` is the system prompt."""
    world = worlds[provider]
    marker = world.marker("text")
    answer = await ask(world, [user(f"Hello {marker}")], system="Be exact.")
    assert (answer["content"], answer["stop_reason"]) == ([{"type": "text", "text": ANSWER}], "end_turn")
    assert answer["usage"] == {"input_tokens": 11, "cache_read_input_tokens": 7, "output_tokens": 4}
    body = world.body(marker)
    assert (body.system, body.turns) == (["Be exact."], [("user", [f"Hello {marker}"])])


async def test_an_answer_comes_in_pieces(worlds: Mapping[str, World], provider: str) -> None:
    """From `message_start` to `message_stop`."""
    world = worlds[provider]
    told = await events(await ask(world, [user(world.marker("slow", n=3, delay=0.05))], stream=True))
    assert (told[0]["type"], told[-1]["type"]) == ("message_start", "message_stop")
    pieces = [event["delta"]["text"] for event in told if event["type"] == "content_block_delta"]
    assert len(pieces) > 1
    assert "".join(pieces) == "s0 s1 s2 "
    (end,) = [event for event in told if event["type"] == "message_delta"]
    assert (end["delta"]["stop_reason"], end["usage"]["output_tokens"]) == ("end_turn", 3)


async def test_a_call_and_what_came_of_it_go_back(worlds: Mapping[str, World], provider: str) -> None:
    """As blocks of the messages that follow."""
    world = worlds[provider]
    marker = world.marker("tool")
    messages = [user(f"Where? {marker}")]
    answer = await ask(world, messages, tools=[ALPHA])
    (use,) = answer["content"]
    assert (use["type"], use["name"], use["input"]) == ("tool_use", "alpha", {"city": "Oslo"})
    assert answer["stop_reason"] == "tool_use"
    told = {"type": "tool_result", "tool_use_id": use["id"], "content": "rain"}
    later = [*messages, {"role": "assistant", "content": [use]}, user([told])]
    answer = await ask(world, later, tools=[ALPHA])
    (said,) = json.loads(answer["content"][0]["text"])
    assert said["text"] == "rain"
    then = [*messages, assistant(None, call("c", "alpha", '{"city": "Oslo"}')), result("c", "rain")]
    assert numbered(world.bodies(marker)[-1].conversation) == numbered(world.seen(then))


async def test_a_call_comes_in_pieces(worlds: Mapping[str, World], provider: str) -> None:
    """Its input as JSON."""
    world = worlds[provider]
    told = await events(await ask(world, [user(world.marker("tool"))], tools=[ALPHA], stream=True))
    (use,) = [
        event["content_block"]
        for event in told
        if event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use"
    ]
    assert use["name"] == "alpha"
    pieces = [event["delta"].get("partial_json", "") for event in told if event["type"] == "content_block_delta"]
    assert json.loads("".join(pieces)) == {"city": "Oslo"}
    (end,) = [event["delta"]["stop_reason"] for event in told if event["type"] == "message_delta"]
    assert end == "tool_use"
