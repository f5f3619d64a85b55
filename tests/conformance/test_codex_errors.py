"""What goes wrong with Codex is told in LiteLLM's classes and the vendor's words, and spoils nothing after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import litellm
import pytest
from litellm import exceptions as lite

from tests.conformance.codex_world import ON_CODEX, CodexWorld
from tests.conformance.test_errors import ask, it_still_works, pieces, refused_at_once, whole
from tests.conformance.world import user
from tests.emulators.responses_api import scenarios

pytestmark = ON_CODEX

FAILURES: dict[str, tuple[type[Exception], str]] = {
    "e400": (lite.BadRequestError, "Invalid value: 'made-up'."),
    "e401": (lite.AuthenticationError, "Incorrect API key provided."),
    "e403": (lite.PermissionDeniedError, "Country not supported."),
    "e404": (lite.NotFoundError, "The model `made-up` does not exist."),
    "e413": (lite.BadRequestError, "Request too large."),
    "too_long": (lite.ContextWindowExceededError, "Codex ran out of room in the model's context window."),
    "e429": (lite.RateLimitError, "last status: 429 Too Many Requests"),
    "sse_rate": (lite.RateLimitError, "Please try again in 1.5s."),
    "limit": (lite.RateLimitError, "hit your usage limit"),
    "e500": (lite.InternalServerError, "temporary errors"),
    "e503": (lite.ServiceUnavailableError, "Selected model is at capacity."),
    "drop0": (lite.APIConnectionError, "error sending request"),
    "drop": (lite.APIConnectionError, "stream disconnected before completion"),
    "sse_error": (lite.APIConnectionError, "The model had a problem."),
    "truncated": (lite.APIConnectionError, "stream closed before response.completed"),
}
"""Of a rate limit, a failure and an overload the CLI gives its own words."""
BEGUN = {"drop": "p0 p1 p2 ", "sse_error": "p0 p1 ", "truncated": "p0 p1 p2 p3 p4 p5 "}
"""What the model had said when it failed."""


@pytest.mark.parametrize("scenario", FAILURES)
@pytest.mark.requirement("errors:typed")
async def test_a_failure_has_its_class_and_the_vendors_words(world: CodexWorld, scenario: str) -> None:
    """Provider and status are right, too, and the process can be used again."""
    cls, words = FAILURES[scenario]
    started, marker = world.processes_started, world.marker(scenario)
    with pytest.raises(cls) as caught:
        await whole(world, marker, max_retries=0)
    assert type(caught.value) is cls
    assert words in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert caught.value.llm_provider == "codex"
    assert len(world.bodies(marker)) == (3 if scenario == "e401" else 1)  # it reads the login again, and renews it
    await it_still_works(world)
    assert world.processes_started == max(started, 1)


@pytest.mark.parametrize("scenario", FAILURES)
@pytest.mark.requirement("errors:streamed")
async def test_a_failing_stream_ends_in_the_same_failure(world: CodexWorld, scenario: str) -> None:
    """After all that the model had said. What may pass by itself comes in LiteLLM's wrapper for broken streams."""
    cls, words = FAILURES[scenario]
    said: list[str] = []
    with pytest.raises(Exception, match=r"litellm\.") as caught:
        await pieces(world, world.marker(scenario), said, max_retries=0)
    error = caught.value
    if isinstance(error, lite.MidStreamFallbackError):
        error = error.original_exception
        assert error.status_code == 429 or error.status_code >= 500
    assert type(error) is cls
    assert words in str(error)
    assert "".join(said) == BEGUN.get(scenario, "")
    await it_still_works(world)


@pytest.mark.requirement("limits:reached")
async def test_a_used_up_plan_says_which_limit_and_until_when(world: CodexWorld) -> None:
    """In headers, where LiteLLM has no field for it; and it is not tried again."""
    marker = world.marker("limit")
    with pytest.raises(lite.RateLimitError) as caught:
        await whole(world, marker)
    headers = caught.value.response.headers
    assert (headers["x-uutel-limit-scope"], headers["x-uutel-resets-at"]) == ("five_hour", str(scenarios.RESETS_AT))
    world.body(marker)


@pytest.mark.requirement("errors:retried")
async def test_a_passing_trouble_is_tried_again(world: CodexWorld) -> None:
    """With pauses, until it works; the answer tells how many tries it took."""
    marker = world.marker("flaky_e529", times=2)
    response = await whole(world, marker)
    assert response._hidden_params["uutel_attempts"] == 3
    assert [body.turns for body in world.bodies(marker)] == [[("user", [marker])]] * 3


@pytest.mark.parametrize("way", ["whole", "stream"])
@pytest.mark.parametrize("scenario", ["drop", "sse_error"])
async def test_an_answer_that_has_begun_is_not_tried_again(world: CodexWorld, scenario: str, way: str) -> None:
    """It would be said, and paid for, twice."""
    marker = world.marker(scenario)
    with pytest.raises(Exception, match=FAILURES[scenario][1]):
        await ask(way, world, marker)
    world.body(marker)


@pytest.mark.parametrize("way", ["whole", "stream"])
@pytest.mark.parametrize("scenario", ["hang", "hang0", "slow"])
@pytest.mark.requirement("parameters:timeout")
async def test_no_call_outlasts_its_timeout(world: CodexWorld, scenario: str, way: str) -> None:
    """Nothing was said, or not all of it: the caller is free again, and the model is asked no longer."""
    marker = world.marker(scenario, n=1000)
    with anyio.fail_after(60), pytest.raises(lite.Timeout, match="within 1 s"):
        await ask(way, world, marker, timeout=1)
    await anyio.to_thread.run_sync(world.breaks_off, marker)
    await it_still_works(world)


@contextmanager
def logged_out(world: CodexWorld) -> Iterator[None]:
    """Without a stored login for a while."""
    path = world.home / ".codex" / "auth.json"
    aside = path.rename(path.with_suffix(".aside"))
    try:
        yield
    finally:
        aside.rename(path)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
@pytest.mark.requirement("errors:login")
async def test_without_a_login_the_call_says_how_to_log_in(world: CodexWorld, stream: bool, sync: bool) -> None:
    """Before anything is started."""
    with logged_out(world), refused_at_once(world, lite.AuthenticationError, "codex login"):
        if sync:
            litellm.completion(world.model, [user("Hello")], stream=stream)
        else:
            await litellm.acompletion(world.model, [user("Hello")], stream=stream)
    await it_still_works(world)


async def test_a_missing_cli_is_named_with_the_way_to_install_it(world: CodexWorld) -> None:
    """Before anything is started."""
    with (
        world.settings(CODEX__EXECUTABLE="/nowhere/codex"),
        refused_at_once(world, lite.APIConnectionError, "/nowhere/codex.*npm install"),
    ):
        await whole(world, "Hello")
    await it_still_works(world)
