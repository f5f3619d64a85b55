"""One process of Codex for everybody: callers that leave, processes that die, crowds."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import Any

import anyio
import litellm
import pytest

import uutel_bridge
from tests.conformance.codex_world import ON_CODEX, CodexWorld
from tests.conformance.processes import BOUND, groups_of, wait_until_gone
from tests.conformance.programs import Program
from tests.conformance.test_crowds import LONG, until
from tests.conformance.test_leaving import (
    STREAM,
    WAYS_OUT,
    arrives,
    breaks_off,
    cancel_a_call,
    complete,
    conversation,
    origin,
)
from tests.conformance.world import system, user
from uutel_bridge.core import process
from uutel_bridge.core.errors import CLIExited

pytestmark = ON_CODEX


@pytest.mark.parametrize("way_out", WAYS_OUT, ids=lambda way: way.__name__)
@pytest.mark.requirement("processes:cancelled")
async def test_who_leaves_takes_the_request_along(world: CodexWorld, way_out: Any) -> None:
    """The model's answer is broken off, and the process forgets the request and serves the next one."""
    with anyio.fail_after(BOUND):
        await world.is_exact()
        started, marker = world.processes_started, world.marker("slow", n=600, delay=0.1)
        await way_out(world, marker)
        await breaks_off(world, marker)
        await world.is_exact()
    assert len(world.bodies(marker)) <= 1
    assert world.processes_started == started


@pytest.mark.parametrize("scenario", ["hang", "hang0"])
async def test_who_leaves_before_the_answer_takes_the_request_along(world: CodexWorld, scenario: str) -> None:
    """Though the model has not said a word yet, or not even that it will."""
    with anyio.fail_after(BOUND):
        await world.is_exact()
        started, marker = world.processes_started, world.marker(scenario)
        await cancel_a_call(world, marker)
        await breaks_off(world, marker)
        await world.is_exact()
    assert world.processes_started == started


async def test_who_leaves_disturbs_nobody(world: CodexWorld) -> None:
    """A stream beside it, in the same process, goes on to its end."""
    staying, leaving = world.marker("slow", n=20, delay=0.1), world.marker("slow", n=600, delay=0.1)
    with anyio.fail_after(BOUND):
        stream: Any = await litellm.acompletion(world.model, conversation(staying), stream=True)
        await cancel_a_call(world, leaving)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == "".join(f"s{n} " for n in range(20))


async def test_the_next_request_can_be_made_at_once(world: CodexWorld) -> None:
    """Ten times, without waiting for anything in between: the answers are those of the right question."""
    with anyio.fail_after(BOUND):
        for _ in range(10):
            stream: Any = await litellm.acompletion(world.model, conversation(world.marker("slow", n=600)), stream=True)
            await anext(stream)
            await stream.aclose()
            await world.is_exact()


@pytest.mark.requirement("processes:failed")
async def test_a_process_that_is_killed_fails_all_its_turns_and_is_replaced(world: CodexWorld) -> None:
    """Each of them is told so, and the next request meets another process."""
    markers = [world.marker("slow", n=600, delay=0.1) for _ in range(3)]
    with world.settings(), anyio.fail_after(BOUND):
        tasks = [asyncio.create_task(complete(world, marker, max_retries=0)) for marker in markers]
        for marker in markers:
            await arrives(world, marker)
        (group,) = groups_of(os.getpid())
        os.killpg(group, signal.SIGKILL)
        failures = await asyncio.gather(*tasks, return_exceptions=True)
        await world.is_exact()
        assert world.processes_started == 2
    assert all(isinstance(failure, litellm.APIConnectionError) for failure in failures), failures
    assert all(isinstance(origin(failure), CLIExited) for failure in failures), failures
    for marker in markers:
        assert len(world.bodies(marker)) == 1


async def test_close_ends_a_stream_with_an_error(world: CodexWorld) -> None:
    """Called from another thread; the next request starts afresh."""
    marker = world.marker("slow", n=600, delay=0.1)
    with anyio.fail_after(BOUND):
        stream: Any = await litellm.acompletion(world.model, conversation(marker), stream=True)
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
    assert isinstance(origin(caught.value), CLIExited)


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGKILL)"], ids=["its last line", "SIGKILL"])
@pytest.mark.requirement("processes:ended")
def test_a_program_can_end_in_mid_stream(world: CodexWorld, end: str) -> None:
    """No process outlives it, and the model is asked no longer."""
    marker = world.marker("slow", n=600, delay=0.1)
    with Program(world, marker, f"{STREAM}\n    sys.stdin.read()\n    {end}") as program:
        assert program.line() == "ready"
        program.end()
        wait_until_gone(groups_of(program.pid))
    world.breaks_off(marker)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.requirement("processes:crowd")
async def test_a_crowd_is_served_by_one_process(world: CodexWorld, streamed: bool) -> None:
    """A hundred conversations: everybody gets the answer to their own question."""
    markers = [world.marker("echo", pause=0.5) for _ in range(100)]

    async def ask(number: int) -> None:
        messages = [system(f"You serve guest {number}."), user(f"I am guest {number}.{markers[number]}")]
        if streamed:
            stream: Any = await litellm.acompletion(world.model, messages, stream=True)
            answer = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        else:
            answer = (await litellm.acompletion(world.model, messages)).choices[0].message.content
        assert answer == f"I am guest {number}."
        body = world.body(markers[number])
        assert body.system == [f"You serve guest {number}."]
        assert body.turns == [("user", [messages[1]["content"]])]

    with world.settings(), anyio.fail_after(LONG):
        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(ask, number)
        assert world.processes_started == 1


@pytest.mark.requirement("processes:crowd")
async def test_a_hundred_answers_are_on_their_way_at_the_same_time(world: CodexWorld) -> None:
    """From one process; and when all have been given up, it is as good as new."""
    markers = [world.marker("hang") for _ in range(100)]
    with world.settings(), anyio.fail_after(LONG):
        async with anyio.create_task_group() as group:
            for marker in markers:
                group.start_soon(complete, world, marker)
            for marker in markers:
                await arrives(world, marker)
            assert (world.processes.leased, world.processes.waiting) == (1, 0)
            group.cancel_scope.cancel()
        for marker in markers:
            await breaks_off(world, marker)
        await world.is_exact()
        assert world.processes_started == 1


async def test_a_process_without_work_is_stopped(world: CodexWorld) -> None:
    """After a while; the next request starts one again."""
    with world.settings(CODEX__IDLE_SECONDS="0.5"), anyio.fail_after(BOUND):
        await world.is_exact()
        await until(lambda: not groups_of(os.getpid()))
        await world.is_exact()
        assert world.processes_started == 2
