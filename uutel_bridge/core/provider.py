"""The seam between the core and a provider: what a provider must bring, all typed, nothing of LiteLLM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from uutel_bridge.core.auth import Account, LoginStatus
from uutel_bridge.core.errors import CLIVersion
from uutel_bridge.core.events import Event
from uutel_bridge.core.process import Child, LaunchPlan
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


class Auth(Protocol):
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
class Model:
    """What is known of a model. Prices in US dollars per token."""

    name: str
    max_input_tokens: int
    max_output_tokens: int
    input_cost: float
    output_cost: float
    cache_read_cost: float
    cache_creation_cost: float


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
class Parts(Generic[RequestT, ResponseT]):
    """Everything that makes a provider, put together without LiteLLM."""

    name: str
    """As in `uutel/<name>/<model>`."""
    title: str
    """The vendor's own name of it."""
    executable: str
    install_command: str
    tested_versions: tuple[str, ...]
    default_model: str
    models: tuple[Model, ...]
    auth: Auth
    transform: Transform[RequestT, ResponseT]
    typical_requests: tuple[RequestT, ...]
    """One for each kind of warm process that requests may need; `warm()` starts processes for these."""
    plan: Callable[[Launch[RequestT]], LaunchPlan]
    open_session: Callable[[Child, LaunchPlan], Session[RequestT, ResponseT]]
    probe: Callable[[str, Mapping[str, str], ProviderSettings], Awaitable[bool]]
    unproven: str
    """What a version that failed the probe still does, in words for a person."""
    oldest_version: str = "0"
    """Before this one, it does not even do that."""
    inner: Callable[[str], str] = str
    """What to run, by the executable that was found, which may be a package manager's wrapper."""
    fetches_links: bool = False
    """Whether the bridge gets what links lead to, as the vendor does not; then no link is ever sent."""

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


AnyParts = Parts[Any, Any]
