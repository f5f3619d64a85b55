"""Children: each leads a process group of its own, is drained while it runs, and is reaped when it stops.

Knows bytes, pids and signals; nothing of lines, options or vendors. A `Child` lives on the event loop that started
it. It is made from `subprocess.Popen` and pipe transports, not from asyncio's own subprocess: that one needs the
child watcher of the event loop policy before Python 3.12, and uvloop's policy has none.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import anyio

from uutel_bridge.core import scratch
from uutel_bridge.core.errors import BadRequest, CLIExited, CLINotFound, ProtocolError, UUError, VendorTimeout
from uutel_bridge.core.pipes import STDERR_TAIL, Errors, Input, Output

_GRACE = 2.0
"""Seconds a child gets after end of file, and again after SIGTERM."""
_KILL_LIMIT = 2.0
"""Seconds a killed child may take to vanish; only an unkillable one takes them."""
_LAST_WORDS = 1.0
"""Seconds that output may still arrive after an exit."""
_LOOK_EVERY = 0.5
"""Seconds between looks at a child which may have died while a grandchild holds its pipes open."""

_live: set[_Group] = set()
"""Every group this process started and has not yet ended; no other is ever signalled."""
_reapers: set[asyncio.Task[None]] = set()
"""Stops under way. Owned here, so that no caller's cancellation can lose one."""


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """Everything that decides how a child starts; equal plans may share a warm child."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = field(repr=False)
    """The child's whole environment. Not in the repr: it may hold a key."""
    cwd: str | None = None
    scratch_cwd: str = ""
    """A folder in the private one that the child starts in, in place of `cwd`."""
    scratch_env: tuple[tuple[str, str], ...] = ()
    """Variables that get a path in a private folder, which is made for this child and removed when it stops: name, and
    path from that folder, empty for the folder itself."""
    scratch_argv: tuple[str, ...] = ()
    """Arguments after `argv`, in which `{scratch}` is that path; apart, so that no caller's text is taken for it."""
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    """Paths and contents of files put into that folder before the start. Not in the repr: they may hold a prompt."""
    links: tuple[tuple[str, str], ...] = ()
    """Paths and targets of symbolic links made in that folder before the start; the targets outlive it."""
    max_uses: int = 1
    """How many requests one child may serve; 1 means never again."""
    turns_at_once: int = 1
    """How many of them it may serve side by side."""
    proven: bool = True
    """Whether its version passed the start-up probe: a session may have another way with one that did not."""
    variant: str = field(default="", compare=False, repr=False)
    """What a running child can be changed to while nobody uses it, such as its system prompt. Not in the repr."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What a one-shot command left behind."""

    returncode: int
    stdout: str
    stderr: str
    """Its last 8 KiB."""


class _Group:
    """A leader, whatever it starts, and its scratch folder: one thing to end."""

    def __init__(self, plan: LaunchPlan, *, stdin: int, stdout: int | IO[bytes], stderr: int | IO[bytes]) -> None:
        self.name = Path(plan.argv[0]).name
        self.scratch = ""
        self.files = tuple(name for name, _ in plan.files)
        try:
            if plan.scratch_env or plan.scratch_argv or plan.scratch_cwd or plan.files or plan.links:
                self.scratch = scratch.make()
                scratch.fill(self.scratch, files=plan.files, links=plan.links)
            self.leader = subprocess.Popen(
                (*plan.argv, *(each.replace("{scratch}", self.scratch) for each in plan.scratch_argv)),
                bufsize=0,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=dict(plan.env) | {name: str(Path(self.scratch, path)) for name, path in plan.scratch_env},
                cwd=Path(self.scratch, plan.scratch_cwd) if plan.scratch_cwd else plan.cwd,
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:
            self._remove_scratch()
            raise _start_error(plan, exc) from exc
        _live.add(self)

    def poll(self) -> int | None:
        """The leader's exit status; None while it runs. Its group does not outlive it."""
        if self.leader.returncode is None and self in _live and self.leader.poll() is not None:
            # In the same breath as the reaping: later on the number may be somebody else's.
            self._kill(signal.SIGKILL)
        return self.leader.returncode

    def signal(self, number: int) -> None:
        """Signal the whole group, unless its leader has been reaped."""
        if self in _live and self.poll() is None:
            self._kill(number)

    def _kill(self, number: int) -> None:
        # pytest-subprocess puts stand-ins here whose invented numbers are other people's groups.
        if isinstance(self.leader, subprocess.Popen):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.leader.pid, number)

    async def exits_within(self, seconds: float) -> bool:
        """Wait for the exit alone; the pipes may be held open by a grandchild."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        pause = 0.001
        while self.poll() is None:
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.02)
        return True

    def end(self) -> None:
        """Kill what is left and clean up; blocks for the few milliseconds that SIGKILL takes."""
        if self not in _live:
            return
        self.signal(signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self.leader.wait(_KILL_LIMIT)
        _live.discard(self)
        self._remove_scratch()

    def _remove_scratch(self) -> None:
        if self.scratch:
            scratch.remove(self.scratch)

    def forget_files(self) -> None:
        for name in self.files:
            Path(self.scratch, name).unlink(missing_ok=True)

    def pipes(self) -> list[IO[bytes]]:
        """Our ends of its open pipes."""
        ends = (self.leader.stdin, self.leader.stdout, self.leader.stderr)
        return [pipe for pipe in ends if pipe is not None and not pipe.closed]


def _start_error(plan: LaunchPlan, exc: OSError | ValueError) -> UUError:
    executable = plan.argv[0]
    if isinstance(exc, ValueError):
        return BadRequest(f"Cannot start {executable!r}: an argument or a variable cannot be passed on ({exc}).")
    if exc.filename == executable and isinstance(exc, (FileNotFoundError, NotADirectoryError)):
        return CLINotFound(f"Cannot start {executable!r}: it, or the interpreter its first line names, is not there.")
    if exc.filename == executable and isinstance(exc, PermissionError):
        return CLINotFound(f"Cannot start {executable!r}: it is not executable.")
    where = f" in {plan.cwd!r}" if plan.cwd and exc.filename == plan.cwd else ""
    return UUError(f"Cannot start {executable!r}{where}: {exc.strerror}.")


class Child:
    """A running child. Made by `start`, stopped by `aclose`, and only there for the loop that started it."""

    def __init__(self, group: _Group) -> None:
        self._group = group
        self._stdin, self._stdout, self._stderr = Input(), Output(), Errors()
        self._transports: list[asyncio.BaseTransport] = []
        self._timer: asyncio.TimerHandle | None = None
        self._stop: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, plan: LaunchPlan) -> Child:
        """Start a child in a session and process group of its own.

        Raises:
            CLINotFound: The executable is not there, or may not be executed.
            BadRequest: An argument or a variable holds what no process can be given, such as NUL.
            UUError: The system refused for another reason, which the message names.
        """
        child = cls(_Group(plan, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        try:
            await child._connect()
        except BaseException:
            child._end()
            raise
        return child

    async def _connect(self) -> None:
        loop, leader = asyncio.get_running_loop(), self._group.leader
        assert leader.stdin is not None
        assert leader.stdout is not None
        assert leader.stderr is not None
        self._transports.append((await loop.connect_write_pipe(lambda: self._stdin, leader.stdin))[0])
        self._transports.append((await loop.connect_read_pipe(lambda: self._stdout, leader.stdout))[0])
        self._transports.append((await loop.connect_read_pipe(lambda: self._stderr, leader.stderr))[0])
        self._look()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        if self._group.poll() is None:
            self._timer = loop.call_later(_LOOK_EVERY, self._look)
        else:
            self._timer = loop.call_later(_LAST_WORDS, self._give_up)

    def _give_up(self) -> None:
        # A grandchild in a session of its own can hold stdout open for ever. What was written is still delivered.
        if self._stdout.full:
            self._look()
        else:
            self._stdout.end()

    @property
    def pid(self) -> int:
        """Also the number of its process group."""
        return self._group.leader.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs, negative for a signal."""
        return self._group.poll()

    @property
    def alive(self) -> bool:
        """Whether it still runs and nobody has begun to stop it."""
        return self._stop is None and self._group.poll() is None

    @property
    def stderr_tail(self) -> str:
        """The last 8 KiB of what it wrote on stderr."""
        return self._stderr.tail.decode("utf-8", "replace").strip()

    @property
    def scratch(self) -> Path:
        """Its private folder, where its plan has one."""
        return Path(self._group.scratch)

    def forget_files(self) -> None:
        """Remove the plan's files, which the child has read; the folder's end does so at the latest."""
        self._group.forget_files()

    async def send(self, data: bytes) -> None:
        """Write to its stdin, and wait while it does not read.

        A cancelled send is still written whole, as far as the child reads it.

        Raises:
            CLIExited: It no longer reads.
        """
        self._stdin.transport.write(data)
        await self._stdin.room.wait()
        if self._stdin.transport.is_closing():
            raise await self.exited_error(f"{self._group.name!r} no longer reads.")

    async def receive(self) -> bytes:
        """All of its stdout that is waiting, at least one byte; empty at the end, and once a stop has begun."""
        return await self._stdout.take()

    async def exited_error(self, what: str) -> CLIExited:
        """The error for a child whose pipes ended too early, after a short wait for its status and last words.

        Args:
            what: What was seen, one sentence; how the child ended is added.
        """
        await self._group.exits_within(_LAST_WORDS)
        with anyio.move_on_after(_LAST_WORDS):
            await self._stderr.ended.wait()
        code = self.returncode
        if self._stop is not None:
            how = "The bridge stopped it."
        elif code is None:
            how = "It still runs."
        elif code < 0:
            how = f"Signal {-code} ended it."
        else:
            how = f"It exited with status {code}."
        return CLIExited(f"{what} {how}", returncode=code, evidence=self.stderr_tail)

    async def aclose(self, *, grace: float = _GRACE) -> None:
        """Stop the child and its group: end of file, then SIGTERM, then SIGKILL, `grace` seconds apart.

        Idempotent. The stop goes on when its caller is cancelled, however often.
        """
        if self._stop is None:
            self._stop = asyncio.create_task(self._stop_ladder(grace), name=f"stop:{self.pid}")
            _reapers.add(self._stop)
            self._stop.add_done_callback(_reapers.discard)
        await asyncio.shield(self._stop)

    async def _stop_ladder(self, grace: float) -> None:
        try:
            if not self._stdin.transport.is_closing():
                self._stdin.transport.abort()
            self._stdout.discard()
            if not await self._group.exits_within(grace):
                self._group.signal(signal.SIGTERM)
            if not await self._group.exits_within(grace):
                self._group.signal(signal.SIGKILL)
            await self._group.exits_within(_KILL_LIMIT)
        finally:
            self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for transport in self._transports:
            transport.close()
        for pipe in self._group.pipes():
            pipe.close()
        self._group.end()


async def run(plan: LaunchPlan, *, timeout: float, limit: int = 2**20) -> Completed:  # noqa: ASYNC109  # the error names it
    """Run a one-shot command to its end, with nothing on stdin; `timeout` in seconds, `limit` in bytes of stdout.

    Raises:
        VendorTimeout: It did not end in time, and was killed.
        ProtocolError: It wrote more than the limit.
        UUError: As for `Child.start`.
    """
    # Files, not pipes: nothing to drain, and nothing to wait for but the exit.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        group = _Group(plan, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            if not await group.exits_within(timeout):
                command = " ".join(plan.argv)
                raise VendorTimeout(f"`{command}` did not end within {timeout:g} seconds.", evidence=_tail(err))
        finally:
            group.end()
        out.seek(0)
        stdout = out.read(limit + 1)
        if len(stdout) > limit:
            raise ProtocolError(f"{group.name!r} wrote more than {limit} bytes.", evidence=_tail(err))
        return Completed(cast("int", group.leader.returncode), stdout.decode("utf-8", "replace"), _tail(err))


def run_here(plan: LaunchPlan) -> int:
    """Run a command on our own terminal to its end, as a shell would; its exit status. What interrupts us ends it.

    Raises:
        UUError: As for `Child.start`.
    """
    try:
        return subprocess.call(plan.argv, env=dict(plan.env), cwd=plan.cwd)
    except (OSError, ValueError) as exc:
        raise _start_error(plan, exc) from exc


@contextmanager
def on_terminal(plan: LaunchPlan) -> Generator[Any, None, None]:
    """A command on a terminal that is made for it: a `pexpect.spawn`, which ends with the block."""
    import pexpect  # noqa: PLC0415 - 20 ms that only a sign-in needs

    command, *arguments = plan.argv
    spawn = cast("Any", pexpect.spawn)
    child = spawn(command, arguments, env=dict(plan.env), cwd=plan.cwd, echo=False, encoding="utf-8")
    try:
        yield child
    finally:
        child.close(force=True)


def _tail(file: IO[bytes]) -> str:
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - STDERR_TAIL))
    return file.read().decode("utf-8", "replace")


def kill_all_now() -> None:
    """Kill every group and remove every scratch folder: the last resort, from any thread, without a loop."""
    groups = list(_live)
    for group in groups:
        group.signal(signal.SIGKILL)
    for group in groups:
        group.end()


def _disown() -> None:
    """In a forked process: the children are the parent's, and must see end of file when the parent dies."""
    null = os.open(os.devnull, os.O_RDWR)
    for group in _live:
        for pipe in group.pipes():
            # Not closed: the number would be given to another file, which the old transport would then close.
            os.dup2(null, pipe.fileno(), inheritable=False)
    os.close(null)
    _live.clear()


os.register_at_fork(after_in_child=_disown)
