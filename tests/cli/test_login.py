"""`uutel-bridge login`."""

from __future__ import annotations

import os
import re
import shutil
import signal
from urllib.parse import unquote
from urllib.request import ProxyHandler, build_opener

import pexpect
import pytest

from tests.cli.conftest import Command, terminal
from tests.conformance.world import REAL_CLIS, real_cli
from tests.emulators.refusing_proxy import RefusingProxy

CODE = "made-up#code"
_SECONDS = 60


def log_out(uutel: Command, *, fresh: bool) -> None:
    """Nobody is logged in; `fresh`: nor was there ever."""
    uutel.log_out()
    if fresh:
        shutil.rmtree(uutel.home / ".gemini")


def come_back(told: str) -> None:
    """Do what a browser does at the end of a sign-in of Codex."""
    (found,) = re.findall(r"redirect_uri=(\S+)&(state=[\w-]+)", told)
    with build_opener(ProxyHandler({})).open(f"{unquote(found[0])}?code=x&{found[1]}", timeout=_SECONDS) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("name", "fresh", "prompt"),
    [
        ("claude-code", False, "Paste code here"),
        ("gemini-cli", False, "authorization code:"),
        ("gemini-cli", True, "authorization code:"),
    ],
)
def test_without_a_terminal_the_address_and_the_prompt_are_shown_and_the_code_is_read(
    uutel: Command, name: str, fresh: bool, prompt: str
) -> None:
    """A code that is refused is asked for again; at the end it says how the provider stands."""
    log_out(uutel, fresh=fresh)
    done = uutel("login", name, stdin=f"not-it\n{CODE}\n")
    assert (done.returncode, done.stderr) == (0, "")
    said, _, checkup = done.stdout.partition("\n\n")
    assert said.count(prompt) == 2
    assert said.count("https://") == (1 if name == "claude-code" else 2)
    assert not set("\x1b╭●") & set(said)
    assert f"(uutel/{name}/<model>)" in checkup
    assert "ready" in checkup


def test_a_sign_in_that_ends_in_a_browser_needs_no_code(uutel: Command) -> None:
    """Codex waits until the browser comes back to it."""
    uutel.log_out()
    with uutel.start("login", "codex") as process:
        told = b""
        while b"--device-auth" not in told:
            told += process.stdout.readline()
        come_back(told.decode())
        out, err = process.communicate(timeout=_SECONDS)
    assert (process.returncode, err) == (0, b"")
    assert b"Successfully logged in" in out
    assert b"ready" in out


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("claude-code", ["Paste code here", CODE]),
        ("gemini-cli", ["Sign in with Google", "", "authorization code:", CODE, "> │", "/quit"]),
    ],
)
def test_in_a_terminal_the_sign_in_is_the_clis_own(uutel: Command, name: str, typed: list[str]) -> None:
    """It has the terminal to itself until it ends; then comes how the provider stands."""
    log_out(uutel, fresh=True)
    with terminal(uutel, "login", name) as child:
        for awaited, answer in zip(typed[::2], typed[1::2], strict=True):
            child.expect_exact(awaited)
            child.sendline(answer)
        child.expect_exact(f"(uutel/{name}/<model>)")
        child.expect_exact("ready")
        child.expect(pexpect.EOF)
        child.wait()
    assert child.exitstatus == 0


def test_ctrl_c_in_a_terminal_ends_the_sign_in(uutel: Command) -> None:
    """And nothing is left of it."""
    uutel.log_out()
    with terminal(uutel, "login", "codex") as child:
        child.expect_exact("--device-auth")
        child.sendintr()
        child.expect(pexpect.EOF)
        child.wait()
    assert child.exitstatus == 128 + signal.SIGINT
    assert uutel.nothing_left()


@pytest.mark.parametrize("name", ["claude-code", "codex"])
def test_a_signal_ends_the_sign_in_that_is_driven(uutel: Command, name: str) -> None:
    """As whoever started it sends one."""
    uutel.log_out()
    reading, writing = os.pipe()
    try:
        with uutel.start("login", name, stdin=reading) as process:
            assert process.stdout.readline()
            process.terminate()
            assert process.wait(_SECONDS) == 128 + signal.SIGTERM
    finally:
        os.close(reading)
        os.close(writing)
    assert uutel.nothing_left()


def test_a_sign_in_that_fails_is_said(uutel: Command) -> None:
    """With what the CLI says, and exit status 1."""
    uutel.log_out()
    done = uutel("login", "claude-code", stdin="other#code\n")
    assert done.returncode == 1
    assert "Couldn't log in" in done.stdout
    assert "wrong       No login" in done.stdout
    assert "ended with status 1" in done.stderr


def test_without_a_code_there_is_no_login(uutel: Command) -> None:
    """Where it cannot come in another way."""
    uutel.log_out()
    done = uutel("login", "gemini-cli")
    assert done.returncode == 1
    assert "did not come on standard input" in done.stderr


def test_who_is_logged_in_already_is_told_so(uutel: Command) -> None:
    """Without a terminal nobody could choose another login."""
    done = uutel("login", "gemini-cli")
    assert done.returncode == 0
    assert "logged in already" in done.stderr
    assert "ready" in done.stdout


def test_cloud_code_says_what_its_logins_are(uutel: Command) -> None:
    """It has none of its own."""
    done = uutel("login", "cloud-code")
    assert (done.returncode, done.stdout) == (1, "")
    for words in (
        "uutel-bridge login gemini-cli",
        "gcloud auth application-default login",
        "GOOGLE_CLOUD_ACCESS_TOKEN",
    ):
        assert words in done.stderr


def test_a_cli_that_is_missing_is_said_with_what_mends_it(uutel: Command) -> None:
    """The command that installs it."""
    done = uutel("login", "codex", UUTEL_CODEX__EXECUTABLE="no-such-codex")
    assert (done.returncode, done.stdout) == (1, "")
    assert "npm install -g @openai/codex" in done.stderr


def test_the_cli_sees_the_users_environment_but_for_our_settings(uutel: Command) -> None:
    """As from the user's own shell, where a browser can be found; our settings may hold a key."""
    shows = uutel.home / "claude"
    shows.write_text("#!/bin/sh\nenv\n", encoding="utf-8")
    shows.chmod(0o755)
    done = uutel(
        "login", "claude-code", UUTEL_CLAUDE_CODE__EXECUTABLE=str(shows), UUTEL_CODEX__API_KEY="secret", BROWSER="mine"
    )
    assert "BROWSER=mine" in done.stdout
    assert "secret" not in done.stdout


@pytest.mark.real_cli
@pytest.mark.parametrize(
    ("name", "cli", "prompt", "code", "said"),
    [
        ("claude-code", "claude", "Paste code here", "no#code", "Couldn't log in"),
        ("gemini-cli", "gemini", "authorization code:", "", "https://accounts.google.com/"),
    ],
)
def test_the_real_sign_in_is_driven_as_the_fake_one(
    uutel: Command, name: str, cli: str, prompt: str, code: str, said: str
) -> None:
    """As far as it goes without a network."""
    real_cli(cli)
    log_out(uutel, fresh=True)
    path = f"{REAL_CLIS}{os.pathsep}{os.environ['PATH']}"
    with RefusingProxy() as proxy:
        done = uutel("login", name, stdin=f"{code}\n", PATH=path, **proxy.environment)
    assert done.returncode == 1
    assert prompt in done.stdout
    assert said in done.stdout
    assert "\x1b" not in done.stdout
