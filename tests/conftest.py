"""Shared by every test: asyncio only, LiteLLM without the network, and no child left behind."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from uutel_bridge.core import loop

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
# A test run in the background of a script is started with Ctrl-C ignored, and so would be what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The same examples each time where nobody is there to look at a new one; elsewhere, new ones.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

_PROC = Path("/proc")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """LiteLLM is asyncio only, and so is the bridge."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def own_scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Temporary files are in a folder of this process's own: what a run beside it leaves or removes is not seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("scratch")))
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_child_survives(own_scratch: None) -> Iterator[None]:
    """Whatever the tests started has ended when they have."""
    yield
    loop.shutdown()
    deadline = time.monotonic() + 20
    while (left := _descendants(os.getpid())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"still running: {left}"


def _descendants(root: int) -> dict[int, str]:
    """Pid and command line of every process below this one; empty where there is no /proc."""
    parents: dict[int, int] = {}
    commands: dict[int, str] = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it has just ended
            continue
        if state not in "ZX":
            parents[int(folder.name)] = int(parent)
            commands[int(folder.name)] = command.strip()
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return {pid: commands[pid] for pid in family - {root}}
