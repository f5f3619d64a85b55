"""What goes wrong is told in LiteLLM's classes and the vendor's words, and spoils nothing that comes after."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import litellm
import pytest
from litellm import exceptions as lite

from tests.conformance.conversations import user
from tests.conformance.processes import BOUND
from tests.conformance.world import PROCESSES, QUICK, World, origin
from uutel_bridge.core.errors import VendorUnavailable


async def whole(world: World, text: str, **given: Any) -> Any:
    """An answer in one piece."""
    return await litellm.acompletion(world.model, [user(text)], **given)


async def pieces(world: World, text: str, into: list[str], **given: Any) -> None:
    """An answer bit by bit."""
    async for chunk in await litellm.acompletion(world.model, [user(text)], stream=True, **given):
        into += [choice.delta.content or "" for choice in chunk.choices]


async def ask(way: str, world: World, text: str, **given: Any) -> None:
    """Ask in either way, for the failure's sake."""
    await (whole(world, text, **given) if way == "whole" else pieces(world, text, [], **given))


async def it_still_works(world: World) -> None:
    """The next request is answered, and holds nothing of one before."""
    marker = world.marker("text")
    response = await whole(world, marker)
    assert response.choices[0].message.content == "part0 part1 part2 part3 "
    assert world.body(marker).turns == [("user", [marker])]


def _marker(world: World, scenario: str) -> str:
    """An answer that breaks off takes a model's time, for a CLI that gets it in one piece may ask again on its own."""
    return world.marker(scenario, **({"pause": 0.5} if scenario in world.tables.begun else {}))


@pytest.mark.each("scenario", "failures")
@pytest.mark.requirement("errors:typed")
async def test_a_failure_has_its_class_and_the_vendors_words(world: World, scenario: str) -> None:
    """Provider and status are right, too, and the process can be used again or is replaced."""
    cls, words, requests = world.tables.failures[scenario]
    started, marker = world.processes_started, _marker(world, scenario)
    with pytest.raises(cls) as caught:
        await whole(world, marker, max_retries=0)
    assert type(caught.value) is cls
    assert words in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert caught.value.llm_provider == world.provider
    assert len(world.bodies(marker)) == requests
    await it_still_works(world)
    if world.is_shared:  # a failure of one must not end the others
        assert world.processes_started == world.if_any(max(started, 1))


@pytest.mark.each("scenario", "failures")
@pytest.mark.requirement("errors:streamed")
async def test_a_failing_stream_ends_in_the_same_failure(world: World, scenario: str) -> None:
    """After all that the model had said. What may pass by itself comes in LiteLLM's wrapper for broken streams."""
    cls, words, _ = world.tables.failures[scenario]
    said: list[str] = []
    with pytest.raises(Exception, match=r"litellm\.") as caught:
        await pieces(world, world.marker(scenario), said, max_retries=0)
    error = caught.value
    if isinstance(error, lite.MidStreamFallbackError):
        error = error.original_exception
        assert error.status_code == 429 or error.status_code >= 500
    assert type(error) is cls
    assert words in str(error)
    assert "".join(said) == world.tables.begun.get(scenario, "")
    await it_still_works(world)


# Further tries


@pytest.mark.requirement("errors:retried")
async def test_a_passing_trouble_is_tried_again(world: World) -> None:
    """With pauses, until it works; the answer tells how many tries it took."""
    marker = world.marker("flaky_e529", times=2)
    response = await whole(world, marker)
    assert response._hidden_params["uutel"]["attempts"] == 3
    assert [body.turns for body in world.bodies(marker)] == [[("user", [marker])]] * 3


async def test_a_stream_that_has_not_begun_is_tried_again(world: World) -> None:
    """As long as the caller has seen nothing."""
    said: list[str] = []
    await pieces(world, world.marker("flaky_e529"), said)
    assert "".join(said) == "part0 part1 part2 part3 "


async def test_a_caller_with_retries_of_its_own_gets_those(world: World) -> None:
    """LiteLLM tries again, and we do not as well."""
    marker = world.marker("flaky_e529", times=2)
    response = await whole(world, marker, num_retries=3)
    assert response._hidden_params["uutel"]["attempts"] == 1
    assert len(world.bodies(marker)) == 3


@pytest.mark.each("scenario", "lasting")
@pytest.mark.requirement("errors:retried")
async def test_what_will_not_pass_is_not_tried_again(world: World, scenario: str) -> None:
    """A used-up plan, a bad request, a missing right; whatever the CLI itself asks again."""
    cls, _, requests = world.tables.failures[scenario]
    marker = world.marker(scenario)
    with pytest.raises(cls):
        await whole(world, marker)
    assert len(world.bodies(marker)) == requests


@pytest.mark.each("scenario", "begun")
@pytest.mark.parametrize("way", ["whole", "stream"])
async def test_an_answer_that_has_begun_is_not_tried_again(world: World, scenario: str, way: str) -> None:
    """It would be said, and paid for, twice."""
    marker = _marker(world, scenario)
    with pytest.raises(Exception, match=re.escape(world.tables.failures[scenario][1])):
        await ask(way, world, marker)
    assert len(world.bodies(marker)) == 1


@pytest.mark.parametrize("name", ["max_retries", "num_retries"])
async def test_a_caller_who_wants_no_retries_gets_none(world: World, name: str) -> None:
    """Whoever counts them, LiteLLM or its Router, the bridge adds none."""
    marker = world.marker(world.overloaded)
    with pytest.raises(lite.ServiceUnavailableError):
        await whole(world, marker, **{name: 0})
    assert len(world.bodies(marker)) == 1


async def test_retries_can_be_switched_off(world: World) -> None:
    """For all calls, by a setting."""
    marker = world.marker(world.overloaded)
    with world.settings(RETRY__MAX_RETRIES="0"), pytest.raises(lite.ServiceUnavailableError):
        await whole(world, marker)
    assert len(world.bodies(marker)) == 1


# Time


@pytest.mark.parametrize("way", ["whole", "stream"])
@pytest.mark.parametrize("scenario", ["hang", "hang0", "slow"])
@pytest.mark.requirement("parameters:timeout")
async def test_no_call_outlasts_its_timeout(world: World, scenario: str, way: str) -> None:
    """Nothing was said, or not all of it: caller and process are free again, and the model is asked no longer."""
    marker = world.marker(scenario, n=1000)
    with anyio.fail_after(60), pytest.raises(lite.Timeout, match="within 1 s"):
        await ask(way, world, marker, timeout=1)
    await anyio.to_thread.run_sync(world.breaks_off, marker)
    await it_still_works(world)


@QUICK
async def test_no_try_is_begun_that_could_not_end_in_time(world: World) -> None:
    """The failure is told at once where the next pause would outlast the timeout."""
    marker = world.marker(world.overloaded)
    pauses = world.settings(RETRY__BACKOFF_FACTOR="100")  # half a second, then fifty
    with anyio.fail_after(100), pauses, pytest.raises(lite.ServiceUnavailableError):
        await whole(world, marker, timeout=40)
    assert len(world.bodies(marker)) == 2


@pytest.mark.requirement("processes:failed")
async def test_an_api_out_of_reach_is_an_error(world: World) -> None:
    """Nobody listens at the address: somebody's own words say so, and other addresses still work."""
    with world.settings(MAX_PROCESSES="1", RETRY__MAX_RETRIES="0"), anyio.fail_after(BOUND):
        with pytest.raises(lite.APIConnectionError) as caught:
            await whole(world, world.marker("text"), api_base="http://127.0.0.1:9", timeout=60)
        error = origin(caught.value)
        assert isinstance(error, VendorUnavailable)
        assert error.evidence
        await world.is_exact()


# Logins and executables


@contextmanager
def refused_at_once(world: World, cls: type[Exception], words: str) -> Iterator[None]:
    """The call itself raises: no process is started, the model is not asked."""
    started, asked = world.processes_started, len(world.api.requests)
    with pytest.raises(cls, match=words) as caught:
        yield
    assert "Traceback" not in str(caught.value)
    assert (world.processes_started, len(world.api.requests)) == (started, asked)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
@pytest.mark.requirement("errors:login")
async def test_without_a_login_the_call_says_how_to_log_in(world: World, stream: bool, sync: bool) -> None:
    """Before anything is started."""
    path = world.home / world.login
    aside = path.rename(path.with_suffix(".aside"))
    try:
        with refused_at_once(world, lite.AuthenticationError, world.login_command):
            if sync:
                litellm.completion(world.model, [user("Hello")], stream=stream)
            else:
                await litellm.acompletion(world.model, [user("Hello")], stream=stream)
    finally:
        aside.rename(path)
    await it_still_works(world)


@PROCESSES
async def test_a_missing_cli_is_named_with_the_way_to_install_it(world: World) -> None:
    """Before anything is started."""
    missing = f"/nowhere/{world.parts.executable}"
    words = f"{missing}.*{re.escape(world.parts.install_command)}"
    with world.settings(EXECUTABLE=missing), refused_at_once(world, lite.APIConnectionError, words):
        await whole(world, "Hello")
    await it_still_works(world)
