"""Programs of their own that use the bridge: for what ends, interrupts or forks a whole interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from tests.conformance.processes import BOUND
from tests.conformance.world import World

_REPO = Path(__file__).parents[2]
_PRELUDE = """
import asyncio, os, signal, sys, threading, time
import litellm, uutel_bridge

uutel_bridge.register()
MODEL, MARKER = sys.argv[1:]
MESSAGES = [{"role": "user", "content": f"Hello {MARKER}"}]

def started():
    return sum(each.processes.started_total for each in uutel_bridge.status())

"""


class Program:
    """A program that talks to this world's model; killed at the end of the block if it still runs."""

    def __init__(self, world: World, marker: str, code: str) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        scratch = world.home / "tmp"  # what a killed program leaves goes with the world
        scratch.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PRELUDE + textwrap.dedent(code), world.model, marker],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, "PYTHONPATH": str(_REPO), "TMPDIR": str(scratch)},
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._stderr.close()

    def send_signal(self, number: int) -> None:
        """As from the keyboard or from a supervisor."""
        self._process.send_signal(number)

    def line(self) -> str:
        """Its next line of output; empty at its end."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()

    def end(self) -> tuple[int, str]:
        """Exit status and the rest of the output, once it has ended by itself."""
        out, _ = self._process.communicate(timeout=BOUND)
        return self._process.returncode, out.decode()

    @property
    def stderr(self) -> str:
        """What it has complained of so far."""
        self._stderr.seek(0)
        return self._stderr.read().decode("utf-8", "replace")


def run(world: World, marker: str, code: str) -> list[str]:
    """A program's lines of output; it has to end well."""
    with Program(world, marker, code) as program:
        status, out = program.end()
        assert status == 0, program.stderr
        return out.splitlines()
