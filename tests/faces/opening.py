"""Several providers logged in at once, as on a developer's machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import uutel_bridge
from tests.conformance.processes import wait_until_unused
from tests.conformance.table import WORLDS
from tests.conformance.world import World
from tests.emulators.refusing_proxy import RefusingProxy
from uutel_bridge import testing


@contextmanager
def opened(kind: str, *providers: str) -> Iterator[Mapping[str, World]]:
    """These providers in one home, each against the emulator of its vendor's API, with no way off this machine."""
    uutel_bridge.register()
    with ExitStack() as stack:
        home = stack.enter_context(testing.fake_clis())
        proxy = stack.enter_context(RefusingProxy())
        worlds: dict[str, World] = {}
        for cls in map(WORLDS.__getitem__, providers):
            api = stack.enter_context(cls.api_class())
            os.environ |= cls.environment(kind, api)
            worlds[cls.provider] = cls(kind, api, proxy, home)
        os.environ |= proxy.environment
        yield worlds
        uutel_bridge.close()
        attempts = set(proxy.attempts).difference(*(world.elsewhere for world in worlds.values()))
        assert not attempts, f"tried to leave the machine: {attempts}"
        wait_until_unused(home)
