"""The providers that clients come to, fake and real, and `uutel-bridge serve` in front of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.cli.conftest import Command
from tests.cli.serving import BOUND, Served, serving
from tests.conformance.processes import groups_of, wait_until_gone
from tests.conformance.table import WORLDS
from tests.conformance.world import World
from tests.faces.opening import opened

PLACES = [
    pytest.param((kind, name), marks=[pytest.mark.real_cli] if kind == "real" else [], id=f"{kind}-{name}")
    for kind in ("fake", "real")
    for name, cls in WORLDS.items()
    if kind in cls.kinds
]
"""Kind and name of each provider."""


@contextmanager
def served(kind: str) -> Iterator[tuple[Served, Mapping[str, World]]]:
    """A server over all providers of this kind, as its user starts it who is logged in to all of them."""
    names = [name for name, cls in WORLDS.items() if kind in cls.kinds]
    with opened(kind, *names) as worlds, pytest.MonkeyPatch.context() as patch:
        # A made-up Google login would be shown to Google by the real CLI.
        patch.setenv("UUTEL_GEMINI_CLI__API_KEY", "made-up")
        command = Command(worlds[names[0]].home)
        settings = {name: value for name, value in os.environ.items() if name.startswith("UUTEL_")}
        with serving(command, environment=settings) as server:
            yield server, worlds
        assert command.nothing_left()


def end(server: Served, number: signal.Signals) -> int:
    """End a server by a signal, with every process that it started; its exit status."""
    groups = groups_of(server.process.pid)
    assert groups, "no process of its was at work"
    server.process.send_signal(number)
    status = server.process.wait(BOUND)
    wait_until_gone(groups)
    return status
