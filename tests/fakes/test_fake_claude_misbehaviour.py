"""The fake `claude` misbehaves on request, and never for long."""

import os
import signal

import anyio
import pytest

from tests.fakes.playing import is_delta, request, started, user


@pytest.mark.parametrize(("name", "deltas"), [("die0", 0), ("die", 1)])
async def test_it_can_die(name: str, deltas: int) -> None:
    """Before or amid the answer, with a word on stderr."""
    async with started() as fake:
        with pytest.raises(EOFError, match="died on request"):
            await fake.ask(f"[[scenario:{name}]]")
        assert await fake.exit_status() == 3
    assert sum(map(is_delta, fake.lines)) == deltas


async def test_it_can_write_what_is_no_json() -> None:
    """Amid an answer that is otherwise right."""
    async with started() as fake:
        await fake.ask("[[scenario:garbage]]")
    assert [is_delta(line) for line in fake.lines].index(True) + 1 == ["raw" in line for line in fake.lines].index(True)
    assert fake.lines[-1]["result"] == "part0 part1 part2 part3 "


async def test_it_can_flood_stderr() -> None:
    """It answers once somebody has read the megabyte."""
    async with started() as fake, anyio.create_task_group() as tasks:
        tasks.start_soon(fake.errors)
        result = await fake.ask("[[scenario:stderr_flood]]")
        await fake.end()
    assert result["is_error"] is False


async def test_it_can_fall_silent_until_its_input_ends() -> None:
    """Deaf to interrupts as well."""
    async with started() as fake:
        await fake.send(user("[[scenario:mute]]"), request("interrupt"))
        assert await fake.end() == 0
    assert fake.lines == []


async def test_it_can_close_its_output_and_live_on() -> None:
    """The end of stdout is not the end of the process."""
    async with started() as fake:
        await fake.send(user("[[scenario:close_stdout]]"))
        assert await fake.next_line() is None
        os.kill(fake.pid, 0)
        assert await fake.end() == 0


async def test_it_can_stop_reading_and_still_be_terminated() -> None:
    """A megabyte stays in the pipe."""
    async with started() as fake:
        await fake.send(user("[[scenario:no_read]]"))
        with anyio.move_on_after(1) as scope:
            await fake.send(user("x" * 2**21))
        assert scope.cancelled_caught
        fake.signal(signal.SIGTERM)
        assert await fake.exit_status() == 143


async def test_it_can_ignore_everything_but_a_kill() -> None:
    """It answers first."""
    async with started() as fake:
        assert (await fake.ask("[[scenario:ignore_term]]"))["is_error"] is False
        fake.signal(signal.SIGTERM)
        await fake.end_of_input()
        with anyio.move_on_after(1) as scope:
            await fake.exit_status()
        assert scope.cancelled_caught
        fake.signal(signal.SIGKILL)
        assert await fake.exit_status() == -signal.SIGKILL


async def test_it_can_refuse_a_rewind_that_was_right() -> None:
    """Once, as a process that cannot be proven clean."""
    async with started() as fake:
        await fake.ask("[[scenario:badrewind]]", uuid="u1")
        first, second = [await fake.control("rewind_conversation", target_message_uuid="u1") for _ in range(2)]
    assert (first["response"]["rewound"], second["response"]["rewound"]) == (False, True)


async def test_a_hanging_answer_does_not_outlive_its_caller() -> None:
    """Here the fake is kinder than the real one, which would wait for the model."""
    async with started() as fake:
        await fake.send(user("[[scenario:hang]]"))
        await fake.until(lambda line: line["type"] == "stream_event")
        assert await fake.end() == 1
