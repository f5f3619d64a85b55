"""A provider that is a CLI: what it must bring, and what runs for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Protocol

import anyio

from uutel_bridge.core import locate, probe, process
from uutel_bridge.core.auth import Account, LoginStatus, SignIn, require
from uutel_bridge.core.errors import CLIVersion, UUError, VendorTimeout
from uutel_bridge.core.pool import Lease, Limits, Pool
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.core.provider import (
    Checkup,
    Parts,
    ProviderStatus,
    RequestT,
    RequestT_contra,
    ResponseT,
    ResponseT_co,
)
from uutel_bridge.core.settings import CLISettings, ProviderSettings


class CLISession(Protocol[RequestT_contra, ResponseT_co]):
    """A running child that can answer turns, one after another."""

    @property
    def alive(self) -> bool:
        """False once the child has exited."""
        ...

    async def start(self) -> None:
        """Wait until the child is ready for its first turn.

        Raises:
            CLIExited: It died instead.
            ProtocolError: It spoke, but not its own language.
        """
        ...

    def run(self, request: RequestT_contra, /) -> AsyncGenerator[ResponseT_co, None]:
        """The vendor's messages for one turn, ending by itself."""
        ...

    async def reset(self) -> bool:
        """Forget the turn, also a broken-off one; True only if proven clean."""
        ...

    async def aclose(self) -> None:
        """Stop the child; idempotent."""
        ...


class CLIAuth(Protocol):
    """Where a CLI keeps its login. Reads, never writes."""

    def status(self, environment: Mapping[str, str], /) -> LoginStatus:
        """Whether somebody is logged in, without a model call, the network or a start of the CLI."""
        ...

    async def account(self, executable: str, environment: Mapping[str, str], /, *, pass_env: Iterable[str]) -> Account:
        """Whom the CLI itself takes the user for; starts it, without a model call.

        Raises:
            UUError: It gave no answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Launch(Generic[RequestT]):
    """What decides how a child must be started for a request."""

    executable: str
    request: RequestT
    environment: Mapping[str, str]
    """The caller's own environment, unfiltered."""
    settings: ProviderSettings
    cwd: str
    """An empty folder, the same for every child."""
    warm: bool
    """Whether this CLI version passed the probe: its processes can be reset and used again."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that a CLI names when it is asked what there is."""

    name: str
    """As in `uutel/<provider>/<name>`."""
    about: str = ""
    """The vendor's words about it, or the full name that this one stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CLIParts(Parts[RequestT, ResponseT]):
    """Everything that makes a provider of a CLI."""

    executable: str
    install_command: str
    tested_versions: tuple[str, ...]
    auth: CLIAuth
    typical_requests: tuple[RequestT, ...]
    """One for each kind of warm process that requests may need; `warm()` starts processes for these."""
    plan: Callable[[Launch[RequestT]], LaunchPlan]
    open_session: Callable[[Child, LaunchPlan], CLISession[RequestT, ResponseT]]
    probe: Callable[[str, Mapping[str, str], ProviderSettings], Awaitable[bool]]
    unproven: str
    """What a version that failed the probe still does, in words for a person."""
    oldest_version: str = "0"
    """Before this one, it does not even do that."""
    list_models: Callable[[str, Mapping[str, str], ProviderSettings], Awaitable[tuple[Offer, ...]]] | None = None
    """Asks the CLI what it offers, without a model call; None where it cannot be asked."""
    sign_in: SignIn = field(default_factory=SignIn)
    """What its own sign-in wants."""
    inner: Callable[[str], str] = str
    """What to run, by the executable that was found, which may be a package manager's wrapper."""
    settings: type[CLISettings] = CLISettings

    def backend(self, settings: ProviderSettings) -> Processes:
        """The CLI's processes; none is started yet."""
        assert isinstance(settings, CLISettings)
        return Processes(self, settings)

    def check_age(self, version: str) -> None:
        """Refuse a version of the CLI that is too old.

        Raises:
            CLIVersion: It is; the message says what mends it.
        """
        if _numbers(version) < _numbers(self.oldest_version):
            raise CLIVersion(
                f"{self.title} {version} is too old: {self.oldest_version} or a later one is needed. Update it: "
                f"{self.install_command}"
            )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


_OFFER_SECONDS = 60.0
"""A cold start takes a second or so, and so does what some CLIs then ask of the vendor; a busy machine is slower."""

AnyCLIParts = CLIParts[Any, Any]
AnySession = CLISession[Any, Any]


@dataclass(frozen=True, slots=True)
class _Found:
    """A CLI that can answer."""

    executable: str
    settings: ProviderSettings
    environment: Mapping[str, str]


class Processes:
    """The backend of a CLI: its processes, started as requests need them."""

    def __init__(self, parts: AnyCLIParts, settings: CLISettings) -> None:
        self._parts = parts
        self._settings = settings
        limits = Limits(settings.max_processes, settings.spares, settings.idle_seconds)
        self._pool: Pool[AnySession] = Pool(self._open_session, limits)
        self._probing = anyio.Lock()
        self._verdicts: dict[str, bool] = {}

    def admit(
        self, settings: ProviderSettings, environment: Mapping[str, str], /
    ) -> Callable[[Any], Awaitable[Lease[AnySession]]]:
        """As `Backend.admit` says."""
        return partial(self._lease, self._ready(settings, environment))

    def _ready(self, settings: ProviderSettings, environment: Mapping[str, str]) -> _Found:
        executable = self.find(environment)
        if settings.api_key is None:
            require(self._parts.auth.status(environment), self._parts.name)
        return _Found(self._parts.inner(executable), settings, environment)

    def find(self, environment: Mapping[str, str]) -> str:
        """The path of the CLI.

        Raises:
            CLINotFound: It is not installed.
        """
        return locate.find(
            self._settings.executable,
            self._parts.executable,
            environment=environment,
            install_command=self._parts.install_command,
            provider=self._parts.name,
        )

    async def _lease(self, found: _Found, request: Any) -> Lease[AnySession]:
        return await self._pool.acquire(await self._plan(found, request))

    async def warm(self, count: int, /) -> None:
        """Start processes, and wait until they are ready."""
        found = self._ready(self._settings, dict(os.environ))
        plans = [await self._plan(found, request) for request in self._parts.typical_requests]
        await asyncio.gather(*(self._pool.warm(plan, count) for plan in plans))

    async def _plan(self, found: _Found, request: Any) -> LaunchPlan:
        return self._parts.plan(
            Launch(
                executable=found.executable,
                request=request,
                environment=found.environment,
                settings=found.settings,
                cwd=locate.empty_cwd(),
                warm=await self._is_warm(found),
            )
        )

    async def _is_warm(self, found: _Found) -> bool:
        async with self._probing:
            if found.executable not in self._verdicts:
                verdict = await probe.is_warm(self._parts, found.executable, found.environment, found.settings)
                if not verdict:
                    self._parts.check_age(await self._version(found.executable, found.environment))
                self._verdicts[found.executable] = verdict
        return self._verdicts[found.executable]

    async def _version(self, executable: str, environment: Mapping[str, str]) -> str:
        return await locate.version(executable, environment, pass_env=self._settings.pass_env)

    async def _open_session(self, plan: LaunchPlan) -> AnySession:
        child = await process.Child.start(plan)
        session = self._parts.open_session(child, plan)
        try:
            await session.start()
        except BaseException:
            await session.aclose()
            raise
        return session

    def status(self, environment: Mapping[str, str], /) -> ProviderStatus:
        """How it stands; starts nothing."""
        executable, login, problem = "", None, ""
        try:
            executable = self.find(environment)
            login = self._parts.auth.status(environment)
            if self._settings.api_key is None:
                require(login, self._parts.name)
        except UUError as error:
            problem = error.message
        return ProviderStatus(self._parts.name, executable, login, self._pool.snapshot(), problem)

    async def checkup(self, environment: Mapping[str, str], /) -> Checkup:
        """Look at the executable, version, login and account. Starts the CLI twice, calls no model."""
        status = self.status(environment)
        if not status.executable:
            return Checkup((), status.problem)
        version, account, problem = "", None, status.problem
        try:
            version = await self._version(status.executable, environment)
            self._parts.check_age(version)
            account = await self._parts.auth.account(status.executable, environment, pass_env=self._settings.pass_env)
        except UUError as error:
            problem = problem or str(error)
        return Checkup(tuple(self._facts(status, version, account, problem)), problem)

    def _facts(
        self, status: ProviderStatus, version: str, account: Account | None, problem: str
    ) -> Iterator[tuple[str, str]]:
        yield "executable", status.executable
        if version:
            tested = "tested" if version in self._parts.tested_versions else "not tested with this bridge"
            yield "version", f"{version} ({tested})"
        if self._settings.api_key is not None:
            yield "login", "not used: the API key in the settings takes its place"
        elif status.login:
            yield "login", f"{status.login.method}, from {status.login.source}"
            if status.login.problem and status.login.problem not in problem:
                yield "note", status.login.problem
        if named := _named(account, status.login):
            yield "account", named
        warm = probe.remembered(self._parts.name, self._parts.inner(status.executable))
        if warm is not None:
            unproven = f"this version did not pass the start-up probe; it does {self._parts.unproven}"
            yield "processes", "kept warm between requests" if warm else unproven

    async def offered(self, environment: Mapping[str, str]) -> tuple[Offer, ...] | None:
        """The models that the CLI names, without a model call; None where it cannot be asked.

        Raises:
            CLINotFound: It is not installed.
            LoginMissing: Nobody is logged in.
            UUError: It gave no answer.
        """
        ask = self._parts.list_models
        if ask is None:
            return None
        found = self._ready(self._settings, environment)
        with anyio.move_on_after(_OFFER_SECONDS):
            return await ask(found.executable, environment, self._settings)
        raise VendorTimeout(f"{self._parts.title} did not name its models within {_OFFER_SECONDS:g} s.")

    async def aclose(self) -> None:
        """Stop every process."""
        await self._pool.aclose()


def _named(account: Account | None, login: LoginStatus | None) -> str:
    """Whom the CLI names, else whom its login names."""
    told = (account.email, account.subscription) if account else ()
    return " ".join(filter(None, told)) or (login.account if login else "")
