"""How the CLI is made to renew its login: the fake one, and the real one behind a sign-in service that is played."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest

from tests.conformance.world import real_cli
from tests.emulators.google_sign_in import RENEWED, GoogleSignIn
from tests.emulators.refusing_proxy import RefusingProxy
from tests.providers.cloud_code.logins import ACCESS, REFRESH, log_in, write
from uutel_bridge import testing
from uutel_bridge.core import process
from uutel_bridge.core.errors import LoginExpired
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.providers.cloud_code.renewal import renew

BOUND = 150
FAKE = testing.fakes_folder() / "gemini"
REVOKED = "revoked-refresh-token"
"""The fake is given no token for it."""
KINDS = ["fake", pytest.param("real", marks=pytest.mark.real_cli)]


@pytest.fixture(params=KINDS)
def settings(request: pytest.FixtureRequest) -> ProviderSettings:
    """Which CLI it is."""
    return ProviderSettings(executable=str(FAKE if request.param == "fake" else real_cli("gemini")))


def everything(folder: Path) -> set[Path]:
    """The files in a folder and below it."""
    return {path for path in folder.rglob("*") if path.is_file()}


async def renewed(home: Path, settings: ProviderSettings, more: Mapping[str, str]) -> None:
    """A renewal, of which nothing is left."""
    with anyio.fail_after(BOUND):
        await renew(home / ".gemini", {"HOME": str(home), "PATH": os.environ["PATH"], **more}, settings)
    assert process._live == set()


async def test_the_cli_renews_its_login_in_the_users_own_file(tmp_path: Path, settings: ProviderSettings) -> None:
    """Through the link that it was lent; nothing else in the home folder is touched, and nobody but Google asked."""
    home = tmp_path / "home"
    store = log_in(home, expires_in=-60)
    before = everything(home)
    with GoogleSignIn(tmp_path) as google:
        await renewed(home, settings, google.environment)
    told = json.loads(store.read_bytes())
    assert (told["access_token"], told["refresh_token"]) == (RENEWED, REFRESH)
    assert not store.is_symlink()
    assert store.stat().st_mode & 0o777 == 0o600
    assert everything(home) == before


async def test_a_login_that_is_good_for_long_stays_as_it_is(tmp_path: Path, settings: ProviderSettings) -> None:
    """The CLI renews what has less than five minutes left."""
    home = tmp_path / "home"
    store = log_in(home, expires_in=320)
    before = store.read_bytes()
    with GoogleSignIn(tmp_path) as google:
        await renewed(home, settings, google.environment)
    assert store.read_bytes() == before
    log_in(home, expires_in=280)
    with GoogleSignIn(tmp_path) as google:
        await renewed(home, settings, google.environment)
    assert ACCESS not in store.read_text(encoding="utf-8")


async def test_a_login_that_google_does_not_renew_has_expired(tmp_path: Path, settings: ProviderSettings) -> None:
    """The CLI asks for a new one, and its words are the evidence; the file stays as it is."""
    store = log_in(tmp_path, expires_in=-60, refresh_token=REVOKED)
    before = store.read_bytes()
    with RefusingProxy() as proxy, pytest.raises(LoginExpired, match="log in again: gemini") as caught:
        await renewed(tmp_path, settings, proxy.environment)
    assert set(proxy.attempts) <= {"oauth2.googleapis.com:443"}
    assert caught.value.evidence == "Please visit the following URL to authorize the application:"
    assert REVOKED not in f"{caught.value}{caught.value!r}"
    assert store.read_bytes() == before
    assert process._live == set()


async def test_the_cli_sees_the_login_and_nothing_else_of_the_users(tmp_path: Path) -> None:
    """No file of the home folder but two, no variable but those it needs, and the address that is set."""
    log_in(tmp_path)
    write(tmp_path / ".gemini" / "settings.json", {"mcpServers": {"mine": {"command": "mine"}}})
    write(tmp_path / ".gemini" / "GEMINI.md", "mine")
    log = tmp_path / "log"
    script = write(
        tmp_path / "spy",
        f'#!/bin/sh\n{{ env; echo "$@"; ls -l "$GEMINI_CLI_HOME/.gemini"; pwd; }} >"{log}"\nexec "{FAKE}" "$@"\n',
    )
    script.chmod(0o700)
    settings = ProviderSettings(executable=str(script), api_base="http://127.0.0.1:1", pass_env=("MINE",))
    more = {"GOOGLE_CLOUD_ACCESS_TOKEN": "hidden", "GEMINI_API_KEY": "hidden", "MINE": "yes"}
    await renewed(tmp_path, settings, {**more, "GEMINI_FORCE_ENCRYPTED_FILE_STORAGE": "true"})
    seen = log.read_text(encoding="utf-8")
    assert "hidden" not in seen
    assert "ENCRYPTED" not in seen
    assert "GEMINI.md" not in seen
    for line in ("MINE=yes", "CODE_ASSIST_ENDPOINT=http://127.0.0.1:1", "NO_BROWSER=true"):
        assert line in seen.splitlines()
    for name in ("oauth_creds.json", "google_accounts.json"):
        assert f"{name} -> {tmp_path / '.gemini' / name}" in seen
    assert seen.count(" -> ") == 2


async def test_a_cli_that_does_not_get_ready_has_not_renewed_it(tmp_path: Path) -> None:
    """Whatever it wrote last is the evidence; it is stopped."""
    log_in(tmp_path)
    script = write(tmp_path / "broken", "#!/bin/sh\necho 'no such option' >&2\nexit 3\n")
    script.chmod(0o700)
    with pytest.raises(LoginExpired, match="did not renew") as caught:
        await renewed(tmp_path, ProviderSettings(executable=str(script)), {})
    assert caught.value.evidence == "no such option"


async def test_a_caller_who_leaves_stops_it(tmp_path: Path) -> None:
    """However far it has come."""
    log_in(tmp_path)
    started = tmp_path / "started"
    script = write(tmp_path / "slow", f'#!/bin/sh\necho >"{started}"\nexec sleep 1000\n')
    script.chmod(0o700)
    with anyio.fail_after(BOUND):
        async with anyio.create_task_group() as group:
            group.start_soon(renewed, tmp_path, ProviderSettings(executable=str(script)), {})
            while not started.exists():
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        while process._live:
            await anyio.sleep(0.01)
