"""The caller's functions: the model is told of them as they are, and its calls come back as it made them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import anyio
import litellm
import pytest

from tests.conformance.test_wire import MEDIA
from tests.conformance.world import World, assistant, call, function, result, system, user

TOOLS = [function("alpha", "The first."), function("beta", "The second.")]
WAYS = ("whole", "stream")
WHERE = '{"city": "Oslo"}'


async def ask(way: str, world: World, messages: list[dict[str, Any]], **given: Any) -> Any:
    """The answer's only choice, put together by LiteLLM where it was streamed."""
    given.setdefault("tools", TOOLS)
    if way == "whole":
        response = await litellm.acompletion(world.model, messages, **given)
    else:
        stream: Any = await litellm.acompletion(world.model, messages, stream=True, **given)
        response = litellm.stream_chunk_builder([chunk async for chunk in stream])
    (choice,) = response.choices
    return choice


def calls_of(message: Any) -> list[tuple[str, str]]:
    """Names and arguments."""
    return [(each.function.name, each.function.arguments) for each in message.tool_calls or []]


ANSWERS = {
    "tools": ("Let me look. ", [("alpha", '{"n": 0}'), ("beta", '{"n": 1}')], "tool_calls"),
    "tools n=5": ("Let me look. ", [(("alpha", "beta")[n % 2], f'{{"n": {n}}}') for n in range(5)], "tool_calls"),
    "tool": (None, [("alpha", WHERE)], "tool_calls"),
    "tool_noargs": (None, [("alpha", "{}")], "tool_calls"),
    "tool_badargs": (None, [("alpha", '{"city": Oslo, ')], "tool_calls"),
    "tool_unknown": (None, [("mcp__nobody__nothing", WHERE)], "tool_calls"),
    "tool_cut": (None, [("alpha", '{"city": ')], "length"),
    "text": ("part0 part1 part2 part3 ", [], "stop"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scenario", ANSWERS)
@pytest.mark.requirement("tools:calls")
async def test_calls_come_back_as_the_model_made_them(world: World, scenario: str, way: str) -> None:
    """Names, arguments valid or not, the text before them; and the model was asked once."""
    name, *given = scenario.split()
    marker = world.marker(name, pause=0.3, **dict(each.split("=") for each in given))
    choice = await ask(way, world, [user(marker)])
    text, calls, finish = ANSWERS[scenario]
    assert (choice.message.content, calls_of(choice.message), choice.finish_reason) == (text, calls, finish)
    ids = [each.id for each in choice.message.tool_calls or []]
    assert len(set(ids)) == len(ids)
    assert all(each.startswith("toolu_") for each in ids)
    world.body(marker)


@pytest.mark.requirement("tools:calls:streamed", "tools:parallel:streamed")
async def test_calls_are_streamed_piece_by_piece(world: World) -> None:
    """Each has its index; id and name come first and once, then the arguments as they are written."""
    stream: Any = await litellm.acompletion(world.model, [user(world.marker("tools"))], tools=TOOLS, stream=True)
    deltas = [choice.delta async for chunk in stream for choice in chunk.choices]
    pieces = [piece for delta in deltas for piece in delta.tool_calls or []]
    assert [delta.role for delta in deltas] == ["assistant"] + [None] * (len(deltas) - 1)
    for index, name in enumerate(("alpha", "beta")):
        first, *more = [piece for piece in pieces if piece.index == index]
        assert (first.function.name, first.type) == (name, "function")
        assert all(piece.id is None and piece.function.name is None for piece in more)
        assert first.function.arguments + "".join(piece.function.arguments for piece in more) == f'{{"n": {index}}}'


@pytest.mark.requirement("tools:calls:streamed")
async def test_a_call_begins_while_the_model_is_far_from_its_end(world: World) -> None:
    """Arguments are not held back for the whole call; and who leaves amid them leaves nothing behind."""
    marker = world.marker("tool_slow", n=1000)
    messages = [system("Be exact."), user(marker)]
    with world.settings(CLAUDE_CODE__MAX_PROCESSES="1"), anyio.fail_after(60):
        stream: Any = await litellm.acompletion(world.model, messages, tools=TOOLS, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.tool_calls:
                break
        (recorded,) = world.api.of(marker)
        assert recorded.finished is None
        await stream.aclose()
        await world.is_exact()
        assert world.processes_started == 1


SCHEMA: dict[str, Any] = {
    "type": "object",
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    "properties": {
        "node": {"$ref": "#/$defs/node"},
        "either": {"anyOf": [{"type": "string", "enum": ["a", "ä"]}, {"type": "null"}], "default": None},
        "list": {"type": "array", "items": {"type": "number", "minimum": 0.5}, "minItems": 1, "description": "é\u2028"},
    },
    "required": ["node"],
    "additionalProperties": False,
    "title": "Everything",
}


@pytest.mark.requirement("tools:schema")
async def test_functions_arrive_whole(world: World) -> None:
    """Names, long descriptions and schemas with all that JSON Schema has, and no other function with them."""
    marker = world.marker("text")
    given = [function("everything", "Long. " * 1000, **SCHEMA), function("bare", "")]
    given[1]["function"].pop("parameters")
    await litellm.acompletion(world.model, [user(marker)], tools=given)
    tools = world.body(marker).tools
    assert set(tools) == {"everything", "bare"}
    assert tools["everything"]["description"] == "Long. " * 1000
    assert tools["everything"]["input_schema"] == SCHEMA
    assert tools["bare"]["input_schema"] == {"type": "object", "properties": {}}


NAMES = ("a", "x" * 64, "a__b", "_a", "-a", "A-1_b", "mcp__t1__x", "get_weather", "9")


@pytest.mark.parametrize("names", [NAMES, ("a.b", "a/b", "a b", "ä", "y" * 100)], ids=["legal", "beyond OpenAI's own"])
@pytest.mark.requirement("tools:names")
async def test_any_name_survives_the_round_trip(world: World, names: tuple[str, ...]) -> None:
    """To the model, back in its calls, and to the model again in the history."""
    first, after = world.marker("tools", n=len(names)), world.marker("text")
    tools = [function(name) for name in names]
    choice = await ask("whole", world, [user(first)], tools=tools)
    assert {name for name, _ in calls_of(choice.message)} == set(names)
    told = [result(each.id, "done") for each in choice.message.tool_calls]
    await ask("whole", world, [user(first), choice.message, *told, user(after)], tools=tools)
    body = world.body(after)
    used = [block["name"] for _, blocks in body.blocks for block in blocks if block["type"] == "tool_use"]
    assert sorted(used) == sorted(body.tools)
    assert len(used) == len(names)


IMAGE_PART, IMAGE_BLOCK = MEDIA["image"]
SAID: dict[str, Any] = {"type": "text", "text": "Let me look."}


def used(call_id: str, name: str, **given: Any) -> dict[str, Any]:
    """A call as the model sees it."""
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def told(call_id: str, content: Any) -> dict[str, Any]:
    """A result as the model sees it."""
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


HISTORIES: dict[str, tuple[list[dict[str, Any]], list[tuple[str, list[dict[str, Any]]]]]] = {
    "in another order than the calls": (
        [assistant("Let me look.", call("c1", "alpha", '{"n": 1}'), call("c2", "beta")), result("c2", "two"),
         result("c1", "one")],
        [("assistant", [SAID, used("c1", "alpha", n=1), used("c2", "beta")]),
         ("user", [told("c2", "two"), told("c1", "one")])],
    ),
    "with images": (
        [assistant(None, call("c1", "alpha")), result("c1", [{"type": "text", "text": "Look:"}, IMAGE_PART])],
        [("assistant", [used("c1", "alpha")]),
         ("user", [told("c1", [{"type": "text", "text": "Look:"}, IMAGE_BLOCK])])],
    ),
    "of 200 kB": (
        [assistant(None, call("c1", "alpha")), result("c1", "wörd \U0001f600\n" * 16_000)],
        [("assistant", [used("c1", "alpha")]), ("user", [told("c1", "wörd \U0001f600\n" * 16_000)])],
    ),
    "empty": (
        [assistant("", call("c1", "alpha")), result("c1", "")],
        [("assistant", [used("c1", "alpha")]), ("user", [told("c1", "")])],
    ),
    "that look like commands": (
        [assistant(None, call("/clear", "alpha", '{"n": "@/etc/hosts"}')), result("/clear", "/clear @/etc/hosts")],
        [("assistant", [used("_clear", "alpha", n="@/etc/hosts")]), ("user", [told("_clear", "/clear @/etc/hosts")])],
    ),
    "and more from the user": (
        [assistant(None, call("c1", "alpha"), call("c2", "alpha")), result("c1", "one"), result("c2", "two"),
         user("Go on."), user([{"type": "text", "text": "See:"}, IMAGE_PART])],
        [("assistant", [used("c1", "alpha"), used("c2", "alpha")]),
         ("user", [told("c1", "one"), told("c2", "two"), {"type": "text", "text": "Go on."},
                   {"type": "text", "text": "See:"}, IMAGE_BLOCK])],
    ),
    "whose ids were used before": (
        [assistant(None, call("c1", "alpha")), result("c1", "one"), assistant(None, call("c1", "beta")),
         result("c1", "two")],
        [("assistant", [used("c1", "alpha")]), ("user", [told("c1", "one")]),
         ("assistant", [used("c1-2", "beta")]), ("user", [told("c1-2", "two")])],
    ),
    "whose ids are counted": (
        [assistant(None, call("c", "alpha")), result("c", "0"),
         assistant(None, call("c_1", "alpha"), call("c_2", "beta")), result("c_1", "1"), result("c_2", "2")],
        [("assistant", [used("c", "alpha")]), ("user", [told("c", "0")]),
         ("assistant", [used("c_1-2", "alpha"), used("c_2-2", "beta")]),
         ("user", [told("c_1-2", "1"), told("c_2-2", "2")])],
    ),
    "to calls that were no JSON": (
        [assistant(None, call("c1", "alpha", '{"n": ')), result("c1", "That is no JSON.")],
        [("assistant", [used("c1", "alpha", INVALID_JSON='{"n": ')]), ("user", [told("c1", "That is no JSON.")])],
    ),
    "to calls of functions that are gone": (
        [assistant(None, call("c1", "gone")), result("c1", "one"), assistant("Fine."), user("And?")],
        [("assistant", [used("c1", "gone")]), ("user", [told("c1", "one")]),
         ("assistant", [{"type": "text", "text": "Fine."}]), ("user", [{"type": "text", "text": "And?"}])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.requirement("tools:history:results", "tools:history:images")
async def test_results_are_turns_of_the_conversation(world: World, name: str) -> None:
    """Results in any order, of any kind, with text after them, reach the model paired with their calls."""
    marker = world.marker("text")
    messages, blocks = HISTORIES[name]
    await ask("whole", world, [user(marker), *messages])
    assert world.body(marker).blocks == [("user", [{"type": "text", "text": marker}]), *blocks]


@pytest.mark.requirement("tools:history:without")
async def test_a_conversation_with_calls_goes_on_without_functions(world: World) -> None:
    """The caller may stop offering them."""
    marker = world.marker("text")
    messages = [user("Go."), assistant(None, call("c1", "alpha")), result("c1", "one"), user(marker)]
    await litellm.acompletion(world.model, messages)
    body = world.body(marker)
    assert body.raw["tools"] == []
    assert [block["type"] for _, blocks in body.blocks for block in blocks] == [
        "text",
        "tool_use",
        "tool_result",
        "text",
    ]


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
@pytest.mark.requirement(
    "tools:choice:auto", "tools:choice:none", "tools:choice:required", "tools:choice:named", "tools:parallel:off"
)
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


@pytest.mark.requirement("tools:isolated")
async def test_functions_of_one_request_are_not_those_of_the_next(world: World) -> None:
    """One process, many sets of functions, in turn, again and none: each request has exactly its own."""
    sets = [("a",), ("a", "b"), (), ("b",), ("a",), ("c", "d", "e"), ("a", "b"), (), ("a",)]
    with world.settings(CLAUDE_CODE__MAX_PROCESSES="1"):
        for names in sets:
            marker = world.marker("tools" if names else "text")
            choice = await ask("whole", world, [system("Be exact."), user(marker)], tools=[function(n) for n in names])
            assert set(world.body(marker).tools) == set(names)
            assert {name for name, _ in calls_of(choice.message)} <= set(names)
        assert world.processes_started == 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("tools:parallel", "tools:parallel:streamed")
async def test_parallel_calls_are_right_every_time(world: World, way: str) -> None:
    """A hundred times both calls in one answer from one request, and both results in the next."""

    async def once(n: int) -> None:
        marker, after = world.marker("tools"), world.marker("results")
        messages = [system(f"You are {n % 3}."), user(marker)]
        choice = await ask(way, world, messages)
        assert calls_of(choice.message) == [("alpha", '{"n": 0}'), ("beta", '{"n": 1}')]
        ids = [each.id for each in choice.message.tool_calls]
        told = [result(ids[0], f"{n} alpha"), result(ids[1], f"{n} beta")]
        again = await ask(way, world, [*messages, choice.message, *told, user(after)])
        assert json.loads(again.message.content) == [
            {"tool_use_id": ids[0], "text": f"{n} alpha"},
            {"tool_use_id": ids[1], "text": f"{n} beta"},
        ]
        assert len(world.bodies(marker)) == 2  # it is in the second request's history, too
        world.body(after)

    with anyio.fail_after(500):
        for n in range(0, 100, 4):
            async with anyio.create_task_group() as group:
                for more in range(4):
                    group.start_soon(once, n + more)


@pytest.mark.requirement("tools:loop", "cache:prefix")
async def test_an_agent_goes_on_until_it_is_done(world: World) -> None:
    """Ten steps of two calls each; every request shares all of the one before with the prompt cache."""
    marker = world.marker("loop", n=10)
    messages: list[Any] = [system("You are an agent."), user(marker)]
    for step in range(10):
        choice = await ask(WAYS[step % 2], world, messages)
        assert calls_of(choice.message) == [("alpha", '{"n": 0}'), ("beta", '{"n": 1}')]
        messages += [choice.message, *(result(each.id, f"{step}") for each in choice.message.tool_calls)]
    choice = await ask("whole", world, messages)
    assert choice.message.content == "done after 10 steps"
    cached = [body.up_to_breakpoint for body in world.bodies(marker)]
    assert [len(messages) for messages in cached] == [3 + 2 * step for step in range(11)]
    for before, after in pairwise(cached):
        assert before == after[: len(before)]
