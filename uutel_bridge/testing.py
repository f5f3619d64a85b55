"""Fake CLIs for tests and demonstrations: programs that speak the real ones' protocols, logged in to nothing.

    with uutel_bridge.testing.fake_clis():
        litellm.completion("uutel/claude-code/sonnet", [{"role": "user", "content": "[[scenario:text]]"}])

A marker in the last user text says what the model answers; without one it says a few words.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from uutel_bridge.core import bridge

_SCRUBBED = (
    "ANTHROPIC_",
    "CLAUDE_",
    "CLOUDSDK_",
    "CODEX_",
    "CODE_ASSIST_",
    "GEMINI_",
    "GOOGLE_",
    "OPENAI_",
    "UUTEL_",
    "XDG_",
)
"""Beginnings of variables that would lead a fake, or the bridge, to the user's own things."""


def fakes_folder() -> Path:
    """The folder that holds the fake executables, each under its CLI's own name."""
    package = Path(__file__).parent
    installed = package / "_fake_clis"
    return installed if installed.is_dir() else package.parent / "fake_clis"


@contextmanager
def fake_clis() -> Generator[Path, None, None]:
    """Let every provider find its fake, with a made-up login, in a home of its own; yields that home.

    For this process and its children, until the block ends. Settings made through `UUTEL_*` variables inside the
    block count; those from outside do not.
    """
    before, owner = dict(os.environ), os.getpid()
    bridge.close()
    home = Path(tempfile.mkdtemp(prefix="uutel-fakes-"))
    shutil.copytree(fakes_folder() / "home", home, dirs_exist_ok=True)
    for name in [name for name in os.environ if name.startswith(_SCRUBBED)]:
        del os.environ[name]
    os.environ |= {"HOME": str(home), "PATH": f"{fakes_folder()}{os.pathsep}{before.get('PATH', '')}"}
    try:
        yield home
    finally:
        bridge.close()
        os.environ.clear()
        os.environ.update(before)
        if os.getpid() == owner:  # a process forked inside the block leaves it, too
            shutil.rmtree(home)
