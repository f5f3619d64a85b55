"""What runs for each provider: its settings, who answers for it, and the turns."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import Any
from uuid import uuid4

from uutel_bridge.core import dedup, links, log, loop, registry, transcript, turn
from uutel_bridge.core.errors import UUError
from uutel_bridge.core.events import Event
from uutel_bridge.core.pool import Snapshot
from uutel_bridge.core.provider import AnyLease, AnyParts, Checkup, ProviderStatus
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.core.retry import RetryConfig
from uutel_bridge.core.settings import ProviderSettings, load, load_general, load_retry

DEFAULT_TIMEOUT = 600.0
"""Seconds for a whole answer where nobody says otherwise; LiteLLM's own default."""
_LONGEST_ID = 128
"""Characters of a request's name that are worth showing in every line."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may say about a call beyond the request itself."""

    timeout: float | None = None
    api_key: str | None = field(default=None, repr=False)
    api_base: str | None = None
    retries: int | None = None
    """How often the bridge may try again; None for what its settings say."""
    shared: bool = False
    """Whether identical requests that are under way at the same time may be answered by one turn."""
    request_id: str = ""
    """The caller's own name for the call in logs."""


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request on its way: nothing has been started for it yet."""

    request: Any
    options: Options
    settings: ProviderSettings
    """The provider's, with what the caller says in place of some."""
    lease: Callable[[Any], Awaitable[AnyLease]]
    """Waits for a session for a request."""
    request_id: str
    """In the log, and in what is told of the answer."""
    key: str | None = None
    """Calls with the same one share a turn; None for a turn of its own."""
    unfetched: ChatRequest | None = None
    """What `request` was made of, where it holds links that must be fetched first."""

    @property
    def timeout(self) -> float:
        """Seconds for the whole answer."""
        return min(filter(None, (self.options.timeout, self.settings.timeout)), default=DEFAULT_TIMEOUT)


class Bridge:
    """One provider at work in this Python process."""

    def __init__(self, parts: AnyParts, settings: ProviderSettings) -> None:
        self.parts = parts
        self.settings = settings
        self._retry = load_retry(os.environ)
        self._tells_content = load_general(os.environ).log_content
        self._backend = parts.backend(settings)
        self._shared = dedup.SharedTurns()

    def call(self, chat: ChatRequest, options: Options) -> Call:
        """Check everything that can be checked before a session is needed. Any thread; no waiting.

        Raises:
            BadRequest: The vendor could not answer such a request.
            CLINotFound: The CLI is not installed.
            LoginMissing: Nobody is logged in to it.
            PermissionDenied: The user has not allowed it.
        """
        with _naming(self.parts.name):
            settings = self.settings.with_callers(options.api_key, options.api_base)
            request = self.parts.transform.request(chat)
            lease = self._backend.admit(settings, dict(os.environ))
        call = Call(request, options, settings, lease, _request_id(options), _key(chat, options))
        if self._tells_content:
            with log.of_request(call.request_id):
                transcript.asked(chat)
        return replace(call, unfetched=chat) if self.parts.fetches_links and links.found(chat) else call

    async def run(self, call: Call, emit: turn.Emit) -> None:
        """Carry a call out on the private loop, handing each event to `emit` as it comes.

        Raises:
            VendorTimeout: Its time is over.
            UUError: What else went wrong; see `core.turn.run`.
        """
        with self._at_work(call) as started:
            await self._turn(await self._fetched(call), emit, started)

    async def collect(self, call: Call, choices: int) -> list[list[Event]]:
        """The events of whole turns, `choices` of them side by side; raises what `run` raises."""
        with self._at_work(call) as started:
            ready = await self._fetched(call)
            answers: list[list[Event]] = [[] for _ in range(choices)]
            turns = [self._turn(ready, _into(answer), started, choice) for choice, answer in enumerate(answers)]
            tasks = [asyncio.ensure_future(each) for each in turns]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:  # one failed, or the caller left: the others are of no use
                    task.cancel()
        return answers

    @contextmanager
    def _at_work(self, call: Call) -> Generator[float, None, None]:
        """From now on a call's time runs, and its errors and its log have names."""
        started, name = monotonic(), self.parts.name
        with log.of_request(call.request_id), _naming(name), turn.time_limit(name, call.timeout, started):
            yield started

    async def _fetched(self, call: Call) -> Call:
        if call.unfetched is None:
            return call
        chat = await links.fetched(call.unfetched, private_allowed=call.settings.private_links)
        request = self.parts.transform.request(chat)
        return replace(call, request=request, key=_key(chat, call.options), unfetched=None)

    async def _turn(self, call: Call, emit: turn.Emit, started: float, choice: int = 0) -> None:
        carry_out = partial(
            turn.run,
            turn.Turn(
                provider=self.parts.name,
                request=call.request,
                transform=self.parts.transform,
                lease=partial(call.lease, call.request),
                timeout=call.timeout,
                started=started,
                retry=self._patience(call.options),
            ),
        )
        with transcript.answered(emit) if self._tells_content else nullcontext(emit) as hear:
            if call.key is None:
                await carry_out(hear)
            else:
                await self._shared.join((call.key, choice), carry_out, hear)

    def _patience(self, options: Options) -> RetryConfig | None:
        if options.retries is None:
            return self._retry
        return self._retry.model_copy(update={"max_retries": options.retries}) if options.retries > 0 else None

    async def warm(self, count: int) -> None:
        """Do ahead of the first request what can be done, and wait for it."""
        with _naming(self.parts.name):
            await self._backend.warm(count)

    def status(self) -> ProviderStatus:
        """How it stands; starts nothing."""
        return self._backend.status(os.environ)

    async def checkup(self) -> Checkup:
        """A closer look for a person, without a model call."""
        return await self._backend.checkup(dict(os.environ))

    async def aclose(self) -> None:
        """Stop everything."""
        await self._backend.aclose()


@contextmanager
def _naming(provider: str) -> Generator[None, None, None]:
    try:
        yield
    except UUError as error:
        error.provider = error.provider or provider
        raise


def _request_id(options: Options) -> str:
    # One that another program chose may hold anything, and a line of the log must stay one line.
    given = options.request_id
    return given if given.isprintable() and 0 < len(given) <= _LONGEST_ID else uuid4().hex


def _key(chat: ChatRequest, options: Options) -> str | None:
    if not options.shared:
        return None
    # Provider and settings are one bridge's; the time is not in it, for each caller watches his own.
    return dedup.key(chat, options.api_key, options.api_base, options.retries)


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
            parts = registry.parts(name)
            _bridges[name] = Bridge(parts, load(parts.settings, name, os.environ))
        return _bridges[name]


def status() -> tuple[ProviderStatus, ...]:
    """Every provider: its executable, its login, its processes. Starts nothing, calls nobody."""
    return tuple(_status(name) for name in registry.provider_names())


def _status(name: str) -> ProviderStatus:
    try:
        return bridge(name).status()
    except UUError as error:  # its settings are wrong, which is no trouble of the others
        return ProviderStatus(name, "", None, Snapshot(), error.message)


def warm(name: str, count: int = 1) -> None:
    """Do ahead of the next requests what can be done: start `count` processes of a provider that is a CLI.

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
