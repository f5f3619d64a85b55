"""`uutel-bridge login`: a CLI's own sign-in, in this terminal or driven from a program."""

from __future__ import annotations

import os
import re
import select
import sys
from collections.abc import Mapping
from io import FileIO
from time import monotonic
from typing import Any

from rich.console import Console

from uutel_bridge.cli.answers import write
from uutel_bridge.cli.doctor import report
from uutel_bridge.core import process, registry
from uutel_bridge.core.cli_provider import AnyCLIParts, CLIParts, Processes
from uutel_bridge.core.errors import BadRequest, UUError, VendorTimeout
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.process import LaunchPlan
from uutel_bridge.core.settings import load

_LOOK_EVERY = 0.2
"""Seconds between looks at what is not told: whether the login is there, and whether somebody typed a code."""
_SCREEN = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[^\[\]]|[\x00-\x08\x0b-\x1f]")
"""What a terminal would heed and not show."""
_FRAME = re.compile("[\u2500-\u259f]")
"""Lines and blocks that a screen is drawn with."""
_PATIENCE = 900.0
"""Seconds for a person to log in."""


def run(name: str) -> bool:
    """Log in to a provider, and say how it stands then; False if it cannot answer.

    Raises:
        BadRequest: There is no such provider.
        UUError: It has no CLI, or that is not there.
    """
    parts = registry.parts(name)
    if not isinstance(parts, CLIParts):
        raise UUError(parts.login_help or f"{parts.title} has no sign-in of its own; see uutel-bridge doctor.")
    status = _sign_in(parts)
    if status:
        sys.stderr.write(f"uutel-bridge: the sign-in of {parts.title} ended with status {status}.\n")
    return report(Console(highlight=False, soft_wrap=True), name) and not status


def _sign_in(parts: AnyCLIParts) -> int:
    """Run the command that the CLI has for it; its exit status."""
    environment = dict(os.environ)
    wanted = parts.sign_in
    cli = Processes(parts, load(parts.settings, parts.name, environment))
    _, *arguments = parts.auth.status(environment).login_command.split()
    argv = (cli.find(environment), *arguments)
    if sys.stdin.isatty() and sys.stdout.isatty():
        if wanted.stays:
            sys.stderr.write(f"Sign in, and leave {parts.title} with /quit.\n")
        return process.run_here(_plan(argv, {**environment, **dict(wanted.variables)}))
    if wanted.stays and parts.auth.status(environment).logged_in:
        sys.stderr.write(f"{parts.title} is logged in already; for another login, start it in a terminal.\n")
        return 0
    with process.on_terminal(_plan(argv, {**environment, **dict(wanted.variables + wanted.unseen)})) as child:
        ended = _Driver(parts, child, environment).drive()
    return (child.exitstatus or 0) if ended else 0


def _plan(argv: tuple[str, ...], environment: Mapping[str, str]) -> LaunchPlan:
    # All of the user's environment, as in their own shell: a browser needs half of it. Ours is not for the CLI.
    own = tuple((name, value) for name, value in sorted(environment.items()) if not name.startswith("UUTEL_"))
    return LaunchPlan(argv, own, cwd=empty_cwd())


class _Driver:
    """Shows what a sign-in says, and gives it the code that comes on standard input."""

    def __init__(self, parts: AnyCLIParts, child: Any, environment: Mapping[str, str]) -> None:
        self._parts = parts
        self._wanted = parts.sign_in
        self._child = child
        self._environment = environment
        self._held: list[str] = []
        """Lines of one that draws a screen: they are of use to nobody, but for those that lead to the prompt."""
        self._asks = False
        """Whether it waits for the code."""

    def drive(self) -> bool:
        """Until the login is there, or it ends: whether it did.

        Raises:
            BadRequest: There is no code on standard input, and no other way.
            VendorTimeout: Nobody logged in.
        """
        import pexpect

        steps = {r"\n": self._line, self._wanted.code_prompt: self._prompt, self._wanted.menu: self._choose}
        steps.pop("", None)
        patterns: list[Any] = [*steps, pexpect.TIMEOUT, pexpect.EOF]
        deadline = monotonic() + _PATIENCE
        while (found := patterns[self._child.expect(patterns, timeout=_LOOK_EVERY)]) is not pexpect.EOF:
            if found is not pexpect.TIMEOUT:
                steps[found]()
            if self._asks:
                self._pass_code()
            if self._wanted.stays and self._parts.auth.status(self._environment).logged_in:
                return False
            if monotonic() > deadline:
                raise VendorTimeout(f"Nobody logged in to {self._parts.title} within {_PATIENCE:g} s.")
        self._line()
        self._show()
        return True

    def _line(self) -> None:
        line = _SCREEN.sub("", self._child.before)
        if line.strip() and not _FRAME.search(line):
            self._held.append(f"{line}\n")
        if not self._wanted.stays:
            self._show()

    def _show(self) -> None:
        write("".join(self._held))
        self._held.clear()

    def _choose(self) -> None:
        self._held.clear()
        self._child.send("\r")

    def _prompt(self) -> None:
        self._show()
        write(_SCREEN.sub("", self._child.before + self._child.after) + "\n")
        self._asks = True

    def _pass_code(self) -> None:
        if not select.select([sys.stdin.fileno()], [], [], 0)[0]:
            return
        self._asks = False
        # Unbuffered: what a buffer holds, nobody sees.
        code = FileIO(sys.stdin.fileno(), closefd=False).readline().decode("utf-8", "replace").strip()
        if code:
            self._child.sendline(code)
        elif self._wanted.stays:
            raise BadRequest(f"The code for {self._parts.title} did not come on standard input.")
