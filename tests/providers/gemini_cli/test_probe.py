"""The start-up probe: what it makes of a CLI, and what it keeps out of its way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.providers.gemini_cli.sessions import BOUND, MODEL, SETTINGS, asked, said, told
from uutel_bridge import testing
from uutel_bridge.core import process
from uutel_bridge.core.errors import CLIExited, CLINotFound, VendorTimeout
from uutel_bridge.providers.gemini_cli import probe as module
from uutel_bridge.providers.gemini_cli.probe import probe

FAKE = str(testing.fakes_folder() / "gemini")
_VERSION = """#!{python}
import sys
sys.path.insert(0, {folder!r})
{change}
sys.argv[0] = {fake!r}
exec(compile(open({fake!r}, encoding="utf-8").read(), {fake!r}, "exec"))
"""
"""The fake, after a change to one of its modules."""


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a login in it."""
    with testing.fake_clis() as home:
        yield home


async def verdict(executable: str = FAKE, **variables: str) -> bool:
    """What the probe finds out about the fake."""
    with anyio.fail_after(BOUND):
        return await probe(executable, {**os.environ, **variables}, SETTINGS)


def version(home: Path, change: str) -> str:
    """A `gemini` that is another than the fake in this."""
    executable = home / "gemini"
    folder = str(testing.fakes_folder())
    executable.write_text(
        _VERSION.format(python=sys.executable, folder=folder, fake=FAKE, change=change), encoding="utf-8"
    )
    executable.chmod(0o700)
    return str(executable)


def everything(folder: Path) -> set[Path]:
    """The files and folders in it."""
    return set(folder.rglob("*"))


@pytest.mark.usefixtures("home")
async def test_a_cli_that_takes_everything_passes() -> None:
    """And nothing of the probe is left."""
    assert await verdict() is True
    assert process._live == set()


@pytest.mark.usefixtures("home")
async def test_a_cli_that_adds_words_of_its_own_does_not() -> None:
    """The model would be sent more than the caller said."""
    assert await verdict(FAKE_GEMINI_LACKS="exact_history") is False
    assert process._live == set()


@pytest.mark.parametrize(
    "change",
    [
        "",
        "import _acp_session; _acp_session.system_text = lambda settings: 'another prompt'",
        "import _acp_mcp; _acp_mcp.Server.tools = lambda self: []",
        "import _acp_mcp; _acp_mcp.declared_name = lambda server, tool: tool",
        "import _acp_files; _acp_files.SessionFile.found = lambda folder, session: None",
        "import _acp_files; _acp_files.SessionFile.call = lambda self, record: None",
        "import _acp_session; _acp_session.Session.replay = lambda self: []",
        "import _acp_session; _acp_session.Session.most_requests = -1",
        "import _acp_history; _acp_history._IGNORED = ('[Thought: false]',)",
        "import _acp_history; _acp_history.close = lambda turns: turns.append(_acp_history.said([{'text': 'more'}]))",
    ],
    ids=[
        "nothing else",
        "another system prompt",
        "no functions",
        "other names",
        "no session file",
        "no calls noted",
        "no replay",
        "asks again",
        "drops a turn",
        "adds a turn",
    ],
)
async def test_a_cli_that_does_anything_else_with_a_conversation_does_not(
    home: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Whether the model is sent something else, or the bridge is told less."""
    monkeypatch.setattr("uutel_bridge.providers.gemini_cli.session._REPLAY_SECONDS", 1.0)
    assert await verdict(version(home, change)) is (not change)
    assert process._live == set()


async def test_nothing_of_the_user_gets_into_the_probe(home: Path) -> None:
    """Neither the login nor what lies in the environment; the model is asked once."""
    log = home / "log"
    hostile = {
        "CODE_ASSIST_ENDPOINT": "http://127.0.0.1:9",
        "GEMINI_API_KEY": "hostile",
        "GEMINI_CLI_HOME": str(home / "hostile"),
        "GEMINI_MODEL": "hostile",
        "GEMINI_SYSTEM_MD": str(home / "hostile.md"),
        "GOOGLE_API_KEY": "hostile",
        "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    (home / ".env").write_text("GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:9\n", encoding="utf-8")
    (home / ".gemini" / "GEMINI.md").write_text("hostile", encoding="utf-8")
    settings = SETTINGS.model_copy(update={"api_base": "http://127.0.0.1:9"})
    before = everything(home / ".gemini")
    with anyio.fail_after(BOUND):
        assert await probe(FAKE, {**os.environ, **hostile, "FAKE_CLI_LOG": str(log)}, settings) is True
    (body,) = asked(log)
    assert body["model"] == MODEL
    assert told(body) == "a prompt"
    assert [role for role, _ in said(body)] == ["user", "model", "user", "model", "user"]
    text = log.read_text(encoding="utf-8")
    assert "hostile" not in text
    assert "a-key" not in text
    assert everything(home / ".gemini") == before
    assert not everything(home / "hostile")


@pytest.mark.usefixtures("home")
async def test_a_cli_that_does_not_start_gets_no_verdict() -> None:
    """The reason is the CLI's own."""
    with pytest.raises(CLIExited) as caught:
        await verdict(FAKE_GEMINI_FAIL_START="1")
    assert caught.value.evidence == "fake gemini: failed to start on request"


@pytest.mark.usefixtures("home")
async def test_a_cli_that_is_not_there_gets_no_verdict() -> None:
    """The error names it."""
    with pytest.raises(CLINotFound, match="/gone"):
        await verdict("/gone")


async def test_a_cli_that_hangs_gets_no_verdict(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After two minutes; it does not go on."""
    monkeypatch.setattr(module, "_SECONDS", 0.3)
    hanging = home / "hanging"
    hanging.write_text("#!/bin/sh\nexec cat >/dev/null\n", encoding="utf-8")
    hanging.chmod(0o700)
    with anyio.fail_after(BOUND):
        with pytest.raises(VendorTimeout):
            await probe(str(hanging), os.environ, SETTINGS)
        while process._live:
            await anyio.sleep(0.01)
