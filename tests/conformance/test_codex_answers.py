"""What the caller gets is exactly the answer of the model behind Codex."""

from __future__ import annotations

import json
from typing import Any

import anyio
import litellm
import pytest

from tests.conformance import test_tools as with_tools
from tests.conformance.codex_world import ON_CODEX, CodexWorld
from tests.conformance.test_answers import NUMBERED, WAYS, ask, stream
from tests.conformance.test_structured import SCHEMA, Journey
from tests.conformance.world import result, system, user
from tests.emulators.responses_api import scenarios

pytestmark = ON_CODEX

ANSWERS = {
    "text": (NUMBERED, "", "stop"),
    "unicode": ("emoji \U0001f469\u200d\U0001f680 line\u2028para\u2029nel\x85 漢字 e\u0301\r\n", "", "stop"),
    "thinking": ("After thought: 42.", "Let me think this over.\n\nIt is done.", "stop"),
    "max_tokens": ("cut off", "", "length"),
    "refusal": ("", "", "stop"),  # the CLI tells nothing of a refusal's words
    "empty": ("", "", "stop"),
    "badsse": ("p0 p1 p2 ", "", "stop"),
    "rate_warning": (NUMBERED, "", "stop"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scenario", ANSWERS)
@pytest.mark.requirement("text:whole", "text:sync", "text:finish-reason", "text:one-request", "reasoning:text")
async def test_an_answer_is_the_same_however_it_is_asked_for(world: CodexWorld, scenario: str, way: str) -> None:
    """Text, reasoning and finish reason, whole or in pieces, from one request to the model."""
    marker = world.marker(scenario)
    answer = await ask(way, world.model, marker)
    assert (answer.text, answer.reasoning, answer.finish) == ANSWERS[scenario]
    assert world.body(marker).turns == [("user", [marker])]


async def test_a_stream_agrees_with_itself(world: CodexWorld) -> None:
    """One id, one time, one model; the role comes once, first; the finish comes once, last."""
    chunks = await stream(world.model, world.marker("thinking"))
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant"] + [None] * (len(chunks) - 1)
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]


@pytest.mark.requirement("text:streamed")
async def test_pieces_come_as_the_model_says_them(world: CodexWorld) -> None:
    """A piece is passed on while the model is far from its end, not held back for the whole."""
    marker = world.marker("slow", n=1000)
    with anyio.fail_after(60):
        opened: Any = await litellm.acompletion(world.model, [user(marker)], stream=True)
        first = await anext(opened)
        (recorded,) = world.api.of(marker)
        assert first.choices[0].delta.content.startswith("s0 ")
        assert recorded.finished is None
        await opened.aclose()


@pytest.mark.timeout(300)
@pytest.mark.requirement("text:streamed")
async def test_a_long_stream_is_whole_and_in_order(world: CodexWorld) -> None:
    """Twenty thousand pieces, none lost, none twice."""
    with anyio.fail_after(240):
        chunks = await stream(world.model, world.marker("long"))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "".join(f"w{n} " for n in range(20_000))
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("usage:tokens")
async def test_usage_is_the_vendors_count(world: CodexWorld, way: str) -> None:
    """As OpenAI counts: cached tokens are part of the prompt, reasoning is part of the answer."""
    for _ in range(2):
        usage = (await ask(way, world.model, world.marker("usage"))).usage
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (160, 7, 167)
        assert usage.prompt_tokens_details.cached_tokens == 40
        assert usage.completion_tokens_details.reasoning_tokens == 3


@pytest.mark.requirement("usage:model")
async def test_an_answer_says_which_model_gave_it(world: CodexWorld) -> None:
    """The hidden parameters name what `default` stands for."""
    response = await litellm.acompletion("uutel/codex/default", [user(world.marker("text"))])
    assert response.model == "codex/default"
    assert response._hidden_params["uutel_model"] == "gpt-6.1-sol"
    assert response._hidden_params["uutel_attempts"] == 1


@pytest.mark.requirement("choices:whole")
async def test_several_choices_are_several_turns(world: CodexWorld) -> None:
    """Each choice is an answer of its own, and all of them are counted."""
    marker = world.marker("usage")
    response = await litellm.acompletion(world.model, [user(marker)], n=2)
    assert [(choice.index, choice.message.content) for choice in response.choices] == [(0, "counted"), (1, "counted")]
    assert len(world.bodies(marker)) == 2
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (320, 14)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.requirement("limits:windows")
async def test_an_answer_says_how_much_of_the_plan_is_used(world: CodexWorld, streamed: bool) -> None:
    """Each window with its utilisation and its reset."""
    text = world.marker("rate_warning")
    if streamed:
        chunks = await stream(world.model, text)
        hidden = {name: value for chunk in chunks for name, value in chunk._hidden_params.items()}
    else:
        hidden = (await litellm.acompletion(world.model, [user(text)]))._hidden_params
    assert hidden["uutel_limits"] == {
        "five_hour": {"utilization": 0.2, "resets_at": scenarios.RESETS_AT, "status": ""},
        "seven_day": {"utilization": 0.83, "resets_at": scenarios.RESETS_AT, "status": ""},
    }


# Form

STRICT = {**SCHEMA, "additionalProperties": False}
"""The CLI has OpenAI enforce every schema, which takes only those that say all."""
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": STRICT, "strict": True}}


@pytest.mark.parametrize("way", with_tools.WAYS)
@pytest.mark.requirement("format:json-schema", "format:json-schema:streamed")
async def test_an_answer_fits_the_schema_that_it_was_asked_to_fit(world: CodexWorld, way: str) -> None:
    """The vendor itself holds the model to it; the text is the JSON and nothing else; the next request is free."""
    marker, after = world.marker("json"), world.marker("text")
    choice = await with_tools.ask(way, world, [user(marker)], tools=None, response_format=JSON_SCHEMA)
    assert json.loads(choice.message.content) == {"answer": 1}
    wanted = world.body(marker).raw["text"]["format"]
    assert (wanted["type"], wanted["strict"]) == ("json_schema", True)
    assert wanted["schema"] == STRICT
    await with_tools.ask(way, world, [user(after)], tools=None)
    assert "text" not in world.body(after).raw


@pytest.mark.parametrize("way", with_tools.WAYS)
@pytest.mark.requirement("format:pydantic")
async def test_a_pydantic_class_is_a_schema_too(world: CodexWorld, way: str) -> None:
    """As LiteLLM takes them."""
    marker = world.marker("json")
    choice = await with_tools.ask(way, world, [user(marker)], tools=None, response_format=Journey)
    assert Journey.model_validate_json(choice.message.content).stops[0].kind == "city"


@pytest.mark.requirement("format:tools")
async def test_functions_and_a_form_go_together(world: CodexWorld) -> None:
    """The model calls first, and its answer to the results fits the schema."""
    marker, after = world.marker("tools"), world.marker("json")
    choice = await with_tools.ask("whole", world, [user(marker)], response_format=JSON_SCHEMA)
    assert len(with_tools.calls_of(choice.message)) == 2
    told = [result(each.id, "done") for each in choice.message.tool_calls]
    messages = [user(marker), choice.message, *told, user(after)]
    choice = await with_tools.ask("whole", world, messages, response_format=JSON_SCHEMA)
    assert json.loads(choice.message.content) == {"answer": 1}


@pytest.mark.requirement("format:json-object")
async def test_any_json_object_is_asked_for_in_words(world: CodexWorld) -> None:
    """The vendor has no schema that every object fits."""
    marker = world.marker("json")
    messages = [system("Be exact."), user(marker)]
    choice = await with_tools.ask("whole", world, messages, tools=None, response_format={"type": "json_object"})
    assert json.loads(choice.message.content) == {"answer": 42}
    (prompt,) = world.body(marker).system
    assert prompt.startswith("Be exact.\n\n")
    assert "JSON object" in prompt


@pytest.mark.parametrize("given", [{"effort": "low"}, {"reasoning_effort": "low"}], ids=["by effort", "by name"])
@pytest.mark.requirement("reasoning:effort")
async def test_how_hard_to_think_is_told(world: CodexWorld, given: dict[str, Any]) -> None:
    """And the request after is as any other."""
    marker, after = world.marker("text"), world.marker("text")
    await litellm.acompletion(world.model, [user(marker)], allowed_openai_params=["reasoning_effort"], **given)
    assert world.body(marker).raw["reasoning"] == {"effort": "low", "summary": "auto"}
    await litellm.acompletion(world.model, [user(after)])
    assert world.body(after).raw["reasoning"] == {"summary": "auto"}
