"""The fake CLIs as a means for other people's tests."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import litellm
import pytest

import uutel_bridge
from uutel_bridge import testing
from uutel_bridge.core import registry
from uutel_bridge.core.cli_provider import CLIParts

_MODEL = "uutel/claude-code/sonnet"


def clis() -> dict[str, str]:
    """The executable of each provider that has one."""
    found = ((name, registry.parts(name)) for name in registry.provider_names())
    return {name: parts.executable for name, parts in found if isinstance(parts, CLIParts)}


@pytest.fixture(autouse=True)
def registered() -> None:
    """LiteLLM knows the providers."""
    uutel_bridge.register()


@pytest.mark.parametrize("model", [_MODEL, "uutel/codex/default", "uutel/gemini-cli/flash"])
async def test_inside_the_block_a_fake_answers(model: str) -> None:
    """No CLI, no login and no network are needed."""
    with testing.fake_clis():
        answer = await litellm.acompletion(model, [{"role": "user", "content": "Hello"}])
    assert answer.choices[0].message.content == "part0 part1 part2 part3 "


def test_inside_the_block_the_users_own_things_are_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other logins, other servers and other settings do not get in; the home is another."""
    hostile = {
        "ANTHROPIC_API_KEY": "sk-own",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
        "CLAUDE_CODE_OAUTH_TOKEN": "own",
        "CODEX_HOME": "/nowhere",
        "OPENAI_API_KEY": "sk-own",
        "UUTEL_CLAUDE_CODE__EXECUTABLE": "no-such-claude",
        "UUTEL_CLOUD_CODE__ACCEPT_TERMS": "true",
        "UUTEL_CODEX__EXECUTABLE": "no-such-codex",
        "GEMINI_CLI_HOME": "/nowhere",
        "GOOGLE_CLOUD_ACCESS_TOKEN": "own",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9",
        "UUTEL_GEMINI_CLI__EXECUTABLE": "no-such-gemini",
        "XDG_CONFIG_HOME": "/nowhere",
        "XDG_CACHE_HOME": "/nowhere",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    with testing.fake_clis() as home:
        assert not hostile.keys() & os.environ.keys()
        assert Path.home() == home
        for status in uutel_bridge.status():
            assert status.login is not None
            assert home in Path(status.login.source).parents
            if status.name in clis():
                assert status.problem == ""
                assert Path(status.executable).parent == testing.fakes_folder()


def test_settings_made_inside_the_block_count() -> None:
    """They are read at the first request in it."""
    with testing.fake_clis():
        os.environ["UUTEL_CLAUDE_CODE__EXECUTABLE"] = "no-such-claude"
        with pytest.raises(litellm.APIConnectionError, match="no-such-claude"):
            litellm.completion(_MODEL, [{"role": "user", "content": "Hello"}])


def test_after_the_block_everything_is_as_before() -> None:
    """The environment, the home's own folder and the processes; also where the block failed."""
    before = dict(os.environ)
    homes: list[Path] = []

    def fail_inside() -> None:
        with testing.fake_clis() as home:
            homes.append(home)
            litellm.completion(_MODEL, [{"role": "user", "content": "Hello"}])
            os.environ["LEFT_BEHIND"] = "yes"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert dict(os.environ) == before
    assert not homes[0].exists()


def test_a_forked_process_leaves_the_home_to_its_parent() -> None:
    """Leaving the block in a child, as `sys.exit` does, takes nothing away from the parent."""
    with testing.fake_clis() as home:
        code = """
        import os
        from uutel_bridge import testing
        with testing.fake_clis() as home:
            if os.fork() == 0:
                raise SystemExit
            assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
            print(home.is_dir())
        print(home.is_dir())
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            cwd=home,
            env={**os.environ, "PYTHONPATH": str(Path(testing.__file__).parents[1])},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.stdout.split() == ["True", "False"]


def test_every_fake_can_be_executed() -> None:
    """The executable files of the folder, and only they, bear the name of a CLI."""
    files = [path for path in testing.fakes_folder().iterdir() if path.is_file()]
    executables = {path.name for path in files if os.access(path, os.X_OK)}
    assert executables == set(clis().values())
