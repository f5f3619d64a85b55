"""Forms and reasoning in Anthropic's words."""

from __future__ import annotations

import json
from typing import Any

import litellm
import pytest

from tests.conformance.claude_world import ON_CLAUDE
from tests.conformance.conversations import Text, user
from tests.conformance.test_structured import SCHEMA, Journey
from tests.conformance.test_tools import WAYS, ask
from tests.conformance.world import World

pytestmark = ON_CLAUDE


async def test_objects_are_closed_and_what_cannot_be_enforced_is_told_in_words(world: World) -> None:
    """Also where the caller leaves objects open."""
    marker = world.marker("json")
    opened = {name: value for name, value in SCHEMA.items() if name != "additionalProperties"}
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": opened}}
    choice = await ask("whole", world, [user(marker)], tools=None, response_format=form)
    assert json.loads(choice.message.content) == {"answer": 1}
    assert world.body(marker).schema == SCHEMA
    marker = world.marker("json")
    await ask("whole", world, [user(marker)], tools=None, response_format=Journey)
    assert '"maximum":30' in world.body(marker).schema["properties"]["days"]["description"]


REDACTED = [{"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("reasoning:blocks:hidden")
async def test_hidden_reasoning_is_kept_for_the_model(world: World, way: str) -> None:
    """Nobody can read it, and the next request brings it back."""
    marker, after = world.marker("redacted"), world.marker("text")
    choice = await ask(way, world, [user(marker)])
    assert choice.message.thinking_blocks == REDACTED
    await ask(way, world, [user(marker), choice.message, user(after)])
    (said,) = [items for role, items in world.body(after).conversation if role == "assistant"]
    assert said == [*REDACTED, Text(choice.message.content)]


THINKING: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "by default": ({}, {"type": "adaptive", "display": "summarized"}),
    "enabled": (
        {"extra_body": {"thinking": {"type": "enabled", "budget_tokens": 2000}}},
        {"type": "enabled", "budget_tokens": 2000, "display": "summarized"},
    ),
    "disabled": ({"extra_body": {"thinking": {"type": "disabled"}}}, None),
    "allowed by name": (
        {"thinking": {"type": "adaptive"}, "allowed_openai_params": ["thinking"]},
        {"type": "adaptive", "display": "summarized"},
    ),
}


@pytest.mark.parametrize("name", THINKING)
@pytest.mark.requirement("reasoning:switch")
async def test_how_to_reason_is_told(world: World, name: str) -> None:
    """In the vendor's own words; the request after is as any other."""
    marker, after = world.marker("text"), world.marker("text")
    given, expected = THINKING[name]
    await litellm.acompletion(world.model, [user(marker)], **given)
    assert world.body(marker).raw.get("thinking") == expected
    await litellm.acompletion(world.model, [user(after)])
    assert world.body(after).raw["thinking"] == THINKING["by default"][1]
