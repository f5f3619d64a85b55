"""Functions in Anthropic's words: what is told of a schema, and how to choose."""

from __future__ import annotations

from typing import Any

import litellm
import pytest

from tests.conformance.claude_world import ON_CLAUDE
from tests.conformance.conversations import function, user
from tests.conformance.test_tools import SCHEMA, ask
from tests.conformance.world import World

pytestmark = ON_CLAUDE


@pytest.mark.requirement("tools:schema")
async def test_all_that_a_schema_has_arrives(world: World) -> None:
    """Limits, defaults and titles, too."""
    marker = world.marker("text")
    schema: dict[str, Any] = {**SCHEMA, "title": "Everything", "properties": {**SCHEMA["properties"]}}
    schema["properties"]["either"] = {**SCHEMA["properties"]["either"], "default": None}
    schema["properties"]["list"] = {"type": "array", "items": {"type": "number", "minimum": 0.5}, "minItems": 1}
    await litellm.acompletion(world.model, [user(marker)], tools=[function("everything", "", **schema)])
    assert world.body(marker).tools["everything"].schema == schema


CHOICES: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "auto": ({"tool_choice": "auto"}, None),
    "none": ({"tool_choice": "none"}, {"type": "none"}),
    "required": ({"tool_choice": "required"}, {"type": "any"}),
    "named": ({"tool_choice": {"type": "function", "function": {"name": "beta"}}}, {"type": "tool", "name": "beta"}),
    "one at a time": ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
    "exactly one": (
        {"tool_choice": "required", "parallel_tool_calls": False},
        {"type": "any", "disable_parallel_tool_use": True},
    ),
}


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.requirement("tools:choice:required", "tools:choice:named", "tools:parallel:off")
async def test_how_to_choose_among_functions_is_told(world: World, name: str) -> None:
    """Forced calls exclude reasoning, as the vendor has it; the request after is free again."""
    marker, after = world.marker("tools"), world.marker("tools")
    given, expected = CHOICES[name]
    choice = await ask("whole", world, [user(marker)], **given)
    body = world.body(marker).raw
    chosen = body.get("tool_choice")
    if chosen and "name" in chosen:
        chosen = {**chosen, "name": chosen["name"].rpartition("__")[2]}
    assert chosen == expected
    assert ("thinking" in body) == (expected is None or expected["type"] in {"auto", "none"})
    counts = {"none": 0, "one at a time": 1, "exactly one": 1}
    assert len(choice.message.tool_calls or []) == counts.get(name, 2)
    await ask("whole", world, [user(after)])
    assert "tool_choice" not in world.body(after).raw
    assert "thinking" in world.body(after).raw
