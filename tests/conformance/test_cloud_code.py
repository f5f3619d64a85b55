"""What is Code Assist's own in a request and in an answer, and who it says is asking."""

from __future__ import annotations

from typing import Any

import litellm
import pytest

import uutel_bridge
from tests.conformance.cloud_world import ON_CLOUD
from tests.conformance.conversations import Thought, assistant, call, function, numbered, result, system, user
from tests.conformance.gemini_bodies import seen
from tests.conformance.samples import IMAGE
from tests.conformance.test_structured import SCHEMA
from tests.conformance.test_tools import TOOLS, WAYS, ask, made
from tests.conformance.world import World
from tests.emulators.gemini_api import PROJECT, wrapper
from tests.emulators.recording import Recorded

pytestmark = ON_CLOUD

OLDER = "gemini-2.5-flash"
"""A model that signs nothing, thinks by a budget, and takes images beside a result alone."""


def recorded(world: World, marker: str) -> Recorded:
    """A request as it came, once."""
    (found,) = world.api.of(marker)
    return found


# The request around the request


async def test_a_request_comes_wrapped(world: World) -> None:
    """With the login's project, an id of its own and one of the program's; with nothing that was not asked for."""
    markers = [world.marker("text") for _ in range(2)]
    for marker in markers:
        await litellm.acompletion(world.named("a-model-of-next-year"), [user(marker)])
    first, second = (wrapper(recorded(world, marker)) for marker in markers)
    request = {"contents": [{"role": "user", "parts": [{"text": markers[0]}]}]}
    assert first.keys() == {"model", "project", "user_prompt_id", "request"}
    assert (first["model"], first["project"]) == ("a-model-of-next-year", PROJECT)
    assert first["request"] == {**request, "session_id": second["request"]["session_id"]}
    assert len({first["user_prompt_id"], second["user_prompt_id"], first["request"]["session_id"]}) == 3


async def test_all_that_can_be_asked_has_its_place(world: World) -> None:
    """In the request's own fields."""
    marker = world.marker("text")
    await litellm.acompletion(
        world.model,
        [system("S"), user(marker)],
        tools=TOOLS,
        tool_choice="none",
        max_tokens=5,
        safety_settings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    )
    request = wrapper(recorded(world, marker))["request"]
    assert request.keys() == {
        "contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig", "session_id",
    }  # fmt: skip


async def test_it_says_who_is_asking(world: World) -> None:
    """The bridge, and nobody else: not the vendor's own CLI."""
    marker = world.marker("text")
    with world.settings():
        world.api.clear()
        await litellm.acompletion(world.model, [user(marker)])
    (loaded,) = world.api.other
    for each in (loaded, recorded(world, marker)):
        assert each.headers["user-agent"] == f"uutel-bridge/{uutel_bridge.__version__}"
        assert not [name for name in each.headers if name.startswith(("x-goog", "client"))]
    assert loaded.body["metadata"]["pluginType"] == "PLUGIN_UNSPECIFIED"


# Answers


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scenario", ["sse_lines", "sse_noise", "sse_lf", "unescaped"])
async def test_an_answer_may_be_written_in_other_ways(world: World, scenario: str, way: str) -> None:
    """Whatever the format of such streams allows."""
    choice = await ask(way, world, [user(world.marker(scenario))], tools=None)
    assert choice.message.content == world.tables.answers["unicode" if scenario == "unescaped" else "text"][0]


THINKING: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "unasked": (OLDER, {}, {"includeThoughts": True}),
    "by a budget": (OLDER, {"effort": "high"}, {"includeThoughts": True, "thinkingBudget": 24_576}),
    "by a level": ("flash", {"effort": "high"}, {"includeThoughts": True, "thinkingLevel": "HIGH"}),
    "so much": (
        OLDER,
        {"extra_body": {"thinking": {"type": "enabled", "budget_tokens": 2000}}},
        {"includeThoughts": True, "thinkingBudget": 2000},
    ),
    "not at all": (
        OLDER,
        {"extra_body": {"thinking": {"type": "disabled"}}},
        {"includeThoughts": False, "thinkingBudget": 0},
    ),
}


@pytest.mark.parametrize(("model", "given", "expected"), THINKING.values(), ids=THINKING)
@pytest.mark.requirement("reasoning:switch", "reasoning:effort")
async def test_how_to_reason_is_told(world: World, model: str, given: Any, expected: dict[str, Any]) -> None:
    """A budget up to Gemini 2.5, a level from Gemini 3 on."""
    marker = world.marker("text")
    await litellm.acompletion(world.named(model), [user(marker)], **given)
    assert world.body(marker).parameters["thinkingConfig"] == expected


@pytest.mark.requirement("parameters:seed", "parameters:presence_penalty", "parameters:frequency_penalty")
async def test_what_shapes_an_answer_is_told(world: World) -> None:
    """As Google calls it."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [user(marker)], seed=3, presence_penalty=1.0, frequency_penalty=-1.0)
    expected = {"seed": 3, "presencePenalty": 1.0, "frequencyPenalty": -1.0}
    assert world.body(marker).parameters.items() >= expected.items()


# Functions


CHOICES: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "none": ("none", {"mode": "NONE"}, []),
    "required": ("required", {"mode": "ANY"}, ["alpha", "beta"]),
    "named": (
        {"type": "function", "function": {"name": "beta"}},
        {"mode": "ANY", "allowedFunctionNames": ["beta"]},
        ["beta", "beta"],
    ),
}


@pytest.mark.parametrize(("choice", "told", "called"), CHOICES.values(), ids=CHOICES)
@pytest.mark.requirement("tools:choice:none", "tools:choice:required", "tools:choice:named")
async def test_how_to_choose_among_functions_is_told(
    world: World, choice: Any, told: dict[str, Any], called: list[str]
) -> None:
    """All of them stay declared."""
    marker = world.marker("tools")
    answer = await ask("whole", world, [user(marker)], tool_choice=choice)
    body = world.body(marker)
    assert body.raw["toolConfig"] == {"functionCallingConfig": told}
    assert list(body.tools) == ["alpha", "beta"]
    assert [name for name, _ in made(answer.message)] == called


@pytest.mark.requirement("tools:schema")
async def test_all_that_a_schema_has_arrives_as_it_is(world: World) -> None:
    """In plain JSON Schema, also what Google's own dialect has no word for."""
    marker = world.marker("text")
    properties: dict[str, Any] = {
        "list": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0.5}, "minItems": 1},
        "kind": {"const": "a", "default": "a"},
        "maybe": {"type": ["string", "null"]},
    }
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMA, "properties": properties}
    await litellm.acompletion(world.model, [user(marker)], tools=[function("everything", "", **schema)])
    assert world.body(marker).tools["everything"].schema == schema


@pytest.mark.parametrize("model", ["flash", OLDER])
@pytest.mark.requirement("tools:history:images")
async def test_images_of_a_result_are_where_the_model_takes_them(world: World, model: str) -> None:
    """In the result from Gemini 3 on, after it before."""
    marker = world.marker("text")
    told = [{"type": "text", "text": "Look:"}, IMAGE]
    messages = [user(marker), assistant(None, call("c1", "alpha")), result("c1", told), user("And?")]
    await litellm.acompletion(world.named(model), messages, tools=TOOLS)
    assert numbered(world.body(marker).conversation) == seen(messages, nests_media=model != OLDER)


# Thought signatures


SIGNATURE = "bWFkZS11cC1zaWduYXR1cmU="
UNSIGNED = "skip_thought_signature_validator"
"""Google's word in place of a signature that is lost."""


def plain(message: Any) -> dict[str, Any]:
    """An answer as a client keeps it that knows OpenAI's fields alone."""
    calls = [call(each.id, each.function.name, each.function.arguments) for each in message.tool_calls or ()]
    return assistant(message.content, *calls)


def beside(message: Any) -> dict[str, Any]:
    """With ids that end before the signature, and the signature beside the call."""
    kept = plain(message)
    for each, given in zip(kept["tool_calls"], message.tool_calls, strict=True):
        each["id"] = given.id.partition("__thought__")[0]
        each["provider_specific_fields"] = getattr(given, "provider_specific_fields", None)
    return kept


def cut(message: Any) -> dict[str, Any]:
    """With no more of each id than some clients keep."""
    kept = plain(message)
    for each in kept["tool_calls"]:
        each["id"] = each["id"][:40]
    return kept


def signatures(world: World, marker: str) -> list[str | None]:
    """What signs the calls of the newest request."""
    contents = world.bodies(marker)[-1].raw["contents"]
    parts = [part for content in contents for part in content["parts"] if "functionCall" in part]
    return [part.get("thoughtSignature") for part in parts]


KEPT = [
    pytest.param(lambda message: message, SIGNATURE, id="as it was"),
    pytest.param(beside, SIGNATURE, id="beside the call"),
    pytest.param(plain, SIGNATURE, id="in the id alone"),
    pytest.param(cut, UNSIGNED, id="in an id that was cut"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("keep", "signature"), KEPT)
@pytest.mark.requirement("reasoning:blocks", "reasoning:blocks:hidden", "tools:loop")
async def test_a_thought_signature_goes_back_with_its_call(world: World, way: str, keep: Any, signature: str) -> None:
    """However the client keeps it; Gemini 3 refuses a request without one."""
    marker = world.marker("tools")
    choice = await ask(way, world, [user(marker)])
    ids = [world.sent_id(each.id) for each in choice.message.tool_calls]
    message: Any = keep(choice.message)
    calls = message["tool_calls"]
    told = [result(each["id"], f"{place}") for place, each in enumerate(calls)]
    again = await ask(way, world, [user(marker), message, *told])
    assert again.finish_reason == "stop"
    assert signatures(world, marker) == [signature, None]
    assert [each.id for each in world.bodies(marker)[-1].calls] == ids


async def test_an_older_model_signs_nothing(world: World) -> None:
    """Then nothing stands in the ids, nor beside the calls."""
    response: Any = await litellm.acompletion(world.named(OLDER), [user(world.marker("tools"))], tools=TOOLS)
    for each in response.choices[0].message.tool_calls:
        assert "__thought__" not in each.id
        assert not getattr(each, "provider_specific_fields", None)


@pytest.mark.requirement("reasoning:blocks", "reasoning:blocks:hidden")
async def test_a_thought_signature_goes_back_with_its_text(world: World) -> None:
    """It stands beside the message, as LiteLLM's own Gemini has it; streamed, in a chunk of its own."""
    marker, after = world.marker("sealed"), world.marker("text")
    choice = await ask("whole", world, [user(marker)], tools=None)
    assert choice.message.provider_specific_fields == {"thought_signatures": [SIGNATURE]}
    await ask("whole", world, [user(marker), choice.message, user(after)], tools=None)
    (_, told, _) = world.body(after).raw["contents"]
    assert told["parts"] == [{"text": "signed text", "thoughtSignature": SIGNATURE}]
    stream: Any = await litellm.acompletion(world.model, [user(world.marker("sealed"))], stream=True)
    found = [getattr(chunk.choices[0].delta, "provider_specific_fields", None) async for chunk in stream]
    assert [each for each in found if each] == [{"thought_signatures": [SIGNATURE]}]


async def test_words_of_thoughts_do_not_go_back(world: World) -> None:
    """Google takes none; what signs them does."""
    marker, after = world.marker("tool_thinking"), world.marker("text")
    choice = await ask("whole", world, [user(marker)])
    assert choice.message.reasoning_content == "**Weighing it**\n\nLet me think this over."
    (called,) = choice.message.tool_calls
    await ask("whole", world, [user(marker), choice.message, result(called.id, "done"), user(after)])
    items = [item for _, items in world.body(after).conversation for item in items]
    assert not [item for item in items if isinstance(item, Thought)]
    assert "Weighing" not in world.body(after).text
