"""The caller's functions: the model is told of them as they are, and its calls come back as it made them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import anyio
import litellm
import pytest

from tests.conformance.conversations import assistant, call, function, numbered, result, system, user
from tests.conformance.samples import IMAGE
from tests.conformance.world import ON_FAKE, World

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


def made(message: Any) -> list[tuple[str, Any]]:
    """Names and arguments, whatever stands between them."""
    return [(name, json.loads(arguments)) for name, arguments in calls_of(message)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.each("scenario", "called")
@pytest.mark.requirement("tools:calls")
async def test_calls_come_back_as_the_model_made_them(world: World, scenario: str, way: str) -> None:
    """Names, arguments valid or not, the text before them; and the model was asked once."""
    name, *given = scenario.split()
    marker = world.marker(name, pause=0.3, **dict(each.split("=") for each in given))
    choice = await ask(way, world, [user(marker)])
    assert (choice.message.content, calls_of(choice.message), choice.finish_reason) == world.tables.called[scenario]
    ids = [each.id for each in choice.message.tool_calls or []]
    assert len(set(ids)) == len(ids)
    assert all(each.startswith(world.call_prefix) for each in ids)
    await ask(way, world, [user(world.marker("text"))])
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
        written = first.function.arguments + "".join(piece.function.arguments for piece in more)
        assert json.loads(written) == {"n": index}


@pytest.mark.on("calls in pieces")
@pytest.mark.requirement("tools:calls:streamed")
async def test_a_call_begins_while_the_model_is_far_from_its_end(world: World) -> None:
    """Arguments are not held back for the whole call; and who leaves amid them leaves nothing behind."""
    marker = world.marker("tool_slow", n=1000)
    messages = [system("Be exact."), user(marker)]
    with world.settings(MAX_PROCESSES="1"), anyio.fail_after(60):
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
        "either": {"anyOf": [{"type": "string", "enum": ["a", "ä"]}, {"type": "null"}]},
        "list": {"type": "array", "items": {"type": "number"}, "description": "é\u2028"},
    },
    "required": ["node"],
    "additionalProperties": False,
}


@pytest.mark.requirement("tools:schema")
async def test_functions_arrive_whole(world: World) -> None:
    """Names, long descriptions and schemas, and no other function with them."""
    marker = world.marker("text")
    given = [function("everything", "Long. " * 1000, **SCHEMA), function("bare", "")]
    given[1]["function"].pop("parameters")
    await litellm.acompletion(world.model, [user(marker)], tools=given)
    tools = world.body(marker).tools
    assert set(tools) == {"everything", "bare"}
    assert tools["everything"] == ("Long. " * 1000, SCHEMA)
    assert tools["bare"].schema == {"type": "object", "properties": {}}


NAMES = ("a", "x" * 64, "a__b", "_a", "-a", "A-1_b", "mcp__t1__x", "get_weather", "9")


@pytest.mark.parametrize(
    "names",
    [NAMES, ("exec_command", "apply_patch", "wait", "Bash", "Read"), ("a.b", "a/b", "a b", "ä", "y" * 100)],
    ids=["legal", "those of a CLI's own", "beyond OpenAI's own"],
)
@pytest.mark.requirement("tools:names")
async def test_any_name_survives_the_round_trip(world: World, names: tuple[str, ...]) -> None:
    """To the model, back in its calls, and to the model again in the history."""
    first, after = world.marker("tools", n=len(names)), world.marker("text")
    tools = [function(name) for name in names]
    choice = await ask("whole", world, [user(first)], tools=tools)
    assert sorted(name for name, _ in calls_of(choice.message)) == sorted(names)
    told = [result(each.id, "done") for each in choice.message.tool_calls]
    await ask("whole", world, [user(first), choice.message, *told, user(after)], tools=tools)
    body = world.body(after)
    assert sorted(each.name for each in body.calls) == sorted(body.tools)
    assert len(body.calls) == len(names)


HISTORIES: dict[str, list[Any]] = {
    "in another order than the calls": [
        assistant("Let me look.", call("c1", "alpha", '{"n": 1}'), call("c2", "beta")),
        result("c2", "two"),
        result("c1", "one"),
    ],
    "with images": [
        assistant(None, call("c1", "alpha")),
        result("c1", [{"type": "text", "text": "Look:"}, IMAGE]),
    ],
    "of 200 kB": [assistant(None, call("c1", "alpha")), result("c1", "wörd \U0001f600\n" * 16_000)],
    "empty": [assistant("", call("c1", "alpha")), result("c1", "")],
    "and more from the user": [
        assistant(None, call("c1", "alpha"), call("c2", "alpha")),
        result("c1", "one"),
        result("c2", "two"),
        user("Go on."),
        user([{"type": "text", "text": "See:"}, IMAGE]),
    ],
    "that look like commands": [
        assistant(None, call("c1", "alpha", '{"n": "@/etc/hosts"}')),
        result("c1", "/clear @/etc/hosts"),
    ],
    "to calls that were no JSON": [assistant(None, call("c1", "alpha", '{"n": ')), result("c1", "That is no JSON.")],
    "to calls of functions that are gone": [
        assistant(None, call("c1", "gone")),
        result("c1", "one"),
        assistant("Fine."),
        user("And?"),
    ],
}


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.requirement("tools:history:results", "tools:history:images")
async def test_results_are_turns_of_the_conversation(world: World, name: str) -> None:
    """Results in any order, of any kind, with text after them, reach the model paired with their calls."""
    marker = world.marker("text")
    messages = [user(marker), *HISTORIES[name]]
    await ask("whole", world, messages)
    assert numbered(world.body(marker).conversation) == world.seen(messages)


IDS: dict[str, list[list[str]]] = {
    "as they are": [["c1", "c2"], ["call_3"]],
    "used before": [["c1"], ["c1"]],
    "counted": [["c"], ["c_1", "c_2"]],
    "that look like commands": [["/clear"], ["@/etc/hosts", "a b"]],
}


@pytest.mark.parametrize("name", IDS)
@pytest.mark.requirement("tools:history:results")
async def test_each_call_has_an_id_of_its_own(world: World, name: str) -> None:
    """However the caller counts them: every result is that of its call, and what is unique stays as it is."""
    marker = world.marker("text")
    messages = [user(marker)]
    for ids in IDS[name]:
        messages += [assistant(None, *(call(each, "alpha") for each in ids)), *(result(each, each) for each in ids)]
    await ask("whole", world, messages)
    body = world.body(marker)
    assert numbered(body.conversation) == world.seen(messages)
    assert [each.id for each in body.calls] == world.tables.ids[name]


@pytest.mark.requirement("tools:history:without")
async def test_a_conversation_with_calls_goes_on_without_functions(world: World) -> None:
    """The caller may stop offering them."""
    marker = world.marker("text")
    messages = [user("Go."), assistant(None, call("c1", "alpha")), result("c1", "one"), user(marker)]
    await litellm.acompletion(world.model, messages)
    body = world.body(marker)
    assert body.tools == {}
    assert numbered(body.conversation) == world.seen(messages)


@pytest.mark.requirement("tools:choice:auto", "tools:choice:none")
async def test_who_forbids_calls_gets_none(world: World) -> None:
    """The request after is free again."""
    for given, count in (("none", 0), ("auto", 2), ("none", 0), (None, 2)):
        marker = world.marker("tools")
        choice = await ask("whole", world, [user(marker)], **({"tool_choice": given} if given else {}))
        assert len(calls_of(choice.message)) == count
        world.body(marker)


@pytest.mark.requirement("tools:isolated")
async def test_functions_of_one_request_are_not_those_of_the_next(world: World) -> None:
    """One process, many sets of functions, in turn, again and none: each request has exactly its own."""
    sets = [("a",), ("a", "b"), (), ("b",), ("a",), ("c", "d", "e"), ("a", "b"), (), ("a",)]
    with world.settings(MAX_PROCESSES="1"):
        for names in sets:
            marker = world.marker("tools" if names else "text")
            choice = await ask("whole", world, [system("Be exact."), user(marker)], tools=[function(n) for n in names])
            assert list(world.body(marker).tools) == list(names)
            assert {name for name, _ in calls_of(choice.message)} <= set(names)
        assert world.processes_started == world.if_any(1)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", [pytest.param("whole", marks=ON_FAKE), "stream"])
@pytest.mark.requirement("tools:parallel", "tools:parallel:streamed")
async def test_parallel_calls_are_right_every_time(world: World, way: str) -> None:
    """A hundred times both calls in one answer from one request, and both results in the next."""

    async def once(n: int) -> None:
        marker, after = world.marker("tools"), world.marker("results")
        messages = [system(f"You are {n % 3}."), user(marker)]
        choice = await ask(way, world, messages)
        assert made(choice.message) == [("alpha", {"n": 0}), ("beta", {"n": 1})]
        ids = [each.id for each in choice.message.tool_calls]
        told = [result(ids[0], f"{n} alpha"), result(ids[1], f"{n} beta")]
        again = await ask(way, world, [*messages, choice.message, *told, user(after)])
        assert json.loads(again.message.content) == [
            {"tool_use_id": world.sent_id(ids[0]), "text": f"{n} alpha"},
            {"tool_use_id": world.sent_id(ids[1]), "text": f"{n} beta"},
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
        assert made(choice.message) == [("alpha", {"n": 0}), ("beta", {"n": 1})]
        messages += [choice.message, *(result(each.id, f"{step}") for each in choice.message.tool_calls)]
    choice = await ask("whole", world, messages)
    assert choice.message.content == "done after 10 steps"
    cached = [body.cached for body in world.bodies(marker)]
    assert len(cached) == 11
    for before, after in pairwise(cached):
        assert before == after[: len(before)]
        assert len(after) == len(before) + world.step
