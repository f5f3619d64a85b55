"""Long conversations: told to the CLI at once, exact to the last turn, and never shortened behind the caller's back."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import litellm
import pytest

from tests.conformance.world import World, assistant, call, function, result, system, user

TURNS = 200


def talk() -> list[dict[str, Any]]:
    """800 kB of questions and answers."""
    return [
        turn for n in range(TURNS) for turn in (user(f"q{n} " + "wörd " * 400), assistant(f"a{n} " + "wörd " * 400))
    ]


def work() -> list[dict[str, Any]]:
    """An agent's steps: no answer without calls, the ids counted anew in each."""
    steps = (
        [
            assistant(None, call("c1", "alpha", f'{{"n":{n}}}'), call("c2", "alpha")),
            result("c2", "b"),
            result("c1", "a"),
        ]
        for n in range(TURNS)
    )
    return [user("Begin."), *(turn for step in steps for turn in step)]


def odd() -> list[dict[str, Any]]:
    """All that a conversation may hold beside plain turns."""
    turns = [user("/clear"), assistant("@/etc/hostname"), user(""), assistant(""), user("a"), user("b"), assistant("c")]
    turns += [assistant("d"), user("[Request interrupted by user]"), assistant("No response requested.")]
    return [assistant("First."), *turns * 30]


@pytest.mark.parametrize("conversation", [talk, work, odd])
@pytest.mark.requirement("conversation:long")
async def test_a_long_conversation_arrives_like_a_short_one(world: World, conversation: Any) -> None:
    """Every text, call and result in its place, whatever it looks like."""
    marker = world.marker("text")
    turns = conversation()
    await litellm.acompletion(world.model, [system(marker), *turns, user("And now?")])
    long = world.body(marker)
    assert long.system == [marker]
    assert [block for _, blocks in long.blocks for block in blocks] == _expected([*turns, user("And now?")])


def _expected(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    step = 0
    for turn in turns:
        if turn.get("tool_calls"):
            step += 1
        tail = "" if step == 1 else f"-{step}"
        if turn["role"] == "tool":
            blocks.append({
                "type": "tool_result",
                "tool_use_id": turn["tool_call_id"] + tail,
                "content": turn["content"],
            })
        elif turn["content"] is not None:
            blocks.append({"type": "text", "text": turn["content"] or "(no content)"})
        for each in turn.get("tool_calls", ()):
            given = {"n": step - 1} if each["function"]["arguments"] != "{}" else {}
            blocks.append({"type": "tool_use", "id": each["id"] + tail, "name": "alpha", "input": given})
    return blocks


@pytest.mark.requirement("cache:prefix")
async def test_the_prompt_cache_outlives_the_way_a_conversation_is_told(world: World) -> None:
    """From the last short request to the first long one the prefix is the same, byte by byte."""
    marker = world.marker("text")
    turns = [system(marker), user("q")]
    for n in range(102):
        turns += [assistant(f"a{n}"), user(f"q{n}")]
        if n > 94:
            await litellm.acompletion(world.model, turns)
    for before, after in pairwise(body.up_to_breakpoint for body in world.bodies(marker)):
        assert before == after[: len(before)]


def _files(world: World) -> Iterator[Path]:
    """Wherever a CLI or the bridge might leave something."""
    scratch = Path(tempfile.gettempdir())
    for folder in (world.home, *scratch.glob("uutel-*"), *scratch.glob("claude-*")):
        yield from (file for file in folder.rglob("*") if file.is_file())


@pytest.mark.requirement("sealed:disk")
async def test_nothing_of_a_long_conversation_stays_on_disk(world: World) -> None:
    """It goes through a private file, which is gone before the model answers."""
    marker = world.marker("hang")
    stream: Any = await litellm.acompletion(
        world.model, [user("A secret."), assistant("Kept.")] * 120 + [user(marker)], stream=True
    )
    world.arrives(marker)
    found = [str(file) for file in _files(world) if b"A secret." in file.read_bytes()]
    await stream.aclose()
    assert found == []


@pytest.mark.requirement("conversation:too-long")
async def test_a_conversation_too_long_for_the_model_is_refused_not_shortened(world: World) -> None:
    """By the CLI's own estimate, before anything is sent; long and short ways alike."""
    for turns in (1, 120):
        marker = world.marker("text")
        part = "word " * (6_000_000 // 5 // turns)
        messages = [turn for _ in range(turns) for turn in (user(part), assistant("Yes."))]
        with pytest.raises(litellm.ContextWindowExceededError):
            await litellm.acompletion(world.model, [*messages, user(marker)])
        assert world.bodies(marker) == []


async def test_the_parameters_of_a_long_conversation_are_those_of_a_short_one(world: World) -> None:
    """None is lost on the way by a file, and no schema is too large for it."""
    given: dict[str, Any] = {
        "temperature": 0.5,
        "stop": ["END"],
        "max_tokens": 77,
        "effort": "low",
        "tools": [function("alpha")],
        "parallel_tool_calls": False,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object", "description": "wörd " * 40_000}},
        },
    }
    short, long = world.marker("text"), world.marker("text")
    await litellm.acompletion(world.model, [system("Be exact."), user(short)], **given)
    await litellm.acompletion(
        world.model, [system("Be exact."), *[user("q"), assistant("a")] * 120, user(long)], **given
    )
    assert world.body(long).parameters == world.body(short).parameters
    assert world.body(long).system == ["Be exact."]
