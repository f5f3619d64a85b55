"""Who answers for Cloud Code, as a whole: what is done ahead, what is told of it, and a network that does not work."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

import anyio
import pytest

from tests.emulators.gemini_api import GeminiAPI
from tests.emulators.refusing_proxy import RefusingProxy
from tests.providers.cloud_code.conftest import LOAD, Place
from tests.providers.cloud_code.logins import ACCOUNT, log_in, service_account, write
from uutel_bridge import testing
from uutel_bridge.core.bridge import Options
from uutel_bridge.core.errors import BadRequest, LoginMissing, UUError, VendorTimeout, VendorUnavailable
from uutel_bridge.providers.cloud_code import session

SECRETS = ("fake-access-token", "fake-refresh-token", "hidden")
LOGIN = ".gemini/oauth_creds.json"


# What is done ahead, and what is told


async def test_warming_up_finds_the_project_and_asks_no_model(place: Place) -> None:
    """The first request then goes to the model at once, on the same connection."""
    async with place.program() as program:
        await program.bridge.warm(1)
        assert (place.paths, place.asked) == ([LOAD], 0)
        await program.ask()
    assert (place.paths, place.asked) == ([LOAD], 1)


async def test_warming_up_says_what_is_wrong(place: Place) -> None:
    """As a request would."""
    (place.home / LOGIN).unlink()
    async with place.program() as program:
        with pytest.raises(LoginMissing, match="Log in with: gemini") as caught:
            await program.bridge.warm(1)
    assert caught.value.provider == "cloud-code"


async def test_status_asks_nobody(place: Place) -> None:
    """It knows the login by its file; there are no processes and no executable."""
    log_in(place.home)
    async with place.program() as program:
        status = program.bridge.status()
    assert (status.name, status.executable, status.problem) == ("cloud-code", "", "")
    assert status.login is not None
    assert (status.login.method, status.login.account) == ("oauth-personal", ACCOUNT)
    assert status.processes.started_total == 0
    assert not place.tokens


async def test_a_checkup_tells_login_and_project(place: Place) -> None:
    """It asks for the project, calls no model, and shows no secret."""
    log_in(place.home)
    async with place.program() as program:
        found = await program.bridge.checkup()
    assert (found.problem, found.off) == ("", False)
    assert dict(found.facts) == {
        "terms": "accepted (UUTEL_CLOUD_CODE__ACCEPT_TERMS)",
        "login": f"oauth-personal, from {place.home / LOGIN}",
        "account": ACCOUNT,
        "note": "Google ended this login for personal accounts (free, AI Pro, AI Ultra) on 2026-06-18; a licensed "
        "account needs GOOGLE_CLOUD_PROJECT.",
        "project": "made-up-project (Gemini Code Assist)",
    }
    assert place.asked == 0
    assert not [secret for secret in SECRETS if secret in repr(found)]


def _logged_out(place: Place) -> None:
    (place.home / LOGIN).unlink()


def _expired(place: Place) -> None:
    log_in(place.home, expires_in=-60, refresh_token=None)


def _refused(place: Place) -> None:
    place.set(api_key="hidden")
    place.api.tokens = set()


def _without_project(place: Place) -> None:
    place.api.account = "own_project"


def _to_be_verified(place: Place) -> None:
    place.api.account = "validation"


def _robot(place: Place) -> None:
    file = write(place.home / "key.json", service_account(f"{place.api.url}/token"))
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(file)
    place.api.oauth.failure = "invalid_grant"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_logged_out, "Log in with: gemini"),
        (_expired, "has expired and cannot be renewed"),
        (_refused, "access token in api_key"),
        (_without_project, "Name one: project_id="),
        (_to_be_verified, "Open https://example.invalid/verify in a browser"),
        (_robot, "expired or revoked"),
    ],
)
async def test_a_checkup_tells_what_is_wrong_and_what_mends_it(
    place: Place, spoil: Callable[[Place], None], words: str
) -> None:
    """And no secret."""
    spoil(place)
    async with place.program() as program:
        found = await program.bridge.checkup()
    assert words in found.problem
    assert not found.off
    assert not [secret for secret in SECRETS if secret in repr(found)]


# What goes with a call


async def test_a_callers_address_and_token_go_before_the_settings(place: Place) -> None:
    """For this call alone."""
    with GeminiAPI() as other:
        async with place.program() as program:
            await program.ask()
            await program.ask(options=Options(api_base=other.url, api_key="of-the-caller"))
            await program.ask()
    assert [each.token for each in [*other.other, *other.requests]] == ["of-the-caller"] * 2
    assert (place.paths, place.asked) == ([LOAD], 2)


async def test_closed_it_answers_nobody(place: Place) -> None:
    """As with a closed pool of processes: who asks next has another bridge."""
    async with place.program() as program:
        await program.ask()
        await program.bridge.aclose()
        with pytest.raises(UUError, match="closed"):
            await program.ask()
    assert (place.paths, place.asked) == ([LOAD], 1)


async def test_tokens_of_callers_are_not_kept(place: Place) -> None:
    """Each request may bring another; what is kept is the login that all others share."""
    async with place.program() as program:
        for number in range(3):
            await program.ask(options=Options(api_key=f"token-{number}"))
            await program.ask()
        assert len(program.bridge._backend._credentials) == 1


# A network that does not work


@contextmanager
def deaf() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def full() -> Iterator[str]:
    """The address of a server that does not even take connections, nor refuse them."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def closed() -> Iterator[str]:
    """The address of nobody."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("hole", [deaf, full])
async def test_an_endpoint_that_never_answers_costs_no_more_than_the_callers_time(
    place: Place, hole: Callable[[], object]
) -> None:
    """The error says how much that was."""
    with hole() as address:  # type: ignore[attr-defined]
        place.set(api_base=address)
        started = monotonic()
        with pytest.raises(VendorTimeout, match=r"within 0\.5 s") as caught:
            await place.ask(options=Options(timeout=0.5))
        assert 0.5 <= monotonic() - started < 20
    assert caught.value.provider == "cloud-code"


async def test_a_checkup_of_an_endpoint_that_never_answers_comes_to_an_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody gives it a limit but the provider."""
    monkeypatch.setattr(session, "_SET_UP_SECONDS", 0.5)
    with deaf() as address:
        place.set(api_base=address)
        async with place.program() as program:
            assert "did not answer within 0.5 s" in (await program.bridge.checkup()).problem


async def test_an_endpoint_that_is_not_there_is_unavailable(place: Place) -> None:
    """After the tries that the settings allow."""
    os.environ["UUTEL_RETRY__MAX_RETRIES"] = "1"
    with closed() as address:
        place.set(api_base=address)
        with pytest.raises(VendorUnavailable, match="connection to Google's service failed") as caught:
            await place.ask(options=Options(timeout=30))
    assert "127.0.0.1" in caught.value.evidence


async def test_an_endpoint_that_is_not_there_is_not_tried_beyond_the_callers_time(place: Place) -> None:
    """The error is what was found, not that time is over."""
    with closed() as address:
        place.set(api_base=address)
        started = monotonic()
        with pytest.raises(VendorUnavailable):
            await place.ask(options=Options(timeout=1))
        assert monotonic() - started < 20


@pytest.mark.parametrize("is_first", [True, False])
async def test_an_endpoint_that_falls_silent_costs_no_more_than_the_callers_time(place: Place, is_first: bool) -> None:
    """Before its answer, or within it."""
    scenario = "slow n=10 delay=1000" if is_first else "text pause=1000"
    with pytest.raises(VendorTimeout):
        await place.ask(scenario, Options(timeout=1))
    await anyio.to_thread.run_sync(place.api.wait_for, lambda api: api.requests[0].cut)


@pytest.fixture
def nowhere() -> Iterator[tuple[Path, RefusingProxy]]:
    """The user has allowed it, and the endpoint is Google's own, behind a proxy that refuses."""
    with testing.fake_clis() as home, RefusingProxy() as proxy:
        os.environ |= {**proxy.environment, "UUTEL_CLOUD_CODE__ACCEPT_TERMS": "true", "UUTEL_RETRY__MAX_RETRIES": "0"}
        yield home, proxy


@pytest.fixture
async def at_google(nowhere: tuple[Path, RefusingProxy]) -> AsyncIterator[Place]:
    """A place there."""
    home, proxy = nowhere
    with GeminiAPI() as nobody:
        yield Place(home, nobody, proxy)


async def test_behind_a_proxy_that_refuses_google_is_unavailable(at_google: Place) -> None:
    """Google's host is all that is tried, and the CLI is not started."""
    starts = at_google.count_starts()
    with pytest.raises(VendorUnavailable, match="proxy") as caught:
        await at_google.ask(options=Options(timeout=30))
    assert caught.value.evidence == "403 Forbidden"
    assert at_google.proxy.attempts == ["cloudcode-pa.googleapis.com:443"]
    assert starts.read_text(encoding="utf-8") == ""


async def test_behind_a_proxy_that_refuses_no_token_is_had(at_google: Place) -> None:
    """The sign-in service is out of reach as well: of a person's own credentials, and of a login that has run out."""
    log_in(at_google.home, expires_in=-60)
    person = {"type": "authorized_user", "client_id": "c", "client_secret": "hidden", "refresh_token": "hidden"}
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(write(at_google.home / "adc.json", person))
    with pytest.raises(VendorUnavailable, match="sign-in service cannot be reached") as caught:
        await at_google.ask(options=Options(timeout=60))
    assert "hidden" not in str(caught.value)
    assert set(at_google.proxy.attempts) == {"oauth2.googleapis.com:443"}


async def test_a_token_that_does_not_come_costs_no_more_than_the_callers_time(place: Place) -> None:
    """Google's library blocks in a thread, and is left there."""
    with deaf() as address:
        file = write(place.home / "key.json", service_account(f"{address}/token"))
        os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(file)
        with pytest.raises(VendorTimeout):
            await place.ask(options=Options(timeout=0.5))
    assert not place.tokens


async def test_a_cli_that_does_not_renew_costs_no_more_than_the_callers_time(place: Place) -> None:
    """It is stopped."""
    log_in(place.home, expires_in=-60)
    script = write(place.home / "slow", "#!/bin/sh\nexec sleep 1000\n")
    script.chmod(0o700)
    place.set(executable=str(script))
    with pytest.raises(VendorTimeout):
        await place.ask(options=Options(timeout=0.5))


@pytest.mark.parametrize("address", ["http://[", "http://127.0.0.1:99999999", "gopher://127.0.0.1", "127.0.0.1:1"])
async def test_an_address_that_is_none_is_a_wrong_request(place: Place, address: str) -> None:
    """It is named, and tried once."""
    with pytest.raises(BadRequest) as caught:
        await place.ask(options=Options(api_base=address))
    assert caught.value.param == "api_base"
