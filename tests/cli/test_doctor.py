"""`uutel-bridge doctor`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.conformance.world import claude_code
from uutel_bridge import testing


@pytest.mark.parametrize("kind", ["fake", pytest.param("real", marks=pytest.mark.real_cli)])
def test_a_working_provider_is_described(kind: str) -> None:
    """Executable, version, login, account; on the fake as on the real CLI, without a request to the model."""
    with claude_code(kind) as world:
        done = Command(world.home)("doctor")
        assert (done.returncode, done.stderr) == (0, "")
        assert not world.api.requests
    for words in ("Config file: ", "claude\n", "2.1.330 (tested)", ".credentials.json", "account     max", "ready"):
        assert words in done.stdout


def test_every_provider_is_described(uutel: Command) -> None:
    """By its name and the form of its models; Codex's account is the one in its login."""
    claude, cloud, codex, gemini = uutel("doctor").stdout.split("\n\n")[1:]
    assert claude.startswith("Claude Code (uutel/claude-code/<model>)\n")
    assert codex.startswith("Codex (uutel/codex/<model>)\n")
    assert cloud.startswith("Cloud Code (uutel/cloud-code/<model>)\n")
    for words in ("terms       not accepted", "oauth_creds.json", "off         Cloud Code is off"):
        assert words in cloud
    for words in ("0.169.0 (tested)", "auth.json", "account     nobody@example.invalid (plus)", "ready"):
        assert words in codex
    assert gemini.startswith("Gemini CLI (uutel/gemini-cli/<model>)\n")
    for words in ("0.61.0 (tested)", "oauth_creds.json", "ready"):
        assert words in gemini


def test_after_a_request_it_says_whether_processes_stay_warm(uutel: Command) -> None:
    """That is found out at the first request, and remembered."""
    assert "kept warm" not in uutel("doctor").stdout
    uutel("ask", "[[scenario:text]]")
    assert "kept warm" in uutel("doctor").stdout


def test_no_secret_is_shown(uutel: Command) -> None:
    """Neither the stored tokens nor a key in the settings."""
    output = uutel("doctor").stdout + uutel("doctor", UUTEL_CLAUDE_CODE__API_KEY="sk-secret").stdout
    assert "ready" in output
    for secret in ("fake-access-token", "fake-refresh-token", "sk-secret"):
        assert secret not in output


def test_a_missing_login_is_said_with_what_mends_it(uutel: Command) -> None:
    """Exit status 1: nothing can answer."""
    uutel.log_out()
    done = uutel("doctor")
    assert done.returncode == 1
    assert "claude auth login" in done.stdout
    assert "codex login" in done.stdout
    assert "Log in with: gemini" in done.stdout
    assert "ready" not in done.stdout


def test_a_missing_cli_is_said_with_what_mends_it(uutel: Command) -> None:
    """The command that installs it."""
    packages = {
        "claude-code": "@anthropic-ai/claude-code",
        "codex": "@openai/codex",
        "gemini-cli": "@google/gemini-cli",
    }
    missing = {f"UUTEL_{name.upper().replace('-', '_')}__EXECUTABLE": f"no-such-{name}" for name in packages}
    done = uutel("doctor", **missing)
    assert done.returncode == 1
    for name, package in packages.items():
        assert f"no-such-{name}" in done.stdout
        assert f"npm install -g {package}" in done.stdout


def test_one_provider_that_works_is_enough(uutel: Command) -> None:
    """Exit status 0: something can answer, and what is wrong with another one is said."""
    done = uutel("doctor", UUTEL_CLAUDE_CODE__EXECUTABLE="no-such-claude")
    assert done.returncode == 0
    assert (done.stdout.count("ready"), done.stdout.count("wrong")) == (2, 1)


def test_an_untested_version_is_said(uutel: Command) -> None:
    """It may well work; the user should know."""
    newer = uutel.home / "claude"
    fake = shlex.quote(str(testing.fakes_folder() / "claude"))
    newer.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "99.0.1 (Claude Code)" || exec {fake} "$@"\n', encoding="utf-8"
    )
    newer.chmod(0o755)
    done = uutel("doctor", UUTEL_CLAUDE_CODE__EXECUTABLE=str(newer))
    assert done.returncode == 0
    assert "99.0.1 (not tested with this bridge)" in done.stdout


def test_something_else_in_place_of_the_cli_is_said(uutel: Command) -> None:
    """A program that is no CLI of theirs cannot answer for it."""
    others = {f"UUTEL_{name}__EXECUTABLE": "true" for name in ("CLAUDE_CODE", "CODEX", "GEMINI_CLI")}
    done = uutel("doctor", **others)
    assert done.stdout.count("wrong") == 2
    # Whom the Gemini CLI is logged in as stands in files, and is not asked of it.
    assert done.stdout.count("not tested with this bridge") == 3


@pytest.mark.parametrize(
    ("name", "text", "words", "works"),
    [
        ("config.toml", "[claude-code", "config.toml", 0),
        ("config.toml", "[claude-code]\nspares = -1\n", "claude-code.spares must be a whole number", 2),
        ("config.yaml", "codex:\n  sparse: 1\n", "codex.sparse is not a setting", 2),
        ("config.yaml", "codx:\n  spares: 1\n", "config.yaml: codx is not a setting. Did you mean codex?", 2),
        ("config.toml", "[zzz]\nspares = 1\n", "config.toml: zzz is not a setting. Known are ", 0),
        ("config.json", "3", "config.json", 0),
    ],
)
def test_a_wrong_config_file_is_said(uutel: Command, name: str, text: str, words: str, works: int) -> None:
    """Which file, and what in it; a section that is wrong does not concern the other provider."""
    (uutel.config / name).write_text(text, encoding="utf-8")
    done = uutel("doctor")
    assert done.returncode == (not works)
    assert done.stdout.count("ready") == works
    assert f"Config file: {uutel.config / name}\n" in done.stdout
    assert words in done.stdout.partition("wrong")[2]


def test_a_variable_with_a_typing_error_is_said(uutel: Command) -> None:
    """By the provider that it was probably meant for; the others work."""
    done = uutel("doctor", UUTEL_CLAUDE__SPARES="2")
    assert done.returncode == 0
    assert (done.stdout.count("ready"), done.stdout.count("wrong")) == (2, 1)
    assert "Did you mean UUTEL_CLAUDE_CODE__SPARES?" in done.stdout


def test_a_provider_of_another_package_that_cannot_be_loaded_is_said(uutel: Command) -> None:
    """With what mends it; the others work."""
    installed = uutel.home / "installed"
    about = installed / "toy-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[uutel_bridge.providers]\ntoy-cli = toy_package\n", encoding="utf-8")
    folder = Path(testing.__file__).parents[1]
    done = uutel("doctor", PYTHONPATH=os.pathsep.join([str(folder), str(installed)]))
    assert (done.returncode, done.stdout.count("ready")) == (0, 3)
    last = done.stdout.split("\n\n")[-1]
    assert last.startswith(
        "toy-cli (uutel/toy-cli/<model>)\n  wrong       The provider toy-cli, of the package toy_package"
    )
    assert "No module named 'toy_package'. Update or uninstall it." in last


def test_two_config_files_are_one_too_many(uutel: Command) -> None:
    """Nobody could tell which one counts."""
    for name in ("config.toml", "config.yaml"):
        (uutel.config / name).touch()
    done = uutel("doctor")
    assert done.returncode == 1
    assert "only one config file" in done.stderr


def test_a_version_that_does_less_is_told_with_what_it_does(uutel: Command) -> None:
    """As soon as a request has found it out."""
    lacks = {"UUTEL_CODEX__PASS_ENV": "FAKE_CODEX_LACKS", "FAKE_CODEX_LACKS": "raw_events"}
    assert (
        uutel("ask", "--model", "codex/default", "hi [[scenario:text]]", **lacks).stdout == "part0 part1 part2 part3 \n"
    )
    assert "did not pass the start-up probe; it does chat without functions" in uutel("doctor", **lacks).stdout


def test_a_version_that_is_too_old_is_told_with_what_mends_it(uutel: Command) -> None:
    """Without a request."""
    old = {"UUTEL_CODEX__PASS_ENV": "FAKE_CODEX_VERSION", "FAKE_CODEX_VERSION": "0.130.0"}
    assert "Codex 0.130.0 is too old: 0.142.0 or a later one is needed" in uutel("doctor", **old).stdout


def test_where_nothing_can_be_kept_every_provider_has_its_verdict(uutel: Command) -> None:
    """As in a home that cannot be written: one that fails in the checkup itself takes no other along."""
    taken = uutel.home / "taken"
    taken.touch()
    done = uutel("doctor", XDG_CACHE_HOME=str(taken))
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count(f"wrong       {taken} must be a folder") == 3
    assert "Cloud Code is off" in done.stdout
