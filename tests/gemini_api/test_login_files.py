"""What the files are worth in which the Gemini CLI keeps the login of a Google account."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from uutel_bridge.core.auth import LoginStatus
from uutel_bridge.core.stores import UnreadableStoreError
from uutel_bridge.gemini_api.login_files import Accounts, Tokens, cli_home, judged, read, user_home

ACCOUNT = "me@example.invalid"


def worth(tmp_path: Path, *, expires_in: float = 3600, licensed: bool = True, **changes: Any) -> LoginStatus:
    """What a stored login is worth, which must not show a secret; seconds from now."""
    stored = {"access_token": "hidden", "refresh_token": "hidden", "expiry_date": (time.time() + expires_in) * 1000}
    store = tmp_path / "oauth_creds.json"
    store.write_text(json.dumps({**stored, **changes}), encoding="utf-8")
    tokens = read(store, Tokens)
    assert tokens is not None
    status = judged(tokens, store, account=ACCOUNT, licensed=licensed)
    assert "hidden" not in f"{tokens!r}{status!r}"
    assert (status.account, status.source, status.login_command) == (ACCOUNT, str(store), "gemini")
    return status


@pytest.mark.parametrize(
    ("changes", "logged_in", "problem"),
    [
        pytest.param({"expires_in": -60}, True, "", id="renewable"),
        pytest.param({"expires_in": -60, "refresh_token": None}, False, "cannot be renewed", id="not-renewable"),
        pytest.param({"expires_in": -60, "refresh_token": ""}, False, "cannot be renewed", id="empty-refresh-token"),
        pytest.param({"refresh_token": None}, True, "", id="not-yet-expired"),
        pytest.param({"refresh_token": None, "access_token": ""}, False, "holds no token", id="no-token"),
    ],
)
def test_an_expired_token_matters_only_where_it_cannot_be_renewed(
    tmp_path: Path, changes: dict[str, Any], logged_in: bool, problem: str
) -> None:
    """It lasts an hour; the CLI renews it as long as it has a refresh token."""
    status = worth(tmp_path, **changes)
    assert (status.logged_in, status.method) == (logged_in, "oauth-personal" if logged_in else "none")
    assert problem in status.problem
    assert bool(problem) == bool(status.problem)


@pytest.mark.parametrize(("refresh_token", "is_told"), [("hidden", False), (None, True)])
def test_the_end_of_a_token_is_told_where_it_is_that_of_the_login(
    tmp_path: Path, refresh_token: str | None, is_told: bool
) -> None:
    """In seconds."""
    ends = worth(tmp_path, refresh_token=refresh_token).expires_at
    assert (ends is not None) is is_told
    assert ends is None or abs(ends - time.time() - 3600) < 600


def test_a_login_without_a_project_may_be_one_that_google_no_longer_serves(tmp_path: Path) -> None:
    """Only Google knows whether it has a licence."""
    status = worth(tmp_path, licensed=False)
    assert status.logged_in is True
    assert "2026-06-18" in status.problem
    assert "GOOGLE_CLOUD_PROJECT" in status.problem


def test_a_login_that_is_none_says_so_first(tmp_path: Path) -> None:
    """Whether or not there is a project."""
    status = worth(tmp_path, licensed=False, expires_in=-60, refresh_token=None)
    assert "cannot be renewed" in status.problem


@pytest.mark.parametrize(
    ("content", "active"),
    [
        ('// mine\n{"active": /* me */ "a"}', "a"),
        ('{"old": "http://x/*", "active": "a", "b": "\\"*/ //"}', "a"),
        ("{}", None),
    ],
)
def test_a_file_may_have_comments(tmp_path: Path, content: str, active: str | None) -> None:
    """What looks like one in a text is none."""
    file = tmp_path / "google_accounts.json"
    assert read(file, Accounts) is None
    file.write_text(content, encoding="utf-8")
    assert read(file, Accounts) == Accounts(active=active)


@pytest.mark.parametrize("content", ["", "[]", '{"active": 1}', '{"active": "hidden'])
def test_a_file_that_cannot_be_understood_is_told_apart(tmp_path: Path, content: str) -> None:
    """And nothing in it is quoted."""
    file = tmp_path / "google_accounts.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableStoreError) as caught:
        read(file, Accounts)
    assert caught.value.path == file
    assert "hidden" not in str(caught.value)


def test_the_cli_may_take_another_folder_for_the_home(tmp_path: Path) -> None:
    """An empty variable counts as unset; the user's home stays where it is."""
    home, other = tmp_path / "home", tmp_path / "other"
    environment = {"HOME": str(home), "GEMINI_CLI_HOME": str(other)}
    assert (user_home(environment), cli_home(environment)) == (home, other)
    assert cli_home({**environment, "GEMINI_CLI_HOME": ""}) == home
    assert user_home({"HOME": ""}) == Path.home()
