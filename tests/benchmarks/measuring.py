"""What the benchmarks of all providers measure with."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import litellm

REPOSITORY = Path(__file__).parents[2]
REAL_CLIS = REPOSITORY / "tests" / "real_clis" / "node_modules" / ".bin"


@contextmanager
def emulator(name: str) -> Iterator[str]:
    """An emulator's URL; in a process of its own, so that it does not share our interpreter."""
    with subprocess.Popen(
        [sys.executable, "-m", f"tests.emulators.{name}"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.stdin.close()


def show(what: str, values: list[float], unit: str = "ms") -> None:
    """One line: median and spread."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 20], ordered[-1 - len(ordered) // 20]
    print(f"  {what:<58} {statistics.median(ordered):9.2f} {unit}   ({low:.2f} to {high:.2f}, n={len(ordered)})")


async def first_delta(model: str, messages: list[dict[str, str]], **given: Any) -> float:
    """Milliseconds from the call to the first text, through LiteLLM."""
    began = time.perf_counter()
    stream: Any = await litellm.acompletion(model, messages, stream=True, **given)
    first = 0.0
    async for chunk in stream:
        if not first and chunk.choices and chunk.choices[0].delta.content:
            first = (time.perf_counter() - began) * 1000
    return first


def open_descriptors() -> int:
    """How many files this process holds open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def descendants_memory(mark: str) -> float:
    """MB of all the processes below ours that have this word in their command line, shared pages counted once."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue  # it ended meanwhile
    return sum(_memory(process, mark) for process in parents if _is_below(process, parents)) / 1024


def _is_below(process: int, parents: dict[int, int]) -> bool:
    while process in parents and process != os.getpid():
        process = parents[process]
    return process == os.getpid()


def _memory(process: int, mark: str) -> int:
    folder = Path("/proc", str(process))
    try:
        if mark.encode() not in (folder / "cmdline").read_bytes():
            return 0
        return sum(
            int(line.split()[1]) for line in (folder / "smaps_rollup").read_text().splitlines() if line[:4] == "Pss:"
        )
    except (OSError, ValueError):
        return 0  # it ended meanwhile
