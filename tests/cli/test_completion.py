"""What the shell completes."""

from __future__ import annotations

import pytest

from tests.cli.conftest import LITELLM, Command


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("uutel-bridge lo", ["login"]),
        ("uutel-bridge models c", ["claude-code", "cloud-code", "codex"]),
        ("uutel-bridge login ge", ["gemini-cli"]),
        ("uutel-bridge ask -m uutel/codex/gpt-6.", ["uutel/codex/gpt-6.1-sol", "uutel/codex/gpt-6.1-terra"]),
        ("uutel-bridge chat --model uutel/claude-code/son", ["uutel/claude-code/sonnet"]),
    ],
)
def test_commands_providers_and_models_are_completed(uutel: Command, words: str, expected: list[str]) -> None:
    """From the catalogue: nothing is started, and LiteLLM is not imported."""
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = uutel(
        code=f"import sys; sys.argv[0] = 'uutel-bridge'\n{LITELLM}", _UUTEL_BRIDGE_COMPLETE="complete_bash", **asked
    )
    assert done.stderr == "False\n"
    assert sorted(done.stdout.split()) == sorted(expected)
