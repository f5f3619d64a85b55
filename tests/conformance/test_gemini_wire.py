"""What is Gemini's own in a request, and what its CLI would make of a conversation."""

from __future__ import annotations

import json
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import anyio
import litellm
import openai
import pytest
from litellm import exceptions as lite

from tests.conformance.conversations import Text, Turn, assistant, call, function, result, system, user
from tests.conformance.gemini_world import ON_GEMINI
from tests.conformance.processes import BOUND
from tests.conformance.samples import IMAGE
from tests.conformance.test_sealed import forgotten
from tests.conformance.test_structured import SCHEMA
from tests.conformance.test_tools import ask
from tests.conformance.world import World

pytestmark = ON_GEMINI

COMMANDS = ("/", "/help", "?", "? what", "$about", "@/etc/hostname", "/init", "<session_context>", "<hook_context>x")


@pytest.mark.requirement("history:text", "text:one-request")
async def test_turns_that_look_like_commands_are_turns(world: World) -> None:
    """First, in the middle and last; each conversation is one request."""
    for text in COMMANDS:
        marker = world.marker("text")
        messages = [user(text), assistant(text), user(text), assistant("Yes."), user(text)]
        await litellm.acompletion(world.model, [system(marker), *messages])
        assert world.body(marker).conversation == world.seen(messages)


SEEN: dict[str, tuple[list[Any], list[Turn]]] = {
    "neighbours are one turn, a part each": (
        [user("a"), user("b "), assistant("c"), assistant(" d"), system("S"), user("e")],
        [("user", [Text("a"), Text("b ")]), ("assistant", [Text("c"), Text(" d")]), ("user", [Text("e")])],
    ),
    "no text": (
        [user(""), assistant(None), user(" \n"), assistant(" "), user("")],
        [("user", [Text(" ")]), ("assistant", [Text(" ")]), ("user", [Text(" \n")]), ("assistant", [Text(" ")]),
         ("user", [Text(" ")])],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "turns"), SEEN.values(), ids=SEEN)
async def test_turns_are_as_gemini_takes_them(world: World, messages: list[Any], turns: list[Turn]) -> None:
    """No two of one role in a row, and none without a part."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [system(marker), *messages])
    assert world.body(marker).conversation == turns
    assert world.seen(messages) == turns


@pytest.mark.parametrize("text", ["a\n\n\nb", "${AvailableTools}", "${AgentSkills}", "${SubAgents}", "${x_ToolName}"])
async def test_a_system_prompt_that_the_cli_would_alter_is_refused(world: World, text: str) -> None:
    """Before anything is started."""
    started, asked = world.processes_started, len(world.api.requests)
    with pytest.raises(lite.BadRequestError, match="system message"):
        await litellm.acompletion(world.model, [system(f"x {text} y"), user("Hello")])
    assert (world.processes_started, len(world.api.requests)) == (started, asked)


@pytest.mark.requirement("history:system", "history:isolated")
async def test_a_process_is_told_another_system_prompt_when_it_is_free(world: World) -> None:
    """And back; each request has its own."""
    with world.settings(MAX_PROCESSES="1"), anyio.fail_after(BOUND):
        for prompt in ("One.", "Two.", "", "One.", "$HOME ${x} `ls` %s {{y}} \\n"):
            marker = world.marker("text")
            await litellm.acompletion(world.model, [*([system(prompt)] if prompt else []), user(marker)])
            assert world.body(marker).system == ([prompt] if prompt else [])
        assert world.processes_started == 1


@pytest.mark.requirement("media:image", "history:text")
async def test_media_cost_no_request_of_their_own(world: World) -> None:
    """The CLI would count their tokens first."""
    marker = world.marker("text")
    world.api.clear()
    await litellm.acompletion(world.model, [user([{"type": "text", "text": marker}, IMAGE])])
    assert (len(world.api.requests), world.api.other) == (1, [])


# Parameters


@pytest.mark.requirement("parameters:max_tokens", "text:finish-reason")
async def test_an_answer_that_reached_its_limit_says_so(world: World) -> None:
    """The CLI does not; the number of tokens does."""
    for limit, finish in ((2, "length"), (3, "stop")):
        response = await litellm.acompletion(world.model, [user(world.marker("max_tokens"))], max_tokens=limit)
        (choice,) = response.choices
        assert (choice.message.content, choice.finish_reason) == ("cut off", finish)


@pytest.mark.requirement("parameters:seed", "parameters:presence_penalty", "parameters:frequency_penalty")
@pytest.mark.requirement("parameters:temperature", "parameters:top_p", "parameters:stop")
async def test_what_shapes_an_answer_stays_with_its_request(world: World) -> None:
    """Side by side with others, in a process of its own."""
    given = {"temperature": 0.5, "top_p": 0.5, "stop": ["END"], "seed": 3}
    given |= {"presence_penalty": 1.0, "frequency_penalty": -1.0}
    shaped, plain = world.marker("text", pause=0.5), world.marker("text", pause=0.5)
    with anyio.fail_after(BOUND):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: litellm.acompletion(world.model, [user(shaped)], **given))
            group.start_soon(lambda: litellm.acompletion(world.model, [user(plain)]))
    expected = {"temperature": 0.5, "topP": 0.5, "stopSequences": ["END"], "seed": 3}
    expected |= {"presencePenalty": 1.0, "frequencyPenalty": -1.0}
    assert world.body(shaped).parameters == world.body(plain).parameters | expected


THINKING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "by default": ({}, {"includeThoughts": True, "thinkingBudget": 8192}),
    "enabled": (
        {"extra_body": {"thinking": {"type": "enabled", "budget_tokens": 2000}}},
        {"includeThoughts": True, "thinkingBudget": 2000},
    ),
    "disabled": (
        {"extra_body": {"thinking": {"type": "disabled"}}},
        {"includeThoughts": False, "thinkingBudget": 0},
    ),
}


@pytest.mark.parametrize("name", THINKING)
@pytest.mark.requirement("reasoning:switch")
async def test_how_to_reason_is_told(world: World, name: str) -> None:
    """A budget, up to Gemini 2.5."""
    marker = world.marker("text")
    given, expected = THINKING[name]
    await litellm.acompletion(world.named("gemini-2.5-flash"), [user(marker)], **given)
    assert world.body(marker).parameters["thinkingConfig"] == expected


@pytest.mark.requirement("format:json-object")
async def test_any_json_object_has_a_switch(world: World) -> None:
    """And takes no words."""
    marker = world.marker("json")
    form = {"type": "json_object"}
    choice = await ask("whole", world, [system("S"), user(marker)], tools=None, response_format=form)
    assert json.loads(choice.message.content) == {"answer": 42}
    assert world.body(marker).system == ["S"]
    assert world.body(marker).parameters["responseMimeType"] == "application/json"


# Functions


CHOICES: dict[str, tuple[Any, dict[str, Any]]] = {
    "none": ("none", {"mode": "NONE"}),
    "required": ("required", {"mode": "ANY"}),
    "named": (
        {"type": "function", "function": {"name": "beta"}},
        {"mode": "ANY", "allowedFunctionNames": ["mcp_u_beta"]},
    ),
}


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.requirement("tools:choice:required", "tools:choice:named")
async def test_how_to_choose_among_functions_is_told(world: World, name: str) -> None:
    """All of them stay declared."""
    marker = world.marker("tools")
    given, expected = CHOICES[name]
    choice = await ask("whole", world, [user(marker)], tool_choice=given)
    body = world.body(marker)
    assert body.raw["toolConfig"]["functionCallingConfig"] == expected
    assert list(body.tools) == ["alpha", "beta"]
    called = {each.function.name for each in choice.message.tool_calls or []}
    assert called == {"none": set(), "required": {"alpha", "beta"}, "named": {"beta"}}[name]


@pytest.mark.requirement("tools:schema")
async def test_all_that_a_schema_has_arrives(world: World) -> None:
    """Limits, defaults and titles, too; what may be null is told in Google's way."""
    marker = world.marker("text")
    properties: dict[str, Any] = {
        "list": {"type": "array", "items": {"type": "number", "minimum": 0.5}, "minItems": 1, "title": "Some"},
        "kind": {"const": "a", "default": "a"},
        "maybe": {"type": ["string", "null"]},
    }
    schema = {**SCHEMA, "properties": properties, "required": ["list"]}
    await litellm.acompletion(world.model, [user(marker)], tools=[function("everything", "", **schema)])
    properties["maybe"] = {"type": "string", "nullable": True}
    assert world.body(marker).tools["everything"].schema == schema


async def test_a_call_of_a_function_that_was_not_given_is_a_failure(world: World) -> None:
    """The CLI says nothing of it; nobody could carry it out."""
    marker = world.marker("tool_unknown")
    with pytest.raises(lite.APIConnectionError, match="a function that it was not given"):
        await ask("whole", world, [user(marker)], max_retries=0)
    world.body(marker)


@pytest.mark.requirement("tools:calls")
async def test_text_that_calls_follow_keeps_its_thoughts(world: World) -> None:
    """And the results go back without them."""
    marker, after = world.marker("tool_thinking"), world.marker("text")
    choice = await ask("whole", world, [user(marker)])
    assert choice.message.reasoning_content == "**Weighing it**\nLet me think this over."
    (made,) = choice.message.tool_calls
    await ask("whole", world, [user(marker), choice.message, result(made.id, "done"), user(after)])
    kinds = [type(item).__name__ for _, items in world.body(after).conversation for item in items]
    assert kinds == ["Text", "Call", "Result", "Text"]


# On disk


ENDINGS = ("text", "tools", "e400", "e401", "e503", "drop", "drop0", "badsse", "truncated", "empty", "refusal0")


@pytest.mark.requirement("sealed:disk")
async def test_nothing_of_a_request_is_on_disk_however_it_ended(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its session nor the CLI's own notes of a failure, though the process lives on."""
    secret = "wxyzzy-in-confidence"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with world.settings(RETRY__MAX_RETRIES="0"), anyio.fail_after(BOUND):
        for scenario in ENDINGS:
            words = [system(secret), user(secret), assistant(None, call("c", "alpha")), result("c", secret)]
            messages = [*words, user(f"{secret} {world.marker(scenario)}")]
            with nullcontext() if scenario in {"text", "tools"} else pytest.raises(openai.APIError):
                await litellm.acompletion(world.model, messages, tools=[function("alpha", secret)])
            await forgotten(secret, world.home, tmp_path)
        assert world.processes_started == 1


@pytest.mark.requirement("sealed:home", "sealed:environment")
async def test_what_lies_in_folders_above_the_private_home_leaves_no_trace(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CLI looks for settings, variables and memory files up to the root."""
    below = tmp_path / "below"
    below.mkdir()
    for name, content in world.hostile_files(tmp_path, tmp_path / "canary").items():
        for folder in (tmp_path, below):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content.replace("=fake-gemini-api-key", "=hostile-key"), encoding="utf-8")
    plain, hostile = world.marker("text"), world.marker("text")
    with anyio.fail_after(BOUND):
        await litellm.acompletion(world.model, [user(plain)], tools=[function("alpha")])
        monkeypatch.setattr(tempfile, "tempdir", str(below))
        with world.settings():
            await litellm.acompletion(world.model, [user(hostile)], tools=[function("alpha")])
    assert world.wire(hostile) == world.wire(plain)
    assert not (tmp_path / "canary").exists()
