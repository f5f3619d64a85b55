"""Functions in Codex's words: what it drops, and what it cannot be told."""

from __future__ import annotations

from typing import Any

import litellm
import pytest
from litellm import exceptions as lite

from tests.conformance.codex_world import ON_CODEX
from tests.conformance.conversations import function, user
from tests.conformance.test_tools import ask
from tests.conformance.world import World

pytestmark = ON_CODEX


@pytest.mark.requirement("tools:schema")
async def test_what_codex_drops_of_a_schema_is_told_in_words(world: World) -> None:
    """Limits stand in the description."""
    marker = world.marker("text")
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"list": {"type": "array", "items": {"type": "number", "minimum": 0.5}, "minItems": 1}},
    }
    tools = [function("everything", "", **schema), function("bare", "B.")]
    await litellm.acompletion(world.model, [user(marker)], tools=tools)
    assert list(world.body(marker).tools) == ["everything", "bare"]
    arrived = world.body(marker).tools["everything"].schema
    number = arrived["properties"]["list"]["items"]
    assert number == {"type": "number", "description": "(minimum 0.5)"}
    schema["properties"]["list"]["items"] = number
    assert arrived == schema


async def test_who_forbids_calls_is_told_of_no_function(world: World) -> None:
    """Codex has no other way to forbid them."""
    marker = world.marker("tools")
    await ask("whole", world, [user(marker)], tool_choice="none")
    assert world.body(marker).tools == {}


@pytest.mark.parametrize(
    "given",
    [
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "beta"}}},
        {"parallel_tool_calls": False},
    ],
    ids=["required", "named", "one at a time"],
)
async def test_what_codex_cannot_be_told_is_refused(world: World, given: dict[str, Any]) -> None:
    """By its name, at once."""
    asked = len(world.api.requests)
    with pytest.raises(lite.UnsupportedParamsError, match=next(iter(given))):
        await ask("whole", world, [user("Hello")], **given)
    assert len(world.api.requests) == asked
