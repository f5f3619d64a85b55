"""The dialogue with a process, played with the fake as a real child."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from tests.providers.claude_code.sessions import BOUND, asked, launched, play, request, running, text_of, turns
from uutel_bridge import testing
from uutel_bridge.core.errors import CLIExited, ProtocolError
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.providers.claude_code import session as module
from uutel_bridge.providers.claude_code.models import (
    AssistantMessage,
    ClaudeCodeRequest,
    ClaudeCodeResponse,
    Result,
)
from uutel_bridge.providers.claude_code.session import ClaudeCodeSession


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with a login, and the file in which the fake writes down what it asks the model."""
    with testing.fake_clis() as home:
        monkeypatch.setenv("FAKE_CLI_LOG", str(home / "log"))
        yield home / "log"


async def test_a_turn_ends_with_its_result() -> None:
    """Everything that says something comes before it."""
    async with running() as session:
        messages = await play(session, request("Hello [[scenario:text]]"))
    assert text_of(messages) == "part0 part1 part2 part3 "
    assert [type(message) for message in messages].count(Result) == 1
    assert isinstance(messages[-1], Result)
    assert any(isinstance(message, AssistantMessage) for message in messages)


async def test_a_turn_is_told_whole(log: Path) -> None:
    """Model, prompt, history and parameters."""
    wanted = request("one", "two", "three", prompt="Be exact.", max_tokens=7, effort="low", body={"top_p": 0.5})
    async with running() as session:
        await play(session, wanted)
    (body,) = asked(log)
    assert turns(body) == [("user", "one"), ("assistant", "two"), ("user", "three")]
    assert body["system"][-1]["text"] == "Be exact."
    assert (body["max_tokens"], body["top_p"], body["output_config"]) == (7, 0.5, {"effort": "low"})


ENDS = ["text", "thinking", "max_tokens", "refusal", "empty", "e400", "e401", "e529", "limit", "drop", "truncated"]


@pytest.mark.parametrize("earlier", [(), ("secret question", "secret answer")], ids=["first", "later"])
@pytest.mark.parametrize("scenario", ENDS)
async def test_after_a_reset_nothing_is_left(log: Path, scenario: str, earlier: tuple[str, ...]) -> None:
    """However the turn ended."""
    wanted = request(*earlier, f"secret [[scenario:{scenario}]]", prompt="secret", effort="max", body={"top_p": 0.1})
    async with running() as session:
        await play(session, wanted)
        assert await session.reset() is True
        await play(session, request("Hello"))
    last = asked(log)[-1]
    assert "secret" not in json.dumps(last)
    assert turns(last) == [("user", "Hello")]
    assert "top_p" not in last
    assert last["output_config"] != {"effort": "max"}


@pytest.mark.parametrize("events", [0, 1, 3])
async def test_after_a_reset_nothing_is_left_of_a_turn_that_was_given_up(log: Path, events: int) -> None:
    """Before its first word, or at any other."""
    async with running() as session:
        turn = session.run(request("secret", "secret", "secret [[scenario:slow n=999]]", prompt="secret"))
        async with aclosing(turn):
            for _ in range(events):
                await anext(turn)
        assert await session.reset() is True
        assert text_of(await play(session, request("Hello"))) == "part0 part1 part2 part3 "
    last = asked(log)[-1]
    assert "secret" not in json.dumps(last)
    assert turns(last) == [("user", "Hello")]


async def test_a_turn_that_was_cancelled_in_its_history_leaves_nothing(log: Path) -> None:
    """A long one takes a while to tell."""
    said = [f"secret {n}" for n in range(401)]
    async with running() as session:
        with anyio.move_on_after(0.1):
            await play(session, request(*said, prompt="secret"))
        assert await session.reset() is True
        await play(session, request("Hello"))
    assert "secret" not in json.dumps(asked(log)[-1])


async def test_an_unused_session_is_clean() -> None:
    """It still has to say so."""
    async with running() as session:
        assert await session.reset() is True
        assert await session.reset() is True


async def test_a_conversation_that_began_with_an_answer_is_not_forgotten() -> None:
    """A rewind does not reach it, so such a process serves nobody else."""
    async with running() as session:
        await play(session, request("an answer first", "Hello"))
        assert await session.reset() is False


async def test_a_process_without_rewind_is_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses in its own words."""
    monkeypatch.setenv("FAKE_CLAUDE_LACKS", "rewind")
    async with running() as session:
        await play(session, request("Hello"))
        assert await session.reset() is False
        with pytest.raises(ProtocolError) as caught:
            await session.forget()
    assert caught.value.evidence == "Unsupported control request subtype: rewind_conversation"


async def test_a_rewind_that_did_nothing_is_no_reset() -> None:
    """The answer is what counts."""
    async with running() as session:
        await play(session, request("[[scenario:badrewind]]"))
        assert await session.reset() is False


@pytest.mark.parametrize("begun", [False, True], ids=["before its turn", "in its turn"])
async def test_a_process_that_hangs_is_not_clean(monkeypatch: pytest.MonkeyPatch, begun: bool) -> None:
    """Also where there is nothing to forget yet."""
    monkeypatch.setattr(module, "_RESET_SECONDS", 0.3)
    child = await Child.start(launched(request("any")))
    session = ClaudeCodeSession(child, reusable=True)
    with anyio.fail_after(BOUND):
        await session.start()
        if not begun:
            os.kill(child.pid, signal.SIGSTOP)
        with anyio.move_on_after(0.3):
            await play(session, request("[[scenario:mute]]"))
        assert await session.reset() is False
        await session.aclose()


async def test_one_turn_is_all_that_a_cold_process_serves(log: Path) -> None:
    """It is started for it, and told the prompt and the history."""
    wanted = request("one", "two", "three", prompt="Be exact.", max_tokens=7)
    async with running(launched(wanted, warm=False), reusable=False) as session:
        assert text_of(await play(session, wanted)) == "part0 part1 part2 part3 "
        assert await session.reset() is False
    (body,) = asked(log)
    assert turns(body) == [("user", "one"), ("assistant", "two"), ("user", "three")]
    assert (body["system"][-1]["text"], body["max_tokens"]) == ("Be exact.", 7)


async def test_what_came_before_nonsense_is_not_lost() -> None:
    """Though both come in one piece."""
    seen: list[ClaudeCodeResponse] = []
    async with running() as session:
        with pytest.raises(ProtocolError) as caught:
            await collect(session, request("[[scenario:garbage]]"), seen)
    assert text_of(seen) == "part0 "
    assert caught.value.evidence == "this line is no JSON {{{"


async def test_a_process_that_dies_says_so_itself() -> None:
    """Its status and its last words."""
    seen: list[ClaudeCodeResponse] = []
    async with running() as session:
        with pytest.raises(CLIExited) as caught:
            await collect(session, request("[[scenario:die]]"), seen)
        assert await session.reset() is False
    assert (caught.value.returncode, caught.value.evidence) == (3, "fake claude: died on request")
    assert text_of(seen) == "part0 "


async def collect(session: ClaudeCodeSession, wanted: ClaudeCodeRequest, into: list[ClaudeCodeResponse]) -> None:
    """A turn, as far as it gets."""
    async for message in session.run(wanted):
        into.append(message)  # noqa: PERF401  # what came before an error counts


async def test_a_process_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own words."""
    monkeypatch.setenv("FAKE_CLAUDE_FAIL_START", "1")
    with pytest.raises(CLIExited, match="failed to start on request"):
        async with running():
            raise AssertionError


async def test_a_program_that_knows_no_protocol_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it complains of is the evidence."""
    monkeypatch.setattr(module, "_START_SECONDS", 1.0)
    code = "import sys; sys.stderr.write('what?'); sys.stderr.flush(); sys.stdin.read()"
    with pytest.raises(ProtocolError) as caught:
        async with running(LaunchPlan((sys.executable, "-S", "-c", code), ())):
            raise AssertionError
    assert caught.value.evidence == "what?"


async def test_a_refused_request_is_an_error_in_the_clis_words() -> None:
    """The turn does not begin."""
    async with running() as session:
        with pytest.raises(ProtocolError) as caught:
            await session._control({"subtype": "dance"})
    assert caught.value.evidence == "Unsupported control request subtype: dance"
