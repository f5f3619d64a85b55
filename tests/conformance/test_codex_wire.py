"""What the model behind Codex is sent is exactly what the caller said."""

from __future__ import annotations

import json
from typing import Any

import anyio
import litellm
import pytest

from tests.conformance.codex_world import ON_CODEX, CodexWorld, Item
from tests.conformance.test_any_conversation import Conversation
from tests.conformance.test_wire import MEDIA, TEXTS
from tests.conformance.world import assistant, call, function, result, system, user

pytestmark = ON_CODEX

SHOWN = ("image", "image of many pixels", "image of many bytes")


def message(role: str, *texts: str) -> Item:
    """A message as the model sees it."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text} for text in texts]}


def said(*messages: dict[str, Any]) -> list[Item]:
    """Messages of one text each as the model sees them."""
    return [message(each["role"], each["content"]) for each in messages]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.requirement("history:text")
async def test_text_is_text_wherever_it_stands(world: CodexWorld, text: str) -> None:
    """First, earlier, last or in the instructions: no character is lost, changed or taken for a command."""
    marker = world.marker("text")
    prompt = f"{text}{marker}{text}"
    for turns in ([user(text)], [user(text), assistant(text), user(text)]):
        world.api.clear()
        await litellm.acompletion(world.model, [system(prompt), *turns])
        body = world.body(marker)
        assert body.system == [prompt]
        assert body.items == said(*turns)


@pytest.mark.parametrize("pairs", [0, 1, 3, 50, 200])
@pytest.mark.requirement("history:turns")
async def test_a_conversation_arrives_turn_by_turn(world: CodexWorld, pairs: int) -> None:
    """Instructions, roles, order and text are the caller's, however long the conversation."""
    marker = world.marker("text")
    earlier = [turn for n in range(pairs) for turn in (user(f"question {n}"), assistant(f"answer {n}"))]
    messages = [*earlier, user(f"And now? {marker}")]
    await litellm.acompletion(world.model, [system("Be exact."), *messages])
    body = world.body(marker)
    assert (body.system, body.items) == (["Be exact."], said(*messages))


ORDERS = {
    "neighbouring questions": [user("a"), user("b "), assistant("c"), user(" d"), user("e")],
    "neighbouring answers": [user("a"), assistant("b"), assistant(" c "), user("d")],
    "an answer comes first": [assistant("a"), user("b"), assistant("c"), user("d")],
    "answers without text": [user("a"), assistant(""), user("b")],
    "questions without text": [user(""), assistant("a"), user(" \n"), assistant("(no content)"), user("")],
    "repetition": [user("a"), assistant("a"), user("a"), assistant("a"), user("a")],
}


@pytest.mark.parametrize("messages", ORDERS.values(), ids=ORDERS)
@pytest.mark.requirement("history:turns", "history:blank")
async def test_any_order_of_roles_arrives_as_given(world: CodexWorld, messages: list[dict[str, Any]]) -> None:
    """Nothing is merged into a transcript, left out or made up, not even for want of text."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [system(marker), *messages])
    assert world.body(marker).items == said(*messages)


@pytest.mark.requirement("history:turns", "history:blank")
async def test_parts_of_text_stay_apart(world: CodexWorld) -> None:
    """One message, each part as it was, an empty one too."""
    marker = world.marker("text")
    parts = ["a", "", " b"]
    await litellm.acompletion(
        world.model,
        [system(marker), user([{"type": "text", "text": text} for text in parts]), assistant(None), user("c")],
    )
    assert world.body(marker).turns[0] == ("user", parts)


async def test_without_a_system_prompt_the_model_gets_none(world: CodexWorld) -> None:
    """Nor any of the CLI's own: the conversation is all there is."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [user(marker)])
    body = world.body(marker)
    assert (body.system, body.items, body.tools) == ([], said(user(marker)), {})
    assert "instructions" not in body.raw


@pytest.mark.parametrize(
    ("prompts", "prompt"),
    [
        (["One.", "Two.", " Three. "], "One.\n\nTwo.\n\n Three. "),
        ([" \r\n indented\t\n\n"], " \r\n indented\t\n\n"),
        (["é" * 250_000], "é" * 250_000),
        ([[{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]], "a b"),
    ],
    ids=["several", "whitespace", "500 kB", "parts"],
)
@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.requirement("history:system")
async def test_instructions_become_the_developers_message(
    world: CodexWorld, role: str, prompts: list[Any], prompt: str
) -> None:
    """In their order, a blank line between them, every character as it was."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [*({"role": role, "content": content} for content in prompts), user(marker)])
    assert world.body(marker).system == [prompt]


def image(name: str) -> tuple[dict[str, Any], Item]:
    """As the caller gives it, and as the model is to see it."""
    part, _ = MEDIA[name]
    return part, {"type": "input_image", "image_url": part["image_url"]["url"], "detail": "original"}


@pytest.mark.parametrize("place", ["last", "earlier", "at the end", "in a result"])
@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.requirement("media:image")
async def test_images_arrive_byte_for_byte(world: CodexWorld, name: str, place: str) -> None:
    """In their place among the texts, in the last message, in earlier ones and in what a function said."""
    marker = world.marker("text")
    given, seen = image(name)
    texts = [f"before {marker}", "after"][: 1 if place == "at the end" else 2]
    parts: list[Any] = [{"type": "text", "text": text} for text in texts]
    shown: list[Any] = [{"type": "input_text", "text": text} for text in texts]
    parts.insert(1, given)
    shown.insert(1, seen)
    messages = [user(parts)]
    if place == "earlier":
        messages = [user(parts), assistant("Seen."), user("And?")]
    elif place == "in a result":
        messages = [user("Look."), assistant(None, call("c1", "look")), result("c1", parts)]
    await litellm.acompletion(world.model, messages)
    items = world.body(marker).items
    assert (items[-1]["output"] if place == "in a result" else items[0]["content"]) == shown


class WithImages(Conversation):
    """A random one with nothing in it but what Codex takes."""

    def _content(self, shown: list[Any]) -> tuple[Any, list[Any]]:
        return super()._content([MEDIA["image"]])


def parts_of(content: Any) -> list[Item]:
    """What the user or a function said, as the model sees it."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [
        {"type": "input_text", "text": part["text"]} if part["type"] == "text" else image("image")[1] for part in parts
    ]


def expected(messages: list[dict[str, Any]]) -> list[Item]:
    """The items of a conversation; a call and its result are known by the call's place."""
    items: list[Item] = []
    places: dict[str, int] = {}
    for each in messages:
        if each["role"] == "user":
            items.append({"type": "message", "role": "user", "content": parts_of(each["content"])})
        elif each["role"] == "tool":
            parts = parts_of(each["content"])
            only_text = all(part["type"] == "input_text" for part in parts)
            output = "".join(part["text"] for part in parts) if only_text else parts
            items.append({"type": "function_call_output", "call_id": places[each["tool_call_id"]], "output": output})
        else:
            if each["content"] or not each.get("tool_calls"):
                items.append(message("assistant", each["content"]))
            for made in each.get("tool_calls", ()):
                places[made["id"]] = len(items)
                items.append({"type": "function_call", **made["function"], "call_id": len(items)})
    return items


def by_place(items: list[Item]) -> list[Item]:
    """With each call's place for its id, which must be its own."""
    places = {item["call_id"]: n for n, item in enumerate(items) if item["type"] == "function_call"}
    assert len(places) == sum(item["type"] == "function_call" for item in items)
    return [{**item, "call_id": places[item["call_id"]]} if "call_id" in item else item for item in items]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.requirement("history:text", "history:turns", "tools:history:results")
async def test_any_conversation_arrives_as_it_is(world: CodexWorld, seed: int) -> None:
    """Texts, images, calls and results of all kinds in any order."""
    marker = world.marker("text")
    messages = WithImages(seed).messages
    tools = [function("alpha"), function("beta")]
    await litellm.acompletion(world.model, [system(marker), *messages], tools=tools)
    assert by_place(world.body(marker).items) == expected(messages), json.dumps(messages)


@pytest.mark.requirement("history:isolated")
async def test_nothing_of_a_request_is_left_for_the_next(world: CodexWorld) -> None:
    """One process, two requests: the second is as if the first had never been."""
    plain, full, after = (world.marker("text") for _ in range(3))
    secrets = [f"secret-{name}" for name in ("system", "question", "answer", "last", "tool")]
    messages = [system(secrets[0]), user(secrets[1]), assistant(secrets[2]), user(f"{secrets[3]} {full}")]
    with world.settings():
        await litellm.acompletion(world.model, [system("Plain."), user(plain)])
        await litellm.acompletion("uutel/codex/gpt-5.5", messages, tools=[function(secrets[4])], effort="high")
        await litellm.acompletion(world.model, [system("Plain."), user(after)])
        assert world.processes_started == 1
    assert all(secret in world.body(full).text for secret in secrets)
    assert not any(secret in world.body(after).text for secret in secrets)
    assert world.wire(after) == world.wire(plain)


async def _converse(world: CodexWorld, name: str) -> None:
    messages = [system(f"You are {name}.")]
    for n in range(3):
        marker = world.marker("echo")
        messages.append(user(f"{name} asks {n}{marker}"))
        response = await litellm.acompletion(world.model, messages)
        answer = response.choices[0].message.content
        body = world.body(marker)
        assert answer == f"{name} asks {n}"
        assert (body.system, body.items) == ([f"You are {name}."], said(*messages[1:]))
        messages.append(assistant(answer))


@pytest.mark.requirement("history:isolated")
async def test_conversations_side_by_side_are_never_mixed(world: CodexWorld) -> None:
    """Eight at once in one process: each gets its own answers to its own history."""
    with world.settings(), anyio.fail_after(120):
        async with anyio.create_task_group() as group:
            for n in range(8):
                group.start_soon(_converse, world, f"guest-{n}")
        assert world.processes_started == 1
