"""The caller's functions: the model behind Codex is told of them, and its calls come back as it made them."""

from __future__ import annotations

import json
from typing import Any

import anyio
import litellm
import pytest
from litellm import exceptions as lite

from tests.conformance.codex_world import ON_CODEX, CodexWorld, Item
from tests.conformance.test_codex_wire import image, message
from tests.conformance.test_tools import NAMES, TOOLS, WAYS, WHERE, ask, calls_of
from tests.conformance.world import assistant, call, function, result, system, user

pytestmark = ON_CODEX

ANSWERS = {
    "tools": ("Let me look. ", [("alpha", '{"n": 0}'), ("beta", '{"n": 1}')], "tool_calls"),
    "tools n=5": ("Let me look. ", [(("alpha", "beta")[n % 2], f'{{"n": {n}}}') for n in range(5)], "tool_calls"),
    "tool": (None, [("alpha", WHERE)], "tool_calls"),
    "tool_noargs": (None, [("alpha", "{}")], "tool_calls"),
    "tool_badargs": (None, [("alpha", '{"city": Oslo, ')], "tool_calls"),
    "tool_unknown": (None, [("mcp__nobody__nothing", WHERE)], "tool_calls"),
    "text": ("part0 part1 part2 part3 ", [], "stop"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scenario", ANSWERS)
@pytest.mark.requirement("tools:calls")
async def test_calls_come_back_as_the_model_made_them(world: CodexWorld, scenario: str, way: str) -> None:
    """Names, arguments valid or not, the text before them; and the model was asked once."""
    name, *given = scenario.split()
    marker, after = world.marker(name, **dict(each.split("=") for each in given)), world.marker("text")
    choice = await ask(way, world, [user(marker)])
    text, calls, finish = ANSWERS[scenario]
    assert (choice.message.content, calls_of(choice.message), choice.finish_reason) == (text, calls, finish)
    ids = [each.id for each in choice.message.tool_calls or []]
    assert len(set(ids)) == len(ids)
    await ask(way, world, [user(after)])
    world.body(marker)


@pytest.mark.requirement("tools:calls:streamed", "tools:parallel:streamed")
async def test_calls_are_streamed_with_their_indices(world: CodexWorld) -> None:
    """Id and name come first and once, then the arguments."""
    stream: Any = await litellm.acompletion(world.model, [user(world.marker("tools"))], tools=TOOLS, stream=True)
    deltas = [choice.delta async for chunk in stream for choice in chunk.choices]
    pieces = [piece for delta in deltas for piece in delta.tool_calls or []]
    for index, name in enumerate(("alpha", "beta")):
        first, *more = [piece for piece in pieces if piece.index == index]
        assert (first.function.name, first.type) == (name, "function")
        assert all(piece.id is None and piece.function.name is None for piece in more)
        assert first.function.arguments + "".join(piece.function.arguments for piece in more) == f'{{"n": {index}}}'


@pytest.mark.requirement("tools:schema")
async def test_functions_arrive_with_what_codex_drops_told_in_words(world: CodexWorld) -> None:
    """Long descriptions, references, enumerations and nesting as they are; limits in the description."""
    marker = world.marker("text")
    schema: dict[str, Any] = {
        "type": "object",
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "properties": {
            "node": {"$ref": "#/$defs/node"},
            "either": {"anyOf": [{"type": "string", "enum": ["a", "ä"]}, {"type": "null"}]},
            "list": {"type": "array", "items": {"type": "number", "minimum": 0.5}, "minItems": 1},
        },
        "required": ["node"],
        "additionalProperties": False,
    }
    await litellm.acompletion(
        world.model, [user(marker)], tools=[function("everything", "Long. " * 1000, **schema), function("bare", "B.")]
    )
    tools = world.body(marker).tools
    assert list(tools) == ["everything", "bare"]
    assert tools["everything"]["description"] == "Long. " * 1000
    arrived = tools["everything"]["parameters"]
    number = arrived["properties"]["list"]["items"]
    assert number == {"type": "number", "description": "(minimum 0.5)"}
    schema["properties"]["list"]["items"] = number
    assert arrived == schema


@pytest.mark.parametrize(
    "names",
    [NAMES, ("exec_command", "apply_patch", "wait", "shell"), ("a.b", "a/b", "a b", "ä", "y" * 100)],
    ids=["legal", "Codex's own", "beyond OpenAI's own"],
)
@pytest.mark.requirement("tools:names")
async def test_any_name_survives_the_round_trip(world: CodexWorld, names: tuple[str, ...]) -> None:
    """To the model, back in its calls, and to the model again in the history."""
    first, after = world.marker("tools", n=len(names)), world.marker("text")
    tools = [function(name) for name in names]
    choice = await ask("whole", world, [user(first)], tools=tools)
    assert [name for name, _ in calls_of(choice.message)] == list(names)
    told = [result(each.id, "done") for each in choice.message.tool_calls]
    await ask("whole", world, [user(first), choice.message, *told, user(after)], tools=tools)
    body = world.body(after)
    assert [item["name"] for item in body.items if item["type"] == "function_call"] == list(body.tools)


IMAGE_PART, IMAGE_SEEN = image("image")


def used(call_id: str, name: str, arguments: str = "{}") -> Item:
    """A call as the model sees it."""
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def told(call_id: str, output: Any) -> Item:
    """A result as the model sees it."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}


HISTORIES: dict[str, tuple[list[dict[str, Any]], list[Item]]] = {
    "in another order than the calls": (
        [assistant("Let me look.", call("c1", "alpha", '{"n": 1}'), call("c2", "beta")), result("c2", "two"),
         result("c1", "one")],
        [message("assistant", "Let me look."), used("c1", "alpha", '{"n": 1}'), used("c2", "beta"), told("c2", "two"),
         told("c1", "one")],
    ),
    "with images": (
        [assistant(None, call("c1", "alpha")), result("c1", [{"type": "text", "text": "Look:"}, IMAGE_PART])],
        [used("c1", "alpha"), told("c1", [{"type": "input_text", "text": "Look:"}, IMAGE_SEEN])],
    ),
    "of 200 kB": (
        [assistant(None, call("c1", "alpha")), result("c1", "wörd \U0001f600\n" * 16_000)],
        [used("c1", "alpha"), told("c1", "wörd \U0001f600\n" * 16_000)],
    ),
    "empty": (
        [assistant(None, call("c1", "alpha")), result("c1", "")],
        [used("c1", "alpha"), told("c1", "")],
    ),
    "and more from the user": (
        [assistant(None, call("c1", "alpha"), call("c2", "alpha")), result("c1", "one"), result("c2", "two"),
         user("Go on."), user("Please.")],
        [used("c1", "alpha"), used("c2", "alpha"), told("c1", "one"), told("c2", "two"), message("user", "Go on."),
         message("user", "Please.")],
    ),
    "whose ids were used before": (
        [assistant(None, call("c1", "alpha")), result("c1", "one"), assistant(None, call("c1", "beta")),
         result("c1", "two")],
        [used("c1", "alpha"), told("c1", "one"), used("c1-2", "beta"), told("c1-2", "two")],
    ),
    "to calls that were no JSON": (
        [assistant(None, call("c1", "alpha", '{"n": ')), result("c1", "That is no JSON.")],
        [used("c1", "alpha", '{"n": '), told("c1", "That is no JSON.")],
    ),
    "to calls of functions that are gone": (
        [assistant(None, call("c1", "gone")), result("c1", "one"), assistant("Fine."), user("And?")],
        [used("c1", "gone"), told("c1", "one"), message("assistant", "Fine."), message("user", "And?")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.requirement("tools:history:results", "tools:history:images")
async def test_results_are_items_of_the_conversation(world: CodexWorld, name: str) -> None:
    """Results in any order, of any kind, with text after them, reach the model paired with their calls."""
    marker = world.marker("text")
    messages, items = HISTORIES[name]
    await ask("whole", world, [user(marker), *messages])
    assert world.body(marker).items == [message("user", marker), *items]


@pytest.mark.requirement("tools:history:without")
async def test_a_conversation_with_calls_goes_on_without_functions(world: CodexWorld) -> None:
    """The caller may stop offering them."""
    marker = world.marker("text")
    messages = [user("Go."), assistant(None, call("c1", "alpha")), result("c1", "one"), user(marker)]
    await litellm.acompletion(world.model, messages)
    body = world.body(marker)
    assert body.tools == {}
    assert [item["type"] for item in body.items] == ["message", "function_call", "function_call_output", "message"]


@pytest.mark.requirement("tools:choice:auto", "tools:choice:none")
async def test_who_forbids_calls_is_told_of_no_function(world: CodexWorld) -> None:
    """Codex has no other way to forbid them; the request after is free again."""
    marker, after = world.marker("tools"), world.marker("tools")
    choice = await ask("whole", world, [user(marker)], tool_choice="none")
    assert (world.body(marker).tools, choice.message.tool_calls) == ({}, None)
    choice = await ask("whole", world, [user(after)], tool_choice="auto")
    assert len(calls_of(choice.message)) == 2


@pytest.mark.parametrize(
    "given",
    [
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "beta"}}},
        {"parallel_tool_calls": False},
    ],
    ids=["required", "named", "one at a time"],
)
async def test_what_codex_cannot_be_told_is_refused(world: CodexWorld, given: dict[str, Any]) -> None:
    """By its name, at once."""
    asked = len(world.api.requests)
    with pytest.raises(lite.UnsupportedParamsError, match=next(iter(given))):
        await ask("whole", world, [user("Hello")], **given)
    assert len(world.api.requests) == asked


@pytest.mark.requirement("tools:isolated")
async def test_functions_of_one_request_are_not_those_of_the_next(world: CodexWorld) -> None:
    """One process, many sets of functions, in turn, again and none: each request has exactly its own."""
    sets = [("a",), ("a", "b"), (), ("b",), ("a",), ("c", "d", "e"), ("a", "b"), (), ("a",)]
    with world.settings():
        for names in sets:
            marker = world.marker("tools" if names else "text")
            choice = await ask("whole", world, [system("Be exact."), user(marker)], tools=[function(n) for n in names])
            assert list(world.body(marker).tools) == list(names)
            assert {name for name, _ in calls_of(choice.message)} <= set(names)
        assert world.processes_started == 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("tools:parallel", "tools:parallel:streamed")
async def test_parallel_calls_are_right_every_time(world: CodexWorld, way: str) -> None:
    """Fifty times both calls in one answer from one request, and both results in the next."""

    async def once(n: int) -> None:
        marker, after = world.marker("tools"), world.marker("results")
        messages = [system(f"You are {n % 3}."), user(marker)]
        choice = await ask(way, world, messages)
        assert calls_of(choice.message) == [("alpha", '{"n": 0}'), ("beta", '{"n": 1}')]
        ids = [each.id for each in choice.message.tool_calls]
        answers = [result(ids[0], f"{n} alpha"), result(ids[1], f"{n} beta")]
        again = await ask(way, world, [*messages, choice.message, *answers, user(after)])
        assert json.loads(again.message.content) == [
            {"tool_use_id": ids[0], "text": f"{n} alpha"},
            {"tool_use_id": ids[1], "text": f"{n} beta"},
        ]
        assert len(world.bodies(marker)) == 2  # it is in the second request's history, too
        world.body(after)

    with anyio.fail_after(500):
        for n in range(0, 50, 10):
            async with anyio.create_task_group() as group:
                for more in range(10):
                    group.start_soon(once, n + more)


@pytest.mark.requirement("tools:loop")
async def test_an_agent_goes_on_until_it_is_done(world: CodexWorld) -> None:
    """Five steps of two calls each; every request begins with all of the one before."""
    marker = world.marker("loop", n=5)
    messages: list[Any] = [system("You are an agent."), user(marker)]
    for step in range(5):
        choice = await ask(WAYS[step % 2], world, messages)
        assert calls_of(choice.message) == [("alpha", '{"n": 0}'), ("beta", '{"n": 1}')]
        messages += [choice.message, *(result(each.id, f"{step}") for each in choice.message.tool_calls)]
    choice = await ask("whole", world, messages)
    assert choice.message.content == "done after 5 steps"
    grown = [body.items for body in world.bodies(marker)]
    assert [len(items) for items in grown] == [1 + 4 * step for step in range(6)]
    assert all(grown[-1][: len(items)] == items for items in grown)
