"""What Claude Code adds to a conversation, and what it does not."""

from __future__ import annotations

import json
from typing import Any

import litellm
import pytest

from tests.conformance.claude_world import ON_CLAUDE
from tests.conformance.conversations import Text, Turn, assistant, call, result, system, user
from tests.conformance.world import World

pytestmark = ON_CLAUDE

SEEN: dict[str, tuple[list[Any], list[Turn]]] = {
    "neighbouring questions are one message, a block each": (
        [user("a"), user("b "), assistant("c"), assistant(" d"), system("S"), user("e")],
        [("user", [Text("a"), Text("b ")]), ("assistant", [Text("c")]), ("assistant", [Text(" d")]),
         ("user", [Text("e")])],
    ),
    "blank text": (
        [user(""), assistant(None), user(" \n"), assistant("(no content)"), user([{"type": "text", "text": "a"}]),
         user("")],
        [("user", [Text("(no content)")]), ("assistant", [Text("(no content)")]), ("user", [Text("(no content)")]),
         ("assistant", [Text("(no content)")]), ("user", [Text("a")])],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "turns"), SEEN.values(), ids=SEEN)
async def test_turns_are_as_anthropic_takes_them(world: World, messages: list[Any], turns: list[Turn]) -> None:
    """No two questions in a row, and none without text."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [system(marker), *messages])
    assert world.body(marker).conversation == turns
    assert world.seen(messages) == turns


async def test_the_cli_says_little_of_itself(world: World) -> None:
    """Before the caller's system prompt stand two short blocks."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [user(marker)])
    raw = world.body(marker).raw
    assert sum(len(block["text"]) for block in raw["system"]) < 200
    assert not raw.get("tools")


@pytest.mark.requirement("cache:prefix")
async def test_a_callers_own_marks_for_the_cache_are_taken_out(world: World) -> None:
    """The vendor allows four, three are the CLI's, and ours is on the newest block."""
    marker = world.marker("text")
    mark = {"cache_control": {"type": "ephemeral"}}
    marked = [{"type": "text", "text": f"{n} {marker}", **mark} for n in range(3)]
    said: Any = {**assistant(None, call("c1", "look")), **mark}
    told: Any = {**result("c1", [{"type": "text", "text": "Seen.", **mark}]), **mark}
    await litellm.acompletion(world.model, [{**system("S"), **mark}, {**user(marked), **mark}, said, told])
    messages = [message for message in world.body(marker).raw["messages"] if message["role"] != "system"]
    assert [json.dumps(message).count("cache_control") for message in messages] == [0, 0, 1]
