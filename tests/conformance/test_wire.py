"""What the model sees is exactly the caller's conversation."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import litellm
import pytest

from tests.conformance.conversations import assistant, call, function, numbered, result, system, user
from tests.conformance.samples import DOCUMENT, IMAGES, LINK, SOUND, TEXTS
from tests.conformance.world import PROCESSES, World
from uutel_bridge.core import process


def turns_of(messages: list[Any]) -> list[tuple[str, list[str]]]:
    """A turn of one text for each message."""
    return [(message["role"], [message["content"]]) for message in messages]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.requirement("history:text")
async def test_text_is_text_wherever_it_stands(world: World, text: str) -> None:
    """First, earlier, last or in the system prompt: no character is lost, changed or taken for a command."""
    marker = world.marker("text")
    prompt = f"{text}{marker}{text}"
    instructions = world.instructed([prompt])
    for turns in ([user(text)], [user(text), assistant(text), user(text)]):
        world.api.clear()
        await litellm.acompletion(world.model, [system(prompt), *turns])
        body = world.body(marker)
        assert (body.system, body.turns) == ([instructions], turns_of(turns))


@pytest.mark.parametrize("pairs", [0, 1, 3, 50])
@pytest.mark.requirement("history:turns")
async def test_a_conversation_arrives_turn_by_turn(world: World, pairs: int) -> None:
    """System prompt, roles, order and text are the caller's, however long the conversation."""
    marker = world.marker("text")
    earlier = [turn for n in range(pairs) for turn in (user(f"question {n}"), assistant(f"answer {n}"))]
    messages = [*earlier, user(f"And now? {marker}")]
    await litellm.acompletion(world.model, [system("Be exact."), *messages])
    body = world.body(marker)
    assert (body.system, body.turns) == (["Be exact."], turns_of(messages))


ORDERS: dict[str, list[Any]] = {
    "neighbouring questions": [user("a"), user("b "), assistant("c"), user(" d"), user("e")],
    "neighbouring answers": [user("a"), assistant("b"), assistant(" c "), user("d")],
    "an answer comes first": [assistant("a"), user("b"), assistant("c"), user("d")],
    "answers without text": [user("a"), assistant(""), user("b"), assistant(""), user("c")],
    "questions without text": [user(""), assistant("a"), user(" \n"), assistant("(no content)"), user("")],
    "parts of text": [
        user([{"type": "text", "text": text} for text in ("a", "", " b")]),
        assistant("c"),
        user("d"),
    ],
    "instructions in between": [user("a"), system("S"), user("b")],
    "repetition": [user("a"), assistant("a"), user("a"), assistant("a"), user("a")],
}


@pytest.mark.parametrize("messages", ORDERS.values(), ids=ORDERS)
@pytest.mark.requirement("history:turns", "history:blank")
async def test_any_order_of_roles_arrives_as_given(world: World, messages: list[Any]) -> None:
    """Nothing is merged into a transcript, made up or joined with characters of somebody else's."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [system(marker), *messages])
    assert world.body(marker).conversation == world.seen(messages)


async def test_without_a_system_prompt_the_model_gets_none(world: World) -> None:
    """Only what the CLI says of itself in every request, none of its agent's instructions, and no functions."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [user(marker)])
    body = world.body(marker)
    assert (body.system, body.turns, body.tools) == ([], [("user", [marker])], {})


@pytest.mark.parametrize(
    ("prompts", "texts"),
    [
        (["One.", "Two.", " Three. "], ["One.", "Two.", " Three. "]),
        ([" \r\n indented\t\n\n"], [" \r\n indented\t\n\n"]),
        (["é" * 250_000], ["é" * 250_000]),
        ([[{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]], ["a b"]),
    ],
    ids=["several", "whitespace", "500 kB", "parts"],
)
@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.requirement("history:system")
async def test_instructions_become_the_system_prompt(
    world: World, role: str, prompts: list[Any], texts: list[str]
) -> None:
    """In their order, a blank line between them, every character as it was."""
    marker = world.marker("text")
    messages = [{"role": role, "content": content} for content in prompts]
    await litellm.acompletion(world.model, [*messages, user(marker)])
    assert world.body(marker).system == [world.instructed(texts)]


SHOWN = [
    *(pytest.param(part, marks=pytest.mark.requirement("media:image"), id=name) for name, part in IMAGES.items()),
    pytest.param(LINK, marks=[pytest.mark.requirement("media:image-url"), pytest.mark.on("links")], id="image by URL"),
    pytest.param(SOUND, marks=pytest.mark.requirement("media:audio"), id="sound"),
    pytest.param(DOCUMENT, marks=pytest.mark.requirement("media:pdf"), id="PDF"),
]


@pytest.mark.parametrize("place", ["last", "earlier", "at the end"])
@pytest.mark.parametrize("part", SHOWN)
async def test_images_and_documents_arrive_byte_for_byte(world: World, part: dict[str, Any], place: str) -> None:
    """In their place among the texts, in the last message and in earlier ones."""
    marker = world.marker("text")
    texts = [{"type": "text", "text": text} for text in (f"before {marker}", "after")]
    messages = [user([texts[0], part] if place == "at the end" else [texts[0], part, texts[1]])]
    if place == "earlier":
        messages += [assistant("Seen."), user("And?")]
    await litellm.acompletion(world.model, messages)
    assert world.body(marker).conversation == world.seen(messages)


@pytest.mark.parametrize("part", SHOWN[:-2])
async def test_images_in_a_result_arrive_byte_for_byte(world: World, part: dict[str, Any]) -> None:
    """In their place among the texts; sounds and documents are nothing that a function says."""
    marker = world.marker("text")
    told = [{"type": "text", "text": f"before {marker}"}, part, {"type": "text", "text": "after"}]
    messages = [user("Look."), assistant(None, call("c1", "look")), result("c1", told)]
    await litellm.acompletion(world.model, messages)
    assert numbered(world.body(marker).conversation) == world.seen(messages)


@pytest.mark.requirement("history:text")
async def test_no_file_is_read_for_a_name_in_a_text(world: World, tmp_path: Path) -> None:
    """Neither absolute paths nor those in the home folder are anything but text."""
    secrets = [tmp_path / "secret.txt", world.home / "secret.txt"]
    for secret in secrets:
        secret.write_text("the content of a file", encoding="utf-8")
    marker = world.marker("text")
    names = f"@{secrets[0]} @~/secret.txt @../../secret.txt @{secrets[1]}:1"
    await litellm.acompletion(world.model, [user(names), assistant(names), user(f"{names} {marker}")])
    assert "the content of a file" not in world.body(marker).text


@pytest.mark.requirement("history:isolated")
async def test_nothing_of_a_request_is_left_for_the_next(world: World) -> None:
    """One process, two requests: the second is as if the first had never been."""
    plain, full, after = (world.marker("text") for _ in range(3))
    secrets = [f"secret-{name}" for name in ("system", "question", "answer", "last", "tool")]
    secrets += world.tables.odd.get("stop", [])
    messages = [system(secrets[0]), user(secrets[1]), assistant(secrets[2]), user(f"{secrets[3]} {full}")]
    with world.settings(MAX_PROCESSES="1"):
        await litellm.acompletion(world.model, [system("Plain."), user(plain)])
        await litellm.acompletion(
            world.named(world.other_model), messages, tools=[function(secrets[4])], effort="high", **world.tables.odd
        )
        await litellm.acompletion(world.model, [system("Plain."), user(after)])
        assert world.processes_started == world.if_any(3 if world.started_for_parameters else 1)
    assert all(secret in world.body(full).text for secret in secrets)
    assert not any(secret in world.body(after).text for secret in secrets)
    assert world.wire(after) == world.wire(plain)


async def _converse(world: World, name: str) -> None:
    messages = [system(f"You are {name}.")]
    for n in range(3):
        marker = world.marker("echo")
        messages.append(user(f"{name} asks {n}{marker}"))
        response = await litellm.acompletion(world.model, messages)
        answer = response.choices[0].message.content
        body = world.body(marker)
        assert answer == f"{name} asks {n}"
        assert (body.system, body.turns) == ([f"You are {name}."], turns_of(messages[1:]))
        messages.append(assistant(answer))


@pytest.mark.requirement("history:isolated")
async def test_conversations_side_by_side_are_never_mixed(world: World) -> None:
    """Eight at once, in fewer processes: each gets its own answers to its own history."""
    with world.settings(), anyio.fail_after(120):
        async with anyio.create_task_group() as group:
            for n in range(8):
                group.start_soon(_converse, world, f"guest-{n}")
        assert world.processes_started == world.if_any(1 if world.serves_everybody else 3)


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")


@PROCESSES
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc to look at")
@pytest.mark.requirement("sealed:disk")
async def test_a_prompt_is_on_no_command_line(world: World) -> None:
    """What other users of the machine can read of a process says nothing of the conversation."""
    marker = world.marker("hang")
    words = [f"secret-{name}" for name in ("system", "question", "answer", "tool")]
    words += world.tables.odd.get("stop", [])
    stream: Any = await litellm.acompletion(
        world.model,
        [system(words[0]), user(words[1]), assistant(words[2]), user(marker)],
        tools=[function(words[3])],
        stream=True,
        **world.tables.odd,
    )
    await anyio.to_thread.run_sync(world.arrives, marker)
    commands = [_command(group.leader.pid) for group in process._live]
    await stream.aclose()
    assert any(world.machine_mode in command for command in commands)
    assert not any(word in command for word in [*words, marker] for command in commands)


@pytest.mark.parametrize("pairs", [0, 94], ids=["short", "past a hundred turns"])
@pytest.mark.requirement("cache:prefix")
async def test_a_growing_conversation_shares_its_prefix_with_the_request_before(world: World, pairs: int) -> None:
    """All of the request before, byte by byte: what the vendor's prompt cache goes by."""
    marker = world.marker("text")
    conversation = [system("Be exact."), user(f"question {marker}")]
    conversation += [turn for n in range(pairs) for turn in (assistant(f"a{n}"), user(f"q{n}"))]
    for n in range(10 if pairs else 3):
        await litellm.acompletion(world.model, conversation)
        conversation += [assistant(f"answer {n}"), user(f"question {n}")]
    cached = [body.cached for body in world.bodies(marker)]
    for before, after in pairwise(cached):
        assert before == after[: len(before)]
        assert len(after) == len(before) + 2
    assert len(cached[0]) == 3 + 2 * pairs
