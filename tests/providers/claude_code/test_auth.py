"""Where Claude Code's login is found, and that no token gets out."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import anyio
import pytest
from pytest_subprocess import FakeProcess

from uutel_bridge.core.auth import Account, LoginStatus
from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.providers.claude_code.auth import ClaudeCodeAuth

ACCESS, REFRESH, KEY = "sk-ant-oat01-secret", "sk-ant-ort01-secret", "sk-ant-api03-secret"


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the login is a file, whatever these tests run on."""
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder in which claude has run, without a login."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude.json").write_text('{"firstStartVersion": "2.1.330"}', encoding="utf-8")
    return tmp_path


def log_in(folder: Path, *, expires_in: float | None = 3600, **fields: object) -> str:
    """Write a credentials file; seconds from now."""
    login = {
        "accessToken": ACCESS,
        "refreshToken": REFRESH,
        "expiresAt": None if expires_in is None else int((time.time() + expires_in) * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
        "rateLimitTier": "some",
    }
    path = folder / ".credentials.json"
    path.write_text(json.dumps({"claudeAiOauth": {**login, **fields}}), encoding="utf-8")
    return str(path)


def status_of(home: Path, **variables: str) -> LoginStatus:
    """The status, which must not hold a secret anywhere."""
    status = ClaudeCodeAuth().status({"HOME": str(home), **variables})
    assert status.login_command == "claude auth login"
    assert not any(secret in repr(status) for secret in (ACCESS, REFRESH, KEY))
    return status


def test_a_stored_login_is_found_in_the_home_folder(home: Path) -> None:
    """With its plan, its end and its place."""
    path = log_in(home / ".claude")
    status = status_of(home)
    assert (status.logged_in, status.method, status.account) == (True, "claude.ai", "max")
    assert (status.source, status.problem) == (path, "")
    assert status.expires_at == pytest.approx(time.time() + 3600, abs=600)


def test_a_token_variable_wins_over_the_file(home: Path) -> None:
    """As it does for the CLI; a blank one does not."""
    path = log_in(home / ".claude")
    status = status_of(home, CLAUDE_CODE_OAUTH_TOKEN=ACCESS)
    assert (status.logged_in, status.method, status.source) == (True, "oauth_token", "CLAUDE_CODE_OAUTH_TOKEN")
    assert status_of(home, CLAUDE_CODE_OAUTH_TOKEN=" ").source == path


def test_the_config_folder_variable_replaces_the_home_folder(home: Path, tmp_path: Path) -> None:
    """An empty one counts as unset, for the child does not get it."""
    stored = log_in(home / ".claude")
    other = tmp_path / "other"
    other.mkdir()
    assert not status_of(home, CLAUDE_CONFIG_DIR=str(other)).logged_in
    assert status_of(home, CLAUDE_CONFIG_DIR=str(other)).source == str(other / ".credentials.json")
    assert status_of(home, CLAUDE_CONFIG_DIR="").source == stored
    assert status_of(home, CLAUDE_CONFIG_DIR=log_in(other).removesuffix("/.credentials.json")).logged_in


@pytest.mark.parametrize("fresh", [False, True])
def test_without_a_login_the_place_is_named(home: Path, fresh: bool) -> None:
    """Whether or not claude has ever run."""
    folder = home / "fresh" if fresh else home
    status = status_of(folder)
    assert (status.logged_in, status.method) == (False, "none")
    assert status.source == str(folder / ".claude/.credentials.json")


def test_an_api_key_lying_about_is_no_login(home: Path) -> None:
    """It is not handed to the CLI, where it would replace the login."""
    assert not status_of(home, ANTHROPIC_API_KEY=KEY, ANTHROPIC_AUTH_TOKEN=KEY).logged_in


def test_a_console_login_is_an_api_key_in_the_config(home: Path, tmp_path: Path) -> None:
    """A stored subscription goes first."""
    for folder, variables in ((home, {}), (tmp_path / "other", {"CLAUDE_CONFIG_DIR": str(tmp_path / "other")})):
        folder.mkdir(exist_ok=True)
        config = folder / ".claude.json"
        config.write_text(json.dumps({"primaryApiKey": KEY}), encoding="utf-8")
        status = status_of(home, **variables)
        assert (status.logged_in, status.method, status.source) == (True, "api_key", str(config))
    log_in(home / ".claude")
    assert status_of(home).method == "claude.ai"


def test_an_expired_token_that_can_be_renewed_is_a_login(home: Path) -> None:
    """The CLI renews it; that is noted."""
    log_in(home / ".claude", expires_in=-60)
    status = status_of(home)
    assert status.logged_in
    assert "renews" in status.problem


@pytest.mark.parametrize("fields", [{"refreshToken": None}, {"refreshToken": ""}, {"refreshTokenExpiresAt": 1000}])
def test_an_expired_token_that_cannot_be_renewed_is_no_login(home: Path, fields: dict[str, object]) -> None:
    """Its end tells that somebody was logged in."""
    log_in(home / ".claude", expires_in=-60, **fields)
    status = status_of(home)
    assert not status.logged_in
    assert status.expires_at is not None
    assert status.expires_at < time.time()
    assert "cannot be renewed" in status.problem


def test_a_token_without_an_end_is_a_login(home: Path) -> None:
    """As for the CLI."""
    log_in(home / ".claude", expires_in=None, refreshToken=None)
    status = status_of(home)
    assert (status.logged_in, status.expires_at, status.problem) == (True, None, "")


def test_a_token_that_may_not_make_requests_is_no_login(home: Path) -> None:
    """The CLI says so too."""
    log_in(home / ".claude", scopes=["user:profile"])
    status = status_of(home)
    assert not status.logged_in
    assert "user:inference" in status.problem


@pytest.mark.parametrize("text", ["", '{"claudeAiOauth": {"accessToken": "sk-ant-oat01-se', "\udcff"])
def test_a_half_written_file_is_told_and_read_again_on_the_next_call(home: Path, text: str) -> None:
    """The CLI may be writing it just now."""
    path = home / ".claude/.credentials.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    status = status_of(home)
    assert not status.logged_in
    assert str(path) in status.problem
    assert "half written" in status.problem
    log_in(home / ".claude")
    assert status_of(home).logged_in


@pytest.mark.parametrize(
    "text", ["[]", '{"claudeAiOauth": []}', '{"claudeAiOauth": {"accessToken": 3}}', '{"claudeAiOauth": {}}']
)
def test_a_file_of_another_shape_is_told(home: Path, text: str) -> None:
    """Perhaps a newer CLI writes it."""
    path = home / ".claude/.credentials.json"
    path.write_text(text, encoding="utf-8")
    status = status_of(home)
    assert not status.logged_in
    assert str(path) in status.problem


def test_a_place_that_cannot_be_read_is_told(home: Path) -> None:
    """A folder has the file's name."""
    path = home / ".claude/.credentials.json"
    path.mkdir()
    status = status_of(home)
    assert not status.logged_in
    assert str(path) in status.problem


def test_on_macos_the_keychain_is_trusted_unread(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, where there is one, still tells more."""
    monkeypatch.setattr(sys, "platform", "darwin")
    status = status_of(home)
    assert (status.logged_in, status.method) == (True, "keychain")
    path = log_in(home / ".claude")
    assert status_of(home).source == path


async def account_of(fp: FakeProcess, home: Path, printed: str, returncode: int = 0) -> Account:
    """What is made of the output of `claude auth status`."""
    fp.register(["claude", "auth", "status"], stdout=printed, returncode=returncode)
    with anyio.fail_after(60):
        return await ClaudeCodeAuth().account("claude", {"HOME": str(home)})


async def test_the_account_is_what_the_cli_says(fp: FakeProcess, home: Path) -> None:
    """With fields that are none of ours."""
    printed = {
        "loggedIn": True,
        "authMethod": "claude.ai",
        "apiProvider": "firstParty",
        "loginExpiresAt": None,
        "email": "me@example.com",
        "orgName": None,
        "subscriptionType": "max",
    }
    assert await account_of(fp, home, json.dumps(printed, indent=2)) == Account(
        logged_in=True, method="claude.ai", email="me@example.com", subscription="max"
    )


async def test_no_account_is_an_answer_too(fp: FakeProcess, home: Path) -> None:
    """The CLI then exits with 1."""
    account = await account_of(fp, home, '{"loggedIn": false, "authMethod": "none", "email": null}', returncode=1)
    assert account == Account(logged_in=False, method="none", email="", subscription="")


@pytest.mark.parametrize("printed", ["", "error: unknown command 'auth'", "{}", "[]"])
async def test_another_answer_than_a_status_is_a_protocol_error(fp: FakeProcess, home: Path, printed: str) -> None:
    """What it printed is the evidence."""
    with pytest.raises(ProtocolError) as caught:
        await account_of(fp, home, printed, returncode=1)
    assert caught.value.evidence == printed


async def test_the_status_command_sees_the_login_but_not_a_key(home: Path) -> None:
    """Its answer is about the login that requests will use."""
    path = home / "claude"
    shown = '"$CLAUDE_CODE_OAUTH_TOKEN$CLAUDE_CONFIG_DIR$ANTHROPIC_API_KEY$MINE"'
    path.write_text(f'#!/bin/sh\nprintf \'{{"loggedIn": true, "authMethod": "%s"}}\' {shown}\n', encoding="utf-8")
    path.chmod(0o700)
    environment = {
        "PATH": os.environ["PATH"],
        "CLAUDE_CODE_OAUTH_TOKEN": "token ",
        "CLAUDE_CONFIG_DIR": "folder ",
        "ANTHROPIC_API_KEY": "key ",
        "MINE": "mine",
    }
    with anyio.fail_after(60):
        account = await ClaudeCodeAuth().account(str(path), environment, pass_env=["MINE"])
    assert account.method == "token folder mine"
