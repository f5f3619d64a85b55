"""Who may ask Code Assist, with which login and for which project, and when nothing more is asked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import litellm
import openai
import pytest
from litellm import exceptions as lite

import uutel_bridge
from tests.conformance.cloud_world import ON_CLOUD
from tests.conformance.conversations import user
from tests.conformance.processes import BOUND
from tests.conformance.programs import run
from tests.conformance.test_errors import it_still_works, refused_at_once, whole
from tests.conformance.world import World, origin
from tests.emulators.code_assist import ONBOARDED
from tests.emulators.gemini_api import PROJECT, wrapper
from tests.emulators.google_sign_in import RENEWED
from tests.emulators.refusing_proxy import RefusingProxy
from uutel_bridge.core.errors import UUError

pytestmark = ON_CLOUD

NAMED = "another-project"


@contextmanager
def account(world: World, kind: str, **settings: str) -> Iterator[None]:
    """With a login of another kind of account for a while."""
    before, polls = world.api.account, world.api.polls
    world.api.account, world.api.polls = kind, 0
    try:
        with world.settings(**settings):
            yield
    finally:
        world.api.account, world.api.polls = before, polls


def project(world: World, marker: str) -> str:
    """Which one a request was for."""
    (recorded,) = world.api.of(marker)
    return wrapper(recorded)["project"]


# The user's word


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("word", ["", "false"])
async def test_without_its_users_word_nothing_leaves(world: World, word: str, stream: bool) -> None:
    """The call itself says why, and which two ways Google allows."""
    world.api.clear()
    for words in ("UUTEL_CLOUD_CODE__ACCEPT_TERMS=true", "uutel/gemini-cli/", "vertex_ai/"):
        with world.settings(ACCEPT_TERMS=word), refused_at_once(world, lite.PermissionDeniedError, words):
            await litellm.acompletion(world.model, [user("Hello")], stream=stream)
    with world.settings(ACCEPT_TERMS=word), refused_at_once(world, lite.PermissionDeniedError, "Google's terms"):
        litellm.completion(world.model, [user("Hello")], stream=stream, api_key="made-up-key")
    with world.settings(ACCEPT_TERMS=word):
        assert world.status.problem
        with pytest.raises(UUError):
            await anyio.to_thread.run_sync(uutel_bridge.warm, world.provider)
    assert world.api.other == []
    await it_still_works(world)


async def test_an_account_that_was_stopped_is_not_asked_with_again(world: World) -> None:
    """Neither in this program nor in a later one; another login is another matter."""
    marker, token = world.marker("e403_tos"), {"api_key": "made-up-key-of-a-stopped-account"}
    with world.settings():
        with pytest.raises(lite.PermissionDeniedError, match="Appeal at https://example") as caught:
            await whole(world, marker, **token)
        assert "violation of Terms of Service" in str(caught.value)
        for _ in range(2):
            with refused_at_once(world, lite.PermissionDeniedError, "Appeal at https://example"):
                await whole(world, world.marker("text"), **token)
            await uutel_bridge.aclose()
    world.body(marker)
    await it_still_works(world)


@pytest.mark.parametrize("scenario", ["e403_validation", "e403_validation_help"])
async def test_whom_google_wants_to_see_is_told_where(world: World, scenario: str) -> None:
    """And asked once."""
    marker = world.marker(scenario)
    with pytest.raises(lite.PermissionDeniedError, match="Open https://example"):
        await whole(world, marker)
    world.body(marker)


# The project


@pytest.mark.parametrize("how", ["argument", "setting", "variable"])
async def test_a_project_can_be_named(world: World, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For an account that has none of its own."""
    marker, given = world.marker("text"), {"project_id": NAMED} if how == "argument" else {}
    if how == "variable":
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", NAMED)
    with account(world, "own_project", **({"PROJECT_ID": NAMED} if how == "setting" else {})):
        await litellm.acompletion(world.model, [user(marker)], **given)
    assert project(world, marker) == NAMED


async def test_the_nearest_name_of_a_project_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument's before the setting's before the variable's, each for its request."""
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "of-the-variable")
    markers = [world.marker("text") for _ in range(2)]
    with account(world, "own_project", PROJECT_ID="of-the-setting"):
        await litellm.acompletion(world.model, [user(markers[0])], project_id="of-the-argument")
        await litellm.acompletion(world.model, [user(markers[1])])
    assert [project(world, marker) for marker in markers] == ["of-the-argument", "of-the-setting"]


async def test_a_project_that_google_names_wins(world: World) -> None:
    """It is asked for once, however many ask at the same time."""
    markers = [world.marker("text") for _ in range(4)]
    with account(world, "standard", PROJECT_ID=NAMED):
        world.api.clear()
        await asyncio.gather(*(litellm.acompletion(world.model, [user(marker)]) for marker in markers))
        assert [each.body["cloudaicompanionProject"] for each in world.api.other] == [NAMED]
    assert [project(world, marker) for marker in markers] == [PROJECT] * 4


@pytest.mark.parametrize(
    ("kind", "cls", "words"),
    [
        ("own_project", lite.BadRequestError, "project_id=.*GOOGLE_CLOUD_PROJECT"),
        ("no_project", lite.PermissionDeniedError, "Workspace accounts cannot use the free tier"),
        ("ineligible", lite.PermissionDeniedError, "Not available here"),
        ("validation", lite.PermissionDeniedError, "Open https://example"),
    ],
)
async def test_an_account_without_a_project_says_why(world: World, kind: str, cls: type[Exception], words: str) -> None:
    """The model is not asked."""
    marker = world.marker("text")
    with account(world, kind), pytest.raises(cls, match=words) as caught:
        await whole(world, marker)
    assert type(caught.value) is cls
    assert world.bodies(marker) == []
    await it_still_works(world)


async def test_a_new_account_is_set_up(world: World) -> None:
    """It gets a project of Google's, once."""
    markers = [world.marker("text") for _ in range(2)]
    with account(world, "onboarding"):
        world.api.clear()
        for marker in markers:
            await whole(world, marker)
        asked = [each.path for each in world.api.other]
    assert asked == ["/v1internal:loadCodeAssist", "/v1internal:onboardUser"]
    assert [project(world, marker) for marker in markers] == [ONBOARDED] * 2


# The login


async def test_a_token_in_the_environment_goes_before_a_stored_login(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the caller's own."""
    marker = world.marker("text")
    monkeypatch.setenv("GOOGLE_CLOUD_ACCESS_TOKEN", "made-up-token")
    with world.settings():
        await whole(world, marker)
    assert world.body(marker).key == "made-up-token"


async def test_a_stored_login_that_has_run_out_is_renewed_by_its_cli(world: World) -> None:
    """Once, for all who ask; it writes the file."""
    store = world.home / world.login
    stored = json.loads(store.read_bytes())
    markers = [world.marker("text") for _ in range(3)]
    try:
        store.write_text(json.dumps({**stored, "expiry_date": int(time.time() * 1000) - 1}), encoding="utf-8")
        with anyio.fail_after(BOUND), world.settings():
            await asyncio.gather(*(whole(world, marker) for marker in markers))
        assert [world.body(marker).key for marker in markers] == [RENEWED] * 3
        assert json.loads(store.read_bytes())["refresh_token"] == stored["refresh_token"]
    finally:
        store.write_text(json.dumps(stored), encoding="utf-8")
    await it_still_works(world)


async def test_a_token_of_the_callers_that_is_refused_is_not_tried_again(world: World) -> None:
    """There is no other; the error says whence to get one."""
    marker = world.marker("e401")
    with pytest.raises(lite.AuthenticationError, match="gcloud auth print-access-token") as caught:
        await whole(world, marker, api_key="made-up-key")
    assert "invalid authentication credentials" in str(caught.value)
    world.body(marker)
    await it_still_works(world)


async def test_after_warm_the_model_alone_is_asked(world: World) -> None:
    """The project is known."""
    with world.settings():
        world.api.clear()
        await anyio.to_thread.run_sync(uutel_bridge.warm, world.provider)
        assert [each.path for each in world.api.other] == ["/v1internal:loadCodeAssist"]
        await whole(world, world.marker("text"))
        assert len(world.api.other) == 1


# Trouble


@pytest.mark.parametrize("scenario", ["e429", "e429_capacity", "e429_plain", "e499", "e500", "e503", "e503_capacity"])
@pytest.mark.requirement("errors:retried")
async def test_what_may_pass_is_tried_again(world: World, scenario: str) -> None:
    """A short limit, no capacity, a failure of the service."""
    marker = world.marker(scenario, times=1)
    response = await whole(world, marker)
    assert response.choices[0].message.content == "part0 part1 part2 part3 "
    assert len(world.bodies(marker)) == 2


@pytest.mark.requirement("limits:reached")
async def test_a_quota_tells_when_it_is_back(world: World) -> None:
    """In headers that the Router reads."""
    with pytest.raises(lite.RateLimitError) as caught:
        await whole(world, world.marker("e429_quota"))
    headers = caught.value.response.headers
    assert headers["retry-after"] == "3600"
    assert headers["x-uutel-resets-at"] == str(world.api.scenarios.RESETS_AT)
    assert headers["x-uutel-limit-scope"] == "QUOTA_EXHAUSTED"


async def test_a_network_that_refuses_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and nobody but Google was to be asked."""
    marker = world.marker("text")
    with RefusingProxy() as proxy, anyio.fail_after(BOUND):
        for name, value in proxy.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv(world.variable("API_BASE"))
        with world.settings(RETRY__MAX_RETRIES="0"), pytest.raises(lite.APIConnectionError, match="HTTPS_PROXY"):
            await whole(world, marker)
        monkeypatch.undo()
        assert proxy.attempts == ["cloudcode-pa.googleapis.com:443"]
    assert world.bodies(marker) == []
    with world.settings():
        await it_still_works(world)


@pytest.mark.parametrize("scenario", ["hang0", "hang"])
async def test_close_ends_calls_that_run(world: World, scenario: str) -> None:
    """None of them hangs, each learns why, and none is asked again."""
    markers = [world.marker(scenario) for _ in range(3)]
    with anyio.fail_after(BOUND):
        tasks = [asyncio.create_task(whole(world, marker)) for marker in markers]
        for marker in markers:
            await anyio.to_thread.run_sync(world.arrives, marker)
        await uutel_bridge.aclose()
        failures = await asyncio.gather(*tasks, return_exceptions=True)
        for marker in markers:
            await anyio.to_thread.run_sync(world.breaks_off, marker)
            world.body(marker)
        await it_still_works(world)
    assert all(isinstance(each, openai.APIConnectionError) for each in failures), failures
    assert {str(origin(each)) for each in failures if isinstance(each, Exception)} == {world.closed[1]}


def test_a_forked_process_has_connections_of_its_own(world: World) -> None:
    """Both ask, the child and then the parent again."""
    marker = world.marker("text")
    out = run(
        world,
        marker,
        """
    def ask():
        return litellm.completion(MODEL, MESSAGES).choices[0].message.content

    def settle():
        # LiteLLM logs in threads: a fork in the middle of that leaves the forked process a lock that nobody opens.
        from litellm.litellm_core_utils.thread_pool_executor import executor
        while executor._work_queue.qsize() or executor._idle_semaphore._value < len(executor._threads):
            time.sleep(0.01)

    ask()
    settle()
    pid = os.fork()
    if pid == 0:
        print(ask(), flush=True)
        os._exit(7)  # as a forked process should: the threads that an exit would wait for are not there
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(ask(), status, flush=True)
    """,
    )
    assert out == ["part0 part1 part2 part3 ", "part0 part1 part2 part3  7"]
    assert len(world.bodies(marker)) == 3
