"""Processes that die, hang or talk nonsense: an error in time, and then all is well again."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import anyio
import litellm
import pytest

import uutel_bridge
from tests.conformance.claude_world import ON_CLAUDE
from tests.conformance.conversations import system, user
from tests.conformance.processes import BOUND, processes, wait_until_gone
from tests.conformance.world import CORE, ON_FAKE, PROCESSES, QUICK, SHARED, World, origin, real_cli
from uutel_bridge import testing
from uutel_bridge.core import process
from uutel_bridge.core.errors import CLIExited, CLINotFound, ProtocolError, UUError, VendorTimeout

pytestmark = PROCESSES

MAX_PROCESSES = {"MAX_PROCESSES": "1", "RETRY__MAX_RETRIES": "0"}


def conversation(marker: str) -> list[dict[str, Any]]:
    """With a system prompt, as `World.is_exact` has one: both fit the same process."""
    return [system("Anything."), user(f"Hello {marker}")]


def pids() -> set[int]:
    """The processes that the bridge has."""
    return {group.leader.pid for group in process._live}


async def read(world: World, marker: str, texts: list[str]) -> None:
    """A stream, to its end."""
    async for chunk in await litellm.acompletion(world.model, conversation(marker), stream=True):
        texts.append(chunk.choices[0].delta.content or "")  # noqa: PERF401  # what came before an error counts


async def failure(world: World, marker: str, **options: Any) -> UUError:
    """What a request comes to that has to fail with an error of LiteLLM's."""
    with pytest.raises(litellm.exceptions.APIConnectionError) as caught:
        await litellm.acompletion(world.model, conversation(marker), **options)
    return origin(caught.value)


@ON_FAKE
@pytest.mark.parametrize("used", [False, True], ids=["fresh", "used"])
@pytest.mark.parametrize(
    ("scenario", "kind", "evidence"),
    [
        ("die0", CLIExited, "fake CLI: died on request"),
        ("die", CLIExited, "fake CLI: died on request"),
        ("garbage", ProtocolError, "this line is no JSON {{{"),
        ("close_stdout", CLIExited, ""),
    ],
)
@pytest.mark.requirement("processes:failed")
async def test_a_process_that_fails_is_an_error_and_the_next_request_works(
    world: World, scenario: str, kind: type[UUError], evidence: str, used: bool
) -> None:
    """The request fails with what the process last said, and the next one has a process that works."""
    marker = world.marker(scenario)
    with world.settings(**MAX_PROCESSES), anyio.fail_after(BOUND):
        if used:
            await world.is_exact()
        before = pids()
        error = await failure(world, marker)
        assert (type(error), error.evidence) == (kind, evidence.replace("CLI", world.parts.executable))
        await world.is_exact()
        assert len(pids()) == 1
        assert scenario == "garbage" or pids().isdisjoint(before)
    assert len(world.bodies(marker)) <= 2


@ON_FAKE
@pytest.mark.parametrize("scenario", ["die", "garbage"])
async def test_a_stream_that_fails_keeps_what_came_before(world: World, scenario: str) -> None:
    """The deltas stay, nothing is repeated, and the end is an error."""
    texts: list[str] = []
    with world.settings(MAX_PROCESSES="1"), anyio.fail_after(BOUND):
        await world.is_exact()
        marker = world.marker(scenario)
        with pytest.raises(litellm.exceptions.MidStreamFallbackError) as caught:
            await read(world, marker, texts)
        assert isinstance(origin(caught.value), (CLIExited, ProtocolError))
        await world.is_exact()
    assert "".join(texts) == "part0 "
    assert len(world.bodies(marker)) == 1


@ON_FAKE
async def test_a_flood_on_stderr_stops_nobody(world: World) -> None:
    """A megabyte of it, and the answer still comes."""
    with world.settings(**MAX_PROCESSES), anyio.fail_after(BOUND):
        for _ in range(3):
            response = await litellm.acompletion(world.model, conversation(world.marker("stderr_flood")))
            assert response.choices[0].message.content == "part0 part1 part2 part3 "
        assert world.processes_started == 1


@ON_FAKE
@pytest.mark.parametrize(("scenario", "size"), [("mute", 0), ("no_read", 3_000_000)])
async def test_a_process_that_says_no_more_is_stopped(
    world: World, scenario: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request ends in its own time, and the next one waits no longer than for the stop."""
    world.be_impatient(monkeypatch)
    with world.settings(**MAX_PROCESSES), anyio.fail_after(BOUND):
        await world.is_exact()
        before = pids()
        messages = [system("Anything."), user("x" * size + world.marker(scenario))]
        with pytest.raises(litellm.Timeout) as caught:
            await litellm.acompletion(world.model, messages, timeout=2)
        assert isinstance(origin(caught.value), VendorTimeout)
        await world.is_exact()
        assert pids().isdisjoint(before)


@QUICK
async def test_a_frozen_process_holds_nobody_up_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads nothing and heeds no signal but the last."""
    world.be_impatient(monkeypatch)
    with world.settings(**MAX_PROCESSES), anyio.fail_after(BOUND):
        await world.is_exact()
        while not world.processes.idle:  # else it might freeze in mid-reset, which is another story
            await asyncio.sleep(0.01)
        frozen = pids()
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(litellm.Timeout):
            await litellm.acompletion(world.model, [system("Anything."), user("x" * 3_000_000)], timeout=2)
        await world.is_exact()
        assert pids().isdisjoint(frozen)
    wait_until_gone(frozen)


async def test_a_process_that_was_only_slow_is_used_again(world: World) -> None:
    """What it missed meanwhile is settled before the next request."""
    with world.settings(**MAX_PROCESSES), anyio.fail_after(BOUND):
        await world.is_exact()
        while not world.processes.idle:
            await asyncio.sleep(0.01)
        (pid,) = pids()
        os.kill(pid, signal.SIGSTOP)
        marker = world.marker("text")
        with pytest.raises(litellm.Timeout):
            await litellm.acompletion(world.model, conversation(marker), timeout=0.5, **world.tables.odd)
        os.kill(pid, signal.SIGCONT)
        await world.is_exact()
        assert pids() == {pid}
    assert world.is_shared or world.bodies(marker) == []


@CORE
def test_close_ends_even_a_process_that_ignores_everything(world: World) -> None:
    """End of file, SIGTERM, and then the signal that nobody can ignore."""
    with world.settings(**MAX_PROCESSES):
        litellm.completion(world.model, conversation(world.marker("ignore_term")))
        groups = pids()
        uutel_bridge.close()
        assert not [each for each in processes() if each.group in groups]
        litellm.completion(world.model, conversation(world.marker("text")))


@ON_CLAUDE
@ON_FAKE
async def test_a_process_that_cannot_forget_is_not_used_again(world: World) -> None:
    """The request itself was fine."""
    with world.settings(**MAX_PROCESSES), anyio.fail_after(BOUND):
        response = await litellm.acompletion(world.model, conversation(world.marker("badrewind")))
        assert response.choices[0].message.content == "part0 part1 part2 part3 "
        before = pids()
        await world.is_exact()
        assert pids().isdisjoint(before)
        assert world.processes_started == 2


@pytest.mark.requirement("processes:failed")
async def test_a_process_killed_in_mid_answer_is_an_error(world: World) -> None:
    """In a call and in a stream, before its first word and after."""
    with world.settings(**MAX_PROCESSES), anyio.fail_after(BOUND):
        marker = world.marker("hang")
        call = asyncio.create_task(failure(world, marker))
        await anyio.to_thread.run_sync(world.arrives, marker)
        kill(pids())
        error = await call
        assert (type(error), getattr(error, "returncode", None)) == (CLIExited, -signal.SIGKILL)

        marker = world.marker("slow", n=600, delay=0.1)
        stream = await litellm.acompletion(world.model, conversation(marker), stream=True)
        await anext(stream)
        kill(pids())
        with pytest.raises(litellm.exceptions.MidStreamFallbackError) as caught:
            async for _ in stream:
                pass
        assert "Signal 9 ended it" in str(caught.value)
        await world.is_exact()
        assert len(pids()) == 1


@SHARED
@pytest.mark.requirement("processes:failed")
async def test_a_process_that_is_killed_fails_all_its_turns_and_is_replaced(world: World) -> None:
    """Each of them is told so, and the next request meets another process."""
    markers = [world.marker("slow", n=600, delay=0.1) for _ in range(3)]
    with world.settings(**MAX_PROCESSES), anyio.fail_after(BOUND):
        tasks = [asyncio.create_task(failure(world, marker, max_retries=0)) for marker in markers]
        for marker in markers:
            await anyio.to_thread.run_sync(world.arrives, marker)
        kill(pids())
        errors = await asyncio.gather(*tasks)
        await world.is_exact()
        assert world.processes_started == 2
    assert {type(error) for error in errors} == {CLIExited}
    assert [len(world.bodies(marker)) for marker in markers] == [1, 1, 1]


async def test_a_process_killed_while_idle_is_nobodys_trouble(world: World) -> None:
    """The next request just works, and so does the one that finds out in its own middle."""
    with world.settings(**MAX_PROCESSES), anyio.fail_after(BOUND):
        await world.is_exact()
        kill(pids())
        await world.is_exact()

        marker = world.marker("hang0")
        call = asyncio.create_task(litellm.acompletion(world.model, conversation(marker)))
        await anyio.to_thread.run_sync(world.arrives, marker)
        kill(pids())
        await anyio.to_thread.run_sync(lambda: world.api.wait_for(lambda api: len(api.of(marker)) == 2, timeout=60))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await world.is_exact()


def kill(victims: set[int]) -> None:
    """As the kernel does when memory is short."""
    assert victims
    for pid in victims:
        os.kill(pid, signal.SIGKILL)


@ON_FAKE
async def test_a_process_that_does_not_start_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason in the process's own words; once it starts again, all is well."""
    marker, variable = world.marker("text"), f"FAKE_{world.parts.executable.upper()}_FAIL_START"
    with world.settings(**MAX_PROCESSES, PASS_ENV=variable), anyio.fail_after(BOUND):
        monkeypatch.setenv(variable, "1")
        for _ in range(2):
            error = await failure(world, marker)
            assert type(error) is CLIExited
            assert error.evidence == f"fake {world.parts.executable}: failed to start on request"
            assert pids() == set()
        monkeypatch.delenv(variable)
        await world.is_exact()
    assert world.bodies(marker) == []


@CORE
async def test_a_slow_start_is_waited_for_as_long_as_the_caller_has_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who cannot wait gets a Timeout; the process goes on starting, and serves the next."""
    variable = f"FAKE_{world.parts.executable.upper()}_START_DELAY"
    with world.settings(**MAX_PROCESSES, PASS_ENV=variable), anyio.fail_after(BOUND):
        monkeypatch.setenv(variable, "3")
        with pytest.raises(litellm.Timeout):
            await litellm.acompletion(world.model, conversation(world.marker("text")), timeout=1)
        await world.is_exact()
        assert world.processes_started == 1


async def test_a_cli_that_is_uninstalled_is_an_error_that_says_how_to_mend_it(world: World, tmp_path: Path) -> None:
    """Between two requests; after the installation the next request works."""
    name = world.parts.executable
    executable = tmp_path / name
    installed = real_cli(name) if world.kind == "real" else testing.fakes_folder() / name
    executable.symlink_to(installed)
    with world.settings(**MAX_PROCESSES, EXECUTABLE=str(executable)), anyio.fail_after(BOUND):
        await world.is_exact()
        executable.unlink()
        error = await failure(world, world.marker("text"))
        assert isinstance(error, CLINotFound)
        assert world.parts.install_command in str(error)
        executable.symlink_to(installed)
        await world.is_exact()


@ON_FAKE
async def test_without_a_temporary_folder_the_error_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing starts, nothing is left, and the next request works."""
    with world.settings(**MAX_PROCESSES), anyio.fail_after(BOUND):
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(world.home / "gone"))
            error = await failure(world, world.marker("text"))
        assert "No such file or directory" in str(error)
        assert pids() == set()
        await world.is_exact()
