"""Many requests, at once and one after another: each gets its own answer, and nothing grows."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import litellm
import pytest

import uutel_bridge
from tests.conformance.conversations import system, user
from tests.conformance.processes import BOUND, groups_of
from tests.conformance.world import ON_FAKE, ONE_AT_A_TIME, PROCESSES, QUICK, SHARED, World

LONG = 2 * BOUND
CROWDS = {"fake": (100, 4), "real": (24, 3)}
"""Requests at once, and processes for them."""
ROWS = {"fake": 200, "real": 60}
"""Requests one after another."""


def conversation(marker: str, name: str = "somebody") -> list[dict[str, Any]]:
    """With a system prompt, as `World.is_exact` has one: both fit the same process."""
    return [system(f"You serve {name}."), user(f"I am {name}.{marker}")]


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    with anyio.fail_after(BOUND):
        while not true():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def watched(world: World) -> AsyncIterator[list[int]]:
    """How many processes there are, again and again."""
    seen: list[int] = []

    async def look() -> None:
        while True:
            seen.append(len(groups_of(os.getpid())))
            await asyncio.sleep(0.02)

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        yield seen
        group.cancel_scope.cancel()


def most_at_once(world: World, markers: list[str]) -> int:
    """How many of these requests the model was answering at the same time, at most."""
    recorded = [each for marker in markers for each in world.api.of(marker)]
    changes = [(each.arrived, 1) for each in recorded] + [(each.finished or sys.maxsize, -1) for each in recorded]
    running = most = 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most


@pytest.mark.parametrize("streamed", [pytest.param(False, marks=QUICK, id="whole"), pytest.param(True, id="streamed")])
@pytest.mark.requirement("processes:crowd")
async def test_a_crowd_is_served_by_a_few_processes(world: World, streamed: bool) -> None:
    """Everybody gets the answer to their own question, and there are never more processes than allowed, or needed."""
    crowd, allowed = (100, 1) if world.serves_everybody else CROWDS[world.kind]
    markers = [world.marker("echo", pause=0.5 if world.serves_everybody else 0.01) for _ in range(crowd)]

    async def ask(number: int) -> None:
        messages = conversation(markers[number], f"guest {number}")
        if streamed:
            stream = await litellm.acompletion(world.model, messages, stream=True)
            answer = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        else:
            answer = (await litellm.acompletion(world.model, messages)).choices[0].message.content
        assert answer == f"I am guest {number}."
        body = world.body(markers[number])
        assert (body.system, body.turns) == ([messages[0]["content"]], [("user", [messages[1]["content"]])])

    with world.settings(MAX_PROCESSES="3" if world.serves_everybody else str(allowed)), anyio.fail_after(LONG):
        async with watched(world) as seen, anyio.create_task_group() as group:
            for number in range(crowd):
                group.start_soon(ask, number)
        assert world.processes_started == world.if_any(allowed)
    assert max(seen) == world.if_any(allowed)
    assert world.serves_everybody or most_at_once(world, markers) <= allowed


@SHARED
@pytest.mark.requirement("processes:crowd")
async def test_many_answers_are_on_their_way_at_the_same_time(world: World) -> None:
    """From one process, if any; and when all have been given up, it is as good as new."""
    markers = [world.marker("hang") for _ in range(world.at_once)]
    with world.settings(), anyio.fail_after(LONG):
        async with anyio.create_task_group() as group:
            for marker in markers:
                group.start_soon(litellm.acompletion, world.model, conversation(marker))
            for marker in markers:
                await anyio.to_thread.run_sync(world.arrives, marker)
            assert (world.processes.leased, world.processes.waiting) == (world.if_any(1), 0)
            group.cancel_scope.cancel()
        for marker in markers:
            await anyio.to_thread.run_sync(world.breaks_off, marker)
        await world.is_exact()
        assert world.processes_started == world.if_any(1)


@ONE_AT_A_TIME
async def test_requests_are_served_in_order_of_arrival(world: World) -> None:
    """Nobody overtakes."""
    first, markers = world.marker("hang"), [world.marker("text") for _ in range(10)]
    with world.settings(MAX_PROCESSES="1"), anyio.fail_after(BOUND):
        blocker = asyncio.create_task(litellm.acompletion(world.model, conversation(first)))
        await until(lambda: bool(world.api.of(first)))
        tasks: list[asyncio.Task[Any]] = []
        for marker in markers:
            tasks.append(asyncio.create_task(litellm.acompletion(world.model, conversation(marker))))
            await until(lambda: world.processes.waiting == len(tasks))
        blocker.cancel()
        await asyncio.gather(*tasks)
    arrived = {marker: world.api.of(marker)[0].arrived for marker in markers}
    assert sorted(markers, key=arrived.__getitem__) == markers


@ONE_AT_A_TIME
async def test_who_cannot_wait_gets_a_timeout_and_the_others_are_served(world: World) -> None:
    """Waiting for a process counts, too."""
    first, impatient, patient = (world.marker(name) for name in ("hang", "text", "text"))
    with world.settings(MAX_PROCESSES="1"), anyio.fail_after(BOUND):
        blocker = asyncio.create_task(litellm.acompletion(world.model, conversation(first)))
        await until(lambda: bool(world.api.of(first)))
        others = asyncio.create_task(litellm.acompletion(world.model, conversation(patient)))
        with pytest.raises(litellm.Timeout):
            await litellm.acompletion(world.model, conversation(impatient), timeout=0.5)
        assert not others.done()
        blocker.cancel()
        await others
    assert world.bodies(impatient) == []
    assert world.bodies(patient)


def scratch_folders() -> list[Path]:
    """What is in the temporary folder."""
    return list(Path(tempfile.gettempdir()).iterdir())


class Belongings(NamedTuple):
    """What this program holds."""

    descriptors: int
    folders: int
    threads: int
    memory: int
    """Bytes that are resident."""


@pytest.fixture
def belongings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Belongings]:
    """Tells them as they are now."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def look() -> Belongings:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
        return Belongings(
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            folders=len(scratch_folders()),
            threads=threading.active_count(),
            memory=pages * os.sysconf("SC_PAGE_SIZE"),
        )

    return look


def grown(before: Belongings, after: Belongings) -> list[str]:
    """Of what it holds more, leaving memory aside."""
    counted = zip(Belongings._fields[:-1], before[:-1], after[:-1], strict=True)
    return [name for name, then, now in counted if now > then]


async def held_at_last(before: Belongings, belongings: Callable[[], Belongings]) -> Belongings:
    """What it holds, given a moment to hold no more than before; an emulator closes its end of a connection later."""
    after = belongings()
    with anyio.move_on_after(BOUND):
        while grown(before, after):
            await asyncio.sleep(0.01)
            after = belongings()
    return after


async def test_nothing_grows_with_the_number_of_requests(world: World, belongings: Callable[[], Belongings]) -> None:
    """Processes that grow are replaced after so many uses, and everything they had goes with them."""
    rows = ROWS[world.kind]
    with world.settings(MAX_PROCESSES="1"), anyio.fail_after(LONG):
        for _ in range(10):  # LiteLLM and the allocator have their fill
            await litellm.acompletion(world.model, conversation(world.marker("text")))
        await uutel_bridge.aclose()
        before = belongings()
        for _ in range(rows):
            await litellm.acompletion(world.model, conversation(world.marker("text")))
            assert len(scratch_folders()) <= 1
        assert world.processes_started == world.if_any(-(-rows // world.uses))
        await uutel_bridge.aclose()
        after = await held_at_last(before, belongings)
    assert grown(before, after) == []
    # LiteLLM's caches and the emulator's records do grow, by a few kilobytes a request.
    assert after.memory - before.memory < 20 * 2**20


@ON_FAKE
async def test_failures_and_departures_leave_nothing(world: World, belongings: Callable[[], Belongings]) -> None:
    """Who answers is gone, or who asks."""
    with world.settings(MAX_PROCESSES="2", RETRY__MAX_RETRIES="0"), anyio.fail_after(LONG):
        await world.is_exact()
        await uutel_bridge.aclose()
        before = belongings()
        for _ in range(25):
            with pytest.raises(litellm.exceptions.APIConnectionError):
                await litellm.acompletion(world.model, conversation(world.marker(world.broken)))
            with anyio.move_on_after(0.05):
                await litellm.acompletion(world.model, conversation(world.marker("hang")))
        await world.is_exact()
        await uutel_bridge.aclose()
        after = await held_at_last(before, belongings)
    assert grown(before, after) == []
    assert after.memory - before.memory < 20 * 2**20


@PROCESSES
@QUICK
async def test_processes_without_work_are_stopped(world: World) -> None:
    """All of them, after a while; the next request starts one again."""
    with world.settings(IDLE_SECONDS="0.5", SPARES="1"), anyio.fail_after(BOUND):
        await world.is_exact()
        assert groups_of(os.getpid())
        await until(lambda: not groups_of(os.getpid()))
        started = world.processes_started
        await world.is_exact()
        assert world.processes_started > started


@ONE_AT_A_TIME
async def test_a_spare_is_ready_before_it_is_needed(world: World) -> None:
    """While one process is at work, another is kept ready, and it is the one that serves next."""
    first = world.marker("hang")
    with world.settings(SPARES="1"), anyio.fail_after(BOUND):
        blocker = asyncio.create_task(litellm.acompletion(world.model, conversation(first)))
        await until(lambda: world.processes.idle == 1 and bool(world.api.of(first)))
        assert world.processes_started == 2
        second = asyncio.create_task(litellm.acompletion(world.model, conversation(world.marker("hang"))))
        await until(lambda: world.processes.leased == 2 and world.processes.idle == 1)
        assert world.processes_started == 3
        blocker.cancel()
        second.cancel()


@pytest.mark.parametrize("prompt", ["", "With a system prompt."], ids=["plain", "instructed"])
async def test_after_warm_a_request_starts_nothing(world: World, prompt: str) -> None:
    """Of whatever kind it is."""
    marker = world.marker("text")
    with world.settings(), anyio.fail_after(BOUND):
        await anyio.to_thread.run_sync(uutel_bridge.warm, world.provider)
        warmed = world.processes
        assert (warmed.idle, warmed.starting) == (warmed.started_total, 0)
        await litellm.acompletion(world.model, [*([system(prompt)] if prompt else []), user(marker)])
        assert world.processes_started == warmed.started_total
