"""Misbehaviour on request: `[[scenario:NAME]]` in the user text of a turn. The model has no part in it.

`die0`: exits with 3 without a word on stdout. `die`: the same after one delta.
`garbage`: a line that is no JSON after the first delta. `stderr_flood`: a megabyte on stderr before the answer.
`mute`: never answers, not even an interrupt; ends at stdin's end. `no_read`: reads no more from stdin.
`close_stdout`: closes stdout and lives on until stdin's end.
`ignore_term`: answers, and from then on ignores signals and stdin's end.
`badrewind`: answers, and refuses the next rewind.
Those that would not end by themselves do so after a minute.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

ANSWERING = ("die", "garbage", "stderr_flood", "ignore_term", "badrewind")
"""Those that want an answer from the model as well."""
LAST_RESORT = 60.0
"""Seconds after which a process that ignores everything ends: it must not outlive a crashed test run by much."""


def on_arrival(name: str, inbox: Any) -> None:
    """Misbehave as soon as the user line is read."""
    if name == "die0":
        die()
    elif name == "stderr_flood":
        for n in range(1024):
            os.write(2, f"{n:04d} ".encode() + b"e" * 1018 + b"\n")
    elif name == "mute":
        inbox.wait_for_end()
        os._exit(0)
    elif name == "close_stdout":
        os.close(1)
        inbox.wait_for_end()
        os._exit(0)
    elif name == "no_read":
        inbox.stop_reading()
        time.sleep(LAST_RESORT)
        os._exit(1)
    elif name == "ignore_term":
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
    os.write(2, b"fake claude: died on request\n")
    os._exit(3)
