"""The seam between the core and a provider: what a provider must bring, all typed, nothing of LiteLLM."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

from uutel_bridge.core.auth import LoginStatus
from uutel_bridge.core.events import Event
from uutel_bridge.core.pool import Snapshot
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.core.settings import ProviderSettings

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
RequestT_contra = TypeVar("RequestT_contra", contravariant=True)
RequestT_co = TypeVar("RequestT_co", covariant=True)
ResponseT_contra = TypeVar("ResponseT_contra", contravariant=True)
ResponseT_co = TypeVar("ResponseT_co", covariant=True)


class Translator(Protocol[ResponseT_contra]):
    """One turn's worth of vendor messages to events. Stateful, no I/O."""

    def feed(self, message: ResponseT_contra, /) -> Sequence[Event]:
        """Events this message amounts to, possibly none.

        Raises:
            UUError: The message says that the turn failed.
        """
        ...


class Transform(Protocol[RequestT_co, ResponseT_contra]):
    """Both directions of translation. Pure."""

    @property
    def supported(self) -> frozenset[str]:
        """OpenAI's optional parameters that the vendor can carry out."""
        ...

    def request(self, chat: ChatRequest, /) -> RequestT_co:
        """The vendor's form of a chat request.

        Raises:
            BadRequest: The vendor could not answer such a request.
            UnsupportedParam: The vendor has no such parameter.
        """
        ...

    def translator(self, request: Any, /) -> Translator[ResponseT_contra]:
        """A fresh translator for one turn of a request that `request()` made."""
        ...


class Session(Protocol[RequestT_contra, ResponseT_co]):
    """Somebody who answers turns."""

    def run(self, request: RequestT_contra, /) -> AsyncGenerator[ResponseT_co, None]:
        """The vendor's messages for one turn, ending by itself."""
        ...


class Lease(Protocol[RequestT_contra, ResponseT_co]):
    """A session for one turn."""

    @property
    def session(self) -> Session[RequestT_contra, ResponseT_co]:
        """It is ready."""
        ...

    @property
    def uses(self) -> int:
        """How many turns its process has served before; 0 for a fresh one, or where there is none."""
        ...

    def release(self) -> None:
        """Give it back; never raises or waits."""
        ...


Ability = Literal["audio", "forced_calls", "images", "pdf", "prompt_cache"]
"""What a model can do that no parameter tells: the media that it takes, functions that it can be made to call, and a
prompt's beginning that is cheaper the second time."""


@dataclass(frozen=True, slots=True)
class Surcharge:
    """How many times as much a request costs, all of it, when its prompt is long."""

    above: int
    """Tokens of the prompt, in whole thousands."""
    input: float
    """Of cached tokens as well."""
    output: float


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of a model. Prices in US dollars per token, 0 where the vendor publishes none."""

    name: str
    max_input_tokens: int
    max_output_tokens: int
    input_cost: float
    output_cost: float
    cache_read_cost: float
    cache_creation_cost: float
    surcharge: Surcharge | None = None
    abilities: frozenset[Ability] = frozenset()


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """How a provider stands, as far as can be told without starting anything or asking anybody."""

    name: str
    executable: str
    """The CLI; empty where it was not found, or where there is none."""
    login: LoginStatus | None
    processes: Snapshot
    problem: str
    """What keeps it from working and what mends it; empty where nothing does."""


@dataclass(frozen=True, slots=True)
class Checkup:
    """A provider, looked at closely."""

    facts: tuple[tuple[str, str], ...]
    """Label and text, for a person to read; no secrets."""
    problem: str
    """What keeps it from working, and what mends it; empty where nothing does."""
    off: bool = False
    """Whether it is the user's own choice that it does not."""


class Backend(Protocol[RequestT_contra, ResponseT_co]):
    """Who carries a provider's turns out: the processes of a CLI, or a service."""

    def admit(
        self, settings: ProviderSettings, environment: Mapping[str, str], /
    ) -> Callable[[RequestT_contra], Awaitable[Lease[RequestT_contra, ResponseT_co]]]:
        """Check all that can be checked without waiting. What comes back waits for a session for a request.

        Args:
            settings: The provider's, with what the caller says in place of some.
            environment: The caller's own, unfiltered.

        Raises:
            CLINotFound: The CLI is not installed.
            LoginMissing: Nobody is logged in.
            PermissionDenied: The user has not allowed it.
        """
        ...

    async def warm(self, count: int, /) -> None:
        """Do ahead of the first request what can be done; `count` processes, where there are any."""
        ...

    def status(self, environment: Mapping[str, str], /) -> ProviderStatus:
        """How it stands; starts nothing, asks nobody."""
        ...

    async def checkup(self, environment: Mapping[str, str], /) -> Checkup:
        """A closer look, without a model call."""
        ...

    async def aclose(self) -> None:
        """Stop everything."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(ABC, Generic[RequestT, ResponseT]):
    """Everything that makes a provider, put together without LiteLLM."""

    name: str
    """As in `uutel/<name>/<model>`."""
    title: str
    """The vendor's own name of it."""
    default_model: str
    models: tuple[Model, ...]
    transform: Transform[RequestT, ResponseT]
    settings: type[ProviderSettings]
    fetches_links: bool = False
    """Whether the bridge gets what links lead to, as the vendor does not; then no link is ever sent."""
    login_help: str = ""
    """How to log in, where no CLI of its own does it."""

    @abstractmethod
    def backend(self, settings: ProviderSettings) -> Backend[RequestT, ResponseT]:
        """Who answers; nothing is started yet."""


AnyParts = Parts[Any, Any]
AnyLease = Lease[Any, Any]
