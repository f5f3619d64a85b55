"""A dialogue in JSON-RPC with a running child: requests that wait for their replies, and what it says by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from copy import copy
from typing import Any, TypeVar

import anyio

from uutel_bridge.core.errors import CLIExited, ProtocolError, RequestRefused, UUError
from uutel_bridge.core.jsonrpc import Call, Incoming, Notification, Peer, Reply
from uutel_bridge.core.process import Child

_NO_SUCH_METHOD = -32601
_PARTING_SECONDS = 15.0
"""For what takes milliseconds; a process that needs longer is stuck."""

T = TypeVar("T")


class Dialogue:
    """One child's, from `begin()` to `aclose()`, on one event loop.

    Args:
        child: Speaks JSON-RPC on its pipes.
        name: The CLI's, for messages.
        hear: Gets what the child says by itself, in order; False for a request that is none of ours, which is refused.
        lost: Gets the reason when the child has ended, or speaks something else.
        at_once: How many requests may wait for a reply; the others wait their turn.
    """

    def __init__(
        self,
        child: Child,
        name: str,
        *,
        hear: Callable[[Notification | Call], bool],
        lost: Callable[[UUError], None],
        at_once: int,
    ) -> None:
        self._child = child
        self._name = name
        self._hear = hear
        self._lost = lost
        self._peer = Peer()
        self._room = anyio.Semaphore(at_once, fast_acquire=True)
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._partings: set[asyncio.Task[None]] = set()
        self._ended: UUError | None = None

    @property
    def alive(self) -> bool:
        """Whether it can be asked anything."""
        return self._child.alive and self._ended is None

    @property
    def busy(self) -> int:
        """How many tasks are under way, the reading one included."""
        return len(self._tasks)

    def begin(self) -> None:
        """Read from now on."""
        self.spawn(self._read())

    async def open(self, seconds: float, params: Mapping[str, Any]) -> Any:
        """The reply to `initialize`.

        Raises:
            CLIExited: It ended instead.
            ProtocolError: It does not speak the protocol, or did not answer in time.
        """
        self.begin()
        with anyio.move_on_after(seconds):
            return await self.ask("initialize", params)
        raise ProtocolError(f"{self._name} did not get ready within {seconds:g} s.", evidence=self._child.stderr_tail)

    async def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """The result of a request.

        Raises:
            RequestRefused: It was refused.
            UUError: The process ended, or spoke no JSON-RPC.
        """
        async with self._room:
            if self._ended is not None:
                raise copy(self._ended)
            if not self._child.alive:
                raise await self._child.exited_error(f"{self._name} ended.")
            number, line = self._peer.request(method, params)
            reply = self._replies[number] = asyncio.get_running_loop().create_future()
            try:
                await self._child.send(line)
                result = await reply
            finally:
                self._replies.pop(number, None)
        if isinstance(result, UUError):
            raise result
        return result

    async def quietly(self, method: str, params: Mapping[str, Any]) -> None:
        """A request whose refusal does not matter, nor that the process is gone."""
        with suppress(UUError):
            await self.ask(method, params)

    async def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Say something that has no reply.

        Raises:
            CLIExited: The process has ended.
        """
        await self._child.send(self._peer.notify(method, params))

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Work that goes on whoever is cancelled, and ends with the process at the latest."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def part(self, work: Coroutine[Any, Any, None]) -> None:
        """What is left to do at a turn's end. A process that does not answer to it in time says no more: it is lost."""
        parting = self.spawn(self._in_time(work))
        self._partings.add(parting)
        parting.add_done_callback(self._partings.discard)

    async def settled(self) -> bool:
        """Whether it can be asked anything, as soon as all that was left to do is done."""
        if self._partings:
            await asyncio.wait(self._partings)
        return self.alive

    async def _in_time(self, work: Coroutine[Any, Any, None]) -> None:
        with anyio.move_on_after(_PARTING_SECONDS) as scope:
            await work
        if scope.cancelled_caught:
            self._end(ProtocolError(f"{self._name} says no more.", evidence=self._child.stderr_tail))

    async def aclose(self) -> None:
        """Stop the process, and wait for what is under way."""
        await self._child.aclose()
        if self._tasks:  # all of them end with the process
            await asyncio.wait(self._tasks)

    async def _read(self) -> None:
        try:
            while chunk := await self._child.receive():
                for message in self._messages(chunk):
                    self._take(message)
            error: UUError = await self._child.exited_error(f"{self._name} ended.")
        except UUError as exc:
            error = exc
        self._end(error)

    def _end(self, error: UUError) -> None:
        self._ended = error
        for reply in self._replies.values():
            if not reply.done():
                reply.set_result(copy(error))  # of its own: whoever gets it adds to it
        self._lost(error)

    def _messages(self, chunk: bytes) -> Iterator[Incoming]:
        while messages := self._peer.feed(chunk):
            yield from messages
            chunk = b""

    def _take(self, message: Incoming) -> None:
        if isinstance(message, Reply):
            reply = self._replies.get(message.id)
            if reply is None or reply.done():
                return  # whoever asked has left
            reply.set_result(message.result if message.error is None else self._refusal(message))
        elif not self._hear(message) and isinstance(message, Call):
            self.spawn(self._refuse(message))

    def _refusal(self, reply: Reply) -> RequestRefused:
        assert reply.error is not None
        return RequestRefused(f"{self._name} refused a request.", code=reply.error.code, evidence=reply.error.message)

    async def _refuse(self, call: Call) -> None:
        with suppress(CLIExited):
            await self._child.send(self._peer.refuse(call.id, _NO_SUCH_METHOD, f"{call.method} is not supported"))
