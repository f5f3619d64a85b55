"""What runs for each provider: its settings, its processes and the turns on them."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import anyio
from pydantic import SecretStr

from uutel_bridge.core import links, locate, loop, probe, process, registry, turn
from uutel_bridge.core.auth import LoginStatus, require
from uutel_bridge.core.errors import UUError
from uutel_bridge.core.events import Event
from uutel_bridge.core.pool import Lease, Limits, Pool, Snapshot
from uutel_bridge.core.process import LaunchPlan
from uutel_bridge.core.provider import AnyParts, Launch, Session
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.core.settings import ProviderSettings, load, load_retry

logging.getLogger("uutel_bridge").addHandler(logging.NullHandler())  # it is for the program to say where logs go

DEFAULT_TIMEOUT = 600.0
"""Seconds for a whole answer where nobody says otherwise; LiteLLM's own default."""

AnySession = Session[Any, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may say about a call beyond the request itself."""

    timeout: float | None = None
    api_key: str | None = None
    api_base: str | None = None
    retried_by_caller: bool = False
    """True where LiteLLM or its Router tries again by itself."""


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request on its way: nothing has been started for it yet."""

    request: Any
    options: Options
    settings: ProviderSettings
    executable: str
    environment: Mapping[str, str]
    unfetched: ChatRequest | None = None
    """What `request` was made of, where it holds links that must be fetched first."""

    @property
    def timeout(self) -> float:
        """Seconds for the whole answer."""
        return min(filter(None, (self.options.timeout, self.settings.timeout)), default=DEFAULT_TIMEOUT)


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """How a provider stands, as far as can be told without starting anything."""

    name: str
    executable: str
    """Empty where the CLI was not found."""
    login: LoginStatus | None
    processes: Snapshot
    problem: str
    """What keeps it from working and what mends it; empty where nothing does."""


class Bridge:
    """One provider at work in this Python process."""

    def __init__(self, parts: AnyParts, settings: ProviderSettings) -> None:
        self.parts = parts
        self.settings = settings
        self._retry = load_retry(os.environ)
        limits = Limits(settings.max_processes, settings.spares, settings.idle_seconds)
        self._pool: Pool[AnySession] = Pool(self._open_session, limits)
        self._probing = anyio.Lock()
        self._verdicts: dict[str, bool] = {}

    def call(self, chat: ChatRequest, options: Options) -> Call:
        """Check everything that can be checked before a process is needed. Any thread; no waiting.

        Raises:
            BadRequest: The vendor could not answer such a request.
            CLINotFound: The CLI is not installed.
            LoginMissing: Nobody is logged in to it.
        """
        with _naming(self.parts.name):
            call = self._ready(self.parts.transform.request(chat), options)
        return replace(call, unfetched=chat) if self.parts.fetches_links and links.found(chat) else call

    def _ready(self, request: Any, options: Options) -> Call:
        environment = dict(os.environ)
        changes = {
            "api_key": SecretStr(options.api_key) if options.api_key else None,
            "api_base": options.api_base,
        }
        settings = self.settings.model_copy(update={name: value for name, value in changes.items() if value})
        executable = self._find(environment)
        if settings.api_key is None:
            require(self.parts.auth.status(environment), self.parts.name)
        return Call(request, options, settings, self.parts.inner(executable), environment)

    def _find(self, environment: Mapping[str, str]) -> str:
        return locate.find(
            self.settings.executable,
            self.parts.executable,
            environment=environment,
            install_command=self.parts.install_command,
            provider=self.parts.name,
        )

    async def run(self, call: Call, emit: turn.Emit) -> None:
        """Carry a call out on the private loop; see `core.turn.run`."""
        started = monotonic()
        await self._turn(await self._fetched(call, started), emit, started)

    async def _fetched(self, call: Call, started: float) -> Call:
        if call.unfetched is None:
            return call
        with _naming(self.parts.name), turn.time_limit(self.parts.name, call.timeout, started):
            chat = await links.fetched(call.unfetched, private_allowed=call.settings.private_links)
            return replace(call, request=self.parts.transform.request(chat), unfetched=None)

    async def _turn(self, call: Call, emit: turn.Emit, started: float) -> None:
        async def lease() -> Lease[AnySession]:
            return await self._pool.acquire(await self._plan(call))

        await turn.run(
            turn.Turn(
                provider=self.parts.name,
                request=call.request,
                transform=self.parts.transform,
                lease=lease,
                timeout=call.timeout,
                started=started,
                retry=None if call.options.retried_by_caller else self._retry,
            ),
            emit,
        )

    async def collect(self, call: Call, choices: int) -> list[list[Event]]:
        """The events of whole turns, `choices` of them side by side."""
        started = monotonic()
        ready = await self._fetched(call, started)
        answers: list[list[Event]] = [[] for _ in range(choices)]
        tasks = [asyncio.ensure_future(self._turn(ready, _into(answer), started)) for answer in answers]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:  # one failed, or the caller left: the others are of no use
                task.cancel()
        return answers

    async def warm(self, count: int) -> None:
        """Start processes ahead of the first request, and wait until they are ready."""
        plans = [await self._plan(self._ready(request, Options())) for request in self.parts.typical_requests]
        await asyncio.gather(*(self._pool.warm(plan, count) for plan in plans))

    async def _plan(self, call: Call) -> LaunchPlan:
        return self.parts.plan(
            Launch(
                executable=call.executable,
                request=call.request,
                environment=call.environment,
                settings=call.settings,
                cwd=locate.empty_cwd(),
                warm=await self._is_warm(call),
            )
        )

    async def _is_warm(self, call: Call) -> bool:
        async with self._probing:
            if call.executable not in self._verdicts:
                verdict = await probe.is_warm(self.parts, call.executable, call.environment, call.settings)
                if not verdict:
                    await self._check_age(call)
                self._verdicts[call.executable] = verdict
        return self._verdicts[call.executable]

    async def _check_age(self, call: Call) -> None:
        version = await locate.version(call.executable, call.environment, pass_env=call.settings.pass_env)
        self.parts.check_age(version)

    async def _open_session(self, plan: LaunchPlan) -> AnySession:
        child = await process.Child.start(plan)
        session = self.parts.open_session(child, plan)
        try:
            await session.start()
        except BaseException:
            await session.aclose()
            raise
        return session

    def status(self) -> ProviderStatus:
        """How it stands; starts nothing."""
        executable, login, problem = "", None, ""
        try:
            executable = self._find(os.environ)
            login = self.parts.auth.status(os.environ)
            if self.settings.api_key is None:
                require(login, self.parts.name)
        except UUError as error:
            problem = error.message
        return ProviderStatus(self.parts.name, executable, login, self._pool.snapshot(), problem)

    async def aclose(self) -> None:
        """Stop every process."""
        await self._pool.aclose()


@contextmanager
def _naming(provider: str) -> Generator[None, None, None]:
    try:
        yield
    except UUError as error:
        error.provider = error.provider or provider
        raise


def _into(answer: list[Event]) -> turn.Emit:
    async def emit(event: Event) -> None:
        answer.append(event)

    return emit


_bridges: dict[str, Bridge] = {}
_lock = threading.Lock()


def bridge(name: str) -> Bridge:
    """The provider's bridge, made at its first use. Settings are read then, and again after `close()`.

    Raises:
        BadRequest: No such provider, or a setting is wrong.
    """
    with _lock:
        if name not in _bridges:
            _bridges[name] = Bridge(registry.parts(name), load(name, os.environ))
        return _bridges[name]


def status() -> tuple[ProviderStatus, ...]:
    """Every provider: its executable, its login, its processes. Starts nothing, calls nobody."""
    return tuple(bridge(name).status() for name in registry.provider_names())


def warm(name: str, count: int = 1) -> None:
    """Start `count` processes of a provider, so that the next requests find them ready.

    Raises:
        UUError: The provider cannot work: no CLI, no login, or the CLI did not start.
    """
    loop.run(lambda: bridge(name).warm(count))


def close() -> None:
    """Stop every process of every provider. The next request starts afresh, with settings read anew."""
    loop.run(_close_all)


async def aclose() -> None:
    """`close()` for callers on an event loop."""
    await loop.arun(_close_all)


async def _close_all() -> None:
    with _lock:
        running = list(_bridges.values())
        _bridges.clear()
    await asyncio.gather(*(each.aclose() for each in running))


def _forget() -> None:
    global _lock  # noqa: PLW0603  # another thread may have held it when this process was forked
    _lock = threading.Lock()
    _bridges.clear()


loop.on_fork(_forget)
loop.at_exit(_close_all)
