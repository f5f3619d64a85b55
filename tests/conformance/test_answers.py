"""What the caller gets is exactly the model's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import litellm
import pytest

from tests.conformance.conversations import user
from tests.conformance.world import World

WAYS = ("async", "async stream", "sync", "sync stream")


@dataclass
class Answer:
    """An answer, however it was asked for."""

    text: str
    reasoning: str
    finish: str
    usage: Any


async def stream(model: str, text: str, **given: Any) -> list[Any]:
    """The chunks of an answer."""
    return [chunk async for chunk in await litellm.acompletion(model, [user(text)], stream=True, **given)]


async def ask(way: str, model: str, text: str, **given: Any) -> Answer:
    """Ask in one of the ways that LiteLLM has."""
    if "stream" not in way:
        response = await (
            litellm.acompletion(model, [user(text)], **given)
            if way == "async"
            else anyio.to_thread.run_sync(lambda: litellm.completion(model, [user(text)], **given))
        )
        (choice,) = response.choices
        reasoning = getattr(choice.message, "reasoning_content", None) or ""
        return Answer(choice.message.content, reasoning, choice.finish_reason, response.usage)
    given |= {"stream_options": {"include_usage": True}}
    chunks = await (
        stream(model, text, **given)
        if way == "async stream"
        else anyio.to_thread.run_sync(lambda: list(litellm.completion(model, [user(text)], stream=True, **given)))
    )
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    (finish,) = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    (usage,) = [chunk.usage for chunk in chunks if getattr(chunk, "usage", None)]
    return Answer(
        "".join(delta.content or "" for delta in deltas),
        "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas),
        finish,
        usage,
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.each("scenario", "answers")
@pytest.mark.requirement("text:whole", "text:sync", "text:finish-reason", "text:one-request", "reasoning:text")
async def test_an_answer_is_the_same_however_it_is_asked_for(world: World, scenario: str, way: str) -> None:
    """Text, reasoning and finish reason, whole or in pieces, and nothing else; from one request to the model.

    The CLI asks nothing on the side, and nothing more after an answer that it would like to mend.
    """
    # A model takes its time; one that does not might be asked again before anybody can say no.
    thought = {"pause": 0.5} if world.tables.answers[scenario] != world.tables.answers["text"] else {}
    marker, after = world.marker(scenario, **thought), world.marker("text")
    world.api.clear()
    answer = await ask(way, world.model, marker)
    assert (answer.text, answer.reasoning, answer.finish) == world.tables.answers[scenario]
    await ask(way, world.model, after)
    asked = [world.body_class(request).turns for request in world.api.requests]
    assert asked == [[("user", [marker])], [("user", [after])]]


async def test_a_stream_agrees_with_itself(world: World) -> None:
    """One id, one time, one model; the role comes once, first; the finish comes once, last."""
    chunks = await stream(world.model, world.marker("thinking"))
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert chunks[0].id.startswith(world.id_prefix)
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant"] + [None] * (len(chunks) - 1)
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]


@pytest.mark.requirement("text:streamed")
async def test_pieces_come_as_the_model_says_them(world: World) -> None:
    """A piece is passed on while the model is far from its end, not held back for the whole."""
    marker = world.marker("slow", n=1000)
    with anyio.fail_after(60):
        opened = await litellm.acompletion(world.model, [user(marker)], stream=True)
        first = await anext(opened)
        (recorded,) = world.api.of(marker)
        assert first.choices[0].delta.content.startswith("s0 ")
        assert recorded.finished is None
        await opened.aclose()


@pytest.mark.timeout(300)
@pytest.mark.requirement("text:streamed")
async def test_a_long_stream_is_whole_and_in_order(world: World) -> None:
    """Twenty thousand pieces, none lost, none twice."""
    with anyio.fail_after(240):
        chunks = await stream(world.model, world.marker("long"))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == "".join(f"w{n} " for n in range(20_000))
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("usage:tokens")
async def test_usage_is_the_vendors_count(world: World, way: str) -> None:
    """As OpenAI counts: tokens from the cache are part of the prompt, and named apart."""
    for _ in range(2):  # a CLI's own sums may run over a whole process
        usage = (await ask(way, world.model, world.marker("usage"))).usage
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (160, 7, 167)
        assert usage.prompt_tokens_details.cached_tokens == 40
        world.check_usage(usage)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("usage:cost")
async def test_the_price_is_the_vendors(world: World, way: str) -> None:
    """In each answer, and that of this answer alone."""
    for _ in range(2):
        usage = (await ask(way, world.model, world.marker("usage"))).usage
        assert usage.cost == pytest.approx(world.price)


@pytest.mark.requirement("usage:model")
async def test_an_answer_says_which_model_gave_it(world: World) -> None:
    """The hidden parameters name what an alias does not, whole and in every chunk."""
    for name in {"default", world.used_model} & world.tables.models.keys():
        model = world.named(name)
        response = await litellm.acompletion(model, [user(world.marker("text"))])
        assert response.model == f"{world.provider}/{name}"
        assert response._hidden_params["uutel"]["model"] == world.tables.models[name]
        assert response._hidden_params["uutel"]["attempts"] == 1
        chunks = await stream(model, world.marker("text"))
        assert {chunk._hidden_params["uutel"]["model"] for chunk in chunks[:-1]} == {world.tables.models[name]}


@pytest.mark.parametrize("way", ["async", "sync"])
@pytest.mark.requirement("choices:whole")
async def test_several_choices_are_several_turns(world: World, way: str) -> None:
    """Each choice is an answer of its own, and all of them are counted."""
    marker = world.marker("usage")
    messages = [user(marker)]
    response = await (
        litellm.acompletion(world.model, messages, n=2)
        if way == "async"
        else anyio.to_thread.run_sync(lambda: litellm.completion(world.model, messages, n=2))
    )
    assert [(choice.index, choice.message.content) for choice in response.choices] == [(0, "counted"), (1, "counted")]
    assert len(world.bodies(marker)) == 2
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (320, 14)
