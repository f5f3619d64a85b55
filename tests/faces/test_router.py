"""LiteLLM's Router over several providers: what one cannot answer, the next one does, and sees all that was said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Any

import anyio
import litellm
import pytest

from tests.conformance.conversations import assistant, call, function, numbered, result, system, user
from tests.conformance.processes import BOUND
from tests.conformance.world import World

ANSWER = "part0 part1 part2 part3 "
TOOLS = [function("alpha", "Looks."), function("beta", "Looks closer.")]
SAID = [
    system("Be exact."),
    user("Look around."),
    assistant("Let me look.", call("c1", "alpha", '{"n": 0}'), call("c2", "beta", '{"n": 1}')),
    result("c1", "rain"),
    result("c2", "wind"),
    assistant("It is wet."),
]


def a_router(worlds: Mapping[str, World], *providers: str, **options: Any) -> litellm.Router:
    """A group for each of these providers, by its name."""
    deployments = [{"model_name": name, "litellm_params": {"model": worlds[name].model}} for name in providers]
    return litellm.Router(model_list=deployments, **{"num_retries": 0, **options})


def failing_first(first: World, scenario: str, second: World) -> str:
    """The marker of a scenario that the first provider fails with, and the second no longer."""
    marker = first.marker(scenario, times=50)
    second.api._calls[marker] = 50
    return marker


async def whole(router: Any, model: str, messages: list[Any], **given: Any) -> tuple[str, str]:
    """The answer, and why it ended."""
    response: Any = await router.acompletion(model, messages, tools=TOOLS, **given)
    return response.choices[0].message.content, response.choices[0].finish_reason


async def streamed(router: Any, model: str, messages: list[Any], **given: Any) -> tuple[str, str]:
    """Likewise."""
    stream: Any = await router.acompletion(model, messages, tools=TOOLS, stream=True, **given)
    choices = [chunk.choices[0] async for chunk in stream]
    return "".join(choice.delta.content or "" for choice in choices), choices[-1].finish_reason


@pytest.mark.parametrize(
    ("ask", "first", "second", "scenario"),
    [
        (whole, "claude-code", "codex", "e401"),
        (whole, "claude-code", "gemini-cli", "e500"),
        (whole, "codex", "cloud-code", "limit"),
        (whole, "gemini-cli", "claude-code", "e403"),
        (whole, "cloud-code", "codex", "e500"),
        (streamed, "claude-code", "codex", "e401"),
        (streamed, "claude-code", "gemini-cli", "too_long"),
        (streamed, "claude-code", "codex", "e500"),
        (streamed, "codex", "cloud-code", "limit"),
        (streamed, "gemini-cli", "claude-code", "e429"),
    ],
)
async def test_the_next_provider_answers_the_same_conversation(
    worlds: Mapping[str, World], ask: Any, first: str, second: str, scenario: str
) -> None:
    """With the calls in it and what came of them; the first was asked in vain."""
    marker = failing_first(worlds[first], scenario, worlds[second])
    messages = [*SAID, user(f"And now? {marker}")]
    router = a_router(worlds, first, second, fallbacks=[{first: [second]}])
    with anyio.fail_after(BOUND):
        assert await ask(router, first, messages) == (ANSWER, "stop")
    assert worlds[first].bodies(marker)
    body = worlds[second].body(marker)
    assert (body.system, list(body.tools)) == (["Be exact."], ["alpha", "beta"])
    assert numbered(body.conversation) == numbered(worlds[second].seen(messages))


async def by_router(world: World, ask: Any, marker: str, retries: int, **given: Any) -> None:
    """A request through a Router that tries again so often."""
    await ask(a_router({"a": world}, "a", num_retries=retries), "a", [user(marker)], **given)


async def by_deployment(world: World, ask: Any, marker: str, retries: int) -> None:
    """One through a Router that does not, but for this deployment."""
    deployment = {"model_name": "a", "litellm_params": {"model": world.model, "num_retries": retries}}
    await ask(litellm.Router(model_list=[deployment], num_retries=0), "a", [user(marker)])


async def directly(world: World, ask: Any, marker: str, **given: Any) -> None:
    """One without a Router."""
    await ask(litellm, world.model, [user(marker)], **given)


RETRIES = {
    "a Router with none": (partial(by_router, retries=0), 0),
    "a Router": (partial(by_router, retries=2), 2),
    "a request to a Router": (partial(by_router, retries=2, num_retries=1), 1),
    "a deployment": (partial(by_deployment, retries=2), 2),
    "num_retries": (partial(directly, num_retries=2), 2),
    "num_retries of none": (partial(directly, num_retries=0), 0),
    "max_retries": (partial(directly, max_retries=2), 2),
    "nobody": (directly, 3),
}
"""Who says how often to try again, and how often that is."""


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize(
    ("provider", "scenario", "pause", "failure"),
    [
        ("claude-code", "e529", 0, litellm.ServiceUnavailableError),
        ("cloud-code", "e429_rate", 1, litellm.RateLimitError),
        ("claude-code", "e401", None, litellm.AuthenticationError),
    ],
    ids=["overloaded", "limited", "refused"],
)
async def test_what_may_pass_is_tried_again_by_one_party(
    worlds: Mapping[str, World], ask: Any, provider: str, scenario: str, pause: int | None, failure: type[Exception]
) -> None:
    """As often as said: by LiteLLM where it hears of it, else by the bridge, which keeps the vendor's pause."""
    world = worlds[provider]
    markers = {name: world.marker(scenario, retry_after=pause or 0) for name in RETRIES}

    async def fails(name: str) -> None:
        with pytest.raises((failure, litellm.exceptions.MidStreamFallbackError)) as caught:
            await RETRIES[name][0](world, ask, markers[name])
        assert isinstance(getattr(caught.value, "original_exception", None) or caught.value, failure)

    with anyio.fail_after(BOUND):
        async with anyio.create_task_group() as group:
            for name in RETRIES:
                group.start_soon(fails, name)
    _, _, by_the_cli = world.tables.failures[scenario]
    arrived = {name: [each.arrived for each in world.api.of(marker)] for name, marker in markers.items()}
    again = {name: retries if pause is not None else 0 for name, (_, retries) in RETRIES.items()}
    if ask is whole:
        again["num_retries"] = 2  # LiteLLM's own do not ask what it was
    assert {name: len(times) for name, times in arrived.items()} == {
        name: by_the_cli * (1 + times) for name, times in again.items()
    }
    gaps = [later - sooner for times in arrived.values() for sooner, later in pairwise(times)]
    assert ask is whole or min(gaps) >= (pause or 0)


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize("provider", ["claude-code", "codex"])
async def test_a_plan_that_is_used_up_is_asked_once(worlds: Mapping[str, World], ask: Any, provider: str) -> None:
    """However often the Router would try again."""
    world = worlds[provider]
    marker = world.marker("limit", times=9)
    with anyio.fail_after(BOUND), pytest.raises((litellm.RateLimitError, litellm.exceptions.MidStreamFallbackError)):
        await by_router(world, ask, marker, 2)
    assert len(world.api.of(marker)) == 1


async def as_responses(router: litellm.Router, messages: list[Any]) -> str:
    """A stream in the form of OpenAI's Responses API."""
    stream: Any = await router.aresponses(model="a", input=messages, stream=True)
    return "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])


async def as_messages(router: litellm.Router, messages: list[Any]) -> str:
    """One in that of Anthropic's Messages API."""
    stream: Any = await router.aanthropic_messages(
        model="a", messages=messages, max_tokens=100, stream=True, drop_params=True
    )
    lines = b"".join([piece async for piece in stream]).decode().splitlines()
    deltas = [json.loads(line[6:]).get("delta", {}) for line in lines if line.startswith("data: ")]
    return "".join(delta.get("text", "") for delta in deltas)


@pytest.mark.parametrize("ask", [as_responses, as_messages])
async def test_a_stream_in_another_form_is_tried_again_by_one_party(worlds: Mapping[str, World], ask: Any) -> None:
    """The Router itself does so for Anthropic's, and holds back what has come of it."""
    world = worlds["claude-code"]
    enough, too_few = (world.marker("e529", times=times) for times in (2, 9))
    router = a_router({"a": world}, "a", num_retries=2)
    with anyio.fail_after(BOUND):
        assert await ask(router, [user(enough)]) == ANSWER
        with suppress(litellm.ServiceUnavailableError):  # in Anthropic's form it is an event
            assert await ask(router, [user(too_few)]) == ""
    assert [len(world.bodies(marker)) for marker in (enough, too_few)] == [3, 3]


@pytest.mark.parametrize("ask", [whole, streamed])
async def test_what_is_too_long_goes_where_there_is_more_room(worlds: Mapping[str, World], ask: Any) -> None:
    """By the fallbacks for just that."""
    marker = failing_first(worlds["claude-code"], "too_long", worlds["gemini-cli"])
    given = {"context_window_fallbacks": [{"claude-code": ["gemini-cli"]}], "fallbacks": [{"claude-code": ["codex"]}]}
    router = a_router(worlds, "claude-code", "gemini-cli", "codex", **given)
    assert await ask(router, "claude-code", [*SAID, user(marker)]) == (ANSWER, "stop")
    worlds["gemini-cli"].body(marker)


async def test_that_goes_there_as_a_stream_of_responses_too(worlds: Mapping[str, World]) -> None:
    """Not in Anthropic's form: LiteLLM makes an event of such a failure before its Router sees it."""
    marker = failing_first(worlds["claude-code"], "too_long", worlds["gemini-cli"])
    two = {"a": worlds["claude-code"], "b": worlds["gemini-cli"]}
    router = a_router(two, "a", "b", context_window_fallbacks=[{"a": ["b"]}])
    assert await as_responses(router, [user(marker)]) == ANSWER


async def test_what_a_model_refuses_goes_to_another(worlds: Mapping[str, World]) -> None:
    """By the fallbacks for just that; of an answer in one piece, for it is its end that LiteLLM looks at."""
    marker = worlds["claude-code"].marker("refusal")
    given = {"content_policy_fallbacks": [{"claude-code": ["gemini-cli"]}]}
    router = a_router(worlds, "claude-code", "gemini-cli", **given)
    assert await whole(router, "claude-code", [*SAID, user(marker)]) == ("I ", "stop")
    worlds["claude-code"].body(marker)
    worlds["gemini-cli"].body(marker)


@pytest.mark.parametrize(
    ("scenario", "failure"),
    [
        ("e401", litellm.AuthenticationError),
        ("e403", litellm.PermissionDeniedError),
        ("e404", litellm.NotFoundError),
        ("too_long", litellm.ContextWindowExceededError),
        ("limit", litellm.RateLimitError),
        ("e500", litellm.InternalServerError),
    ],
)
async def test_a_stream_without_a_fallback_fails_for_its_own_reason(
    worlds: Mapping[str, World], scenario: str, failure: type[Exception]
) -> None:
    """As a whole answer does."""
    world = worlds["claude-code"]
    for ask in (whole, streamed):
        with pytest.raises(failure):
            await ask(a_router(worlds, "claude-code"), "claude-code", [user(world.marker(scenario))])


async def test_an_answer_that_has_begun_is_not_begun_again(worlds: Mapping[str, World]) -> None:
    """What the caller has read stands, and the failure is told."""
    world = worlds["claude-code"]
    marker = world.marker("drop")
    router = a_router(worlds, "claude-code", "codex", fallbacks=[{"claude-code": ["codex"]}])
    stream: Any = await router.acompletion("claude-code", [user(marker)], stream=True)
    read = [""]

    async def reads() -> None:
        async for chunk in stream:
            read[0] += chunk.choices[0].delta.content or ""

    with pytest.raises(litellm.APIConnectionError):
        await reads()
    assert read == ["p0 p1 p2 "]
    assert not worlds["codex"].bodies(marker)


@pytest.mark.parametrize("scenario", ["e401", "e500", "too_long"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_that_waits_has_fallbacks_too(worlds: Mapping[str, World], scenario: str, stream: bool) -> None:
    """The Router's plain call, and its plain stream."""
    marker = failing_first(worlds["claude-code"], scenario, worlds["gemini-cli"])
    router = a_router(worlds, "claude-code", "gemini-cli", fallbacks=[{"claude-code": ["gemini-cli"]}])
    response: Any = router.completion("claude-code", [user(marker)], stream=stream)
    if stream:
        response = litellm.stream_chunk_builder(list(response))
    assert response.choices[0].message.content == ANSWER


async def test_fallbacks_of_a_single_call_need_no_router(worlds: Mapping[str, World]) -> None:
    """LiteLLM's own parameter."""
    marker = failing_first(worlds["claude-code"], "e401", worlds["codex"])
    asked = litellm.acompletion(worlds["claude-code"].model, [user(marker)], fallbacks=[worlds["codex"].model])
    response: Any = await asked
    assert response.choices[0].message.content == ANSWER
