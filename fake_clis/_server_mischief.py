"""Misbehaviour on request: `[[scenario:NAME]]` in the user text of a turn. The model has no part in it.

Of the fakes that serve many turns side by side:
`die0`: exits with 3 before the model is asked. `die`: the same after one delta.
`garbage`: a line that is no JSON after the first delta. `stderr_flood`: a megabyte on stderr before the answer.
`mute`: writes nothing any more, whoever asks; ends at stdin's end. `no_read`: reads no more from stdin.
`close_stdout`: closes stdout and lives on until stdin's end.
`ignore_term`: answers, and from then on ignores signals and stdin's end.
Those that would not end by themselves do so after a minute.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any

ANSWERING = ("die", "garbage", "stderr_flood", "ignore_term")
"""Those that want an answer from the model as well."""
LAST_RESORT = 60.0
"""Seconds after which a process that ignores everything ends: it must not outlive a crashed test run by much."""


def on_turn(name: str, server: Any) -> bool:
    """Misbehave as soon as a turn begins; whether the turn goes on."""
    if name == "die0":
        die()
    elif name == "stderr_flood":
        for n in range(1024):
            os.write(2, f"{n:04d} ".encode() + b"e" * 1018 + b"\n")
    elif name == "mute":
        server.mute()
    elif name == "close_stdout":
        server.mute()
        os.close(1)
    elif name == "no_read":
        server.reads.clear()
        end_at_last()
    elif name == "ignore_term":
        server.stays.set()
        end_at_last()
    return name not in {"mute", "close_stdout", "no_read"}


def ignore_signals() -> None:
    """For the main thread alone, which is the one that may."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def after_delta(name: str) -> str:
    """Misbehave after the first delta of an answer; what is left to do after the next."""
    if name == "die":
        die()
    if name == "garbage":
        os.write(1, b"this line is no JSON {{{\n")
    return ""


def die() -> None:
    """The way out of a crash."""
    os.write(2, f"fake {sys.argv[0].rpartition('/')[2]}: died on request\n".encode())
    os._exit(3)


def end_at_last() -> None:
    """In a minute, whatever happens."""

    def end() -> None:
        time.sleep(LAST_RESORT)
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
