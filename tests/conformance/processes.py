"""The process table: who is still there."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

BOUND = 90.0
"""Seconds for anything; a busy machine takes ten to import LiteLLM."""


class Process(NamedTuple):
    """A line of the process table."""

    pid: int
    parent: int
    group: int
    command: str
    environment: str


def processes() -> list[Process]:
    """Every process that still runs."""
    found: list[Process] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, group = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            environment = (folder / "environ").read_bytes().replace(b"\0", b"\n").decode("utf-8", "replace")
        except OSError:  # it has just ended
            continue
        if state not in "ZX":
            found.append(Process(int(folder.name), int(parent), int(group), command, environment))
    return found


def groups_of(parent: int) -> set[int]:
    """The process groups that this process's children lead."""
    return {each.pid for each in processes() if each.parent == parent and each.group == each.pid}


def wait_until_gone(groups: set[int]) -> None:
    """Wait until nobody of these groups is left."""
    _wait_until_none(lambda each: each.group in groups)


def wait_until_unused(home: Path) -> None:
    """Wait until nobody lives in this home folder, whoever started them."""
    _wait_until_none(lambda each: f"\nHOME={home}\n" in f"\n{each.environment}\n")


def _wait_until_none(wanted: Callable[[Process], bool]) -> None:
    deadline = time.monotonic() + BOUND
    while left := [f"{each.pid} {each.command}" for each in processes() if wanted(each)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)
