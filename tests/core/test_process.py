"""Children, against real processes."""

import asyncio
import fcntl
import os
import signal
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from pytest_subprocess import FakeProcess

from uutel_bridge.core import process, scratch
from uutel_bridge.core.errors import BadRequest, CLIExited, CLINotFound, ProtocolError, UUError, VendorTimeout
from uutel_bridge.core.process import Child, Completed, LaunchPlan, run

BOUND = 60.0
ENV = (("PATH", os.defpath),)
ECHO = "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line); sys.stdout.flush()"
STUBBORN = """
    import signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("up", flush=True)
    time.sleep(3600)
"""


def plan(
    code: str, *arguments: str, scratch_env: tuple[tuple[str, str], ...] = (), env: tuple[tuple[str, str], ...] = ENV
) -> LaunchPlan:
    """A Python program as a child."""
    return LaunchPlan((sys.executable, "-S", "-c", textwrap.dedent(code), *arguments), env, scratch_env=scratch_env)


def executable(path: Path, text: str, mode: int = 0o700) -> str:
    """A script of the user's own making."""
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


def files(folder: str | Path) -> list[str] | None:
    """The names in a folder; None if it is not there."""
    return [each.name for each in Path(folder).iterdir()] if Path(folder).is_dir() else None


@asynccontextmanager
async def started(launch: LaunchPlan) -> AsyncIterator[Child]:
    """A child that is stopped at the end, within a bound."""
    with anyio.fail_after(BOUND):
        child = await Child.start(launch)
        try:
            yield child
        finally:
            await child.aclose(grace=0)


async def send_until_it_fails(child: Child) -> None:
    """The kernel may close a dying child's pipes in any order."""
    while True:
        await child.send(b"hello\n")
        await anyio.sleep(0.01)


async def read_until(child: Child, end: bytes) -> bytes:
    """Everything up to and including `end`."""
    data = b""
    while not data.endswith(end):
        chunk = await child.receive()
        assert chunk, f"ended after {data!r}: {child.stderr_tail}"
        data += chunk
    return data


def runs(pid: int) -> bool:
    """Whether a process is there, and not only as a zombie that awaits its reaper."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    with anyio.fail_after(BOUND):
        while runs(pid):
            await anyio.sleep(0.02)


async def test_a_child_answers_what_it_is_sent() -> None:
    """Bytes there and back, and a clean exit at end of file."""
    async with started(plan(ECHO)) as child:
        assert child.alive
        await child.send(b"one\n")
        assert await read_until(child, b"\n") == b"one\n"
        await child.aclose(grace=BOUND)
        assert (child.returncode, child.alive) == (0, False)
        assert await child.receive() == b""


async def test_a_child_that_floods_stderr_still_answers() -> None:
    """An undrained stderr would block it; the end of it is kept as evidence."""
    code = "import sys\nsys.stderr.write('e' * 1_000_000 + 'END'); sys.stderr.flush(); print('up', flush=True)"
    async with started(plan(code)) as child:
        await read_until(child, b"up\n")
        assert await child.receive() == b""
        error = await child.exited_error("It ended.")
        assert error.evidence.endswith("eEND")
        assert len(child.stderr_tail) == 8 * 1024


async def test_the_environment_is_exactly_the_plans() -> None:
    """Nothing of ours leaks into the child."""
    async with started(plan("import os\nprint(os.environ.get('HOME'), os.environ['A'])", env=(("A", "1"),))) as child:
        assert await read_until(child, b"\n") == b"None 1\n"


async def test_a_plans_repr_shows_no_value_of_the_environment() -> None:
    """It may hold a key, and a repr ends in logs."""
    launch = LaunchPlan(("cli",), (("KEY", "sk-secret"),))
    assert "sk-secret" not in repr(launch)
    assert launch == LaunchPlan(("cli",), (("KEY", "sk-secret"),))
    assert {launch: 1}[LaunchPlan(("cli",), (("KEY", "sk-secret"),))] == 1


async def test_a_missing_executable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first thing that goes wrong for a new user; its scratch folder does not stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(CLINotFound, match="no-such-cli"):
        await Child.start(LaunchPlan(("no-such-cli",), ENV, scratch_env=(("HOME", ""),)))
    assert files(tmp_path) == []


async def test_a_file_that_may_not_be_executed_is_not_a_cli(tmp_path: Path) -> None:
    """A broken installation reads like a missing one."""
    script = executable(tmp_path / "cli", "#!/bin/sh\n", mode=0o600)
    with pytest.raises(CLINotFound, match="not executable"):
        await Child.start(LaunchPlan((script,), ENV))


async def test_a_missing_interpreter_is_told(tmp_path: Path) -> None:
    """An npm shim without node."""
    script = executable(tmp_path / "cli", "#!/no/such/interpreter\n")
    with pytest.raises(CLINotFound, match="interpreter"):
        await Child.start(LaunchPlan((script,), ENV))


async def test_a_missing_folder_is_not_taken_for_a_missing_cli(tmp_path: Path) -> None:
    """Both are ENOENT to the system."""
    with pytest.raises(UUError, match="nowhere") as caught:
        await Child.start(LaunchPlan((sys.executable,), ENV, cwd=str(tmp_path / "nowhere")))
    assert type(caught.value) is UUError


@pytest.mark.parametrize("bad", ["a\0b", "\ud800"])
async def test_what_no_argument_can_hold_is_a_bad_request(bad: str) -> None:
    """A model name with NUL or half a character in it."""
    with pytest.raises(BadRequest):
        await Child.start(LaunchPlan((sys.executable, bad), ENV))


async def test_an_argument_too_long_for_the_system_is_told() -> None:
    """E2BIG, in words."""
    with pytest.raises(UUError, match="too long"):
        await Child.start(LaunchPlan((sys.executable, "x" * 8_000_000), ENV))


async def test_a_scratch_folder_is_private_and_goes_with_its_child() -> None:
    """One folder for all names, 0700, gone after the stop with what is in it."""
    code = """
        import os, sys
        open(os.environ["A"] + "/file", "w").close()
        folder = os.environ["A"]
        print(folder, folder + "/b" == os.environ["B"], oct(os.stat(folder).st_mode), flush=True)
        sys.stdin.read()
    """
    async with started(plan(code, scratch_env=(("A", ""), ("B", "b")))) as child:
        folder, same, mode = (await read_until(child, b"\n")).decode().split()
        assert (same, mode) == ("True", "0o40700")
        assert files(folder) == ["file"]
    assert files(folder) is None


READER = """
    import os, sys
    path, literal = sys.argv[2].removeprefix("--file="), sys.argv[1]
    print(path, literal, oct(os.stat(path).st_mode), open(path).read(), flush=True)
    sys.stdin.read()
"""


def with_file(content: bytes) -> LaunchPlan:
    """A child that tells the path, the mode and the content of its file."""
    return replace(plan(READER, "{scratch}"), scratch_argv=("--file={scratch}/history",), files=(("history", content),))


async def test_a_child_finds_its_files_when_it_starts() -> None:
    """Private ones, in a folder that goes with the child; the plain arguments are passed as they are."""
    async with started(with_file(b"once")) as child:
        path, literal, mode, content = (await read_until(child, b"\n")).decode().split()
        assert (literal, mode, content) == ("{scratch}", "0o100600", "once")
        assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    assert files(Path(path).parent) is None


async def test_files_are_removed_as_soon_as_the_child_has_read_them() -> None:
    """A prompt does not stay on the disk while the child lives; forgetting twice or late is no error."""
    async with started(with_file(b"once")) as child:
        folder = Path((await read_until(child, b"\n")).decode().split()[0]).parent
        child.forget_files()
        assert child.alive
        assert files(folder) == []
        child.forget_files()
    child.forget_files()
    assert files(folder) is None


async def test_plans_with_the_same_files_are_the_same() -> None:
    """And their repr does not show what may be a prompt."""
    launch = with_file(b"secret")
    assert {launch: 1} == {with_file(b"secret"): 1}
    assert launch != with_file(b"another")
    assert "secret" not in repr(launch)


async def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own words say why."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(UUError, match="File name too long"):
        await Child.start(replace(plan(ECHO), files=(("first", b""), ("x" * 300, b""))))
    assert files(tmp_path) == []


async def test_a_send_to_a_dead_child_tells_how_it_died() -> None:
    """The evidence is what the child wrote last."""
    code = "import sys\nsys.stderr.write('no such flag'); sys.stderr.flush(); sys.exit(3)"
    async with started(plan(code)) as child:
        assert await child.receive() == b""
        with pytest.raises(CLIExited, match="status 3") as caught:
            await send_until_it_fails(child)
    assert (caught.value.returncode, caught.value.evidence) == (3, "no such flag")


async def test_a_killed_child_is_told_from_an_exited_one() -> None:
    """The out-of-memory killer sends no farewell."""
    async with started(plan(ECHO)) as child:
        os.kill(child.pid, signal.SIGKILL)
        assert await child.receive() == b""
        error = await child.exited_error("It ended.")
    assert (error.returncode, str(error)) == (-9, "It ended. Signal 9 ended it.")


async def test_a_child_that_only_closes_its_pipes_is_told_from_an_exited_one() -> None:
    """No status is made up for it."""
    async with started(plan("import os, time\nos.close(1); os.close(0); time.sleep(3600)")) as child:
        assert await child.receive() == b""
        assert (await child.exited_error("It ended.")).returncode is None


async def test_a_big_send_to_a_child_that_does_not_read_can_be_cancelled() -> None:
    """Nothing of ours blocks, and the child is stopped all the same."""
    async with started(plan(STUBBORN)) as child:
        await read_until(child, b"up\n")
        with anyio.move_on_after(0.2) as scope:
            await child.send(b"x" * 4_000_000)
        assert scope.cancelled_caught
    assert child.returncode == -signal.SIGKILL


async def test_a_big_send_passes_a_child_that_must_write_before_it_reads_on() -> None:
    """Both directions at once, several megabytes each."""
    size = 3_000_000
    async with started(plan(ECHO)) as child, anyio.create_task_group() as group:
        group.start_soon(child.send, b"x" * size + b"\n")
        assert len(await read_until(child, b"\n")) == size + 1


async def test_a_child_waits_while_nobody_takes_its_output() -> None:
    """Unread output is bounded by the pipe and a buffer, and complete when it is read."""
    code = """
        import sys
        for _ in range(80):
            sys.stdout.write("x" * 100_000)
            sys.stderr.write(".")
            sys.stderr.flush()
        print()
    """
    async with started(plan(code)) as child:
        while not child._stdout.full:
            await anyio.sleep(0.01)
        await anyio.sleep(0.2)  # time in which it could wrongly go on
        assert len(child.stderr_tail) < 40
        assert len(await read_until(child, b"\n")) == 8_000_001


async def test_what_a_child_wrote_before_it_ended_waits_for_a_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long ago it ended."""
    monkeypatch.setattr(process, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(process, "_LAST_WORDS", 0.01)
    size = 2**20 + 2**16 - 1024  # more than is buffered, and so little more that a pipe holds it
    async with started(
        plan(f"import os\nleft = {size}\nwhile left: left -= os.write(1, b'x' * min(left, 4096))")
    ) as child:
        while child.alive:
            await anyio.sleep(0.01)
        await anyio.sleep(0.1)  # time in which it could wrongly be given up
        data = b""
        while chunk := await child.receive():
            data += chunk
        assert len(data) == size


async def test_a_stop_drains_a_child_that_is_blocked_on_writing() -> None:
    """It cannot see its end of file before its output is taken."""
    code = "import sys\nsys.stdout.write('x' * 5_000_000); sys.stdout.flush()\nsys.stdin.read()"
    async with started(plan(code)) as child:
        await child.receive()
        await child.aclose(grace=BOUND)
        assert child.returncode == 0


async def test_a_child_that_ignores_the_end_of_file_is_terminated() -> None:
    """The second rung."""
    async with started(plan("import time\nprint('up', flush=True)\ntime.sleep(3600)")) as child:
        await read_until(child, b"up\n")
        await child.aclose(grace=0.1)
        assert child.returncode == -signal.SIGTERM


async def test_a_child_that_ignores_sigterm_is_killed() -> None:
    """The third rung."""
    async with started(plan(STUBBORN)) as child:
        await read_until(child, b"up\n")
        await child.aclose(grace=0.1)
        assert child.returncode == -signal.SIGKILL


async def test_a_stop_survives_being_cancelled_twice() -> None:
    """The stop is nobody's child task."""
    async with started(plan(STUBBORN)) as child:
        await read_until(child, b"up\n")
        waiting = asyncio.create_task(child.aclose(grace=0.1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while process._reapers:
            await anyio.sleep(0.01)
        assert child.returncode == -signal.SIGKILL


async def test_several_stops_are_one() -> None:
    """Idempotent, also side by side."""
    async with started(plan(ECHO)) as child:
        await asyncio.gather(child.aclose(), child.aclose(), child.aclose())
        await child.aclose()
        assert child.returncode == 0


async def test_a_waiting_reader_sees_the_end_when_the_stop_begins() -> None:
    """Nobody hangs on a child that is being stopped."""
    async with started(plan(STUBBORN)) as child:
        await read_until(child, b"up\n")
        reading = asyncio.create_task(child.receive())
        await asyncio.sleep(0)
        await child.aclose(grace=0)
        assert await reading == b""


PARENT = """
    import subprocess, sys
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(3600)"], start_new_session={session})
    print(child.pid, flush=True)
    {then}
"""


async def test_grandchildren_die_with_the_group() -> None:
    """What the CLI started does not outlive it, even when it ends by itself."""
    async with started(plan(PARENT.format(session=False, then="sys.stdin.read()"))) as child:
        grandchild = int(await read_until(child, b"\n"))
        await child.aclose(grace=BOUND)
        assert child.returncode == 0
    await gone(grandchild)


async def test_the_end_is_seen_though_a_grandchild_holds_the_pipes() -> None:
    """A child that was killed cannot leave its reader waiting for ever."""
    async with started(
        plan(PARENT.format(session=False, then="os = __import__('os'); os.kill(os.getpid(), 9)"))
    ) as child:
        grandchild = int(await read_until(child, b"\n"))
        assert await child.receive() == b""
        assert not child.alive
    await gone(grandchild)


async def test_the_end_is_seen_though_a_grandchild_outside_the_group_holds_the_pipes() -> None:
    """A daemon it left behind is not ours to kill, nor to wait for."""
    async with started(plan(PARENT.format(session=True, then="sys.exit(0)"))) as child:
        grandchild = int(await read_until(child, b"\n"))
        try:
            assert await child.receive() == b""
            await child.aclose()
            assert child.returncode == 0
        finally:
            os.kill(grandchild, signal.SIGKILL)


async def test_a_start_cancelled_halfway_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child was there already when its pipes were not."""
    pids: list[int] = []

    async def connect(self: Child) -> None:
        pids.append(self.pid)
        await asyncio.sleep(3600)

    monkeypatch.setattr(Child, "_connect", connect)
    with anyio.move_on_after(0.1):
        await Child.start(plan(STUBBORN))
    await gone(pids[0])
    assert not process._live


LISTER = """
    import os, sys
    folder = sys.argv[1]
    print(folder, os.readlink(folder + "/auth.json"), open(folder + "/auth.json").read(), flush=True)
    sys.stdin.read()
"""


async def test_a_child_may_start_in_its_folder_and_have_folders_in_it(tmp_path: Path) -> None:
    """All of them private."""
    code = """
        import os, sys
        print(os.getcwd(), oct(os.stat("..").st_mode), open("in/file").read(), os.readlink("../l/link"), flush=True)
        sys.stdin.read()
    """
    launch = replace(
        plan(code), scratch_cwd="cwd", files=(("cwd/in/file", b"here"),), links=(("l/link", str(tmp_path)),)
    )
    async with started(launch) as child:
        cwd, mode, content, target = (await read_until(child, b"\n")).decode().split()
        assert Path(cwd) == (child.scratch / "cwd").resolve()
        assert (mode, content, target) == ("0o40700", "here", str(tmp_path))
        assert set(files(child.scratch) or ()) == {"cwd", "l"}
    assert files(child.scratch) is None


async def test_links_lead_out_of_the_folder_and_what_they_lead_to_stays(tmp_path: Path) -> None:
    """The child finds them from its start; neither the link's end nor the folder's reaches the target."""
    target, nowhere = tmp_path / "theirs", tmp_path / "nowhere"
    target.write_text("kept", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    links = (("auth.json", str(target)), ("skills", str(tmp_path / "folder")), ("later", str(nowhere)))
    launch = replace(plan(LISTER), scratch_argv=("{scratch}",), files=(("config.toml", b""),), links=links)
    async with started(launch) as child:
        folder, led_to, content = (await read_until(child, b"\n")).decode().split()
        assert (led_to, content) == (str(target), "kept")
        child.forget_files()
        assert set(files(folder) or ()) == {"auth.json", "skills", "later"}
    assert files(folder) is None
    assert target.read_text(encoding="utf-8") == "kept"
    assert files(tmp_path / "folder") == ["file"]
    assert not nowhere.exists()


async def test_a_link_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the folder does not stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(UUError):
        await Child.start(replace(plan(ECHO), links=(("twice", "a"), ("twice", "b"))))
    assert files(tmp_path) == []


async def test_kill_all_now_ends_every_child_and_its_scratch() -> None:
    """The last resort needs no loop."""
    async with started(plan(STUBBORN, scratch_env=(("HOME", ""),))) as first, started(plan(ECHO)) as second:
        folder = first._group.scratch
        process.kill_all_now()
        assert (first.returncode, second.returncode) == (-signal.SIGKILL, -signal.SIGKILL)
        assert files(folder) is None
        assert await second.receive() == b""


async def test_a_loop_that_ends_takes_its_stops_along() -> None:
    """A stop that is cut short kills at once."""

    async def main() -> int:
        child = await Child.start(plan(STUBBORN))
        await read_until(child, b"up\n")
        stopping = asyncio.ensure_future(child.aclose(grace=3600))
        await asyncio.sleep(0)
        assert not stopping.done()
        return child.pid

    pid = await asyncio.to_thread(asyncio.run, main())
    await gone(pid)


FORK = """
    import asyncio, gc, os, sys, time, warnings
    from uutel_bridge.core import loop, process
    warnings.filterwarnings("ignore", message=".*fork")

    async def talk(word):
        await child.send(word)
        assert await child.receive() == word

    launch = process.LaunchPlan((sys.executable, "-S", "-c", {echo!r}), (), scratch_env=(("HOME", ""),))
    child = loop.run(lambda: process.Child.start(launch))
    loop.run(lambda: talk(b"one\\n"))
    print(child.pid, flush=True)
    {before}
    pid = os.fork()
    if pid == 0:
        {then}
    {parent}
"""
BUSY = """
    async def wait(emit):
        try:
            await asyncio.Event().wait()
        finally:
            print("cleaned", flush=True)

    other = loop.run(lambda: process.Child.start(launch))
    os.kill(other.pid, 19)  # SIGSTOP: it does not even see its end of file
    reading = loop.open_stream(lambda emit: other.receive(), idle_limit=60)
    stopping = loop.open_stream(lambda emit: other.aclose(grace=60), idle_limit=60)
    waiting = loop.open_stream(wait, idle_limit=60)
    loop.run(lambda: asyncio.sleep(0))
"""
GOES_ON = """
    status = os.waitpid(pid, 0)[1]
    loop.run(lambda: talk(b"two\\n"))
    assert os.path.isdir(child._group.scratch)
    loop.run(child.aclose)
    print(status, child.returncode, flush=True)
"""


def program(code: str, folder: Path) -> LaunchPlan:
    """Code that uses the package, in an interpreter that shows every warning; temporary files go to the folder."""
    root = str(Path(process.__file__).parents[2])
    env = (*ENV, ("PYTHONPATH", root), ("PYTHONWARNINGS", "default"), ("TMPDIR", str(folder)))
    return LaunchPlan((sys.executable, "-c", textwrap.dedent(code)), env)


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ("", "sys.exit(0)"),
        ("", "os._exit(0)"),
        ("", "process.kill_all_now(); child._group.signal(9); child._group.end(); sys.exit(0)"),
        (BUSY, "del reading, stopping, waiting, other; gc.collect(); sys.exit(0)"),
        ("", "loop.run(lambda: process.run(launch, timeout=60)); sys.exit(0)"),
    ],
)
async def test_a_forked_process_leaves_the_children_alone(before: str, then: str, tmp_path: Path) -> None:
    """However it ends and whatever it does, the parent's child goes on, and nothing is said about it."""
    code = FORK.format(echo=ECHO, before=before, then=then, parent=GOES_ON)
    done = await run(program(code, tmp_path), timeout=BOUND)
    assert (done.stdout.splitlines()[1:2], done.stderr) == (["0 0"], "")
    assert files(tmp_path) == []


async def test_a_forked_process_does_not_keep_the_child_alive(tmp_path: Path) -> None:
    """When the parent dies, the child sees end of file though the fork lives on."""
    then = "os.setsid(); print(os.getpid(), flush=True); time.sleep(3600)"
    code = FORK.format(echo=ECHO, before="", then=then, parent="sys.stdin.read(); os._exit(0)")
    async with started(program(code, tmp_path)) as parent:
        data = await read_until(parent, b"\n")
        while data.count(b"\n") < 2:
            data += await read_until(parent, b"\n")
        child, fork = map(int, data.split())
        try:
            await parent.aclose(grace=BOUND)
            await gone(child)
            assert runs(fork)
        finally:
            os.kill(fork, signal.SIGKILL)


async def test_a_one_shot_command_gives_its_output_and_status() -> None:
    """Also when a grandchild keeps holding what it would write to."""
    code = PARENT.format(session=False, then="sys.stderr.write('warned'); sys.exit(4)")
    done = await run(plan(code), timeout=BOUND)
    assert (done.returncode, done.stderr) == (4, "warned")
    await gone(int(done.stdout))


async def test_a_one_shot_command_reads_nothing() -> None:
    """It finds the end of its input at once."""
    assert (await run(plan("import sys\nprint(repr(sys.stdin.read()))"), timeout=BOUND)).stdout == "''\n"


async def test_a_one_shot_command_out_of_time_is_killed_with_its_group() -> None:
    """And the error tells what it had written."""
    shell = LaunchPlan(("/bin/sh", "-c", "sleep 3600 & echo $! >&2; wait"), ENV)
    with anyio.fail_after(BOUND), pytest.raises(VendorTimeout) as caught:
        await run(shell, timeout=3)
    await gone(int(caught.value.evidence))


async def test_a_cancelled_one_shot_command_is_killed(tmp_path: Path) -> None:
    """Nothing runs on that nobody waits for."""
    told = tmp_path / "pid"
    code = f"import os, time\nopen({str(told)!r}, 'w').write(str(os.getpid()) + '.')\ntime.sleep(3600)"
    with anyio.fail_after(BOUND):
        task = asyncio.create_task(run(plan(code), timeout=3600))
        while not (told.exists() and told.read_text(encoding="utf-8").endswith(".")):
            await anyio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await gone(int(told.read_text(encoding="utf-8")[:-1]))
    assert not process._live


async def test_a_one_shot_command_that_writes_too_much_is_refused() -> None:
    """A version is not a megabyte long."""
    with pytest.raises(ProtocolError):
        await run(plan("print('x' * 100)"), timeout=BOUND, limit=100)
    assert len((await run(plan("print('x' * 99)"), timeout=BOUND, limit=100)).stdout) == 100


async def test_a_one_shot_command_can_be_faked(fp: FakeProcess) -> None:
    """With pytest-subprocess, whose stand-ins have the numbers of other people's processes."""
    fp.register(["cli", "--version"], stdout="1.2.3", stderr=["old", "news"], returncode=0)
    assert await run(LaunchPlan(("cli", "--version"), ENV), timeout=BOUND) == Completed(0, "1.2.3", "old\nnews\n")


async def test_a_faked_command_out_of_time_signals_nobody(fp: FakeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killing the group of a made-up process could end anything."""
    monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("signalled a stranger"))
    fp.register(["cli"], wait=1)
    with pytest.raises(VendorTimeout):
        await run(LaunchPlan(("cli",), ENV), timeout=0.05)


async def test_children_work_on_a_plain_loop_whatever_the_policy_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy without a child watcher, such as uvloop's, does not matter."""
    monkeypatch.setattr(asyncio, "create_subprocess_exec", lambda *_, **__: pytest.fail("needs a child watcher"))
    assert (await run(plan("print(1)"), timeout=BOUND)).stdout == "1\n"
    async with started(plan(ECHO)) as child:
        await child.send(b"one\n")
        assert await read_until(child, b"\n") == b"one\n"


OWNER = """
    import asyncio, os, sys, time, warnings
    from uutel_bridge.core import process
    warnings.filterwarnings("ignore", message=".*fork")
    launch = process.LaunchPlan((sys.executable, "-S", "-c", {echo!r}), (), scratch_env=(("HOME", ""),))

    async def main():
        child = await process.Child.start(launch)
        print(child._group.scratch, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        {then}
        await child.aclose()

    {before}
    asyncio.run(main())
"""


def owner(folder: Path, *, before: str = "", then: str = "") -> LaunchPlan:
    """A program with a child, whose temporary files go to the folder; it tells the child's scratch folder."""
    return program(OWNER.format(echo=ECHO, before=before, then=then), folder)


async def told_by(child: Child) -> Path:
    """The path that a program tells."""
    return Path((await read_until(child, b"\n")).decode().strip())


async def use_a_scratch_folder(folder: Path) -> None:
    """Run another program that needs one, to its end."""
    done = await run(owner(folder), timeout=BOUND)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_the_next_program_removes_what_a_killed_one_left(number: signal.Signals, tmp_path: Path) -> None:
    """Nobody else would, and its number is in the name."""
    async with started(owner(tmp_path)) as killed:
        left = await told_by(killed)
        assert left.name.startswith(f"uutel-{killed.pid}-")
        os.kill(killed.pid, number)
        await gone(killed.pid)
    assert left.is_dir()
    await use_a_scratch_folder(tmp_path)
    assert files(tmp_path) == []


async def test_what_a_living_program_has_is_left_alone(tmp_path: Path) -> None:
    """Whoever else starts one."""
    async with started(owner(tmp_path)) as living:
        folder = await told_by(living)
        await use_a_scratch_folder(tmp_path)
        assert files(tmp_path) == [folder.name]


async def test_what_a_program_in_another_container_has_is_left_alone(tmp_path: Path) -> None:
    """Its number means nothing here, or somebody else; the lock counts."""
    theirs = tmp_path / "uutel-999999999-x"
    theirs.mkdir()
    lock = os.open(theirs, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        await use_a_scratch_folder(tmp_path)
        assert files(tmp_path) == [theirs.name]
    finally:
        os.close(lock)


async def test_only_folders_with_such_a_name_are_removed(tmp_path: Path) -> None:
    """Neither files nor what a link points to, whatever a folder holds."""
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "file").touch()
    kept = {"elsewhere", "uutel-1-file", "uutel-1-link", "uutel-1", "uutel-x-1", "uutel-fakes-1", "UUTEL-1-x"}
    (tmp_path / "uutel-1-file").touch()
    (tmp_path / "uutel-1-link").symlink_to(other)
    for name in kept - {"elsewhere", "uutel-1-file", "uutel-1-link"}:
        (tmp_path / name).mkdir()
    left = tmp_path / "uutel-1-\udcff odd\n"
    left.mkdir()
    (left / "link").symlink_to(other)
    (left / "closed").mkdir(mode=0o500)
    await use_a_scratch_folder(tmp_path)
    assert set(files(tmp_path) or ()) == kept
    assert files(other) == ["file"]


async def test_a_folder_that_may_not_be_opened_hinders_nobody(tmp_path: Path) -> None:
    """It stays where not even its owner may look into it; the others go."""
    (tmp_path / "uutel-1-closed").mkdir(mode=0)
    (tmp_path / "uutel-1-open").mkdir()
    await use_a_scratch_folder(tmp_path)
    assert files(tmp_path) == ([] if os.geteuid() == 0 else ["uutel-1-closed"])


async def test_other_users_folders_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by root, who could remove them."""
    (tmp_path / "uutel-1-x").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: (tmp_path / "uutel-1-x").stat().st_uid + 1)
    scratch._sweep.__wrapped__()
    assert files(tmp_path) == ["uutel-1-x"]


async def test_programs_that_sweep_at_once_do_not_hinder_each_other(tmp_path: Path) -> None:
    """Every one gets its own folder, and nothing is left."""
    for number in range(200):
        (tmp_path / f"uutel-1-{number}").mkdir()
        (tmp_path / f"uutel-1-{number}" / "file").touch()
    with anyio.fail_after(BOUND):
        await asyncio.gather(*(use_a_scratch_folder(tmp_path) for _ in range(4)))
    assert files(tmp_path) == []


@pytest.mark.parametrize("moment", ["before it is opened", "before it is locked", "soon"])
async def test_a_new_folder_that_is_being_swept_is_given_up(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program saw it before it was locked; the child gets one that nobody sweeps."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    make, lock = tempfile.mkdtemp, fcntl.flock
    made: list[str] = []
    theirs: list[int] = []

    def make_one(prefix: str) -> str:
        made.append(make(prefix=prefix))
        if len(made) == 1 and moment == "before it is opened":
            Path(made[0]).rmdir()
        if len(made) == 1 and moment == "soon":
            theirs.append(os.open(made[0], os.O_RDONLY))
            lock(theirs[0], fcntl.LOCK_EX)
        return made[-1]

    def lock_one(number: int, operation: int) -> None:
        if len(made) == 1 and moment == "before it is locked":
            Path(made[0]).rmdir()
        lock(number, operation)

    monkeypatch.setattr(tempfile, "mkdtemp", make_one)
    monkeypatch.setattr(fcntl, "flock", lock_one)
    folder = scratch.make()
    try:
        assert made[1:] == [folder]
        assert list(scratch._locks) == [folder]
        assert files(folder) == []
    finally:
        scratch.remove(folder)
        for number in theirs:
            os.close(number)
    assert not scratch._locks


async def test_a_file_system_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is swept there, for nobody can tell whose it is."""

    def no_lock(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    (tmp_path / "uutel-1-x").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(fcntl, "flock", no_lock)
    scratch._sweep.cache_clear()
    folder = scratch.make()
    assert set(files(tmp_path) or ()) == {"uutel-1-x", Path(folder).name}
    scratch.remove(folder)
    assert files(tmp_path) == ["uutel-1-x"]


async def test_a_forked_process_does_not_keep_its_parents_folder_locked(tmp_path: Path) -> None:
    """When the parent is killed, the folder can go though the fork lives on."""
    then = """
        pid = os.fork()
        if pid == 0:
            os.setsid()
            time.sleep(3600)
        print(pid, flush=True)
        os.kill(os.getpid(), 9)"""
    async with started(owner(tmp_path, then=textwrap.indent(textwrap.dedent(then), " " * 8).strip())) as parent:
        left = await told_by(parent)
        parent._stdin.transport.close()
        fork = int(await read_until(parent, b"\n"))
        try:
            await gone(parent.pid)
            assert left.is_dir()
            await use_a_scratch_folder(tmp_path)
            assert files(tmp_path) == []
            assert runs(fork)
        finally:
            os.kill(fork, signal.SIGKILL)


async def test_a_forked_process_sweeps_again(tmp_path: Path) -> None:
    """Servers fork workers long after their own start."""
    before = """
    asyncio.run(process.run(launch, timeout=60))
    os.mkdir(os.environ["TMPDIR"] + "/uutel-1-x")
    asyncio.run(process.run(launch, timeout=60))
    print(os.listdir(os.environ["TMPDIR"]), flush=True)
    pid = os.fork()
    if pid:
        sys.exit(os.waitpid(pid, 0)[1])"""
    done = await run(owner(tmp_path, before=before.strip()), timeout=BOUND)
    assert (done.returncode, done.stderr, done.stdout.splitlines()[0]) == (0, "", "['uutel-1-x']")
    assert files(tmp_path) == []
