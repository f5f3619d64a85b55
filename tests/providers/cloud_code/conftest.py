"""Cloud Code as a program has it: the whole bridge at an emulator, with a login that is made up, and no way out."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.emulators.gemini_api import GeminiAPI
from tests.emulators.refusing_proxy import RefusingProxy
from tests.providers.cloud_code.logins import write
from uutel_bridge import testing
from uutel_bridge.core import registry
from uutel_bridge.core.bridge import Bridge, Call, Options
from uutel_bridge.core.events import Finished, TextDelta
from uutel_bridge.core.request import read_request
from uutel_bridge.core.settings import load
from uutel_bridge.providers.cloud_code import stops

BOUND = 60
MODEL = "gemini-2.5-flash"
FAKE = testing.fakes_folder() / "gemini"
STREAM, LOAD = "/v1internal:streamGenerateContent", "/v1internal:loadCodeAssist"


@dataclass
class Program:
    """One that has just started, and asks."""

    bridge: Bridge

    def call(self, scenario: str = "text", options: Options | None = None, **params: object) -> Call:
        """What is asked.

        Args:
            scenario: What the model plays, with its parameters.
            options: What goes with the call.
            params: OpenAI's, and Google's.
        """
        said = [{"role": "user", "content": f"[[scenario:{scenario}]]"}]
        supported = self.bridge.parts.transform.supported
        chat = read_request(MODEL, said, params, provider="cloud-code", supported=supported)
        return self.bridge.call(chat, options or Options())

    async def ask(self, scenario: str = "text", options: Options | None = None, **params: object) -> str:
        """The whole answer's text."""
        (events,) = await self.bridge.collect(self.call(scenario, options, **params), 1)
        assert isinstance(events[-1], Finished)
        return "".join(event.text for event in events if isinstance(event, TextDelta))


@dataclass
class Place:
    """Where programs run."""

    home: Path
    api: GeminiAPI
    proxy: RefusingProxy

    @property
    def asked(self) -> int:
        """How often the model was asked."""
        return len(self.api.requests)

    @property
    def paths(self) -> list[str]:
        """What the endpoint was asked beside the model."""
        return [each.path for each in self.api.other]

    @property
    def tokens(self) -> list[str]:
        """The access tokens that came with it all, in order."""
        came = sorted([*self.api.other, *self.api.requests], key=lambda each: each.arrived)
        return [each.token for each in came if each.path != "/token"]

    @property
    def stops(self) -> Path:
        """The file of stopped accounts."""
        return stops.path()

    def set(self, **settings: str) -> None:
        """Set what the user can set, by its name."""
        os.environ.update({f"UUTEL_CLOUD_CODE__{name.upper()}": value for name, value in settings.items()})

    def count_starts(self) -> Path:
        """From now on, the Gemini CLI writes a line here whenever it is started."""
        starts = write(self.home / "starts", "")
        script = write(self.home / "counted", f'#!/bin/sh\necho started >>"{starts}"\nexec "{FAKE}" "$@"\n')
        script.chmod(0o700)
        self.set(executable=str(script))
        return starts

    @asynccontextmanager
    async def program(self) -> AsyncIterator[Program]:
        """The whole bridge, as it stands when a program has started, for a bounded time."""
        parts = registry.parts("cloud-code")
        bridge = Bridge(parts, load(parts.settings, "cloud-code", os.environ))
        try:
            with anyio.fail_after(BOUND):
                yield Program(bridge)
        finally:
            await bridge.aclose()

    async def ask(self, scenario: str = "text", options: Options | None = None, **params: Any) -> str:
        """What a program of its own gets."""
        async with self.program() as program:
            return await program.ask(scenario, options, **params)


@pytest.fixture
def place() -> Iterator[Place]:
    """The user has allowed it, and is logged in to the Gemini CLI; nothing leaves this machine."""
    with testing.fake_clis() as home, GeminiAPI() as api, RefusingProxy() as proxy:
        os.environ |= proxy.environment
        here = Place(home, api, proxy)
        here.set(accept_terms="true", api_base=api.url)
        yield here
        assert not proxy.attempts
