"""The private event loop: one daemon thread on which every child, session and pool lives.

LiteLLM's users call from threads, from one `asyncio.run` after another and from loops that they block; pipes belong
to one loop, and a warm child outlives a call. So calls cross over to this loop: `run` from a thread that may wait,
`arun` from any asyncio loop, `open_stream` for items one by one. Knows nothing of what runs on it. The thread starts
at the first use; a forked process gets a new one at its own first use. A daemon thread that still waits when the
interpreter exits is ended by SystemExit.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError  # the built-in one only since Python 3.11
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from uutel_bridge.core import process
from uutel_bridge.core.errors import UUError, VendorTimeout

T = TypeVar("T")
Emit: TypeAlias = Callable[[T], Awaitable[None]]
"""Hands one item to the reader of a stream; waits while too many are unread."""

_CREDIT = 1024
_CLEANUP_LIMIT = 5.0
"""Seconds that somebody who cancelled a call waits for it to clean up after itself."""
_EXIT_LIMIT = 5.0
"""Seconds that everything together may take to close when the interpreter exits."""


class _PrivateLoop:
    """The loop, its thread, and who wants to know of its end."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread: threading.Thread | None = None
        self.closers: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self.fork_callbacks: list[Callable[[], None]] = []
        self.left: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._inherited: list[object] = []

    def get(self) -> asyncio.AbstractEventLoop:
        """The running loop, started if need be."""
        if self.loop is not None:
            return self.loop
        with self._lock:
            if self.loop is None:
                # Never the policy's loop, which may be uvloop's: one kind for all.
                loop = asyncio.SelectorEventLoop()
                self.thread = threading.Thread(target=loop.run_forever, name="uutel_bridge", daemon=True)
                self.thread.start()
                self.loop = loop
            return self.loop

    def is_here(self) -> bool:
        """Whether this is the loop's own thread."""
        return threading.current_thread() is self.thread

    def end_if_left(self, loop: asyncio.AbstractEventLoop) -> None:
        """End this thread if it waits for a loop that the interpreter's exit has left.

        It is a daemon thread, for the others are joined before. Told of a failure, it would go on in the caller's code
        until the interpreter stops it wherever it is: with the lock of an import held, the exit waits for it for ever.
        Left to wait, it would hold up who joins it at exit.
        """
        if loop is self.left:
            raise SystemExit

    def leave(self) -> None:
        """From now on who waits for this loop is ended, quietly."""
        self.left = self.loop

    def stop(self) -> None:
        """Close what registered for it, cancel the rest, and end the thread."""
        loop, thread = self.loop, self.thread
        if loop is None or thread is None:
            return
        with suppress(FutureTimeoutError):
            asyncio.run_coroutine_threadsafe(self._wind_up(), loop).result(_EXIT_LIMIT + _CLEANUP_LIMIT)
        self.loop = self.thread = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_CLEANUP_LIMIT)
        if not thread.is_alive():
            loop.close()

    async def _wind_up(self) -> None:
        closing = [asyncio.ensure_future(closer()) for closer in self.closers]
        if closing:
            await asyncio.wait(closing, timeout=_EXIT_LIMIT)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=_CLEANUP_LIMIT)

    def forget(self) -> None:
        """In a forked process: the loop and its tasks are the parent's; kept, so that no finalizer runs them on."""
        if self.loop is not None:
            self._inherited.append((self.loop, asyncio.all_tasks(self.loop)))
        self.loop = self.thread = None
        self._lock = threading.Lock()
        for callback in self.fork_callbacks:
            callback()


_private = _PrivateLoop()


class _Call(Generic[T]):
    """A coroutine on the private loop, in its starter's context, seen from another thread."""

    def __init__(self, fn: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._fn = fn
        self.loop = _private.get()
        self.done: Future[None] = Future()
        self.done.set_running_or_notify_cancel()  # so that no waiter's cancellation can touch it
        self._task: asyncio.Task[T] | None = None

    def start(self) -> None:
        """Start it; returns before it runs."""
        self.loop.call_soon_threadsafe(self._start)

    def _start(self) -> None:
        self._task = self.loop.create_task(self._run())
        self._task.add_done_callback(lambda _: self.done.set_result(None))

    async def _run(self) -> T:
        return await self._fn()

    def cancel(self) -> None:
        """Ask it to end; from any thread, also from a finalizer. No lock is taken."""
        if self.loop is _private.loop:
            with suppress(RuntimeError):  # closed since: everything on it has been cancelled
                self.loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def result(self) -> T:
        """What a done call came to."""
        assert self._task is not None
        try:
            if self._task.cancelled():
                raise UUError("The bridge was closed in the middle of the call.")
            return self._task.result()
        finally:  # not before: asyncio logs a failure that nobody has asked for
            _private.end_if_left(self.loop)


async def _wait(done: Future[None]) -> None:
    await asyncio.wait([asyncio.wrap_future(done)], timeout=_CLEANUP_LIMIT)


def run(fn: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on the private loop and wait for it, from any other thread.

    An interrupt of the waiting thread, such as Ctrl-C, cancels the coroutine and goes on.

    Raises:
        RuntimeError: Called on the private loop itself, which would wait for ever.
        UUError: The bridge was closed meanwhile.
        Exception: What the coroutine raised.
    """
    if _private.is_here():
        raise RuntimeError("run() would block the private loop; await the coroutine instead")
    call = _Call(fn)
    call.start()
    try:
        call.done.result()
    except BaseException:  # not the coroutine's own failure: this thread was interrupted
        call.cancel()
        with suppress(FutureTimeoutError):
            call.done.result(_CLEANUP_LIMIT)
        raise
    return call.result()


async def arun(fn: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on the private loop and await it, from any asyncio loop.

    Cancelling this cancels the coroutine and waits until it has cleaned up; a result that comes all the same is lost.

    Raises:
        UUError: The bridge was closed meanwhile.
        Exception: What the coroutine raised.
    """
    if _private.is_here():
        return await fn()
    call = _Call(fn)
    call.start()
    try:
        await asyncio.wrap_future(call.done)
    except asyncio.CancelledError:
        call.cancel()
        await _wait(call.done)
        raise
    return call.result()


class _Pump(Generic[T]):
    """Items on their way from the private loop to a reader anywhere."""

    def __init__(self, credit: int, idle_limit: float) -> None:
        self._credit = credit
        self._idle_limit = idle_limit
        self._lock = threading.Lock()
        self._items: list[T] = []
        self._ended = False
        self._closed = False
        self._failure: BaseException | None = None
        self._wake: Callable[[], None] | None = None
        self._blocked = False
        self._room = asyncio.Event()
        self.call: _Call[None]

    def start(self, fn: Callable[[Emit[T]], Coroutine[Any, Any, None]]) -> None:
        self.call = _Call(partial(fn, self.emit))
        self.call.start()
        self.call.done.add_done_callback(self._end)

    async def emit(self, item: T) -> None:
        if self._closed:
            return
        with self._lock:
            self._items.append(item)
            wake, self._wake = self._wake, None
            if full := len(self._items) >= self._credit:
                self._blocked = True
                self._room.clear()
        if wake is not None:
            wake()
        if full:
            timer = self.call.loop.call_later(self._idle_limit, self._abandon)
            try:
                await self._room.wait()
            finally:
                timer.cancel()

    def collect(self, wake: Callable[[], None]) -> list[T] | None:
        """All that waits; empty at the end; None if `wake` will be called when there is more."""
        _private.end_if_left(self.call.loop)
        with self._lock:
            items, self._items = self._items, []
            blocked, self._blocked = self._blocked, False
            if not items and not self._ended:
                if self.call.loop is not _private.loop:
                    raise UUError("The stream was opened before this process was forked.")
                self._wake = wake
                return None
        if blocked:
            self.call.loop.call_soon_threadsafe(self._room.set)
        if not items and self._failure is not None:
            raise self._failure
        return items

    def close(self) -> None:
        """Want no more; without a lock, for a finalizer may run anywhere."""
        self._closed = self._ended = True
        self._items = []
        self.call.cancel()

    def _abandon(self) -> None:
        self._failure = VendorTimeout(f"The stream was not read for {self._idle_limit:g} seconds, and was closed.")
        self.close()

    def _end(self, _: Future[None]) -> None:
        failure: BaseException | None = None
        try:
            self.call.result()
        except BaseException as exc:  # noqa: BLE001  # it is the reader's, who raises it
            failure = exc
        with self._lock:
            if not self._closed:
                self._failure = failure
            self._ended, self._blocked = True, False
            wake, self._wake = self._wake, None
        if wake is not None:
            wake()


class Stream(Generic[T]):
    """The reader's side of a coroutine that emits items; one reader at a time, from any thread or asyncio loop.

    Dropping it closes it.
    """

    def __init__(self, pump: _Pump[T]) -> None:
        self._pump = pump

    def take(self) -> list[T]:
        """All items that wait, at least one; empty at the end. Blocks this thread; an interrupt closes the stream.

        Raises:
            VendorTimeout: Nobody read for too long.
            UUError: The bridge was closed meanwhile.
            Exception: What the coroutine raised, once every item before it was taken.
        """
        try:
            while True:
                gate = threading.Lock()
                gate.acquire()
                items = self._pump.collect(gate.release)
                if items is not None:
                    return items
                gate.acquire()
        except KeyboardInterrupt:
            self.close()
            raise

    async def atake(self) -> list[T]:
        """`take()` for a caller on an asyncio loop, which may be another one each time."""
        loop = asyncio.get_running_loop()
        while True:
            ready = loop.create_future()
            items = self._pump.collect(partial(_set_from_thread, loop, ready))
            if items is not None:
                return items
            await ready

    def close(self) -> None:
        """Cancel the coroutine without waiting for it; idempotent. Reading finds the end from now on."""
        self._pump.close()

    def __del__(self) -> None:
        self.close()


def _set_from_thread(loop: asyncio.AbstractEventLoop, ready: asyncio.Future[None]) -> None:
    with suppress(RuntimeError):  # the reader's loop is closed: nobody waits
        loop.call_soon_threadsafe(_set, ready)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def open_stream(
    fn: Callable[[Emit[T]], Coroutine[Any, Any, None]], *, idle_limit: float, credit: int = _CREDIT
) -> Stream[T]:
    """Start `fn(emit)` on the private loop; what it emits is read from the stream.

    Args:
        fn: Awaits `emit(item)` for each item.
        idle_limit: Seconds that `emit` waits for a reader; then `fn` is cancelled.
        credit: Items that may be unread before `emit` waits.
    """
    pump = _Pump[T](credit, idle_limit)
    pump.start(fn)
    return Stream(pump)


def at_exit(closer: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Have `closer()` run on the private loop when the interpreter exits; five seconds for all of them."""
    _private.closers.append(closer)


def on_fork(callback: Callable[[], None]) -> None:
    """Have `callback()` called in a forked process, where what lives on the private loop must be forgotten."""
    _private.fork_callbacks.append(callback)


def shutdown() -> None:
    """Close everything and end the thread. The next use starts afresh."""
    try:
        _private.stop()
    finally:
        process.kill_all_now()


def _shutdown_at_exit() -> None:
    _private.leave()
    shutdown()


os.register_at_fork(after_in_child=_private.forget)
atexit.register(_shutdown_at_exit)
