"""Where Codex's login is found, and that no token gets out."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from pytest_subprocess import FakeProcess

from uutel_bridge.core.auth import Account, LoginStatus
from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.providers.codex.auth import CodexAuth

KEY, REFRESH, SIGNATURE = "sk-proj-secret", "rt-secret", "c2lnbmF0dXJl"
CLAIMS = {"email": "me@example.org", "https://api.openai.com/auth": {"chatgpt_plan_type": "plus"}}


def token(claims: object) -> str:
    """A token with these claims."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in ({"alg": "none"}, claims)]
    return b".".join([*parts, SIGNATURE.encode()]).decode()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder in which codex has run, without a login."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / ".codex").mkdir()
    return tmp_path


def log_in(folder: Path, *, expires_in: float = 3600, **tokens: object) -> Path:
    """Write a ChatGPT login; seconds from now."""
    stored = {
        "id_token": token(CLAIMS),
        "access_token": token({"exp": int(time.time() + expires_in)}),
        "refresh_token": REFRESH,
        "account_id": "a",
        **tokens,
    }
    return write(folder, {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": stored, "last_refresh": "x"})


def write(folder: Path, content: object) -> Path:
    """Write a login file."""
    path = folder / "auth.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def status_of(home: Path, **variables: str) -> LoginStatus:
    """The status, which must not hold a secret anywhere."""
    status = CodexAuth().status({"HOME": str(home), **variables})
    assert status.login_command == "codex login"
    assert not any(secret in repr(status) for secret in (KEY, REFRESH, SIGNATURE))
    return status


def test_a_chatgpt_login_is_found_in_the_home_folder(home: Path) -> None:
    """With its account, its plan, its end and its place."""
    path = log_in(home / ".codex")
    status = status_of(home)
    assert (status.logged_in, status.method, status.account) == (True, "chatgpt", "me@example.org (plus)")
    assert (status.source, status.problem) == (str(path), "")
    assert status.expires_at == pytest.approx(time.time() + 3600, abs=600)


def test_a_stored_key_is_a_login(home: Path) -> None:
    """Keys in the environment are none to the server."""
    write(home / ".codex", {"auth_mode": "apikey", "OPENAI_API_KEY": KEY})
    assert (status_of(home).logged_in, status_of(home).method) == (True, "apikey")
    (home / ".codex" / "auth.json").unlink()
    assert status_of(home, OPENAI_API_KEY=KEY, CODEX_API_KEY=KEY).logged_in is False


def test_the_folder_variable_replaces_the_home_folder(home: Path, tmp_path: Path) -> None:
    """An empty one counts as unset."""
    stored = log_in(home / ".codex")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert status_of(home, CODEX_HOME=str(elsewhere)).logged_in is False
    assert status_of(home, CODEX_HOME=str(log_in(elsewhere).parent)).source == str(elsewhere / "auth.json")
    assert status_of(home, CODEX_HOME="").source == str(stored)


@pytest.mark.parametrize(
    ("fields", "logged_in", "problem"),
    [
        pytest.param({"expires_in": -60}, True, "codex renews it", id="renewable"),
        pytest.param({"expires_in": -60, "refresh_token": None}, False, "cannot be renewed", id="not-renewable"),
        pytest.param({"expires_in": -60, "refresh_token": ""}, False, "cannot be renewed", id="empty-refresh-token"),
        pytest.param({"access_token": "opaque"}, True, "", id="no-claims"),
        pytest.param({"access_token": f"a.%%%.{SIGNATURE}"}, True, "", id="broken-claims"),
        pytest.param({"access_token": token(["a"])}, True, "", id="claims-in-a-list"),
    ],
)
def test_an_expired_token_is_told(home: Path, fields: dict[str, Any], logged_in: bool, problem: str) -> None:
    """It is still a login as long as codex can renew it; a token that says nothing is left to the vendor."""
    log_in(home / ".codex", **fields)
    status = status_of(home)
    assert (status.logged_in, status.method) == (logged_in, "chatgpt")
    assert problem in status.problem
    assert bool(problem) == bool(status.problem)


@pytest.mark.parametrize(
    ("claims", "account"),
    [
        pytest.param({}, "", id="none"),
        pytest.param({"email": "me@example.org"}, "me@example.org", id="no-plan"),
        pytest.param({"email": 5, "https://api.openai.com/auth": {"chatgpt_plan_type": "pro"}}, "(pro)", id="no-email"),
        pytest.param({"https://api.openai.com/auth": "x"}, "", id="something-else"),
    ],
)
def test_the_account_is_named_as_far_as_the_token_does(home: Path, claims: dict[str, Any], account: str) -> None:
    """Nothing is made up."""
    log_in(home / ".codex", id_token=token(claims))
    assert status_of(home).account == account


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param("{}", "holds no login", id="empty-object"),
        pytest.param({"OPENAI_API_KEY": ""}, "holds no login", id="empty-key"),
        pytest.param({"tokens": {"access_token": ""}}, "does not hold what codex writes", id="empty-token"),
        pytest.param("[]", "does not hold what codex writes", id="list"),
        pytest.param('{"OPENAI_API_KEY": "sk-proj-sec', "half written", id="half-written"),
    ],
)
def test_a_file_without_a_login_is_told_apart(home: Path, content: object, problem: str) -> None:
    """And nothing in it is quoted."""
    write(home / ".codex", content)
    status = status_of(home)
    assert (status.logged_in, status.method) == (False, "none")
    assert problem in status.problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_told_apart(home: Path) -> None:
    """It says why."""
    log_in(home / ".codex").chmod(0)
    assert "cannot be read" in status_of(home).problem


def test_a_folder_in_the_files_place_is_told_apart(home: Path) -> None:
    """As any file that cannot be read."""
    (home / ".codex" / "auth.json").mkdir()
    assert "cannot be read" in status_of(home).problem


@pytest.mark.parametrize(
    ("config", "told"),
    [
        pytest.param('model = "x"\ncli_auth_credentials_store = "keyring"\n', True, id="keyring"),
        pytest.param("cli_auth_credentials_store='auto'", True, id="auto"),
        pytest.param('cli_auth_credentials_store = "file"', False, id="file"),
        pytest.param('# cli_auth_credentials_store = "keyring"', False, id="comment"),
        pytest.param(None, False, id="no-config"),
    ],
)
def test_a_login_that_may_be_in_a_keyring_is_told(home: Path, config: str | None, told: bool) -> None:
    """The sealed server could not reach it."""
    if config is not None:
        (home / ".codex" / "config.toml").write_text(config, encoding="utf-8")
    status = status_of(home)
    assert status.logged_in is False
    assert ("keyring" in status.problem) is told


@pytest.mark.parametrize(
    ("stderr", "returncode", "account"),
    [
        ("Logged in using ChatGPT", 0, Account(True, "chatgpt", "", "")),
        ("API key configured - sk-***", 0, Account(True, "apikey", "", "")),
        ("Not logged in", 1, Account(False, "none", "", "")),
    ],
)
async def test_the_account_is_what_the_cli_says(
    home: Path, fp: FakeProcess, stderr: str, returncode: int, account: Account
) -> None:
    """It writes to stderr."""
    fp.register(["/opt/codex", "login", "status"], stderr=stderr, returncode=returncode)
    with anyio.fail_after(30):
        assert await CodexAuth().account("/opt/codex", {"HOME": str(home)}) == account


async def test_a_status_that_is_none_is_outside_the_grammar(home: Path, fp: FakeProcess) -> None:
    """What was printed is the evidence."""
    fp.register(["/opt/codex", "login", "status"], stderr="Error checking login status", returncode=1)
    with anyio.fail_after(30), pytest.raises(ProtocolError) as caught:
        await CodexAuth().account("/opt/codex", {"HOME": str(home)})
    assert caught.value.evidence == "Error checking login status"
