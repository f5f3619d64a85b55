"""The command `uutel-bridge` as a user types it: a process of its own, here on the fakes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest

from uutel_bridge import testing

_ROOT = Path(testing.__file__).parents[1]
_MAIN = "from uutel_bridge.cli.main import main; main()"
LITELLM = (
    "import sys; from uutel_bridge.cli import main\n"
    "try: main.main()\n"
    "finally: print('litellm' in sys.modules, file=sys.stderr)"
)
"""The same; its last line on standard error says whether LiteLLM was imported."""
_SECONDS = 60


@dataclass
class Command:
    """`uutel-bridge` in a home of its own."""

    home: Path

    @property
    def config(self) -> Path:
        """The folder where the config file belongs."""
        path = self.home / ".config" / "uutel-bridge"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def log_out(self) -> None:
        """Take every made-up login away."""
        (self.home / ".claude" / ".credentials.json").unlink()
        (self.home / ".codex" / "auth.json").unlink()
        (self.home / ".gemini" / "oauth_creds.json").unlink()

    def start(self, *arguments: str, code: str = _MAIN, environment: Any = (), **streams: Any) -> Any:
        """Start it; its output comes as bytes."""
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=self.home,
            env={**os.environ, "PYTHONPATH": str(_ROOT), **dict(environment)},
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
        )

    def __call__(
        self, *arguments: str, stdin: str | bytes = b"", code: str = _MAIN, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        with self.start(*arguments, code=code, environment=environment, stdin=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(given, timeout=_SECONDS)
            finally:
                process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out.decode(), err.decode())

    def nothing_left(self) -> bool:
        """Whether every process of this home ends, given a moment. True where there is no /proc to look at."""
        deadline = time.monotonic() + 20
        while _running_in(self.home):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


@contextmanager
def terminal(uutel: Command, *arguments: str) -> Iterator[Any]:
    """The command on a terminal of its own, which a person looks at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork among threads; the child runs another program
        child = pexpect.spawn(
            sys.executable,
            ["-c", _MAIN, *arguments],
            cwd=str(uutel.home),
            env={**os.environ, "PYTHONPATH": str(_ROOT), "TERM": "xterm"},
            encoding="utf-8",
            timeout=_SECONDS,
        )
    try:
        yield child
    finally:
        child.close(force=True)


def _running_in(home: Path) -> list[str]:
    """Pids of the living processes that were given this home."""
    mark = f"HOME={home}\0".encode()
    found: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:  # it has just ended, or is not ours
            continue
        if mark in environment and folder.name != str(os.getpid()):
            found.append(folder.name)
    return found


@pytest.fixture
def uutel() -> Iterator[Command]:
    """The command on the fakes; nothing that it started may survive the test."""
    with testing.fake_clis() as home:
        command = Command(home)
        yield command
        assert command.nothing_left()
