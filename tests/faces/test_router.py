"""LiteLLM's Router over several providers: what one cannot answer, the next one does, and sees all that was said."""

from __future__ import annotations

from collections.abc import Mapping
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


async def whole(router: litellm.Router, model: str, messages: list[Any]) -> tuple[str, str]:
    """The answer, and why it ended."""
    response: Any = await router.acompletion(model, messages, tools=TOOLS)
    return response.choices[0].message.content, response.choices[0].finish_reason


async def streamed(router: litellm.Router, model: str, messages: list[Any]) -> tuple[str, str]:
    """Likewise."""
    stream: Any = await router.acompletion(model, messages, tools=TOOLS, stream=True)
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


@pytest.mark.parametrize("provider", ["claude-code", "codex"])
async def test_an_overloaded_provider_is_asked_again(worlds: Mapping[str, World], provider: str) -> None:
    """By the Router, as often as it was told to: the bridge leaves it to it."""
    world = worlds[provider]
    marker = world.marker(world.overloaded, times=1)
    router = a_router(worlds, provider, num_retries=1)
    with anyio.fail_after(BOUND):
        assert await whole(router, provider, [user(marker)]) == (ANSWER, "stop")
    assert len(world.bodies(marker)) == 2


async def test_a_refused_login_is_not_tried_again(worlds: Mapping[str, World]) -> None:
    """However often the Router may: it would be refused again."""
    world = worlds["codex"]

    async def requests(retries: int) -> int:
        marker = world.marker("e401")
        with pytest.raises(litellm.AuthenticationError):
            await a_router(worlds, "codex", num_retries=retries).acompletion("codex", [user(marker)])
        return len(world.bodies(marker))

    assert await requests(3) == await requests(0)


async def test_what_is_too_long_goes_where_there_is_more_room(worlds: Mapping[str, World]) -> None:
    """By the fallbacks for just that."""
    marker = failing_first(worlds["claude-code"], "too_long", worlds["gemini-cli"])
    given = {"context_window_fallbacks": [{"claude-code": ["gemini-cli"]}]}
    router = a_router(worlds, "claude-code", "gemini-cli", **given)
    assert await whole(router, "claude-code", [*SAID, user(marker)]) == (ANSWER, "stop")
    worlds["gemini-cli"].body(marker)


async def test_what_a_model_refuses_goes_to_another(worlds: Mapping[str, World]) -> None:
    """By the fallbacks for just that; of an answer in one piece, for in a stream its words have been said."""
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


def test_a_caller_that_waits_has_fallbacks_too(worlds: Mapping[str, World]) -> None:
    """The Router's plain call."""
    marker = failing_first(worlds["claude-code"], "e401", worlds["codex"])
    router = a_router(worlds, "claude-code", "codex", fallbacks=[{"claude-code": ["codex"]}])
    response: Any = router.completion("claude-code", [user(marker)])
    assert response.choices[0].message.content == ANSWER


async def test_fallbacks_of_a_single_call_need_no_router(worlds: Mapping[str, World]) -> None:
    """LiteLLM's own parameter."""
    marker = failing_first(worlds["claude-code"], "e401", worlds["codex"])
    asked = litellm.acompletion(worlds["claude-code"].model, [user(marker)], fallbacks=[worlds["codex"].model])
    response: Any = await asked
    assert response.choices[0].message.content == ANSWER
