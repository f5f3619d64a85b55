"""A turn at the endpoint: what it is asked, with which token, for which project, and when it is asked again."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from tests.emulators import code_assist
from tests.emulators.code_assist import ONBOARDED, PROJECT
from tests.emulators.gemini_api import wrapper
from tests.providers.cloud_code.conftest import LOAD, MODEL, Place
from tests.providers.cloud_code.logins import ACCESS, ADC, log_in, service_account, write
from uutel_bridge.core.bridge import Options
from uutel_bridge.core.errors import (
    BadRequest,
    LoginExpired,
    LoginMissing,
    PermissionDenied,
    RateLimited,
    UUError,
    VendorUnavailable,
)
from uutel_bridge.core.events import Event
from uutel_bridge.providers.cloud_code import credentials
from uutel_bridge.providers.cloud_code.failures import AccountStopped

CROWD = 16
STORED = "fake-access-token"
"""The one that the made-up home has."""


async def crowd(ask: Callable[[], Any]) -> list[Any]:
    """What each of many gets who ask at once: an answer or an error."""
    got: list[Any] = []

    async def one() -> None:
        try:
            got.append(await ask())
        except UUError as error:
            got.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(CROWD):
            group.start_soon(one)
    return got


# What a request is wrapped in


async def test_requests_are_wrapped_as_the_endpoint_wants_them(place: Place) -> None:
    """One series for a program, one id for each prompt, the project, and who asks."""
    async with place.program() as program:
        await program.ask()
        await program.ask()
    first, second = (wrapper(each) for each in place.api.requests)
    assert first.keys() == {"model", "project", "user_prompt_id", "request"}
    assert (first["model"], first["project"]) == (MODEL, PROJECT)
    assert first["request"]["session_id"] == second["request"]["session_id"]
    assert first["user_prompt_id"] != second["user_prompt_id"]
    for each in [*place.api.requests, *place.api.other]:
        assert each.headers["user-agent"].startswith("uutel-bridge/")
        assert not [name for name in each.headers if name.startswith(("x-goog", "client-metadata"))]


# The project


async def test_many_first_requests_make_one_discovery(place: Place) -> None:
    """All wait for the same answer; whoever comes later asks the model at once."""
    async with place.program() as program:
        assert set(await crowd(program.ask)) == {"part0 part1 part2 part3 "}
        await program.ask()
    assert (place.paths, place.asked) == ([LOAD], CROWD + 1)


async def test_each_login_and_each_named_project_is_discovered_by_itself(place: Place) -> None:
    """Once."""
    async with place.program() as program:
        for options, project in ((None, None), (Options(api_key="other"), None), (None, "mine")) * 2:
            await program.ask(options=options, project_id=project)
    assert [each.token for each in place.api.other] == [STORED, "other", STORED]
    assert [each.body.get("cloudaicompanionProject") for each in place.api.other] == [None, None, "mine"]


@pytest.mark.parametrize(
    ("argument", "setting", "variable", "used"),
    [
        ("argument", "setting", "variable", "argument"),
        (None, "setting", "variable", "setting"),
        (None, "", "variable", "variable"),
    ],
)
async def test_the_project_is_named_by_argument_setting_or_variable(
    place: Place, argument: str | None, setting: str, variable: str, used: str
) -> None:
    """In this order, where the account has none of its own."""
    place.api.account = "own_project"
    place.set(project_id=setting)
    os.environ["GOOGLE_CLOUD_PROJECT"] = variable
    await place.ask(project_id=argument)
    assert [wrapper(each)["project"] for each in place.api.requests] == [used]
    assert place.api.other[0].body["cloudaicompanionProject"] == used


async def test_a_project_that_google_names_wins(place: Place) -> None:
    """As for an account that is managed."""
    await place.ask(project_id="mine")
    assert [wrapper(each)["project"] for each in place.api.requests] == [PROJECT]


async def test_an_account_that_is_new_is_onboarded_first(place: Place) -> None:
    """Then asked with, for the project that it got."""
    place.api.account, place.api.polls = "onboarding", 0
    await place.ask()
    assert [wrapper(each)["project"] for each in place.api.requests] == [ONBOARDED]


@pytest.mark.parametrize(
    ("account", "project", "kind", "words"),
    [
        ("own_project", None, BadRequest, "project_id="),
        ("ineligible", None, PermissionDenied, "Not available here."),
        ("standard", "12345", BadRequest, "the number of a Google Cloud project"),
    ],
)
async def test_without_a_project_the_model_is_not_asked(
    place: Place, account: str, project: str | None, kind: type[UUError], words: str
) -> None:
    """The next request looks again."""
    place.api.account = account
    async with place.program() as program:
        with pytest.raises(UUError) as caught:
            await program.ask(project_id=project)
        assert type(caught.value) is kind
        assert words in str(caught.value)
        assert place.asked == 0
        place.api.account = "standard"
        assert await program.ask()


# Credentials, in their order


def _stored(place: Place) -> None:
    log_in(place.home)


def _gclouds(place: Place) -> None:
    write(place.home / ADC, service_account(f"{place.api.url}/token"))


def _named(place: Place) -> None:
    file = write(place.home / "named.json", service_account(f"{place.api.url}/token") | {"client_email": "named@a.b"})
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(file)


def _variable(_: Place) -> None:
    os.environ["GOOGLE_CLOUD_ACCESS_TOKEN"] = "in-the-environment"


def _setting(place: Place) -> None:
    place.set(api_key="in-the-settings")


SOURCES: list[tuple[Callable[[Place], None], str]] = [
    (_stored, ACCESS),
    (_gclouds, "made-up-access-1"),
    (_named, "made-up-access-1"),
    (_variable, "in-the-environment"),
    (_setting, "in-the-settings"),
]
"""Of these, each goes before those above it."""


@pytest.mark.parametrize("count", range(1, len(SOURCES) + 1), ids=lambda count: SOURCES[count - 1][0].__name__)
async def test_the_first_credential_that_there_is_goes_to_google(place: Place, count: int) -> None:
    """And no other: neither to the model nor before; nothing is started, and the stored login stays as it is."""
    starts = place.count_starts()
    store = log_in(place.home)
    before = store.read_bytes()
    for add, _ in SOURCES[1:count]:
        add(place)
    async with place.program() as program:
        await program.ask()
        await program.ask()
        assert place.tokens == [SOURCES[count - 1][1]] * 3
        await program.ask(options=Options(api_key="of-the-caller"))
    assert place.tokens[-2:] == ["of-the-caller"] * 2
    assert place.paths.count("/token") == (SOURCES[count - 1][1] == "made-up-access-1")
    assert store.read_bytes() == before
    assert starts.read_text(encoding="utf-8") == ""


async def test_the_file_that_a_variable_names_goes_before_gclouds(place: Place) -> None:
    """Whose account it is, the request for a token says."""
    _gclouds(place)
    _named(place)
    await place.ask()
    (asked,) = [each for each in place.api.other if each.path == "/token"]
    assert asked.body["assertion"]
    async with place.program() as program:
        assert ("account", "named@a.b") in (await program.bridge.checkup()).facts


async def test_without_a_login_nobody_is_asked(place: Place) -> None:
    """The error says how to log in."""
    (place.home / ".gemini" / "oauth_creds.json").unlink()
    with pytest.raises(LoginMissing, match="Log in with: gemini"):
        await place.ask()
    assert not place.tokens


# A token that is refused


async def test_a_token_that_is_refused_is_replaced_once(place: Place) -> None:
    """By Google's library; the model is asked again, with the new one."""
    _named(place)
    assert await place.ask("e401 times=1")
    assert place.tokens == ["made-up-access-1", "made-up-access-1", "made-up-access-2"]


async def test_a_new_token_that_is_refused_is_the_end(place: Place) -> None:
    """Two requests, whatever tries are allowed."""
    _named(place)
    with pytest.raises(LoginExpired) as caught:
        await place.ask("e401")
    assert "invalid authentication credentials" in caught.value.evidence
    assert (place.asked, len(place.api.oauth.issued)) == (2, 2)


async def test_a_token_is_replaced_before_the_model_is_asked_as_well(place: Place) -> None:
    """When the project's discovery is refused; many who wait have it replaced once."""
    _named(place)
    place.api.tokens = set()
    place.api.oauth.issued.append("revoked")
    async with place.program() as program:
        await program.ask()
        place.api.oauth.issued.remove("made-up-access-1")
        assert set(await crowd(lambda: program.ask(project_id="another"))) == {"part0 part1 part2 part3 "}
    assert place.paths.count("/token") == 2
    assert [each.token for each in place.api.requests] == ["made-up-access-1", *["made-up-access-2"] * CROWD]


async def test_a_stored_login_is_read_again_when_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program may have had it renewed meanwhile: then nothing is started."""
    starts, violation = place.count_starts(), code_assist.violation

    def renewing(wrapped: dict[str, Any]) -> Any:
        log_in(place.home, access_token="renewed-by-another")
        return violation(wrapped)

    log_in(place.home)
    monkeypatch.setattr(code_assist, "violation", renewing)  # it is called while the model is asked
    assert await place.ask("e401 times=1")
    assert [each.token for each in place.api.requests] == [ACCESS, "renewed-by-another"]
    assert starts.read_text(encoding="utf-8") == ""


async def test_a_stored_login_that_stays_refused_has_expired(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CLI was asked once and had no other token; the model was asked once, and the file is as it was."""
    monkeypatch.setattr(credentials, "_WRITTEN_SECONDS", 0.2)
    starts, store = place.count_starts(), log_in(place.home)
    before = store.read_bytes()
    with pytest.raises(LoginExpired, match="Log in again: gemini"):
        await place.ask("e401")
    assert place.asked == 1
    assert starts.read_text(encoding="utf-8") == "started\n"
    assert store.read_bytes() == before


async def test_a_stored_login_that_has_run_out_is_renewed_by_the_cli(place: Place) -> None:
    """Once for many; the endpoint never sees the old token."""
    starts = place.count_starts()
    log_in(place.home, expires_in=-60)
    async with place.program() as program:
        await crowd(program.ask)
    assert set(place.tokens) == {"renewed-access-token"}
    assert starts.read_text(encoding="utf-8") == "started\n"


async def test_an_account_that_turns_out_to_be_stopped_with_its_new_token_is_stopped(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first token had run out before Google could say so."""
    refusals = place.api.scenarios.refusals
    answers = iter([refusals.ALL["e401"], refusals.LOGIN_ALONE["e403_tos"]])
    monkeypatch.setattr(code_assist, "violation", lambda _: next(answers))  # it is called while the model is asked
    _named(place)
    for _ in range(2):
        with pytest.raises(AccountStopped):
            await place.ask()
    assert place.asked == 2


async def test_a_callers_token_that_is_refused_is_told_as_its_own(place: Place) -> None:
    """The stored login does not step in."""
    place.api.tokens = {STORED}
    with pytest.raises(LoginExpired, match="access token in api_key") as caught:
        await place.ask(options=Options(api_key="no-good"))
    assert "no-good" not in f"{caught.value}{caught.value!r}"
    assert set(place.tokens) == {"no-good"}


# Errors that come within an answer


def stopped_within(place: Place, monkeypatch: pytest.MonkeyPatch, name: str, *, said: int) -> None:
    """Let an answer that has begun end in a refusal, after so many pieces."""
    refused = place.api.scenarios.refusals.LOGIN_ALONE | place.api.scenarios.refusals.ALL
    text = place.api.scenarios.SCENARIOS["text"]

    def scenario(asked: Any) -> Any:
        steps = [*list(text(asked).steps)[:said], ("event", refused[name].error)]
        return text(asked)._replace(steps=steps)

    monkeypatch.setitem(place.api.scenarios.SCENARIOS, "within", scenario)


@pytest.mark.parametrize("said", [0, 2])
async def test_an_account_that_is_stopped_within_an_answer_is_stopped(
    place: Place, monkeypatch: pytest.MonkeyPatch, said: int
) -> None:
    """It makes no difference where Google says so."""
    stopped_within(place, monkeypatch, "e403_tos", said=said)
    for _ in range(2):
        with pytest.raises(AccountStopped):
            await place.ask("within")
    assert place.asked == 1
    assert list(json.loads(place.stops.read_bytes()).values()) == ["https://example.invalid/appeal"]


@pytest.mark.parametrize(
    ("name", "kind"), [("limit", RateLimited), ("e503", VendorUnavailable), ("e403_validation", PermissionDenied)]
)
async def test_an_error_within_an_answer_is_the_turns(
    place: Place, monkeypatch: pytest.MonkeyPatch, name: str, kind: type[UUError]
) -> None:
    """Where something has been said already, there is no other try."""
    stopped_within(place, monkeypatch, name, said=2)
    with pytest.raises(UUError) as caught:
        await place.ask("within")
    assert type(caught.value) is kind
    assert place.asked == 1


# Leaving


async def test_who_leaves_hangs_up_and_others_go_on(place: Place) -> None:
    """In the middle of an answer."""
    begun = anyio.Event()

    async def hear(_: Event) -> None:
        begun.set()

    async with place.program() as program:
        async with anyio.create_task_group() as group:
            group.start_soon(program.bridge.run, program.call("slow n=100000 delay=0.05"), hear)
            await begun.wait()
            group.cancel_scope.cancel()
        await anyio.to_thread.run_sync(place.api.wait_for, lambda api: api.requests[0].cut)
        assert await program.ask()


async def test_who_leaves_while_the_project_is_found_leaves_it_to_the_others(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever came first has begun the one discovery, and those who stay hear of it."""
    loaded, may_answer, got = code_assist.loaded, threading.Event(), list[str]()

    def late(account: str, body: dict[str, Any]) -> Any:
        may_answer.wait(60)
        return loaded(account, body)

    async def stay() -> None:
        got.append(await program.ask())

    monkeypatch.setattr(code_assist, "loaded", late)
    async with place.program() as program, anyio.create_task_group() as group:
        first = asyncio.create_task(program.ask())
        await anyio.wait_all_tasks_blocked()
        group.start_soon(stay)
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        await asyncio.wait([first])
        may_answer.set()
    assert first.cancelled()
    assert (len(got), place.paths) == (1, [LOAD])
