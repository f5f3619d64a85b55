"""`uutel-bridge demo`, and what stands above all commands."""

from __future__ import annotations

from tests.cli.conftest import LITELLM, Command
from tests.emulators.refusing_proxy import RefusingProxy


def test_the_demo_streams_a_conversation_and_says_that_it_is_made_up(uutel: Command) -> None:
    """One line says so; the second turn is there as well."""
    done = uutel("demo")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "These answers come from fake CLIs that ship with uutel-bridge: no login, no network."
    assert sum("fake" in line for line in lines) == 1
    models = ["uutel/claude-code/sonnet", "uutel/codex/default", "uutel/gemini-cli/flash"]
    assert [line for line in lines if line.startswith("uutel/")] == models
    conversation = [
        "assistant part0 part1 part2 part3 ",
        "assistant And now say this, with the first turn before it. ",
    ]
    assert [line for line in lines if line.startswith("assistant")] == conversation * 3


def test_the_demo_needs_no_login_no_network_and_none_of_the_users_settings(uutel: Command) -> None:
    """On a machine with nothing on it, or with the wrong things, it is the same."""
    uutel.log_out()
    with RefusingProxy() as proxy:
        hostile = {
            **proxy.environment,
            "ANTHROPIC_BASE_URL": proxy.url,
            "UUTEL_CLAUDE_CODE__EXECUTABLE": "no-such-claude",
            "CLAUDE_CONFIG_DIR": "/nowhere",
            "OPENAI_BASE_URL": proxy.url,
            "UUTEL_CODEX__EXECUTABLE": "no-such-codex",
            "CODEX_HOME": "/nowhere",
            "GOOGLE_GEMINI_BASE_URL": proxy.url,
            "UUTEL_GEMINI_CLI__EXECUTABLE": "no-such-gemini",
            "GEMINI_CLI_HOME": "/nowhere",
        }
        done = uutel("demo", **hostile)
        assert (done.returncode, done.stderr) == (0, "")
        assert proxy.attempts == []


def test_help_names_every_command(uutel: Command) -> None:
    """Also where none was given; without LiteLLM, which takes seconds to import."""
    done = uutel("--help", code=LITELLM)
    assert (done.returncode, done.stderr) == (0, "False\n")
    for command in ("ask", "chat", "demo", "doctor", "login", "models", "serve", "status"):
        assert command in done.stdout
        assert command in uutel().stdout
