"""What the caller gets is exactly the model's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import litellm
import pytest

from tests.conformance.world import Body, World, user
from uutel_bridge.providers.claude_code.catalog import MODELS

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


NUMBERED = "part0 part1 part2 part3 "
ANSWERS = {
    "text": (NUMBERED, "", "stop"),
    "unicode": ("emoji \U0001f469\u200d\U0001f680 line\u2028para\u2029nel\x85 漢字 e\u0301\r\n", "", "stop"),
    "thinking": ("After thought: 42.", "Let me think this over.", "stop"),
    "max_tokens": ("cut off", "", "length"),
    "stop_sequence": ("up to here", "", "stop"),
    "refusal": ("I ", "", "content_filter"),
    "refusal0": ("", "", "content_filter"),
    "empty": ("", "", "stop"),
    "rate_warning": (NUMBERED, "", "stop"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scenario", ANSWERS)
@pytest.mark.requirement("text:whole", "text:sync", "text:finish-reason", "reasoning:text")
async def test_an_answer_is_the_same_however_it_is_asked_for(world: World, scenario: str, way: str) -> None:
    """Text, reasoning and finish reason, whole or in pieces, and nothing else."""
    answer = await ask(way, world.model, world.marker(scenario))
    assert (answer.text, answer.reasoning, answer.finish) == ANSWERS[scenario]


async def test_a_stream_agrees_with_itself(world: World) -> None:
    """One id, one time, one model; the role comes once, first; the finish comes once, last."""
    chunks = await stream(world.model, world.marker("thinking"))
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert chunks[0].id.startswith("msg_")
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
@pytest.mark.requirement("usage:tokens", "usage:cost")
async def test_usage_is_the_vendors_count(world: World, way: str) -> None:
    """Cached tokens are part of the prompt in OpenAI's count, and named apart; the price is the vendor's own."""
    for _ in range(2):  # the CLI's own sums run over a whole process
        usage = (await ask(way, world.model, world.marker("usage"))).usage
        assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (160, 7, 167)
        assert usage.prompt_tokens_details.cached_tokens == 40
        assert usage.prompt_tokens_details.cache_creation_tokens == 20
        assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (40, 20)
        assert usage.cost == pytest.approx((100 * 2 + 20 * 4 + 40 * 0.1 + 7 * 10) / 1e6)


@pytest.mark.parametrize("model", [model for model in MODELS if model.name.startswith("claude-")], ids=lambda m: m.name)
@pytest.mark.requirement("usage:cost")
async def test_prices_known_beforehand_are_the_vendors(world: World, model: Any) -> None:
    """What LiteLLM's table says of a model is what the CLI charges in the end."""
    response = await litellm.acompletion(f"uutel/claude-code/{model.name}", [user(world.marker("usage"))])
    cost = response._hidden_params["response_cost"]
    assert cost == pytest.approx(litellm.completion_cost(response))
    assert cost == response.usage.cost
    assert cost == pytest.approx(
        100 * model.input_cost + 20 * model.cache_creation_cost + 40 * model.cache_read_cost + 7 * model.output_cost
    )


@pytest.mark.requirement("usage:model")
async def test_an_answer_says_which_model_gave_it(world: World) -> None:
    """The hidden parameters name what an alias does not, whole and in every chunk."""
    response = await litellm.acompletion(world.model, [user(world.marker("text"))])
    assert response.model == "claude-code/sonnet"
    assert response._hidden_params["uutel_model"] == "claude-sonnet-5-5"
    assert response._hidden_params["uutel_attempts"] == 1
    chunks = await stream(world.model, world.marker("text"))
    assert {chunk._hidden_params["uutel_model"] for chunk in chunks[:-1]} == {"claude-sonnet-5-5"}


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


@pytest.mark.parametrize("scenario", ANSWERS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.requirement("text:one-request")
async def test_a_call_is_one_request_to_the_model(world: World, scenario: str, way: str) -> None:
    """The CLI asks nothing on the side, and nothing more after an answer that it would like to mend."""
    # A model takes its time; one that does not might be asked again before anybody can say no.
    thought = {"pause": 0.5} if ANSWERS[scenario][0] != NUMBERED else {}
    marker, after = world.marker(scenario, **thought), world.marker("text")
    world.api.clear()
    await ask(way, world.model, marker)
    await ask(way, world.model, after)
    assert [Body(request).turns for request in world.api.requests] == [[("user", [marker])], [("user", [after])]]
