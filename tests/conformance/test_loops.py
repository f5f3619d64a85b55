"""Callers of every kind share the same warm processes: loops, threads, batches, routers, forks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import litellm
import pytest

from tests.conformance.claude_world import ON_CLAUDE
from tests.conformance.conversations import user
from tests.conformance.processes import wait_until_gone
from tests.conformance.programs import Program, run
from tests.conformance.world import CORE, QUICK, World


@pytest.fixture(scope="module")
def alone(world: World) -> Iterator[World]:
    """A world with a single process: who gets an answer got it there."""
    with world.settings(MAX_PROCESSES="1"):
        yield world


def ask(world: World, name: str) -> None:
    """Ask in this thread; the answer must be the right one."""
    response = litellm.completion(world.model, [user(f"I am {name}.{world.marker('echo')}")])
    assert response.choices[0].message.content == f"I am {name}."


@QUICK
def test_one_asyncio_run_after_another_meets_the_same_process(alone: World) -> None:
    """Though each has a loop of its own, and closes it."""
    asyncio.run(alone.is_exact())
    started = alone.processes_started
    for _ in range(3):
        asyncio.run(alone.is_exact())
    assert alone.processes_started == started


@QUICK
def test_a_stream_is_read_in_a_loop_of_its_own(alone: World) -> None:
    """Also after sync calls, and before them."""

    async def read() -> str:
        stream = await litellm.acompletion(alone.model, [user(alone.marker("text"))], stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    for _ in range(3):
        ask(alone, "somebody")
        assert asyncio.run(read()) == "part0 part1 part2 part3 "


@QUICK
def test_threads_share_the_processes(world: World) -> None:
    """Eight at once, three calls each."""
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(3):
                ask(world, f"thread {number}, turn {turn}")
        except BaseException as exc:  # noqa: BLE001  # the test raises it
            failures.append(exc)

    with world.settings(MAX_PROCESSES="2"):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert world.processes_started == world.if_any(1 if world.is_shared else 2)


@QUICK
@pytest.mark.requirement("text:sync")
async def test_a_sync_call_may_block_a_running_loop(alone: World) -> None:
    """The answer does not need that loop."""
    ask(alone, "in a hurry")
    stream = litellm.completion(alone.model, [user(alone.marker("text"))], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "part0 part1 part2 part3 "
    await alone.is_exact()


async def test_sync_calls_and_async_calls_mix(world: World) -> None:
    """In one program, at the same time."""
    await asyncio.gather(
        *(asyncio.to_thread(ask, world, f"thread {number}") for number in range(4)),
        *(world.is_exact() for _ in range(4)),
    )


def test_a_batch_comes_back_in_its_own_order(world: World) -> None:
    """LiteLLM's batch_completion."""
    batch = [[user(f"number {n}{world.marker('echo')}")] for n in range(8)]
    answers = litellm.batch_completion(world.model, batch)
    assert [answer.choices[0].message.content for answer in answers] == [f"number {n}" for n in range(8)]


def router(world: World, **options: Any) -> litellm.Router:
    """Two models behind LiteLLM's Router."""
    models = [
        {"model_name": name, "litellm_params": {"model": world.named(model)}}
        for name, model in (("first", world.used_model), ("second", world.other_model))
    ]
    return litellm.Router(models, disable_cooldowns=True, **options)


async def answer(routed: litellm.Router, marker: str, *, streamed: bool) -> str:
    """The text of an answer through the Router."""
    response: Any = await routed.acompletion("first", [user(marker)], stream=streamed)
    if streamed:
        return "".join([chunk.choices[0].delta.content or "" async for chunk in response])
    return response.choices[0].message.content


@CORE
@pytest.mark.requirement("errors:router")
async def test_the_router_tries_again_as_often_as_it_was_told(world: World) -> None:
    """And the bridge does not try on top of that."""
    enough, too_few = (world.marker(world.overloaded, times=times) for times in (2, 9))
    routed = router(world, num_retries=2, retry_after=0)
    assert await answer(routed, enough, streamed=False) == "part0 part1 part2 part3 "
    with pytest.raises(litellm.ServiceUnavailableError):
        await answer(routed, too_few, streamed=False)
    assert [len(world.bodies(marker)) for marker in (enough, too_few)] == [3, 3]


@pytest.mark.parametrize(
    ("scenario", "streamed", "retries"),
    [
        ("e401", False, 0),  # in a stream, LiteLLM hands it to the caller
        ("e429", False, 0),
        ("e429", True, 0),
        ("overloaded", False, 0),
        ("overloaded", True, 0),
        ("overloaded", False, 1),
    ],
)
@pytest.mark.requirement("errors:router")
async def test_the_router_falls_back_on_errors_of_ours(
    world: World, scenario: str, streamed: bool, retries: int
) -> None:
    """To the other model, which gives the whole answer; first it tries again, if it was told to."""
    scenario = world.overloaded if scenario == "overloaded" else scenario
    times = world.tables.failures[scenario][2] * (retries + 1)
    marker = world.marker(scenario, times=times)
    routed = router(world, num_retries=retries, retry_after=0, fallbacks=[{"first": ["second"]}])
    assert await answer(routed, marker, streamed=streamed) == "part0 part1 part2 part3 "
    asked = [*[world.used_model] * times, world.other_model]
    assert [body.model for body in world.bodies(marker)] == [world.tables.models[name] for name in asked]


ASK = """
    def ask():
        return litellm.completion(MODEL, MESSAGES).choices[0].message.content

    def settle():
        # LiteLLM logs in threads: a fork in the middle of that leaves the forked process a lock that nobody opens.
        from litellm.litellm_core_utils.thread_pool_executor import executor
        while executor._work_queue.qsize() or executor._idle_semaphore._value < len(executor._threads):
            time.sleep(0.01)

    def children():
        from uutel_bridge.core import process
        return sorted(group.leader.pid for group in process._live)
"""


@ON_CLAUDE
def test_a_forked_process_has_processes_of_its_own(world: World) -> None:
    """It makes its requests and ends; the parent goes on with its warm process."""
    marker = world.marker("text")
    out = run(
        world,
        marker,
        f"""{ASK}
    ask()
    mine = children()
    settle()
    pid = os.fork()
    if pid == 0:
        assert children() == []
        ask()
        assert started() == 1
        assert not set(children()) & set(mine)
        print("child", *children(), flush=True)
        os._exit(7)  # as a forked process should: the threads that an exit would wait for are not there
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ask()
    assert children() == mine
    print("parent", status, started(), *mine, flush=True)
    """,
    )
    assert [line.split()[0] for line in out] == ["child", "parent"]
    assert out[1].split()[1:3] == ["7", "1"]
    assert len(world.bodies(marker)) == 3
    groups = {int(pid) for pid in (*out[0].split()[1:], *out[1].split()[3:])}
    assert len(groups) == 2
    wait_until_gone(groups)


@pytest.mark.parametrize("method", [pytest.param("fork", marks=ON_CLAUDE), pytest.param("spawn", marks=CORE)])
def test_workers_of_multiprocessing_work(world: World, method: str) -> None:
    """Each with a process of its own, however they were made."""
    marker = world.marker("text")
    code = f"""{ASK}
    import multiprocessing
    ask()
    settle()
    with multiprocessing.get_context({method!r}).Pool(1, initializer=uutel_bridge.register) as workers:
        print(workers.apply(litellm.completion, (MODEL, MESSAGES)).choices[0].message.content)
        print(ask())
    """
    with Program(world, marker, code) as program:
        status, out = program.end()
        assert (status, out.split("\n")) == (0, ["part0 part1 part2 part3 "] * 2 + [""]), program.stderr
    assert len(world.bodies(marker)) == 3
