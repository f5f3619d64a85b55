"""Long conversations: told to the CLI at once, exact to the last turn, and never shortened behind the caller's back."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import litellm
import pytest

from tests.conformance.conversations import assistant, call, function, numbered, result, system, user
from tests.conformance.processes import BOUND
from tests.conformance.world import World

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
    messages = [*conversation(), user("And now?")]
    await litellm.acompletion(world.model, [system(marker), *messages])
    body = world.body(marker)
    assert body.system == [marker]
    assert numbered(body.conversation) == world.seen(messages)
    assert len({each.id for each in body.calls}) == sum(len(each.get("tool_calls", ())) for each in messages)


def _files(world: World) -> Iterator[Path]:
    """Wherever a CLI or the bridge might leave something."""
    scratch = Path(tempfile.gettempdir())
    for folder in (world.home, *scratch.glob("uutel-*"), *scratch.glob(f"{world.executable}-*")):
        yield from (file for file in folder.rglob("*") if file.is_file())


def _holding(world: World, words: bytes) -> list[str]:
    return [str(file) for file in _files(world) if words in file.read_bytes()]


@pytest.mark.requirement("sealed:disk")
async def test_nothing_of_a_long_conversation_stays_on_disk(world: World) -> None:
    """Where it goes through a private file, that is gone as soon as the CLI needs it no more."""
    marker = world.marker("hang")
    stream: Any = await litellm.acompletion(
        world.model, [user("A secret."), assistant("Kept.")] * 120 + [user(marker)], stream=True
    )
    await anyio.to_thread.run_sync(world.arrives, marker)
    while_asked = [] if world.files_while_asked else _holding(world, b"A secret.")
    await stream.aclose()
    assert while_asked == []
    with anyio.fail_after(BOUND):
        while _holding(world, b"A secret."):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("turns", [1, 120], ids=["one turn", "many turns"])
@pytest.mark.requirement("conversation:too-long")
async def test_a_conversation_too_long_for_the_model_is_refused_not_shortened(world: World, turns: int) -> None:
    """By the CLI's own estimate, before anything is sent, or by the model that it reached whole."""
    marker = world.marker("too_long")
    part = "word " * (6_000_000 // 5 // turns)
    messages = [turn for _ in range(turns) for turn in (user(part), assistant("Yes."))]
    with pytest.raises(litellm.ContextWindowExceededError):
        await litellm.acompletion(world.model, [*messages, user(marker)])
    sent = [body.conversation for body in world.bodies(marker)]
    assert sent == ([] if "measures" in world.traits else [world.seen([*messages, user(marker)])])


@pytest.mark.requirement("conversation:long")
async def test_the_parameters_of_a_long_conversation_are_those_of_a_short_one(world: World) -> None:
    """None is lost on the way by a file, and no schema is too large for it."""
    schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    form = {"name": "x", "schema": {**schema, "description": "wörd " * 40_000}}
    given: dict[str, Any] = {
        "effort": "low",
        "tools": [function("alpha")],
        "response_format": {"type": "json_schema", "json_schema": form},
        **world.tables.odd,
    }
    short, long = world.marker("text"), world.marker("text")
    await litellm.acompletion(world.model, [system("Be exact."), user(short)], **given)
    await litellm.acompletion(
        world.model, [system("Be exact."), *[user("q"), assistant("a")] * 120, user(long)], **given
    )
    assert world.body(long).parameters == world.body(short).parameters
    assert world.body(long).system == ["Be exact."]
