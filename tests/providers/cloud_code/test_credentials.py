"""Where tokens come from: how often that is asked, what becomes of its failures, and that no token is shown."""

from __future__ import annotations

import logging
import pickle
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from pydantic import SecretStr

from tests.emulators.google_sign_in import RENEWED, GoogleSignIn
from tests.emulators.oauth_tokens import OAuthTokens
from tests.emulators.refusing_proxy import RefusingProxy
from tests.providers.cloud_code.logins import (
    ACCESS,
    REFRESH,
    TokenServer,
    log_in,
    service_account,
    stored,
    write,
)
from uutel_bridge import testing
from uutel_bridge.core.errors import LoginExpired, LoginMissing, UUError, VendorUnavailable
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.providers.cloud_code import credentials as module
from uutel_bridge.providers.cloud_code.auth import find
from uutel_bridge.providers.cloud_code.credentials import Credential, credential

BOUND = 60
CROWD = 16
FAKE = testing.fakes_folder() / "gemini"
NOWHERE = ProviderSettings(executable="/nowhere/gemini")


def of_file(folder: Path, content: object, **environment: str) -> Credential:
    """The credential in a file of Google's."""
    file = write(folder / "adc.json", content)
    found = find({"HOME": str(folder), "GOOGLE_APPLICATION_CREDENTIALS": str(file)})
    return credential(found, environment, NOWHERE)


def of_home(home: Path, settings: ProviderSettings = NOWHERE) -> Credential:
    """The credential that the Gemini CLI has stored."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    return credential(find(environment), environment, settings)


def counted(folder: Path) -> tuple[ProviderSettings, Callable[[], int]]:
    """The fake CLI, and how often it was started."""
    starts = folder / "starts"
    starts.touch()
    script = write(folder / "counted", f'#!/bin/sh\necho >>"{starts}"\nexec "{FAKE}" "$@"\n')
    script.chmod(0o700)
    return ProviderSettings(executable=str(script)), lambda: len(starts.read_text(encoding="utf-8"))


async def crowd(ask: Callable[[], Any]) -> list[Any]:
    """What each of many gets who ask at once: a token or an error."""
    got: list[Any] = []

    async def one() -> None:
        try:
            got.append(await ask())
        except UUError as exc:
            got.append(exc)

    with anyio.fail_after(BOUND):
        async with anyio.create_task_group() as group:
            for _ in range(CROWD):
                group.start_soon(one)
    return got


async def failure(ask: Callable[[], Any]) -> UUError:
    """The error, which holds no secret wherever it is looked at."""
    with anyio.fail_after(BOUND), pytest.raises(UUError) as caught:
        await ask()
    error = caught.value
    for text in (str(error), repr(error), error.evidence, repr(pickle.loads(pickle.dumps(error)).__dict__)):
        assert "hidden" not in text
        assert "eyJ" not in text
    return error


# A token that was given


async def test_a_given_token_is_used_as_it_is_and_cannot_be_renewed(tmp_path: Path) -> None:
    """The error says who gave it."""
    given = credential(find({"HOME": str(tmp_path)}, SecretStr(ACCESS)), {}, NOWHERE)
    assert await given.token() == ACCESS
    error = await failure(lambda: given.renewed(ACCESS))
    assert isinstance(error, LoginExpired)
    assert "access token in api_key" in error.message
    assert error.login_command == "gcloud auth print-access-token"
    assert ACCESS not in f"{given!r}{given}"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        pytest.param(None, LoginMissing, id="none"),
        pytest.param({"expires_in": -60, "refresh_token": None}, LoginExpired, id="expired"),
    ],
)
def test_without_a_login_there_is_no_credential(
    tmp_path: Path, changes: dict[str, Any] | None, kind: type[LoginMissing]
) -> None:
    """It says how to log in."""
    if changes is not None:
        log_in(tmp_path, **changes)
    with pytest.raises(LoginMissing, match="Log in with: gemini") as caught:
        of_home(tmp_path)
    assert type(caught.value) is kind


# A file of Google's


async def test_many_callers_make_one_request_for_a_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The one token serves all, and whoever comes later; when it has run out, again one."""
    caplog.set_level(logging.DEBUG)
    tokens = OAuthTokens()
    with TokenServer(tokens.answer) as server:
        robot = of_file(tmp_path, service_account(server.url))
        assert await crowd(robot.token) == ["made-up-access-1"] * CROWD
        assert await robot.token() == "made-up-access-1"
        assert len(server.asked) == 1
        robot._credentials.expiry = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(seconds=100)
        assert await crowd(robot.token) == ["made-up-access-2"] * CROWD
        assert len(server.asked) == 2
    shown = f"{robot!r}{robot}{caplog.text}"
    for word in ("hidden", "made-up-access", "PRIVATE KEY", server.asked[0]["assertion"]):
        assert word not in shown


async def test_a_refused_token_is_replaced_once(tmp_path: Path) -> None:
    """Whoever else had it gets the new one without a request."""
    tokens = OAuthTokens()
    with TokenServer(tokens.answer) as server:
        robot = of_file(tmp_path, service_account(server.url))
        refused = await robot.token()
        assert await crowd(lambda: robot.renewed(refused)) == ["made-up-access-2"] * CROWD
        assert await robot.renewed(refused) == "made-up-access-2"
        assert len(server.asked) == 2


async def test_the_same_token_again_is_no_renewal(tmp_path: Path) -> None:
    """The service would refuse it again."""
    with TokenServer(lambda _: (200, {"access_token": ACCESS, "expires_in": 3599})) as server:
        robot = of_file(tmp_path, service_account(server.url))
        refused = await robot.token()
        assert isinstance(await failure(lambda: robot.renewed(refused)), LoginExpired)


async def test_a_token_that_ends_soon_is_used(tmp_path: Path) -> None:
    """It is as good as it gets."""
    tokens = OAuthTokens()
    tokens.lifetime = 100
    with TokenServer(tokens.answer) as server:
        robot = of_file(tmp_path, service_account(server.url))
        assert [await robot.token(), await robot.token()] == ["made-up-access-1", "made-up-access-2"]


def echo(form: dict[str, str]) -> tuple[int, object]:
    """An answer that tells what it was asked."""
    return 400, {"error": "invalid_grant", "error_description": f"Bad {form['assertion']} here."}


@pytest.mark.parametrize(
    ("answer", "kind", "evidence"),
    [
        pytest.param(
            lambda _: (400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
            LoginExpired,
            "invalid_grant: Invalid JWT Signature.",
            id="refused",
        ),
        pytest.param(echo, LoginExpired, "invalid_grant: Bad ... here.", id="echo"),
        pytest.param(lambda _: (403, "<html>Forbidden</html>"), LoginExpired, "<html>Forbidden</html>", id="gateway"),
        pytest.param(lambda _: (403, "no " * 1000), LoginExpired, ("no " * 1000)[:2000], id="page"),
        pytest.param(
            lambda _: (200, {"expires_in": 3599}), LoginExpired, "No access token in response.", id="no-token"
        ),
        pytest.param(lambda _: (200, "<html>Log in</html>"), VendorUnavailable, "", id="portal"),
        pytest.param(lambda _: (200, {"access_token": "x", "expires_in": "?"}), VendorUnavailable, "", id="nonsense"),
        pytest.param(
            lambda _: (503, {"error": "backendError"}), VendorUnavailable, "backendError: None", id="unavailable"
        ),
    ],
)
async def test_a_service_that_gives_no_token_is_told_of(
    tmp_path: Path, answer: Callable[[dict[str, str]], tuple[int, object]], kind: type[UUError], evidence: str
) -> None:
    """In its own words, without what was signed or sent; all who wait share the one failure."""
    with TokenServer(answer) as server:
        robot = of_file(tmp_path, service_account(server.url))
        error = await failure(robot.token)
        assert (type(error), error.evidence) == (kind, evidence)
        tries = len(server.asked)
        got = await crowd(robot.token)
        assert [type(each) for each in got] == [kind] * CROWD
        assert len({id(each) for each in got}) == CROWD
        assert len(server.asked) == 2 * tries


async def test_a_service_out_of_reach_is_unavailable(tmp_path: Path) -> None:
    """And is reached again as soon as it is there."""
    tokens = OAuthTokens()
    server = TokenServer(tokens.answer)
    server._server.server_close()
    robot = of_file(tmp_path, service_account(server.url))
    error = await failure(robot.token)
    assert isinstance(error, VendorUnavailable)
    assert "cannot be reached" in error.message


@pytest.mark.parametrize(
    "change", [{"private_key": "hidden"}, {"private_key": None}, {"token_uri": None}], ids=lambda each: next(iter(each))
)
async def test_a_key_file_that_is_broken_is_told_of(tmp_path: Path, change: dict[str, Any]) -> None:
    """Without a word of the key."""
    content = {**service_account("http://127.0.0.1:1/token"), **change}
    robot = of_file(tmp_path, {name: value for name, value in content.items() if value is not None})
    error = await failure(robot.token)
    assert isinstance(error, LoginExpired)
    assert str(tmp_path / "adc.json") in error.message


async def test_proxies_count_and_netrc_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for every program on the machine; but a password for the host is not for this."""
    monkeypatch.setenv("NETRC", str(write(tmp_path / "netrc", "machine 127.0.0.1 login me password hidden\n")))
    tokens = OAuthTokens()
    with TokenServer(tokens.answer) as server:
        await of_file(tmp_path, service_account(server.url)).token()
    assert "authorization" not in server.asked[0]
    with RefusingProxy() as proxy:
        for name, value in proxy.environment.items():
            monkeypatch.setenv(name, value)
        robot = of_file(tmp_path, service_account("http://token.example.invalid/token"))
        await failure(robot.token)
        assert proxy.attempts == ["http://token.example.invalid/token"]


async def test_a_persons_own_credentials_are_traded_for_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Google's sign-in service; nobody else is asked, and no program is started."""
    person = {"type": "authorized_user", "client_id": "c", "client_secret": "hidden", "refresh_token": REFRESH}
    with GoogleSignIn(tmp_path) as google:
        for name, value in google.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", google.environment["NODE_EXTRA_CA_CERTS"])
        own = of_file(tmp_path, person)
        with anyio.fail_after(BOUND):
            assert await own.token() == RENEWED
        assert google.asked == [("POST", "/token")]


async def test_a_caller_who_leaves_neither_waits_nor_loses_the_token_for_others(tmp_path: Path) -> None:
    """The library cannot be interrupted: it goes on, and whoever comes next gets what it brings."""
    asked, may_answer = threading.Event(), threading.Event()
    tokens = OAuthTokens()

    def answer(form: dict[str, str]) -> tuple[int, object]:
        asked.set()
        may_answer.wait(BOUND)
        return tokens.answer(form)

    with TokenServer(answer) as server, anyio.fail_after(BOUND):
        robot = of_file(tmp_path, service_account(server.url))
        async with anyio.create_task_group() as group:
            group.start_soon(robot.token)
            await anyio.to_thread.run_sync(asked.wait, BOUND)
            group.cancel_scope.cancel()
        assert tokens.issued == []
        async with anyio.create_task_group() as group:
            group.start_soon(robot.token)
            await anyio.wait_all_tasks_blocked()
            may_answer.set()
        assert await robot.token() == "made-up-access-1"
        assert len(server.asked) == 1


# The stored login


@pytest.mark.parametrize(
    "changes", [{}, {"expires_in": 150}, {"expiry_date": None}, {"expires_in": 60, "refresh_token": None}]
)
async def test_a_stored_token_is_used_while_it_is_good(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Nothing is started, nothing is written; what another program writes is used at once."""
    store = log_in(tmp_path, **changes)
    before = store.read_bytes()
    own = of_home(tmp_path)
    assert await own.token() == ACCESS
    assert store.read_bytes() == before
    write(store, stored(access_token="another-hidden"))
    assert await own.token() == await own.renewed(ACCESS) == "another-hidden"
    assert "hidden" not in f"{own!r}{own}"


async def test_a_file_that_is_rewritten_all_the_time_is_read_whole(tmp_path: Path) -> None:
    """The CLI empties it first, and writes then."""
    store = log_in(tmp_path)
    text, done = store.read_text(encoding="utf-8"), threading.Event()

    def rewrite() -> None:
        for _ in range(500):
            with store.open("w", encoding="utf-8") as file:
                time.sleep(0.0005)
                file.write(text[:40])
                file.flush()
                file.write(text[40:])
            time.sleep(0.0005)
        done.set()

    writer = threading.Thread(target=rewrite, name="writer")
    writer.start()
    try:
        reads = 0
        with anyio.fail_after(BOUND):
            while not done.is_set():
                assert await of_home(tmp_path).token() == ACCESS
                reads += 1
                await anyio.lowlevel.checkpoint()
    finally:
        writer.join()
    assert reads > 50


async def test_a_file_that_stays_empty_is_no_login(tmp_path: Path) -> None:
    """After a second of looking."""
    store = log_in(tmp_path)
    own = of_home(tmp_path)
    write(store, "")
    error = await failure(own.token)
    assert type(error) is LoginMissing
    assert "half written" in error.message
    store.unlink()
    assert f"There is no {store} any more" in (await failure(own.token)).message


async def test_many_callers_have_the_cli_renew_the_login_once(tmp_path: Path) -> None:
    """The token in its file serves all of them."""
    store = log_in(tmp_path, expires_in=60)
    settings, starts = counted(tmp_path)
    own = of_home(tmp_path, settings)
    assert await crowd(own.token) == [RENEWED] * CROWD
    assert starts() == 1
    assert RENEWED in store.read_text(encoding="utf-8")


async def test_a_login_that_the_cli_cannot_renew_has_expired(tmp_path: Path) -> None:
    """In the CLI's words; the file stays as it is, and those who wait do not start it again."""
    store = log_in(tmp_path, expires_in=-60, refresh_token="revoked-refresh-token")
    before = store.read_bytes()
    settings, starts = counted(tmp_path)
    own = of_home(tmp_path, settings)
    got = await crowd(own.token)
    assert [type(each) for each in got] == [LoginExpired] * CROWD
    assert all("authorize the application" in each.evidence and each.login_command == "gemini" for each in got)
    assert starts() == 1
    assert store.read_bytes() == before


async def test_a_token_that_the_cli_holds_for_good_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the service refuses it: only a new login helps."""
    monkeypatch.setattr(module, "_WRITTEN_SECONDS", 0.2)
    log_in(tmp_path)
    settings, starts = counted(tmp_path)
    error = await failure(lambda: of_home(tmp_path, settings).renewed(ACCESS))
    assert isinstance(error, LoginExpired)
    assert "Log in again: gemini" in error.message
    assert starts() == 1


async def test_without_the_cli_a_login_that_has_run_out_cannot_be_renewed(tmp_path: Path) -> None:
    """It says what is missing."""
    log_in(tmp_path, expires_in=-60)
    error = await failure(of_home(tmp_path).token)
    assert isinstance(error, LoginExpired)
    for word in ("has run out", "/nowhere/gemini", "npm install"):
        assert word in error.message
