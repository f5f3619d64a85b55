"""Answers in the form the caller wants."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from tests.conformance.conversations import Call, Thought, assistant, result, system, user
from tests.conformance.test_tools import WAYS, ask, calls_of
from tests.conformance.world import World


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


SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer"}},
    "required": ["answer"],
    "additionalProperties": False,
}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("format:json-schema", "format:json-schema:streamed")
async def test_an_answer_fits_the_schema_that_it_was_asked_to_fit(world: World, way: str) -> None:
    """The vendor itself holds the model to it; the text is the JSON and nothing else; the next request is free."""
    marker, after = world.marker("json"), world.marker("text")
    choice = await ask(way, world, [user(marker)], tools=None, response_format=JSON_SCHEMA)
    assert json.loads(choice.message.content) == {"answer": 1}
    assert choice.finish_reason == "stop"
    assert world.body(marker).schema == SCHEMA
    await ask(way, world, [user(after)], tools=None)
    assert world.body(after).schema is None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("format:pydantic")
async def test_a_pydantic_class_is_a_schema_too(world: World, way: str) -> None:
    """As LiteLLM takes them."""
    marker = world.marker("json")
    choice = await ask(way, world, [user(marker)], tools=None, response_format=Journey)
    assert Journey.model_validate_json(choice.message.content).stops[0].kind == "city"
    assert list(world.body(marker).schema["properties"]) == list(Journey.model_fields)


@pytest.mark.requirement("format:json-schema", "reasoning:effort")
async def test_effort_and_form_are_told_together(world: World) -> None:
    """And forgotten together."""
    plain, marker, after = world.marker("text"), world.marker("json"), world.marker("text")
    await ask("whole", world, [user(plain)], tools=None)
    await ask("whole", world, [user(marker)], tools=None, response_format=JSON_SCHEMA, effort="low")
    assert (world.body(marker).effort, world.body(marker).schema) == ("low", SCHEMA)
    await ask("whole", world, [user(after)], tools=None)
    assert world.wire(after) == world.wire(plain)


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
async def test_any_json_object_can_be_asked_for(world: World) -> None:
    """Where the vendor has a switch for it, that is set; no schema fits every object."""
    marker = world.marker("json")
    choice = await ask(
        "whole", world, [system("Be exact."), user(marker)], tools=None, response_format={"type": "json_object"}
    )
    assert json.loads(choice.message.content) == {"answer": 42}
    (prompt,) = world.body(marker).system
    assert prompt.startswith("Be exact.")
    assert ("JSON object" in prompt) != ("JSON mode" in world.traits)


@pytest.mark.on("blocks")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("reasoning:blocks")
async def test_reasoning_goes_back_to_the_model_with_the_calls_it_led_to(world: World, way: str) -> None:
    """Sealed as the vendor gave it, in its place before the call, when the caller sends the message back."""
    marker, after = world.marker("tool_thinking"), world.marker("text")
    choice = await ask(way, world, [user(marker)])
    (block,) = choice.message.thinking_blocks
    assert block["thinking"] == choice.message.reasoning_content
    (call,) = choice.message.tool_calls
    await ask(way, world, [user(marker), choice.message, result(call.id, "done"), user(after)])
    said = [item for role, items in world.body(after).conversation if role == "assistant" for item in items]
    assert [type(item) for item in said] == [Thought, Call]
    assert said[0].text == block["thinking"]
    assert block["signature"].endswith(said[0].signature)


@pytest.mark.requirement("reasoning:blocks")
async def test_another_vendors_reasoning_stays_away(world: World) -> None:
    """A conversation may come from there; its words go on, and what only the other can open does not."""
    marker = world.marker("text")
    foreign = [{"type": "thinking", "thinking": "hm", "signature": "another:c2VhbA=="}]
    said = {**assistant("yes"), "thinking_blocks": foreign}
    await ask("whole", world, [user("is it?"), said, user(marker)], tools=None)
    assert world.body(marker).turns == [("user", ["is it?"]), ("assistant", ["yes"]), ("user", [marker])]
