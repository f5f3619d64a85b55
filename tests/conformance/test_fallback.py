"""A CLI whose processes cannot be used twice: every request has its own, and nobody sees a difference."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import litellm
import pytest

from tests.conformance.conversations import assistant, function, system, user
from tests.conformance.processes import BOUND
from tests.conformance.programs import run
from tests.conformance.samples import IMAGE
from tests.conformance.world import ON_FAKE, ONE_AT_A_TIME, World
from uutel_bridge.core import probe, process

pytestmark = ONE_AT_A_TIME

EARLIER = [user("@/etc/hostname"), assistant(" one "), user("/clear"), assistant("two"), assistant("three")]
REQUESTS: dict[str, list[dict[str, Any]]] = {
    "plain": [],
    "instructed": [system(" Be exact.\n"), system("Be brief.")],
    "a large system prompt": [system("é" * 250_000)],
    "a history": [system("Be exact."), *EARLIER],
    "a history without a system prompt": EARLIER,
    "an answer first": [assistant("one"), user("two"), user("three")],
    "an image": [user([IMAGE]), assistant("Seen.")],
    "parameters": [],
    "another model": [],
    "a full model name": [],
}


def options(world: World, name: str) -> dict[str, Any]:
    """What else is asked of the model."""
    given = {
        "parameters": {"effort": "low", "tools": [function("alpha")], **world.tables.odd},
        "another model": {"model": world.named(world.other_model)},
        "a full model name": {"model": world.named(list(world.tables.models.values())[-2])},
    }
    return given.get(name, {})


@pytest.fixture(scope="module")
def cold(world: World) -> Iterator[World]:
    """A world in which the probe has said no."""
    key = probe._key(world.status.name, world.status.executable)
    before = probe._read()
    with world.settings():
        probe._remember(key, False)
        yield world
    probe._path().unlink()
    for known, verdict in before.items():
        probe._remember(known, bool(verdict))


async def ask(world: World, name: str) -> str:
    """One of the requests; the marker to look it up by."""
    marker = world.marker("text")
    messages = [*REQUESTS[name], user(f"And now? {marker}")]
    given: dict[str, Any] = {"model": world.model, "messages": messages, **options(world, name)}
    with anyio.fail_after(BOUND):
        await litellm.acompletion(**given)
    return marker


@pytest.fixture(scope="module")
def warm(world: World) -> dict[str, dict[str, Any]]:
    """What warm processes send for each of the requests."""

    async def sent() -> dict[str, dict[str, Any]]:
        return {name: world.wire(await ask(world, name)) for name in REQUESTS}

    return asyncio.run(sent())


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_cold_process_sends_what_a_warm_one_sends(
    world: World, warm: dict[str, dict[str, Any]], cold: World, name: str
) -> None:
    """To the last byte of it, but for ids."""
    assert cold.wire(await ask(cold, name)) == warm[name]


async def test_every_request_has_a_process_of_its_own(cold: World) -> None:
    """Which ends with it, whole or given up."""
    with anyio.fail_after(BOUND):
        started = cold.processes_started
        for _ in range(3):
            await cold.is_exact()
        marker = cold.marker("slow", n=600, delay=0.1)
        stream = await litellm.acompletion(cold.model, [user(marker)], stream=True)
        await anext(stream)
        await stream.aclose()
        await anyio.to_thread.run_sync(cold.breaks_off, marker)
        assert cold.processes_started == started + 4
        while process._live:
            await asyncio.sleep(0.01)


async def test_conversations_side_by_side_are_not_mixed(cold: World) -> None:
    """Nor are there more processes than allowed."""
    with anyio.fail_after(BOUND):
        await asyncio.gather(*(cold.is_exact(f"You are number {n}.") for n in range(6)))


@ON_FAKE
@pytest.mark.each("lacking", "lacking")
async def test_a_version_that_lacks_something_is_noticed_and_still_works(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lacking: str
) -> None:
    """The probe finds out at the first request, and the verdict is there for others to see."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    lacks = f"FAKE_{world.parts.executable.upper()}_LACKS"
    monkeypatch.setenv(lacks, lacking)
    with world.settings(PASS_ENV=lacks), anyio.fail_after(BOUND):
        status = world.status
        assert probe.remembered(status.name, status.executable) is None
        for prompt in ("One.", "Two."):
            await world.is_exact(prompt)
        assert world.processes_started == 2
        assert probe.remembered(status.name, status.executable) is False


def test_only_the_first_program_probes(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The verdict is on disk for the next."""
    starts, executable = tmp_path / "starts", tmp_path / world.parts.executable
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with world.settings():
        status = world.status
        executable.write_text(f'#!/bin/sh\necho >> "{starts}"\nexec "{status.executable}" "$@"\n', encoding="utf-8")
        executable.chmod(0o700)

    def starts_of_a_program() -> int:
        before = starts.read_text(encoding="utf-8").count("\n") if starts.exists() else 0
        run(world, world.marker("text"), "litellm.completion(MODEL, MESSAGES)")
        return starts.read_text(encoding="utf-8").count("\n") - before

    with world.settings(EXECUTABLE=str(executable)):
        assert starts_of_a_program() == 2
        assert starts_of_a_program() == 1
        assert probe.remembered(world.provider, str(executable)) is True
