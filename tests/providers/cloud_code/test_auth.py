"""Which credential is taken, where it is found, and that no token gets out."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.providers.cloud_code.logins import ACCESS, ACCOUNT, ADC, KEY, REFRESH, log_in, service_account, write
from uutel_bridge.core.auth import LoginStatus
from uutel_bridge.providers.cloud_code.auth import CloudCodeAuth, Found, find

TOKEN = {"GOOGLE_CLOUD_ACCESS_TOKEN": ACCESS}
PROJECT = {"GOOGLE_CLOUD_PROJECT": "p-1"}
PERSON = {"type": "authorized_user", "client_id": "c", "client_secret": "hidden", "refresh_token": REFRESH}
ROBOT = {"type": "service_account", "client_email": "robot@example.invalid", "private_key": KEY}


def found_in(home: Path, api_key: str | None = None, **variables: str) -> Found:
    """What is found, which must not show a secret."""
    found = find({"HOME": str(home), **variables}, SecretStr(api_key) if api_key else None)
    assert "hidden" not in f"{found!r}{found}{found.status!r}{found.identity}"
    return found


def status_of(home: Path, **variables: str) -> LoginStatus:
    """The status, as the provider tells it."""
    status = CloudCodeAuth().status({"HOME": str(home), **variables})
    assert status == found_in(home, **variables).status
    return status


def test_the_first_of_four_credentials_is_taken(tmp_path: Path) -> None:
    """One after the other is taken away."""
    store = log_in(tmp_path)
    gclouds = write(tmp_path / ADC, PERSON)
    named = write(tmp_path / "robot.json", ROBOT)
    variables = {**TOKEN, "GOOGLE_APPLICATION_CREDENTIALS": str(named), **PROJECT}
    taken = [found_in(tmp_path, KEY, **variables), found_in(tmp_path, **variables)]
    taken.append(found_in(tmp_path, **{**variables, "GOOGLE_CLOUD_ACCESS_TOKEN": ""}))
    taken.append(found_in(tmp_path, GOOGLE_APPLICATION_CREDENTIALS="", **PROJECT))
    gclouds.unlink()
    taken.append(found_in(tmp_path, **PROJECT))
    store.unlink()
    taken.append(found_in(tmp_path, **PROJECT))
    assert [(each.kind, each.status.method, each.status.source, each.status.account) for each in taken] == [
        ("token", "access_token", "api_key", ""),
        ("token", "access_token", "GOOGLE_CLOUD_ACCESS_TOKEN", ""),
        ("file", "service_account", str(named), "robot@example.invalid"),
        ("file", "authorized_user", str(gclouds), ""),
        ("stored", "oauth-personal", str(store), ACCOUNT),
        ("none", "none", str(store), ""),
    ]
    assert [each.status.logged_in for each in taken] == [True] * 5 + [False]
    assert [bool(each.status.problem) for each in taken] == [False, False, True, False, False, True]
    assert "licences" in taken[2].status.problem
    assert "GOOGLE_CLOUD_ACCESS_TOKEN" in taken[5].status.problem


def test_gcloud_and_the_cli_may_have_other_folders(tmp_path: Path) -> None:
    """Of which their own variables tell; the user's home is not looked into then."""
    log_in(tmp_path)
    moved = log_in(tmp_path / "gemini")
    assert status_of(tmp_path, GEMINI_CLI_HOME=str(tmp_path / "gemini")).source == str(moved)
    write(tmp_path / ADC, PERSON)
    gclouds = write(tmp_path / "gcloud" / Path(ADC).name, {**PERSON, "account": ACCOUNT})
    status = status_of(tmp_path, CLOUDSDK_CONFIG=str(tmp_path / "gcloud"))
    assert (status.source, status.account) == (str(gclouds), ACCOUNT)
    assert status_of(tmp_path, CLOUDSDK_CONFIG=str(tmp_path / "x")).method == "oauth-personal"


def test_a_stored_login_that_is_worth_nothing_is_told(tmp_path: Path) -> None:
    """With what mends it."""
    log_in(tmp_path, expires_in=-60, refresh_token=None)
    status = status_of(tmp_path, **PROJECT)
    assert (status.logged_in, status.login_command) == (False, "gemini")
    assert "cannot be renewed" in status.problem


@pytest.mark.parametrize(
    ("variables", "project", "is_told"),
    [
        pytest.param({}, "", True, id="none"),
        pytest.param(PROJECT, "", False, id="variable"),
        pytest.param({"GOOGLE_CLOUD_PROJECT_ID": "p-1"}, "", False, id="other-variable"),
        pytest.param({"GOOGLE_CLOUD_PROJECT": ""}, "", True, id="empty"),
        pytest.param({}, "p-1", False, id="settings"),
    ],
)
def test_a_stored_login_without_a_project_may_be_one_that_google_no_longer_serves(
    tmp_path: Path, variables: dict[str, str], project: str, is_told: bool
) -> None:
    """Only Google knows whether it has a licence."""
    log_in(tmp_path)
    status = find({"HOME": str(tmp_path), **variables}, project=project).status
    assert status.logged_in is True
    assert ("2026-06-18" in status.problem) == is_told


def test_an_encrypted_login_is_told_and_not_read(tmp_path: Path) -> None:
    """With what to do; a plain one beside it counts, unless the CLI would remove it."""
    sealed = write(tmp_path / ".gemini" / "gemini-credentials.json", "aa:bb:cc")
    status = status_of(tmp_path)
    assert (status.logged_in, status.source) == (False, str(sealed))
    for word in ("may keep its login encrypted", "Unset GEMINI_FORCE_ENCRYPTED_FILE_STORAGE", "ACCESS_TOKEN"):
        assert word in status.problem
    log_in(tmp_path)
    assert status_of(tmp_path).logged_in is True
    forced = status_of(tmp_path, GEMINI_FORCE_ENCRYPTED_FILE_STORAGE="true")
    assert (forced.logged_in, forced.login_command) == (False, "gemini")
    assert "GEMINI_FORCE_ENCRYPTED_FILE_STORAGE is set" in forced.problem


@pytest.mark.parametrize("content", ["", '{"refresh_token": "1//hidden'])
def test_a_login_that_is_just_being_written_is_one(tmp_path: Path, content: str) -> None:
    """Whoever needs the token reads the file again."""
    store = write(log_in(tmp_path), content)
    found = found_in(tmp_path)
    assert (found.kind, found.status.logged_in, found.status.account) == ("stored", True, ACCOUNT)
    assert "just being written, or broken" in found.status.problem
    log_in(tmp_path)
    assert found.path == store
    assert found.identity == found_in(tmp_path).identity


@pytest.mark.parametrize("content", ["", "[]", '{"active": 1}'])
def test_a_login_of_nobody_knows_whom_is_one(tmp_path: Path, content: str) -> None:
    """The CLI may be writing that file, too."""
    log_in(tmp_path)
    write(tmp_path / ".gemini" / "google_accounts.json", content)
    status = status_of(tmp_path, **PROJECT)
    assert (status.logged_in, status.account, status.problem) == (True, "", "")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, "which GOOGLE_APPLICATION_CREDENTIALS names", id="missing"),
        pytest.param("", "half written", id="empty"),
        pytest.param('{"private_key": "hidden', "half written", id="half-written"),
        pytest.param([], "does not hold what Google writes", id="list"),
        pytest.param({}, "holds no credentials", id="no-type"),
        pytest.param({"type": "gdch_service_account"}, "holds no credentials", id="another-type"),
        pytest.param({"installed": {"client_secret": "hidden"}}, "holds no credentials", id="client"),
    ],
)
def test_a_file_of_googles_that_is_none_is_told_apart(tmp_path: Path, content: object, problem: str) -> None:
    """Whoever names it wants no other; nothing in it is quoted."""
    log_in(tmp_path)
    path = tmp_path / "adc.json"
    if content is not None:
        write(path, content)
    status = status_of(tmp_path, GOOGLE_APPLICATION_CREDENTIALS=str(path))
    assert (status.logged_in, status.method, status.source) == (False, "none", str(path))
    assert problem in status.problem


def test_a_file_may_be_named_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told by its whole path."""
    file = write(tmp_path / "adc.json", ROBOT)
    monkeypatch.chdir(tmp_path)
    assert status_of(tmp_path, GOOGLE_APPLICATION_CREDENTIALS="adc.json").source == str(file)


@pytest.mark.parametrize("name", [".gemini/oauth_creds.json", ADC])
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    """Such as a folder in a file's place."""
    (tmp_path / name).mkdir(parents=True)
    status = status_of(tmp_path)
    assert (status.logged_in, status.source) == (False, str(tmp_path / name))
    assert "cannot be read" in status.problem


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    """It says why."""
    log_in(tmp_path).chmod(0)
    assert "cannot be read" in status_of(tmp_path).problem


def test_an_identity_changes_with_the_login_and_not_with_its_tokens(tmp_path: Path) -> None:
    """What is known of a login is remembered under it."""
    log_in(tmp_path)
    first = found_in(tmp_path).identity
    log_in(tmp_path, access_token="another-hidden")
    assert found_in(tmp_path).identity == first
    write(tmp_path / ".gemini" / "google_accounts.json", {"active": "you@example.invalid"})
    file = write(tmp_path / "adc.json", ROBOT)
    adc = {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    others = [found_in(tmp_path), found_in(tmp_path, KEY), found_in(tmp_path, ACCESS), found_in(tmp_path, **adc)]
    write(file, json.dumps(service_account("http://127.0.0.1")))
    others.append(found_in(tmp_path, **adc))
    assert len({first, *(each.identity for each in others)}) == 6
