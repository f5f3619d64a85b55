"""What LiteLLM does around a call: callbacks, its own answers, its own parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from queue import Queue
from typing import Any

import anyio
import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger

from tests.conformance.conversations import user
from tests.conformance.processes import BOUND
from tests.conformance.world import World

ANSWER = "part0 part1 part2 part3 "
TWO = pytest.mark.parametrize("provider", ["claude-code", "codex"])


class Bell(CustomLogger):
    """Notes how each call ended, and by which id."""

    def __init__(self) -> None:
        super().__init__()
        self.rung: Queue[tuple[str, str]] = Queue()

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Of a call that was answered; of a stream also for each chunk, without the whole."""
        if not kwargs.get("stream") or kwargs.get("async_complete_streaming_response"):
            self.rung.put((kwargs["litellm_call_id"], "success"))

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Of a call that was not."""
        self.rung.put((kwargs["litellm_call_id"], "failure"))


@pytest.fixture(scope="module")
def bell() -> Iterator[Bell]:
    """One that LiteLLM knows."""
    bell = Bell()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(litellm, "callbacks", [bell])
        yield bell


async def rings(bell: Bell, *, until: str) -> list[tuple[str, str]]:
    """What was heard of calls that have a marker for their id, up to this one; LiteLLM is late with others."""
    heard: list[tuple[str, str]] = []
    while not heard or heard[-1][0] != until:
        rung = await anyio.to_thread.run_sync(partial(bell.rung.get, timeout=BOUND))
        heard += [rung] * rung[0].startswith("[[")
    return heard


@TWO
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("scenario", "end"), [("text", "success"), ("e400", "failure")])
async def test_a_call_is_told_once(
    worlds: Mapping[str, World], bell: Bell, provider: str, scenario: str, end: str, stream: bool
) -> None:
    """Whether it was answered or not."""
    world = worlds[provider]

    async def ask(marker: str) -> None:
        asked: Any = await litellm.acompletion(world.model, [user(marker)], stream=stream, litellm_call_id=marker)
        if stream:
            assert [chunk async for chunk in asked]

    first, second = world.marker(scenario), world.marker("text")
    if end == "success":
        await ask(first)
    else:
        with pytest.raises(litellm.BadRequestError):
            await ask(first)
    await ask(second)
    assert await rings(bell, until=second) == [(first, end), (second, "success")]


@TWO
async def test_a_made_up_answer_asks_nobody(worlds: Mapping[str, World], provider: str) -> None:
    """`mock_response`, whole and streamed."""
    world = worlds[provider]
    marker = world.marker("text")
    response: Any = await litellm.acompletion(world.model, [user(marker)], mock_response="made up")
    assert response.choices[0].message.content == "made up"
    stream: Any = await litellm.acompletion(world.model, [user(marker)], mock_response="made up", stream=True)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "made up"
    assert not world.bodies(marker)


@TWO
async def test_choices_are_made_side_by_side(worlds: Mapping[str, World], provider: str) -> None:
    """The model is at work on all of them before the first is done."""
    world = worlds[provider]
    marker = world.marker("slow", n=4, delay=0.2)
    response: Any = await litellm.acompletion(world.model, [user(marker)], n=3)
    assert [choice.message.content for choice in response.choices] == ["s0 s1 s2 s3 "] * 3
    asked = world.api.of(marker)
    assert max(each.arrived for each in asked) < min(each.finished or 0 for each in asked)


@TWO
@pytest.mark.parametrize("included", [False, True])
async def test_usage_is_in_a_stream_when_it_was_asked_for(
    worlds: Mapping[str, World], provider: str, included: bool
) -> None:
    """By `stream_options`, in a chunk of its own, the last."""
    world = worlds[provider]
    given = {"stream_options": {"include_usage": True}} if included else {}
    stream: Any = await litellm.acompletion(world.model, [user(world.marker("usage"))], stream=True, **given)
    chunks = [chunk async for chunk in stream]
    told = [chunk for chunk in chunks if getattr(chunk, "usage", None)]
    assert told == chunks[-1:] * included
    assert [chunk.usage.completion_tokens for chunk in told] == [7] * included


@TWO
async def test_what_a_provider_cannot_do_is_dropped_on_request(worlds: Mapping[str, World], provider: str) -> None:
    """`drop_params`; without it the parameter is named."""
    world = worlds[provider]
    with pytest.raises(litellm.UnsupportedParamsError, match="logit_bias"):
        await litellm.acompletion(world.model, [user(world.marker("text"))], logit_bias={"1": 1})
    response: Any = await litellm.acompletion(
        world.model, [user(world.marker("text"))], logit_bias={"1": 1}, drop_params=True
    )
    assert response.choices[0].message.content == ANSWER


@TWO
@pytest.mark.parametrize("stream", [False, True])
async def test_a_timeout_ends_a_call(worlds: Mapping[str, World], provider: str, stream: bool) -> None:
    """Which LiteLLM leaves to the provider; the vendor is no longer kept waiting either."""
    world = worlds[provider]
    marker = world.marker("hang0")

    async def ask() -> None:
        asked: Any = await litellm.acompletion(world.model, [user(marker)], stream=stream, timeout=1)
        if stream:
            assert [chunk async for chunk in asked]

    with anyio.fail_after(BOUND), pytest.raises(litellm.Timeout):
        await ask()
    await anyio.to_thread.run_sync(world.breaks_off, marker)
