"""The private loop: calls and streams that cross to it, forks, and the end of the interpreter."""

import asyncio
import contextvars
import gc
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import pytest

from uutel_bridge.core import loop
from uutel_bridge.core.errors import UUError, VendorTimeout
from uutel_bridge.core.loop import Emit, Stream
from uutel_bridge.core.process import Child, Completed, LaunchPlan, run

BOUND = 60.0
COLOUR: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


class Witness:
    """A coroutine that hangs, and events for what becomes of it; they can be waited for in any thread."""

    def __init__(self) -> None:
        self.started, self.cleaned = threading.Event(), threading.Event()

    async def hang(self, *_: object) -> None:
        """Wait for ever, and take a while to clean up."""
        self.started.set()
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.05)
            self.cleaned.set()


async def seen(event: threading.Event) -> None:
    """Wait for an event of another thread without blocking this loop."""
    assert await asyncio.to_thread(event.wait, BOUND)


async def where() -> tuple[int, asyncio.AbstractEventLoop]:
    """Thread and loop that this runs on."""
    return threading.get_ident(), asyncio.get_running_loop()


def count(n: int) -> Callable[[Emit[int]], Coroutine[Any, Any, None]]:
    """Emits 0 to n - 1."""

    async def emit_all(emit: Emit[int]) -> None:
        for item in range(n):
            await emit(item)

    return emit_all


def drain(stream: Stream[int]) -> list[int]:
    """Everything, read in this thread."""
    items: list[int] = []
    while batch := stream.take():
        items += batch
    return items


def open_stream(fn: Callable[[Emit[Any]], Coroutine[Any, Any, None]], **options: Any) -> Stream[Any]:
    """With an idle limit that is never reached."""
    return loop.open_stream(fn, **{"idle_limit": BOUND, **options})


def test_every_caller_meets_the_same_loop() -> None:
    """Threads, one `asyncio.run` after another, and a loop that is blocked by its own code."""

    async def blocked() -> tuple[int, asyncio.AbstractEventLoop]:
        return loop.run(where)

    async def awaited() -> tuple[int, asyncio.AbstractEventLoop]:
        return await loop.arun(where)

    places = [loop.run(where), asyncio.run(blocked()), asyncio.run(awaited()), asyncio.run(awaited())]
    threads = [threading.Thread(target=lambda: places.append(loop.run(where))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
    assert len(places) == 12
    assert len(set(places)) == 1
    assert places[0][0] != threading.get_ident()


async def test_on_the_private_loop_arun_just_awaits_and_run_is_refused() -> None:
    """Blocking it would stop the world."""

    async def inside() -> bool:
        with pytest.raises(RuntimeError, match="private loop"):
            loop.run(where)
        return await loop.arun(where) == await where()

    assert await loop.arun(inside)


async def test_exceptions_and_context_cross_over() -> None:
    """Both ways of calling, and what a trace shows."""

    async def fail() -> None:
        raise LookupError(COLOUR.get())

    COLOUR.set("red")
    with pytest.raises(LookupError, match="red") as caught:
        await loop.arun(fail)
    assert any(entry.name == "fail" for entry in caught.traceback)
    with pytest.raises(LookupError, match="red"):
        loop.run(fail)


async def test_what_fails_before_its_first_await_fails_for_the_caller() -> None:
    """Not for the loop."""

    def broken() -> Coroutine[Any, Any, None]:
        raise LookupError

    with pytest.raises(LookupError):
        loop.run(broken)


async def test_cancelling_a_call_waits_for_its_cleanup() -> None:
    """When the caller goes on, nothing of the call is left."""
    witness = Witness()
    with anyio.fail_after(BOUND):
        task = asyncio.create_task(loop.arun(witness.hang))
        await seen(witness.started)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert witness.cleaned.is_set()


async def test_cancelling_a_call_twice_does_not_wait_and_loses_no_cleanup() -> None:
    """The second cancel is for the waiting."""
    witness = Witness()
    with anyio.fail_after(BOUND):
        task = asyncio.create_task(loop.arun(witness.hang))
        await seen(witness.started)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await seen(witness.cleaned)


async def test_a_call_cancelled_at_once_ends() -> None:
    """Also when it never ran."""
    with anyio.fail_after(BOUND):
        for _ in range(20):
            task = asyncio.create_task(loop.arun(Witness().hang))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


def test_a_caller_whose_loop_ends_takes_its_call_along() -> None:
    """`asyncio.run` cancels what is left of it."""
    witness = Witness()

    async def main() -> None:
        task = asyncio.create_task(loop.arun(witness.hang))
        await seen(witness.started)
        assert not task.done()

    asyncio.run(main())
    assert witness.cleaned.wait(BOUND)


def test_a_burst_arrives_whole_and_in_order() -> None:
    """In few batches, whoever is faster."""
    assert drain(open_stream(count(100_000))) == list(range(100_000))


async def test_a_burst_arrives_whole_and_in_order_on_a_loop() -> None:
    """The other face."""
    stream, items = open_stream(count(100_000)), list[int]()
    with anyio.fail_after(BOUND):
        while batch := await stream.atake():
            items += batch
    assert items == list(range(100_000))
    assert await stream.atake() == []


async def test_a_slow_reader_gets_everything_in_order_and_holds_the_writer() -> None:
    """Credit bounds what is in between."""
    emitted: list[int] = []

    async def write(emit: Emit[int]) -> None:
        for item in range(200):
            emitted.append(item)
            await emit(item)

    stream, items = open_stream(write, credit=4), list[int]()
    with anyio.fail_after(BOUND):
        while batch := await stream.atake():
            items += batch
            await anyio.sleep(0.001)
            assert len(emitted) <= len(items) + 4
    assert items == list(range(200))


def test_a_stream_may_change_its_reader() -> None:
    """One loop, then another, then a thread."""
    go = threading.Semaphore(0)

    async def write(emit: Emit[int]) -> None:
        for item in range(4):
            await asyncio.to_thread(go.acquire)
            await emit(item)

    stream = open_stream(write)

    async def read() -> list[int]:
        reading = asyncio.create_task(stream.atake())
        await asyncio.sleep(0)
        go.release()
        return await reading

    async def leave() -> None:
        reading = asyncio.create_task(stream.atake())
        await asyncio.sleep(0)
        assert not reading.done()

    assert asyncio.run(read()) == [0]
    asyncio.run(leave())
    assert asyncio.run(read()) == [1]
    go.release(2)
    assert drain(stream) == [2, 3]


def test_a_reader_whose_loop_is_closed_does_not_disturb_the_stream() -> None:
    """Nobody is there to be woken; the items wait for the next reader."""
    go = threading.Event()

    async def write(emit: Emit[int]) -> None:
        await asyncio.to_thread(go.wait, BOUND)
        await emit(1)

    stream, dead = open_stream(write), asyncio.new_event_loop()
    reading = stream.atake()
    dead.run_until_complete(asyncio.wait([task := dead.create_task(reading)], timeout=0.01))
    dead.close()
    go.set()
    assert drain(stream) == [1]
    assert not task.done()
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    reading.close()


async def test_items_before_a_failure_are_read_first() -> None:
    """And the failure again, by whoever reads on."""

    async def write(emit: Emit[int]) -> None:
        await emit(1)
        raise LookupError("after one")

    for _ in range(50):
        stream = open_stream(write)
        assert stream.take() == [1]
        with pytest.raises(LookupError, match="after one"):
            stream.take()
        with pytest.raises(LookupError, match="after one"):
            await stream.atake()


async def test_the_context_crosses_into_a_stream() -> None:
    """As into a call."""

    async def write(emit: Emit[str]) -> None:
        await emit(COLOUR.get())

    COLOUR.set("blue")
    assert open_stream(write).take() == ["blue"]


def test_a_dropped_stream_is_closed() -> None:
    """`break` and forget: the last reference is what counts."""
    witness = Witness()
    stream = open_stream(witness.hang)
    assert witness.started.wait(BOUND)
    del stream
    gc.collect()
    assert witness.cleaned.wait(BOUND)


def test_closing_a_stream_lets_its_coroutine_clean_up() -> None:
    """Twice does no harm, and reading finds the end."""
    witness = Witness()
    stream = open_stream(witness.hang)
    assert witness.started.wait(BOUND)
    stream.close()
    assert witness.cleaned.wait(BOUND)
    stream.close()
    assert stream.take() == []


def test_a_stream_closed_at_once_ends() -> None:
    """Also when it never ran."""
    for _ in range(20):
        stream = open_stream(Witness().hang)
        stream.close()
        assert stream.take() == []


def test_closing_ends_a_reader_in_another_thread() -> None:
    """It does not hang on what will not come."""
    witness, taken = Witness(), list[list[int]]()
    stream = open_stream(witness.hang)
    thread = threading.Thread(target=lambda: taken.append(stream.take()))
    thread.start()
    assert witness.started.wait(BOUND)
    stream.close()
    thread.join(BOUND)
    assert taken == [[]]


def test_closing_frees_a_writer_that_waits_for_its_reader() -> None:
    """And what it emits while it cleans up is not wanted."""
    full, cleaned = threading.Event(), threading.Event()

    async def write(emit: Emit[int]) -> None:
        try:
            asyncio.get_running_loop().call_later(0.05, full.set)
            await emit(1)
        finally:
            for item in range(10):
                await emit(item)
            cleaned.set()

    stream = open_stream(write, credit=1)
    assert full.wait(BOUND)
    stream.close()
    assert cleaned.wait(BOUND)
    assert stream.take() == []


def test_a_stream_that_nobody_reads_is_given_up() -> None:
    """A lease must come back, whatever became of its reader."""
    cleaned = threading.Event()

    async def write(emit: Emit[int]) -> None:
        try:
            await count(100)(emit)
        finally:
            cleaned.set()

    stream = open_stream(write, credit=3, idle_limit=0.05)
    assert cleaned.wait(BOUND)
    with pytest.raises(VendorTimeout, match=r"not read for 0\.05 seconds"):
        stream.take()


def test_a_reader_within_the_limit_is_not_given_up() -> None:
    """Each reading starts the clock anew."""
    stream, items = open_stream(count(20), credit=2, idle_limit=20), list[int]()
    while batch := stream.take():
        items += batch
        time.sleep(0.01)
    assert items == list(range(20))


async def test_shutdown_closes_everything_and_the_next_use_starts_afresh() -> None:
    """What is under way is told so."""
    witness, closed = Witness(), list[int]()

    async def closer() -> None:
        closed.append(threading.get_ident())

    loop.at_exit(closer)
    try:
        before = loop.run(where)
        stream = open_stream(witness.hang)
        unread = open_stream(count(10), credit=2)
        call = asyncio.create_task(loop.arun(Witness().hang))
        await seen(witness.started)
        while not unread._pump._blocked:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(loop.shutdown)
        assert witness.cleaned.is_set()
        assert closed == [before[0]]
        with pytest.raises(UUError, match="closed"):
            stream.take()
        assert unread.take() == [0, 1]
        with anyio.fail_after(BOUND), pytest.raises(UUError, match="closed"):
            await call
        assert loop.run(where) != before
        assert before[1].is_closed()
        loop.shutdown()
        loop.shutdown()
    finally:
        loop._private.closers.remove(closer)


STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(3600)"
HEAD = f"""
import asyncio, atexit, os, signal, sys, threading, warnings
at_last = []
atexit.register(lambda: [call() for call in at_last])  # before the bridge's own, so that it runs after that
from uutel_bridge.core import loop
from uutel_bridge.core.process import Child, LaunchPlan
warnings.filterwarnings("ignore", message=".*fork")

launch = LaunchPlan((sys.executable, "-S", "-c", {STUBBORN!r}), (), scratch_env=(("HOME", ""),))

async def start():
    child = await Child.start(launch)
    await child.receive()
    print(child.pid, child._group.scratch, flush=True)
    return child

async def one():
    return 1
"""


def program(code: str) -> LaunchPlan:
    """Code that uses the package, in an interpreter of its own."""
    root = str(Path(loop.__file__).parents[2])
    return LaunchPlan(
        (sys.executable, "-c", HEAD + textwrap.dedent(code)), (("PATH", os.defpath), ("PYTHONPATH", root))
    )


async def run_program(code: str) -> Completed:
    """The same, to its end."""
    return await run(program(code), timeout=BOUND)


def is_gone(line: str) -> bool:
    """Whether the child of a program that has ended is no more, and its folder neither."""
    pid, folder = line.split()
    deadline = time.monotonic() + BOUND
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
                break
            os.kill(int(pid), 0)
        except (ProcessLookupError, FileNotFoundError):
            break
        time.sleep(0.02)
    else:
        return False
    return not Path(folder).exists()


async def test_importing_starts_no_thread() -> None:
    """Nothing happens before the first use."""
    done = await run_program("print(threading.active_count()); loop.run(one); print(threading.active_count())")
    assert done.stdout.split() == ["1", "2"], done


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("pass", 0),
        ("sys.exit(3)", 3),
        ("raise LookupError", 1),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("loop.at_exit(child.aclose)", 0),
        ("asyncio.run(asyncio.sleep(0)); threading.Thread(target=lambda: loop.run(one)).start()", 0),
    ],
)
async def test_no_child_outlives_the_interpreter(end: str, status: int) -> None:
    """Though it ignores end of file and SIGTERM, and however the program ends."""
    done = await run_program(f"child = loop.run(start)\n{end}")
    assert done.returncode == status, done
    assert is_gone(done.stdout), done


async def test_a_closer_that_hangs_does_not_hold_up_the_exit_for_ever() -> None:
    """The child is killed all the same."""
    done = await run_program("child = loop.run(start)\nloop.at_exit(lambda: asyncio.sleep(3600))")
    assert (done.returncode, done.stderr) == (0, "")
    assert is_gone(done.stdout)


WAITS = {
    "run": "loop.run(hang)",
    "arun": "asyncio.run(loop.arun(hang))",
    "take": """
        stream = loop.open_stream(hang, idle_limit=60)
        while stream.take():
            pass
    """,
    "atake": """
        async def main():
            stream = loop.open_stream(hang, idle_limit=60)
            while await stream.atake():
                pass
        asyncio.run(main())
    """,
}
OUTCOMES = {
    "cancelled": "await asyncio.sleep(3600)",
    "failed": "await closing.wait(); raise LookupError",
    "done": "await closing.wait()",
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS.keys())
@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES.keys())
async def test_a_daemon_thread_that_waits_at_exit_just_ends(wait: str, outcome: str, tmp_path: Path) -> None:
    """Whatever becomes of its call: what it imported next could not be imported by the exit any more."""
    lasting = "threading.current_thread() is threading.main_thread() or threading.Event().wait()"
    (tmp_path / "slow.py").write_text(f"import threading\n{lasting}\n", encoding="utf-8")
    done = await run_program(f"""
sys.path.insert(0, {str(tmp_path)!r})
started = threading.Event()

async def hang(*_):
    closing = asyncio.Event()
    async def close():
        closing.set()
    loop.at_exit(close)
    started.set()
    {outcome}

def read():
    try:
{textwrap.indent(textwrap.dedent(wait), " " * 8)}
    except Exception:
        pass
    import slow

def look():
    reader.join(5)
    import slow
    print(reader.is_alive())

at_last.append(look)
reader = threading.Thread(target=read, daemon=True)
reader.start()
started.wait()
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


INTERRUPTED = {
    "run": """
        async def hang():
            try:
                print("ready", flush=True)
                await asyncio.sleep(3600)
            finally:
                await asyncio.sleep(0.05)
                print("cleaned", flush=True)
        loop.run(hang)
    """,
    "take": """
        async def hang(emit):
            try:
                await emit("ready")
                await asyncio.sleep(3600)
            finally:
                print("cleaned", flush=True)
        stream = loop.open_stream(hang, idle_limit=60)
        while batch := stream.take():
            print(*batch, flush=True)
    """,
    "atake": """
        async def hang(emit):
            try:
                await emit("ready")
                await asyncio.sleep(3600)
            finally:
                print("cleaned", flush=True)
        async def main():
            stream = loop.open_stream(hang, idle_limit=60)
            try:
                while batch := await stream.atake():
                    print(*batch, flush=True)
            finally:
                stream.close()
        asyncio.run(main())
    """,
}


@pytest.mark.parametrize("code", INTERRUPTED.values(), ids=INTERRUPTED.keys())
async def test_an_interrupt_ends_a_waiting_caller(code: str) -> None:
    """Ctrl-C reaches the coroutine as a cancellation, and the caller as KeyboardInterrupt."""
    with anyio.fail_after(BOUND):
        child = await Child.start(program(code))
        try:
            assert await child.receive() == b"ready\n"
            os.kill(child.pid, signal.SIGINT)
            assert await child.receive() == b"cleaned\n"
            error = await child.exited_error("It ended.")
            assert (error.returncode, error.evidence.splitlines()[-1]) == (-signal.SIGINT, "KeyboardInterrupt")
        finally:
            await child.aclose(grace=0)


async def test_a_forked_process_gets_a_loop_of_its_own() -> None:
    """And is told to forget what lived on the old one; the parent's goes on."""
    done = await run_program("""
        forgotten = []
        loop.on_fork(lambda: forgotten.append(1))

        async def hang(emit):
            await asyncio.sleep(3600)

        async def place():
            return id(asyncio.get_running_loop())

        assert loop.run(one) == 1
        old, stream = loop.run(place), loop.open_stream(hang, idle_limit=60)
        loop._private._lock.acquire()  # as another thread might have
        pid = os.fork()
        if pid == 0:
            assert forgotten == [1]
            assert loop.run(place) != old
            assert asyncio.run(loop.arun(one)) == 1
            try:
                stream.take()
            except Exception as exc:
                assert "forked" in str(exc), exc
            del stream
            print("child", flush=True)
            sys.exit(7)
        loop._private._lock.release()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert loop.run(place) == old
        print("parent", status, forgotten)
    """)
    assert (done.stdout.splitlines(), done.stderr) == (["child", "parent 7 []"], "")


async def test_a_fork_while_other_threads_call_never_hangs() -> None:
    """No lock is carried over as taken."""
    done = await run_program("""
        stop = threading.Event()

        def call():
            while not stop.is_set():
                loop.run(one)

        threads = [threading.Thread(target=call) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                os._exit(0 if loop.run(one) == 1 else 1)
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
    """)
    assert (done.returncode, done.stderr) == (0, "")
