"""A running `uutel-bridge serve` on the fakes, seen from outside."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.cli.conftest import Command

BOUND = 60
"""Seconds for what takes a moment."""
ANSWER = "part0 part1 part2 part3 "
MODELS = {
    "claude-code": "uutel/claude-code/sonnet",
    "codex": "uutel/codex/default",
    "gemini-cli": "uutel/gemini-cli/flash",
}

WATCHED = """
import signal
import sys
from pathlib import Path

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under `nohup`

sys.modules["uvloop"] = None  # its connections cannot be watched
Path("connections").touch()

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        with Path("connections").open("a") as file:
            print(event, arguments[-1] if event == "socket.connect" else arguments[0], file=file)

sys.addaudithook(watch)
from uutel_bridge.cli.main import main
main()
"""
"""The command, with a list of where it went in the file `connections`."""


class Served:
    """Where it is, and how to get in."""

    def __init__(self, command: Command, process: Any, lines: list[str], asked: Path) -> None:
        self.command = command
        self.process = process
        self.url = next(word.rstrip(";") for word in lines[-1].split() if word.startswith("http://"))
        self.asked = asked
        """Every request that a model got."""
        self.lines = lines
        """What it has told its user; more comes."""
        (note,) = (runtime(command) / "uutel-bridge").iterdir()
        self.key: str = json.loads(note.read_bytes())["key"]

    def client(self, key: str | None = None) -> httpx.Client:
        """A client that brings the key, or another one."""
        headers = {"authorization": f"Bearer {self.key if key is None else key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=BOUND, trust_env=False)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """One request, answered whole."""
        with self.client() as client:
            return client.post(path, json=body)

    def events(self, path: str, **body: Any) -> list[dict[str, Any]]:
        """One request, answered as a stream."""
        text = self.post(path, **body, stream=True).text
        return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]

    def said(self) -> str:
        """All that it wrote, on both streams."""
        return "".join(self.lines) + (self.command.home / "stdout").read_text(encoding="utf-8")

    def leased(self) -> int:
        """How many of its processes are at work, or waited for."""
        with self.client() as client:
            report = client.get("/uutel/status").json()
        return sum(each["processes"]["leased"] + each["processes"]["waiting"] for each in report)

    def questions(self) -> str:
        """What models were asked so far."""
        return self.asked.read_text(encoding="utf-8") if self.asked.exists() else ""


@contextmanager
def serving(command: Command, *arguments: str, **options: Any) -> Iterator[Served]:
    """Start it, and wait until clients may come; it is killed if it is still there at the end."""
    asked = command.home / "asked"
    environment = {
        "FAKE_CLI_LOG": str(asked),
        "XDG_RUNTIME_DIR": str(runtime(command)),
        **{f"UUTEL_{name.replace('-', '_').upper()}__PASS_ENV": "FAKE_CLI_LOG" for name in MODELS},
        **options.pop("environment", {}),
    }
    with (
        (command.home / "stdout").open("wb") as out,
        command.start("serve", "--port", "0", *arguments, environment=environment, stdout=out, **options) as process,
    ):
        lines: list[str] = []
        try:
            for line in process.stderr:
                lines.append(line.decode())
                if "Serving" in lines[-1]:
                    break
            assert lines, "it said nothing"
            assert "Serving" in lines[-1], lines
            served = Served(command, process, lines, asked)
            rest = threading.Thread(target=lambda: lines.extend(line.decode() for line in process.stderr))
            rest.start()
            yield served
        finally:
            process.kill()
        rest.join(BOUND)


def runtime(command: Command) -> Path:
    """Where it leaves its note, beside those of nobody else."""
    folder = command.home / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def until(true: Any, what: str) -> None:
    """Wait for it."""
    deadline = time.monotonic() + BOUND
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
