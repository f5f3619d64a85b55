"""The world that a conformance test runs in: a provider, and what the model would have seen of it.

A provider is a `World`, or a `CLIWorld`, and a `Body` of its own in one file, named in `WORLDS` of table.py.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import litellm
import pytest

import uutel_bridge
from tests.conformance.bodies import Body
from tests.conformance.conversations import Turn, system, user
from tests.conformance.processes import wait_until_unused
from tests.conformance.tables import Tables
from tests.emulators.recording import Emulator
from tests.emulators.refusing_proxy import RefusingProxy
from uutel_bridge import testing
from uutel_bridge.core import registry
from uutel_bridge.core.errors import CLIExited, UUError
from uutel_bridge.core.pool import Snapshot
from uutel_bridge.core.provider import AnyParts, ProviderStatus

REAL_CLIS = Path(__file__).parents[1] / "real_clis" / "node_modules" / ".bin"

ON_FAKE = pytest.mark.on("fake")
"""For what only a fake can be told to do."""

PROCESSES = pytest.mark.on("processes")
"""For what is about processes: of providers that are CLIs."""
ONE_AT_A_TIME = pytest.mark.on("one at a time")
"""For what is so where a process answers one request after another."""
SHARED = pytest.mark.on("shared")
"""For what is so where many are answered at once."""
QUICK = pytest.mark.on("quick")
"""For what is the core's and starts processes: not with a real CLI that takes seconds to start."""
CORE = pytest.mark.on("claude-code", "fake")
"""For what is the core's alone, and costs much: one world is enough, where a row like it runs in the others."""

_OF_PROCESSES = {"MAX_PROCESSES", "SPARES", "IDLE_SECONDS"}
"""Settings that are for nobody else."""

_ids = count(1)


@dataclass
class World(ABC):
    """One provider against the emulator of its vendor's API."""

    provider: ClassVar[str]
    """As in `uutel/<provider>/<model>`."""
    tables: ClassVar[Tables]
    traits: ClassVar[frozenset[str]] = frozenset()
    """What rows can be marked with, beside the kind and the provider.

    `processes`: it is a CLI.
    `one at a time`: a process answers one request after another; `shared`: many are answered at once.
    `calls in pieces`: a call's arguments come as the model writes them.
    `links`: the vendor fetches what an image's address leads to; `fetched`: the bridge does.
    `JSON mode`: the vendor has a switch for any JSON object.
    `measures`: the CLI itself refuses what is too long.
    `blocks`: the vendor takes its reasoning back as blocks of a message.
    """
    kinds: ClassVar[tuple[str, ...]] = ("fake",)
    """`fake`: nothing of the vendor's takes part; `real`: its CLI does."""
    api_class: ClassVar[type[Emulator]]
    body_class: ClassVar[type[Body]]
    handler: ClassVar[type]
    """What LiteLLM registers."""
    slow: ClassVar[bool] = False
    """Whether the real CLI takes seconds to start."""
    used_model: ClassVar[str]
    """The model that the tests ask, if they do not say otherwise."""
    other_model: ClassVar[str]
    login: ClassVar[str]
    """The login's file, below the home folder."""
    secrets: ClassVar[tuple[str, ...]]
    """What is in there, and must not leave it but for the API."""
    told_to_the_cli: ClassVar[frozenset[str]] = frozenset()
    """Of these, what the CLI takes from its environment alone."""
    address: ClassVar[str]
    """The vendor's own variable for the address of its API."""
    notes: ClassVar[tuple[str, ...]] = ()
    """Beginnings of the names of files that the CLI writes wherever it runs."""
    lookups: ClassVar[frozenset[str]] = frozenset()
    """What the CLI may ask the API beside the model: paths."""
    login_command: ClassVar[str]
    overloaded: ClassVar[str]
    """The scenario of a 503, or what the vendor has for it, that `times=` may end."""
    broken: ClassVar[str] = "die0"
    """The scenario in which who answers is gone before the first word."""
    patience: ClassVar[str] = ""
    """Where the seconds stand that a process has to forget a request; empty where it need not."""
    one_prompt: ClassVar[bool] = False
    """Whether a process that is shared has one system prompt at a time."""
    started_for_parameters: ClassVar[bool] = False
    """Whether other parameters need another process."""
    files_while_asked: ClassVar[bool] = False
    """Whether a conversation is in private files until it is answered."""
    calls_come_first: ClassVar[bool] = True
    """Whether a conversation may begin with a call of the model's."""
    limit: ClassVar[str] = "five_hour"
    """The limit that the scenario `limit` reaches."""
    at_once: ClassVar[int] = 100
    """Requests that a process that is shared answers at the same time."""
    uses: ClassVar[int] = 50
    """Requests after which a process is replaced."""
    long: ClassVar[str] = ""
    """Where the number of turns stands from which a conversation goes another way; empty where all go the same."""
    changing: ClassVar[frozenset[str]]
    """Headers and fields that are another in each request."""
    elsewhere: ClassVar[frozenset[str]] = frozenset()
    """Where the CLI may try to get to besides."""
    machine_mode: ClassVar[str]
    """A word that is on the CLI's command line."""
    id_prefix: ClassVar[str] = ""
    """How the id of an answer begins, where it is the vendor's."""
    call_prefix: ClassVar[str] = ""
    """How the ids of calls begin."""
    closed: ClassVar[tuple[type[UUError], str]] = (CLIExited, "The bridge stopped it.")
    """What an answer ends in that the bridge was closed amid."""
    step: ClassVar[int]
    """Bits of a conversation, as `Body.cached` has them, that two calls and their results are."""
    price: ClassVar[float]
    """Of an answer of the scenario `usage`, in US dollars, where the vendor tells one."""

    kind: str
    """`fake` or `real`."""
    api: Emulator
    proxy: RefusingProxy
    home: Path

    @classmethod
    def environment(cls, kind: str, api: Emulator) -> dict[str, str]:
        """Variables that the provider has for the tests."""
        del kind
        return {cls.variable("API_BASE"): api.url}

    @classmethod
    def variable(cls, name: str) -> str:
        """A setting of the provider's, as a variable."""
        return f"UUTEL_{cls.provider.upper().replace('-', '_')}__{name}"

    @classmethod
    @contextmanager
    def opened(cls, kind: str) -> Iterator[World]:
        """The provider, logged in with a made-up token, with no way off this machine."""
        with testing.fake_clis() as home, cls.api_class() as api, RefusingProxy() as proxy:
            os.environ |= {**cls.environment(kind, api), **proxy.environment}
            yield cls(kind, api, proxy, home)
            uutel_bridge.close()
            assert set(proxy.attempts) <= cls.elsewhere, f"tried to leave the machine: {proxy.attempts}"
            wait_until_unused(home)

    @property
    def parts(self) -> AnyParts:
        """The provider."""
        return registry.parts(self.provider)

    @property
    def executable(self) -> str:
        """The CLI's name; empty where there is none."""
        return self.parts.executable if "processes" in self.traits else ""

    @property
    def model(self) -> str:
        """A model's full name: `uutel/claude-code/sonnet`."""
        return self.named(self.used_model)

    @property
    def is_shared(self) -> bool:
        """Whether many requests are answered at once."""
        return "shared" in self.traits

    @property
    def serves_everybody(self) -> bool:
        """Whether that is so though each has a system prompt of its own."""
        return self.is_shared and not self.one_prompt

    def named(self, model: str) -> str:
        """How LiteLLM calls one of the provider's models."""
        return f"uutel/{self.provider}/{model}"

    def marker(self, scenario: str, **parameters: object) -> str:
        """The words that make the model play a scenario, different each time so that requests can be told apart."""
        given = {**parameters, "id": next(_ids)}
        return f"[[scenario:{' '.join([scenario, *(f'{name}={value}' for name, value in given.items())])}]]"

    def bodies(self, marker: str) -> list[Any]:
        """What the model was sent with this marker in it, in order."""
        return [self.body_class(recorded) for recorded in self.api.of(marker)]

    def body(self, marker: str) -> Any:
        """What the model was sent, once."""
        (body,) = self.bodies(marker)
        return body

    def instructed(self, texts: list[str]) -> str:
        """The system prompt that the model is to see for these system messages."""
        return "\n\n".join(texts)

    @abstractmethod
    def seen(self, messages: list[Any]) -> list[Turn]:
        """The conversation that the model is to see for the caller's messages; a call's id is its place."""

    def sent_id(self, call_id: str) -> str:
        """What the model is told for a call's id that the caller was given."""
        return call_id

    def be_impatient(self, patch: pytest.MonkeyPatch) -> None:
        """Give a process half a second to forget a request."""
        if self.patience:
            patch.setattr(self.patience, 0.5)

    @abstractmethod
    def check_usage(self, usage: Any) -> None:
        """Assert what else the vendor counts of the scenario `usage`."""

    def arrives(self, marker: str) -> None:
        """Wait until the model is asked with this marker."""
        self.api.wait_for(lambda api: bool(api.of(marker)), timeout=60)

    def breaks_off(self, marker: str) -> None:
        """Wait until whoever asked the model with this marker has hung up."""
        self.api.wait_for(lambda api: all(each.cut for each in api.of(marker)), timeout=60)

    async def is_exact(self, prompt: str = "Be exact.") -> None:
        """A request is answered, and is what the caller said and no more."""
        marker = self.marker("echo")
        response = await litellm.acompletion(self.model, [system(prompt), user(f"asked {marker}")], timeout=60)
        assert response.choices[0].message.content == "asked "
        body = self.body(marker)
        assert (body.system, body.turns) == ([prompt], [("user", [f"asked {marker}"])])

    def wire(self, marker: str) -> dict[str, Any]:
        """All of a request, once, but for what is different in each: comparable with any other."""
        body = self.body(marker)
        parts = {"body": body.raw, "headers": body.headers}
        stable = {
            part: {name: value for name, value in fields.items() if name not in self.changing}
            for part, fields in parts.items()
        }
        return json.loads(self.stable(json.dumps(stable, ensure_ascii=False).replace(marker, "MARKER")))

    def stable(self, text: str) -> str:
        """The same without what the CLI makes up for each request."""
        return text

    @property
    def status(self) -> ProviderStatus:
        """How the provider stands."""
        (status,) = [each for each in uutel_bridge.status() if each.name == self.provider]
        return status

    @property
    def processes(self) -> Snapshot:
        """How its pool stands."""
        return self.status.processes

    @property
    def processes_started(self) -> int:
        """How many processes the bridge has started since it was last closed."""
        return self.processes.started_total

    def if_any(self, processes: int) -> int:
        """So many processes, where there are any."""
        return processes if "processes" in self.traits else 0

    @contextmanager
    def settings(self, **values: str) -> Iterator[None]:
        """Other settings for a while, the provider's or `SECTION__NAME`; the bridge starts afresh, before and after.

        What is set for processes is so where there are any.
        """
        without = set() if "processes" in self.traits else _OF_PROCESSES
        with pytest.MonkeyPatch.context() as patch:
            for name, value in ((name, value) for name, value in values.items() if name not in without):
                patch.setenv(f"UUTEL_{name}" if "__" in name else self.variable(name), value)
            uutel_bridge.close()
            yield
        uutel_bridge.close()

    def hostile_home(self, home: Path, canary: Path) -> None:
        """Fill a home with everything that changes what the CLI does; what runs leaves a canary."""
        for name, content in self.hostile_files(home, canary).items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")

    @abstractmethod
    def hostile_files(self, home: Path, canary: Path) -> dict[str, str]:
        """These files, by their names from there."""


class CLIWorld(World):
    """One that is a CLI."""

    kinds = ("fake", "real")

    @classmethod
    def environment(cls, kind: str, api: Emulator) -> dict[str, str]:
        """With the CLI, fake or real, and few processes of it."""
        name = registry.parts(cls.provider).executable
        executable = real_cli(name) if kind == "real" else testing.fakes_folder() / name
        own = {"EXECUTABLE": str(executable), "SPARES": "0", "MAX_PROCESSES": "3"}
        return {**super().environment(kind, api), **{cls.variable(name): value for name, value in own.items()}}


def origin(error: BaseException | None) -> UUError:
    """The error of ours behind LiteLLM's, which may be wrapped in a second one."""
    while error is not None and not isinstance(error, UUError):
        error = getattr(error, "original_exception", None) or error.__cause__ or error.__context__
    assert error is not None
    return error


def real_cli(name: str) -> Path:
    """The real CLI's executable; the test is skipped, or fails where it must not be, without it."""
    executable = REAL_CLIS / name
    if not executable.exists():
        reason = f"no real {name}: npm install --prefix tests/real_clis"
        if os.environ.get("UUTEL_TEST_REAL_CLIS") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return executable


def claude_code(kind: str) -> AbstractContextManager[World]:
    """The world of Claude Code, for tests of other folders."""
    from tests.conformance.claude_world import ClaudeWorld  # noqa: PLC0415  # it is a World

    return ClaudeWorld.opened(kind)
