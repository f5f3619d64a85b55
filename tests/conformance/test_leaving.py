"""Callers that leave: the model's request ends, and nothing of it is left."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import anyio
import litellm
import pytest

import uutel_bridge
from tests.conformance.claude_world import ON_CLAUDE
from tests.conformance.conversations import system, user
from tests.conformance.processes import BOUND, groups_of, wait_until_gone
from tests.conformance.programs import Program
from tests.conformance.world import CORE, ONE_AT_A_TIME, QUICK, World, origin
from uutel_bridge.core import base, process
from uutel_bridge.core.errors import UUError


@pytest.fixture(scope="module")
def alone(world: World) -> Iterator[World]:
    """A world with a single process, so that the next request meets what the last one left."""
    with world.settings(MAX_PROCESSES="1"):
        yield world


def conversation(marker: str) -> list[dict[str, Any]]:
    """With a system prompt, as `World.is_exact` has one: both fit the same process."""
    return [system("Forget me."), user(f"Forget this. {marker}")]


async def arrives(world: World, marker: str) -> None:
    """`World.arrives` without blocking this loop."""
    await anyio.to_thread.run_sync(world.arrives, marker)


async def breaks_off(world: World, marker: str) -> None:
    """`World.breaks_off` without blocking this loop."""
    await anyio.to_thread.run_sync(world.breaks_off, marker)


async def complete(world: World, marker: str, **options: Any) -> Any:
    """A whole answer."""
    return await litellm.acompletion(world.model, conversation(marker), **options)


async def read(world: World, marker: str, first: asyncio.Event) -> None:
    """A stream, to its end; `first` tells that it has begun."""
    async for _ in await litellm.acompletion(world.model, conversation(marker), stream=True):
        first.set()


async def cancel_a_call(world: World, marker: str) -> None:
    """`task.cancel()`."""
    task = asyncio.create_task(complete(world, marker))
    await arrives(world, marker)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def cancel_a_reader(world: World, marker: str) -> None:
    """`task.cancel()` in mid-stream."""
    first = asyncio.Event()
    task = asyncio.create_task(read(world, marker, first))
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def move_on_from_a_call(world: World, marker: str) -> None:
    """A time limit of the caller's own."""
    with anyio.move_on_after(BOUND) as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(complete, world, marker)
            await arrives(world, marker)
            scope.deadline = anyio.current_time()
    assert scope.cancelled_caught


async def move_on_from_a_reader(world: World, marker: str) -> None:
    """The same in mid-stream."""
    with anyio.move_on_after(BOUND) as scope:
        async for _ in await litellm.acompletion(world.model, conversation(marker), stream=True):
            scope.deadline = anyio.current_time()
    assert scope.cancelled_caught


async def run_out_of_time(world: World, marker: str) -> None:
    """`timeout=`."""
    with pytest.raises(litellm.Timeout) as caught:
        await complete(world, marker, timeout=2)
    assert "2 s" in str(caught.value)


async def run_out_of_time_in_a_stream(world: World, marker: str) -> None:
    """`timeout=` is for the whole answer, however lively it is."""
    stream = await litellm.acompletion(world.model, conversation(marker), stream=True, timeout=2)
    with pytest.raises(litellm.Timeout):
        async for _ in stream:
            pass


async def close_a_stream(world: World, marker: str) -> None:
    """`await stream.aclose()`."""
    stream = await litellm.acompletion(world.model, conversation(marker), stream=True)
    await anext(stream)
    await stream.aclose()


async def drop_a_stream(world: World, marker: str) -> None:
    """`break`, and nobody holds the stream any more."""
    async for _ in await litellm.acompletion(world.model, conversation(marker), stream=True):
        break
    gc.collect()


async def drop_an_unread_stream(world: World, marker: str) -> None:
    """Not even begun."""
    stream = await litellm.acompletion(world.model, conversation(marker), stream=True)
    await arrives(world, marker)
    del stream
    gc.collect()


async def close_a_sync_stream(world: World, marker: str) -> None:
    """In a thread. LiteLLM's wrapper itself can only be closed where there is a loop."""

    def leave() -> None:
        stream = litellm.completion(world.model, conversation(marker), stream=True)
        next(stream)
        stream.completion_stream.close()

    await anyio.to_thread.run_sync(leave)


async def drop_a_sync_stream(world: World, marker: str) -> None:
    """`break` in a thread."""

    def leave() -> None:
        for _ in litellm.completion(world.model, conversation(marker), stream=True):
            break
        gc.collect()

    await anyio.to_thread.run_sync(leave)


WAYS_OUT = [
    cancel_a_call,
    cancel_a_reader,
    move_on_from_a_call,
    move_on_from_a_reader,
    run_out_of_time,
    run_out_of_time_in_a_stream,
    close_a_stream,
    drop_a_stream,
    drop_an_unread_stream,
    close_a_sync_stream,
    drop_a_sync_stream,
]


@pytest.mark.parametrize("way_out", WAYS_OUT, ids=lambda way: way.__name__)
@pytest.mark.requirement("processes:cancelled")
async def test_who_leaves_takes_the_request_along(alone: World, way_out: Any) -> None:
    """The model's answer is broken off, and the process forgets the request and serves the next one."""
    with anyio.fail_after(BOUND):
        await alone.is_exact()
        started, marker = alone.processes_started, alone.marker("slow", n=600, delay=0.1)
        await way_out(alone, marker)
        await breaks_off(alone, marker)
        await alone.is_exact()
    assert len(alone.bodies(marker)) <= 1
    assert alone.processes_started == started


@pytest.mark.parametrize("scenario", ["hang", "hang0"])
async def test_who_leaves_before_the_answer_takes_the_request_along(alone: World, scenario: str) -> None:
    """Though the model has not said a word yet, or not even that it will."""
    with anyio.fail_after(BOUND):
        await alone.is_exact()
        started, marker = alone.processes_started, alone.marker(scenario)
        await cancel_a_call(alone, marker)
        await breaks_off(alone, marker)
        await alone.is_exact()
    assert alone.processes_started == started


@ONE_AT_A_TIME
async def test_who_leaves_the_queue_is_forgotten(alone: World) -> None:
    """A request that was waiting for a process never reaches the model."""
    marker, waiting = alone.marker("slow", n=600, delay=0.1), alone.marker("text")
    first = asyncio.Event()
    with anyio.fail_after(BOUND):
        reader = asyncio.create_task(read(alone, marker, first))
        await first.wait()
        with anyio.move_on_after(0.5) as scope:
            await complete(alone, waiting)
        assert scope.cancelled_caught
        while alone.processes.waiting:
            await asyncio.sleep(0.01)
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader
        await alone.is_exact()
    assert alone.bodies(waiting) == []


async def test_who_leaves_disturbs_nobody(world: World) -> None:
    """A stream beside it, in the same process or another, goes on to its end."""
    staying, leaving = world.marker("slow", n=20, delay=0.1), world.marker("slow", n=600, delay=0.1)
    with anyio.fail_after(BOUND):
        stream: Any = await litellm.acompletion(world.model, conversation(staying), stream=True)
        await cancel_a_call(world, leaving)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == "".join(f"s{n} " for n in range(20))


@QUICK
async def test_the_next_request_can_be_made_at_once(alone: World) -> None:
    """Ten times, without waiting for anything in between: the answers are those of the right question."""
    with anyio.fail_after(BOUND):
        for _ in range(10):
            stream = await litellm.acompletion(alone.model, conversation(alone.marker("slow", n=600)), stream=True)
            await anext(stream)
            await stream.aclose()
            await alone.is_exact()


async def test_a_stream_that_nobody_reads_holds_nobody_up(alone: World) -> None:
    """Its process is free as soon as the answer is whole, and the answer waits for its reader."""
    with anyio.fail_after(BOUND):
        unread = await litellm.acompletion(alone.model, conversation(alone.marker("text")), stream=True)
        await alone.is_exact()
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in unread])
    assert text == "part0 part1 part2 part3 "


@ONE_AT_A_TIME
async def test_a_long_stream_that_nobody_reads_gives_its_process_back(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while; its reader is told so, should one come after all."""
    monkeypatch.setattr(base, "_IDLE_LIMIT", 0.5)
    marker = alone.marker("long", n=5000)
    with anyio.fail_after(BOUND):
        unread = await litellm.acompletion(alone.model, conversation(marker), stream=True)
        await alone.is_exact()
        with pytest.raises(litellm.Timeout) as caught:
            async for _ in unread:
                pass
    assert "was not read for 0.5 seconds" in str(caught.value)


@QUICK
async def test_an_unread_stream_loses_nothing_while_others_run(world: World) -> None:
    """However much the others say meanwhile."""
    marker = world.marker("long", n=3000)
    with anyio.fail_after(BOUND), world.settings(MAX_PROCESSES="2"):
        unread = await litellm.acompletion(world.model, conversation(marker), stream=True)
        await arrives(world, marker)
        for _ in range(5):
            await world.is_exact()
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in unread])
    assert text == "".join(f"w{n} " for n in range(3000))


async def test_close_ends_a_stream_with_an_error(world: World) -> None:
    """Called from another thread; the next request starts afresh."""
    marker = world.marker("slow", n=600, delay=0.1)
    with anyio.fail_after(BOUND):
        stream = await litellm.acompletion(world.model, conversation(marker), stream=True)
        await anext(stream)
        closing = threading.Thread(target=uutel_bridge.close)
        closing.start()
        with pytest.raises(litellm.exceptions.MidStreamFallbackError) as caught:
            async for _ in stream:
                pass
        await anyio.to_thread.run_sync(closing.join)
        assert process._live == set()
        await breaks_off(world, marker)
        await world.is_exact()
    cls, words = world.closed
    assert type(origin(caught.value)) is cls
    assert words in str(caught.value)


@ONE_AT_A_TIME
async def test_close_ends_calls_that_run_and_calls_that_wait(alone: World) -> None:
    """None of them hangs, and each learns why."""
    markers = [alone.marker("hang") for _ in range(3)]
    with anyio.fail_after(BOUND):
        tasks = [asyncio.create_task(complete(alone, marker)) for marker in markers]
        while not (alone.processes.leased == 1 and alone.processes.waiting == 2):
            await asyncio.sleep(0.01)
        await uutel_bridge.aclose()
        failures = await asyncio.gather(*tasks, return_exceptions=True)
        assert process._live == set()
        await alone.is_exact()
    assert all(isinstance(failure, litellm.APIConnectionError) for failure in failures), failures
    assert all(isinstance(origin(failure), UUError) for failure in failures), failures


STREAM = """
    stream = litellm.completion(MODEL, MESSAGES, stream=True)
    next(stream)
    print("ready", flush=True)
"""
INTERRUPTED = [
    pytest.param(f"{STREAM}\n    for _ in stream: pass", id="a sync stream", marks=ON_CLAUDE),
    pytest.param("litellm.completion(MODEL, MESSAGES)", id="a call", marks=CORE),
    pytest.param("asyncio.run(litellm.acompletion(MODEL, MESSAGES))", id="asyncio.run of a call", marks=CORE),
    pytest.param(
        """
        async def main():
            async for _ in await litellm.acompletion(MODEL, MESSAGES, stream=True):
                pass
        asyncio.run(main())
        """,
        id="asyncio.run of a reader",
        marks=CORE,
    ),
]


@pytest.mark.parametrize("code", INTERRUPTED)
@pytest.mark.requirement("processes:ended")
def test_an_interrupt_ends_the_program_and_all_it_started(world: World, code: str) -> None:
    """Ctrl-C is a KeyboardInterrupt where the program waits, and no process outlives it."""
    marker = world.marker("slow", n=600, delay=0.1)
    with Program(world, marker, code) as program:
        world.arrives(marker)
        groups = groups_of(program.pid)
        assert bool(groups) == bool(world.if_any(1))
        program.send_signal(signal.SIGINT)
        status, _ = program.end()
        assert (status, program.stderr.splitlines()[-1]) == (-signal.SIGINT, "KeyboardInterrupt"), program.stderr
        wait_until_gone(groups)
    world.breaks_off(marker)


ENDS = [
    pytest.param("", 0, id="its last line"),
    pytest.param("sys.exit(3)", 3, id="sys.exit", marks=CORE),
    pytest.param("raise LookupError", 1, id="an unhandled exception", marks=CORE),
    pytest.param("uutel_bridge.close()", 0, id="close and end", marks=CORE),
]


@QUICK
@pytest.mark.parametrize(("end", "status"), ENDS)
@pytest.mark.requirement("processes:ended")
def test_a_program_can_end_in_mid_stream(world: World, end: str, status: int) -> None:
    """Whatever ends it, its exit status is its own, and no process outlives it."""
    marker = world.marker("slow", n=600, delay=0.1)
    with Program(world, marker, f"{STREAM}\n    {end}") as program:
        assert program.line() == "ready"
        assert program.end()[0] == status, program.stderr
        assert groups_of(program.pid) == set()
    world.breaks_off(marker)


KILLED = [
    pytest.param(signal.SIGTERM, id="SIGTERM", marks=CORE),
    pytest.param(signal.SIGKILL, id="SIGKILL"),
]


@pytest.mark.parametrize("number", KILLED)
@pytest.mark.requirement("processes:ended")
def test_a_program_that_is_killed_takes_its_processes_along(world: World, number: int) -> None:
    """It cannot tell them; they end by themselves with the answer that they were at, if not before."""
    marker = world.marker("slow", n=10, delay=0.2)
    with Program(world, marker, f"{STREAM}\n    for _ in stream: pass\n    threading.Event().wait()") as program:
        assert program.line() == "ready"
        groups = groups_of(program.pid)
        assert bool(groups) == bool(world.if_any(1))
        program.send_signal(number)
        assert program.end()[0] == -number
        wait_until_gone(groups)
