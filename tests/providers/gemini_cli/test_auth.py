"""Which login is taken, where it is found, and that no token gets out."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from uutel_bridge.core.auth import Account, LoginStatus
from uutel_bridge.providers.gemini_cli.auth import GeminiCLIAuth, find

KEY, ACCESS, REFRESH = "AIza-secret", "ya29-secret", "1//secret"
TOKEN = {"GOOGLE_GENAI_USE_GCA": "true", "GOOGLE_CLOUD_ACCESS_TOKEN": ACCESS}
PROJECT = {"GOOGLE_CLOUD_PROJECT": "p-1", "GOOGLE_CLOUD_LOCATION": "europe-west1"}
ACCOUNT = "me@example.org"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder in which gemini has run, without a login."""
    (tmp_path / ".gemini").mkdir()
    return tmp_path


def write(path: Path, content: object) -> Path:
    """Write a file: a text as it is, anything else as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def choose(home: Path, kind: str) -> None:
    """Let the user's settings choose a kind of login."""
    write(home / ".gemini" / "settings.json", {"security": {"auth": {"selectedType": kind}}})


def log_in(home: Path, *, expires_in: float = 3600, **tokens: object) -> Path:
    """Write the login of a Google account; seconds from now."""
    choose(home, "oauth-personal")
    write(home / ".gemini" / "google_accounts.json", {"active": ACCOUNT, "old": []})
    stored = {"access_token": ACCESS, "refresh_token": REFRESH, "expiry_date": int((time.time() + expires_in) * 1000)}
    return write(home / ".gemini" / "oauth_creds.json", {**stored, **tokens})


def status_of(home: Path, **variables: str) -> LoginStatus:
    """The status, which must not hold a secret anywhere, nor the login a key in its repr."""
    environment = {"HOME": str(home), **variables}
    status = GeminiCLIAuth().status(environment)
    assert status.login_command == "gemini"
    assert "secret" not in f"{status!r}{find(environment)!r}"
    return status


def test_a_google_account_is_found_in_the_home_folder(home: Path) -> None:
    """With its address and its place."""
    path = log_in(home)
    status = status_of(home, **PROJECT)
    assert (status.logged_in, status.method, status.account) == (True, "oauth-personal", ACCOUNT)
    assert (status.source, status.problem, status.expires_at) == (str(path), "", None)


def test_the_home_variable_replaces_the_home_folder(home: Path, tmp_path: Path) -> None:
    """An empty one counts as unset."""
    stored = log_in(home)
    elsewhere = tmp_path / "elsewhere"
    assert status_of(home, GEMINI_CLI_HOME=str(elsewhere)).logged_in is False
    moved = log_in(elsewhere)
    assert status_of(home, GEMINI_CLI_HOME=str(elsewhere)).source == str(moved)
    assert status_of(home, GEMINI_CLI_HOME="").source == str(stored)


def test_a_google_account_without_a_project_may_be_one_that_google_no_longer_serves(home: Path) -> None:
    """Only Google knows whether it has a licence."""
    log_in(home)
    status = status_of(home)
    assert status.logged_in is True
    assert "GOOGLE_CLOUD_PROJECT" in status.problem


def test_a_stored_login_that_is_worth_nothing_is_told(home: Path) -> None:
    """It is not taken for one."""
    log_in(home, expires_in=-60, refresh_token=None)
    status = status_of(home, **PROJECT)
    assert (status.logged_in, status.method) == (False, "none")
    assert "cannot be renewed" in status.problem


@pytest.mark.parametrize(
    ("kind", "variables", "method"),
    [
        pytest.param(None, {"GEMINI_API_KEY": KEY}, "gemini-api-key", id="key"),
        pytest.param(None, {"GEMINI_API_KEY": KEY, **TOKEN}, "oauth-personal", id="token-before-key"),
        pytest.param(
            None,
            {"GEMINI_API_KEY": KEY, "GOOGLE_API_KEY": KEY, "GOOGLE_GENAI_USE_VERTEXAI": "true"},
            "vertex-ai",
            id="vertex-before-key",
        ),
        pytest.param(
            None, {"GEMINI_API_KEY": KEY, "GOOGLE_GENAI_USE_VERTEXAI": "1"}, "gemini-api-key", id="only-true-is-true"
        ),
        pytest.param(None, {"CLOUD_SHELL": "true"}, "compute-default-credentials", id="cloud-shell"),
        pytest.param(None, {"GEMINI_CLI_USE_COMPUTE_ADC": "true"}, "compute-default-credentials", id="compute"),
        pytest.param(None, {"GOOGLE_API_KEY": KEY}, "none", id="a-key-that-chooses-nothing"),
        pytest.param(None, {"GEMINI_API_KEY": ""}, "none", id="empty"),
        pytest.param("gemini-api-key", {"GEMINI_API_KEY": KEY, **TOKEN}, "gemini-api-key", id="settings-win"),
        pytest.param("vertex-ai", {"GEMINI_API_KEY": KEY, "GOOGLE_API_KEY": KEY}, "vertex-ai", id="settings-vertex"),
        pytest.param("cloud-shell", {"GEMINI_API_KEY": KEY}, "gemini-api-key", id="old-choice"),
        pytest.param("gateway", {"GEMINI_API_KEY": KEY}, "none", id="gateway"),
    ],
)
def test_the_settings_choose_and_else_the_environment_does(
    home: Path, kind: str | None, variables: dict[str, str], method: str
) -> None:
    """In the CLI's own order."""
    if kind is not None:
        choose(home, kind)
    status = status_of(home, **variables)
    assert (status.logged_in, status.method) == (method != "none", method)


@pytest.mark.parametrize(
    "settings",
    [
        '// mine\n{"security": {"auth": {"selectedType": /* a key */ "gemini-api-key"}}}',
        '{"a": "http://x/*", "security": {"auth": {"selectedType": "gemini-api-key"}}, "b": "\\"*/ //"}',
    ],
)
def test_settings_may_have_comments(home: Path, settings: str) -> None:
    """What looks like one in a text is none."""
    write(home / ".gemini" / "settings.json", settings)
    assert status_of(home, GEMINI_API_KEY=KEY, **TOKEN).method == "gemini-api-key"


@pytest.mark.parametrize(
    ("kind", "variables", "needed"),
    [
        pytest.param("gemini-api-key", {"GEMINI_API_KEY": KEY, "GOOGLE_API_KEY": KEY}, {"GEMINI_API_KEY"}, id="key"),
        pytest.param("vertex-ai", {"GOOGLE_API_KEY": KEY, **PROJECT}, {"GOOGLE_API_KEY"}, id="vertex-key"),
        pytest.param("oauth-personal", {**TOKEN, **PROJECT}, {*TOKEN, "GOOGLE_CLOUD_PROJECT"}, id="token"),
        pytest.param(
            "compute-default-credentials",
            {"GCE_METADATA_HOST": "127.0.0.1:1", "GEMINI_API_KEY": KEY},
            {"GCE_METADATA_HOST"},
            id="compute",
        ),
        pytest.param("vertex-ai", PROJECT, {*PROJECT}, id="vertex-without-key"),
    ],
)
def test_a_login_brings_the_variables_it_needs_and_no_other(
    home: Path, kind: str, variables: dict[str, str], needed: set[str]
) -> None:
    """Another login's key could be taken in its place."""
    choose(home, kind)
    login = find({"HOME": str(home), **variables})
    assert login.status.logged_in is True
    assert dict(login.variables) == {name: variables[name] for name in needed}
    assert login.links == ()


def test_a_token_in_the_environment_goes_before_the_stored_login_and_does_not_touch_it(home: Path) -> None:
    """The CLI would write the token's account into the user's file."""
    log_in(home)
    login = find({"HOME": str(home), **TOKEN})
    assert (login.status.source, login.status.account, login.links) == ("GOOGLE_CLOUD_ACCESS_TOKEN", "", ())


@pytest.mark.parametrize(
    ("stored", "variables", "key"),
    [
        pytest.param({".gemini/.env": f"GEMINI_API_KEY={KEY}\n"}, {}, KEY, id="own"),
        pytest.param({".env": f"# mine\nexport GEMINI_API_KEY='{KEY}' # yes\n"}, {}, KEY, id="home"),
        pytest.param({".env": f'GEMINI_API_KEY: "{KEY}"\r\nX=1'}, {}, KEY, id="colon"),
        pytest.param({".env": "GEMINI_API_KEY=other", ".gemini/.env": f"GEMINI_API_KEY={KEY}"}, {}, KEY, id="both"),
        pytest.param({".env": "GEMINI_API_KEY=other"}, {"GEMINI_API_KEY": KEY}, KEY, id="environment-wins"),
        pytest.param({".env": "GEMINI_API_KEY=\n"}, {}, None, id="empty"),
        pytest.param({".env": "#GEMINI_API_KEY=x\n"}, {}, None, id="comment"),
    ],
)
def test_a_key_may_be_kept_in_the_env_file_of_the_home_folder(
    home: Path, stored: dict[str, str], variables: dict[str, str], key: str | None
) -> None:
    """As the CLI's manual advises; of the rest in it nothing is taken."""
    for name, content in stored.items():
        write(home / name, f"GEMINI_MODEL=other\n{content}")
    login = find({"HOME": str(home), **variables})
    assert dict(login.variables) == ({} if key is None else {"GEMINI_API_KEY": key})


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        pytest.param({}, "GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION", id="neither"),
        pytest.param({"GOOGLE_CLOUD_PROJECT": "p"}, "or else GOOGLE_CLOUD_LOCATION; set it", id="no-location"),
        pytest.param({**PROJECT, "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"}, "There is no /nowhere", id="file"),
    ],
)
def test_vertex_ai_says_what_it_lacks(home: Path, variables: dict[str, str], problem: str) -> None:
    """Each by its name."""
    choose(home, "vertex-ai")
    status = status_of(home, **variables)
    assert status.logged_in is False
    assert problem in status.problem


def test_vertex_ai_takes_googles_own_credentials(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that a variable names, by their whole path, else those that gcloud left in the home folder."""
    choose(home, "vertex-ai")
    assert "only a machine of Google Cloud" in status_of(home, **PROJECT).problem
    gcloud = write(home / ".config/gcloud/application_default_credentials.json", {"type": "authorized_user"})
    assert status_of(home, **PROJECT).source == str(gcloud)
    named = write(home / "sa.json", {"type": "service_account", "client_email": "robot@example.org"})
    monkeypatch.chdir(home)
    login = find({"HOME": str(home), **PROJECT, "GOOGLE_APPLICATION_CREDENTIALS": "sa.json"})
    assert (login.status.source, login.status.account) == (str(named), "robot@example.org")
    assert login.variables["GOOGLE_APPLICATION_CREDENTIALS"] == str(named)


@pytest.mark.parametrize(("kind", "logged_in"), [("service_account", True), ("authorized_user", False)])
def test_a_service_account_may_stand_for_a_google_account(home: Path, kind: str, logged_in: bool) -> None:
    """A person's own credentials may not: the CLI takes them for tokens of its own."""
    choose(home, "oauth-personal")
    file = write(home / "adc.json", {"type": kind, "refresh_token": REFRESH, "client_email": "robot@example.org"})
    status = status_of(home, GOOGLE_APPLICATION_CREDENTIALS=str(file))
    assert (status.logged_in, status.account) == (logged_in, "robot@example.org" if logged_in else "")


def test_an_encrypted_login_is_lent_unread(home: Path) -> None:
    """The CLI alone can look into it, and would ask a keyring first."""
    log_in(home)
    store = write(home / ".gemini" / "gemini-credentials.json", "aa:bb:cc")
    login = find({"HOME": str(home), "GEMINI_FORCE_ENCRYPTED_FILE_STORAGE": "true"})
    assert "encrypted" in login.status.problem
    assert login.status.logged_in is True
    assert dict(login.links)[store.name] == str(store)
    assert "oauth_creds.json" not in dict(login.links)
    assert dict(login.variables) == {
        "GEMINI_FORCE_ENCRYPTED_FILE_STORAGE": "true",
        "GEMINI_FORCE_FILE_STORAGE": "true",
    }
    assert find({"HOME": str(home)}).status.source == str(home / ".gemini" / "oauth_creds.json")


def test_a_login_that_may_be_in_a_keyring_is_told(home: Path) -> None:
    """The sealed CLI could not reach it."""
    choose(home, "oauth-personal")
    status = status_of(home, GEMINI_FORCE_ENCRYPTED_FILE_STORAGE="true")
    assert status.logged_in is False
    assert "keyring" in status.problem


def test_a_key_that_was_typed_into_the_cli_is_lent_where_it_is_in_a_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is not, the message says what mends it."""
    monkeypatch.setattr(sys, "platform", "linux")
    choose(home, "gemini-api-key")
    status = status_of(home)
    assert status.logged_in is False
    assert "GEMINI_API_KEY is not set; set it" in status.problem
    store = write(home / ".gemini" / "gemini-credentials.json", "aa:bb:cc")
    login = find({"HOME": str(home)})
    assert (login.status.logged_in, login.links) == (True, ((store.name, str(store)),))
    assert dict(login.variables) == {"GEMINI_FORCE_FILE_STORAGE": "true"}


def test_the_keychain_of_macos_is_not_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may ask the user for leave."""
    monkeypatch.setattr(sys, "platform", "darwin")
    choose(home, "gemini-api-key")
    assert (status_of(home).logged_in, status_of(home).source) == (True, "macOS Keychain (not read)")


@pytest.mark.parametrize("name", ["settings.json", "oauth_creds.json", "google_accounts.json"])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param("[]", "does not hold what gemini writes", id="list"),
        pytest.param('{"refresh_token": "1//sec', "half written", id="half-written"),
    ],
)
def test_a_file_that_cannot_be_understood_is_told_apart(home: Path, name: str, content: str, problem: str) -> None:
    """And nothing in it is quoted."""
    log_in(home)
    path = write(home / ".gemini" / name, content)
    status = status_of(home)
    assert (status.logged_in, status.method, status.source) == (False, "none", str(path))
    assert problem in status.problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_told_apart(home: Path) -> None:
    """It says why."""
    log_in(home).chmod(0)
    assert "cannot be read" in status_of(home).problem


def test_a_folder_in_the_files_place_is_told_apart(home: Path) -> None:
    """As any file that cannot be read."""
    choose(home, "oauth-personal")
    (home / ".gemini" / "oauth_creds.json").mkdir()
    assert "cannot be read" in status_of(home).problem


async def test_the_account_is_what_the_stores_say(home: Path) -> None:
    """The CLI is not started: it names none without a model call."""
    log_in(home)
    assert await GeminiCLIAuth().account("/nowhere/gemini", {"HOME": str(home)}) == Account(
        True, "oauth-personal", ACCOUNT, ""
    )
    assert await GeminiCLIAuth().account("/nowhere/gemini", {"HOME": str(home / "x")}) == Account(False, "none", "", "")
