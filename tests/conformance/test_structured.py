"""Answers in the form the caller wants, and reasoning that is kept."""

from __future__ import annotations

import json
from typing import Any, Literal

import litellm
import pytest
from pydantic import BaseModel, Field

from tests.conformance.test_tools import WAYS, ask, calls_of
from tests.conformance.world import World, result, system, user


class Place(BaseModel):
    """Where something is."""

    name: str = Field(min_length=1)
    kind: Literal["city", "river"]


class Journey(BaseModel):
    """A schema with all that pydantic makes of types."""

    stops: list[Place]
    days: int = Field(ge=1, le=30)
    by: Literal["train", "boat"] | None
    notes: str | None


SCHEMA = {"type": "object", "properties": {"answer": {"type": "integer"}}, "required": ["answer"]}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("format:json-schema", "format:json-schema:streamed")
async def test_an_answer_fits_the_schema_that_it_was_asked_to_fit(world: World, way: str) -> None:
    """The vendor itself holds the model to it; the text is the JSON and nothing else."""
    marker = world.marker("json")
    choice = await ask(way, world, [user(marker)], tools=None, response_format=JSON_SCHEMA)
    assert json.loads(choice.message.content) == {"answer": 1}
    assert choice.finish_reason == "stop"
    (wanted,) = [body.raw["output_config"]["format"] for body in world.bodies(marker)]
    assert wanted == {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("format:pydantic")
async def test_a_pydantic_class_is_a_schema_too(world: World, way: str) -> None:
    """As LiteLLM takes them; what the vendor cannot enforce is told to the model in words."""
    marker = world.marker("json")
    choice = await ask(way, world, [user(marker)], tools=None, response_format=Journey)
    assert Journey.model_validate_json(choice.message.content).stops[0].kind == "city"
    schema = world.body(marker).raw["output_config"]["format"]["schema"]
    assert '"maximum":30' in schema["properties"]["days"]["description"]


async def test_effort_and_form_are_told_together(world: World) -> None:
    """They share a field of the vendor's request."""
    marker, after = world.marker("json"), world.marker("text")
    await ask("whole", world, [user(marker)], tools=None, response_format=JSON_SCHEMA, effort="low")
    assert world.body(marker).raw["output_config"]["effort"] == "low"
    await ask("whole", world, [user(after)], tools=None)
    assert set(world.body(after).raw["output_config"]) == {"effort"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("format:tools")
async def test_functions_and_a_form_go_together(world: World, way: str) -> None:
    """The model calls first, and its answer to the results fits the schema."""
    marker, after = world.marker("tools"), world.marker("json")
    choice = await ask(way, world, [user(marker)], response_format=JSON_SCHEMA)
    assert len(calls_of(choice.message)) == 2
    told = [result(each.id, "done") for each in choice.message.tool_calls]
    choice = await ask(way, world, [user(marker), choice.message, *told, user(after)], response_format=JSON_SCHEMA)
    assert json.loads(choice.message.content) == {"answer": 1}


@pytest.mark.requirement("format:json-object")
async def test_any_json_object_is_asked_for_in_words(world: World) -> None:
    """The vendor has no schema that every object fits."""
    marker = world.marker("json")
    choice = await ask(
        "whole", world, [system("Be exact."), user(marker)], tools=None, response_format={"type": "json_object"}
    )
    assert json.loads(choice.message.content) == {"answer": 42}
    (prompt,) = world.body(marker).system
    assert prompt.startswith("Be exact.\n\n")
    assert "JSON object" in prompt


THOUGHT = [{"type": "thinking", "thinking": "A tool will know.", "signature": "c2lnbmF0dXJl"}]
REDACTED = [{"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("reasoning:blocks")
async def test_reasoning_goes_back_to_the_model_with_the_calls_it_led_to(world: World, way: str) -> None:
    """Signed as the vendor gave it, in its place before the call, when the caller sends the message back."""
    marker, after = world.marker("tool_thinking"), world.marker("text")
    choice = await ask(way, world, [user(marker)])
    assert choice.message.reasoning_content == "A tool will know."
    assert choice.message.thinking_blocks == THOUGHT
    (call,) = choice.message.tool_calls
    await ask(way, world, [user(marker), choice.message, result(call.id, "done"), user(after)])
    (said,) = [blocks for role, blocks in world.body(after).blocks if role == "assistant"]
    assert [block["type"] for block in said] == ["thinking", "tool_use"]
    assert said[:1] == THOUGHT


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("reasoning:blocks:hidden")
async def test_hidden_reasoning_is_kept_for_the_model(world: World, way: str) -> None:
    """Nobody can read it, and the next request brings it back."""
    marker, after = world.marker("redacted"), world.marker("text")
    choice = await ask(way, world, [user(marker)])
    assert choice.message.thinking_blocks == REDACTED
    await ask(way, world, [user(marker), choice.message, user(after)])
    (said,) = [blocks for role, blocks in world.body(after).blocks if role == "assistant"]
    assert [block["type"] for block in said] == ["redacted_thinking", "text"]


THINKING: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "by default": ({}, {"type": "adaptive", "display": "summarized"}),
    "enabled": (
        {"extra_body": {"thinking": {"type": "enabled", "budget_tokens": 2000}}},
        {"type": "enabled", "budget_tokens": 2000, "display": "summarized"},
    ),
    "disabled": ({"extra_body": {"thinking": {"type": "disabled"}}}, None),
    "allowed by name": (
        {"thinking": {"type": "adaptive"}, "allowed_openai_params": ["thinking"]},
        {"type": "adaptive", "display": "summarized"},
    ),
}


@pytest.mark.parametrize("name", THINKING)
@pytest.mark.requirement("reasoning:switch")
async def test_how_to_reason_is_told(world: World, name: str) -> None:
    """In the vendor's own words; the request after is as any other."""
    marker, after = world.marker("text"), world.marker("text")
    given, expected = THINKING[name]
    await litellm.acompletion(world.model, [user(marker)], **given)
    assert world.body(marker).raw.get("thinking") == expected
    await litellm.acompletion(world.model, [user(after)])
    assert world.body(after).raw["thinking"] == THINKING["by default"][1]
