"""`uutel-bridge doctor` and `ask` for Cloud Code, which is no CLI and is off until its user says otherwise."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.cli.conftest import Command
from tests.emulators.gemini_api import GeminiAPI
from tests.emulators.refusing_proxy import RefusingProxy

SECRETS = ("fake-access-token", "fake-refresh-token", "hidden-token")


@dataclass
class Cloud:
    """The command, where the user has allowed it."""

    command: Command
    api: GeminiAPI
    proxy: RefusingProxy

    def __call__(self, *arguments: str, code: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end; nothing of it leaves the machine."""
        allowed = {"UUTEL_CLOUD_CODE__ACCEPT_TERMS": "true", "UUTEL_CLOUD_CODE__API_BASE": self.api.url}
        more = {} if code is None else {"code": code}
        done = self.command(*arguments, **{**self.proxy.environment, **allowed, **variables}, **more)
        assert not self.proxy.attempts
        return done

    def doctor(self, **variables: str) -> str:
        """What the doctor says of Cloud Code."""
        sections = self("doctor", **variables).stdout.split("\n\n")
        (section,) = [each for each in sections if each.startswith("Cloud Code (uutel/cloud-code/<model>)\n")]
        return section


@pytest.fixture
def cloud(uutel: Command) -> Iterator[Cloud]:
    """Logged in with a made-up token, at an endpoint that is played."""
    with GeminiAPI() as api, RefusingProxy() as proxy:
        yield Cloud(uutel, api, proxy)


def test_without_the_users_word_the_doctor_says_so_and_asks_nobody(cloud: Cloud) -> None:
    """Off is a choice, not a fault: the ways that Google allows are named."""
    said = cloud.doctor(UUTEL_CLOUD_CODE__ACCEPT_TERMS="")
    for words in (
        "terms       not accepted",
        "off         Cloud Code is off",
        "uutel/gemini-cli/<model>",
        "vertex_ai/",
    ):
        assert words in said
    assert "wrong" not in said
    assert not [*cloud.api.other, *cloud.api.requests]


def test_the_doctor_shows_the_login_and_the_project(cloud: Cloud) -> None:
    """Without a model call, and no secret."""
    said = cloud.doctor()
    for words in (
        "terms       accepted (UUTEL_CLOUD_CODE__ACCEPT_TERMS)",
        "login       oauth-personal, from ",
        "account     nobody@example.invalid",
        "project     made-up-project (Gemini Code Assist)",
        "ready",
    ):
        assert words in said
    assert not cloud.api.requests
    assert not [secret for secret in SECRETS if secret in said]


def test_the_doctor_shows_the_project_that_is_asked_for(cloud: Cloud) -> None:
    """Where the account has none of its own."""
    cloud.api.account = "own_project"
    assert "project     mine (Gemini Code Assist)" in cloud.doctor(GOOGLE_CLOUD_PROJECT="mine")


@pytest.mark.parametrize(
    ("variable", "source"),
    [("GOOGLE_CLOUD_ACCESS_TOKEN", "GOOGLE_CLOUD_ACCESS_TOKEN"), ("UUTEL_CLOUD_CODE__API_KEY", "api_key")],
)
def test_the_doctor_says_which_credential_it_is_and_no_secret(cloud: Cloud, variable: str, source: str) -> None:
    """Also where the endpoint refuses it."""
    for known in (None, set[str]()):
        cloud.api.tokens = known
        said = cloud.doctor(**{variable: "hidden-token"})
        assert f"login       access_token, from {source}\n" in said
        assert not [secret for secret in SECRETS if secret in said]
        assert ("ready" in said) is (known is None)


def _log_out(cloud: Cloud) -> None:
    cloud.command.log_out()


def _ask_for_a_project(cloud: Cloud) -> None:
    cloud.api.account = "own_project"


def _stop(cloud: Cloud) -> None:
    cloud.api.account = "tos"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_log_out, "Log in with: gemini"),
        (_ask_for_a_project, "UUTEL_CLOUD_CODE__PROJECT_ID or GOOGLE_CLOUD_PROJECT"),
        (_stop, "Appeal at https://example.invalid/appeal"),
    ],
)
def test_the_doctor_says_what_is_wrong_and_what_mends_it(
    cloud: Cloud, spoil: Callable[[Cloud], None], words: str
) -> None:
    """In the provider's own section."""
    spoil(cloud)
    said = cloud.doctor()
    assert words in said.partition("wrong       ")[2]
    assert "ready" not in said


def test_a_question_is_answered_without_litellm(cloud: Cloud) -> None:
    """Which takes seconds to import."""
    looking = (
        "import sys; from uutel_bridge.cli import main\n"
        "try: main.main()\n"
        "finally: print('litellm' in sys.modules, file=sys.stderr)"
    )
    done = cloud("ask", "-m", "uutel/cloud-code/gemini-2.5-flash", "[[scenario:text]]", code=looking)
    assert (done.returncode, done.stdout, done.stderr) == (0, "part0 part1 part2 part3 \n", "False\n")


def test_json_has_the_reasoning_and_what_it_cost(cloud: Cloud) -> None:
    """As for any provider."""
    done = cloud("ask", "-m", "cloud-code/gemini-2.5-pro", "--json", "[[scenario:thinking]]")
    answer = json.loads(done.stdout)
    assert answer["choices"][0]["message"]["content"] == "After thought: 42."
    assert answer["choices"][0]["message"]["reasoning_content"].startswith("**Weighing it**")
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 4
    assert answer["model"] == "gemini-2.5-pro"


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("e403_license", "no licence for Gemini Code Assist"),
        ("e404", "no such model"),
        ("limit", "quota of this login is used up"),
        ("drop", "connection"),
        ("malformed_function_call", "MALFORMED_FUNCTION_CALL"),
    ],
)
def test_a_failure_is_one_plain_sentence(cloud: Cloud, scenario: str, words: str) -> None:
    """Exit status 1, no traceback."""
    done = cloud("ask", "-m", "cloud-code", f"[[scenario:{scenario}]]", UUTEL_RETRY__MAX_RETRIES="0")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert words in line


def test_without_the_users_word_a_question_is_refused(cloud: Cloud) -> None:
    """Nobody is asked; no other provider steps in."""
    done = cloud("ask", "-m", "cloud-code", "x", UUTEL_CLOUD_CODE__ACCEPT_TERMS="no")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Cloud Code is off" in done.stderr
    assert not [*cloud.api.other, *cloud.api.requests]


def test_without_a_model_it_answers_where_no_other_is_logged_in(cloud: Cloud) -> None:
    """And only with the user's word."""
    for store in (".claude/.credentials.json", ".codex/auth.json", ".gemini/oauth_creds.json"):
        (cloud.command.home / store).unlink()
    asked = ("ask", "--json", "[[scenario:text]]")
    done = cloud(*asked, GOOGLE_CLOUD_ACCESS_TOKEN="made-up")
    assert json.loads(done.stdout)["model"] == "gemini-3-flash"
    done = cloud(*asked, GOOGLE_CLOUD_ACCESS_TOKEN="made-up", UUTEL_CLOUD_CODE__ACCEPT_TERMS="")
    assert "Cloud Code is off" in done.stderr
    assert len(cloud.api.requests) == 1
