"""What the start-up probe makes of a CLI that does something else with a conversation than the one it was made for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
import pytest

from tests.providers.gemini_cli.sessions import BOUND, SETTINGS
from uutel_bridge import testing
from uutel_bridge.core import process
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


def version(home: Path, change: str) -> str:
    """A `gemini` that is another than the fake in this."""
    executable = home / "gemini"
    folder = str(testing.fakes_folder())
    executable.write_text(
        _VERSION.format(python=sys.executable, folder=folder, fake=FAKE, change=change), encoding="utf-8"
    )
    executable.chmod(0o700)
    return str(executable)


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
async def test_a_cli_that_does_anything_else_with_a_conversation_does_not_pass(
    monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Whether the model is sent something else, or the bridge is told less."""
    monkeypatch.setattr("uutel_bridge.providers.gemini_cli.session._REPLAY_SECONDS", 1.0)
    with testing.fake_clis() as home, anyio.fail_after(BOUND):
        assert await probe(version(home, change), os.environ, SETTINGS) is (not change)
    assert process._live == set()
