"""The dialogue with an app-server, played with the fake, or with a few lines of the test's own, as a real child."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from tests.providers.codex.sessions import (
    BOUND,
    TOOL,
    asked,
    launched,
    lines,
    methods,
    play,
    request,
    running,
    said,
    scripted,
    text_of,
    until,
)
from uutel_bridge import testing
from uutel_bridge.core.errors import CLIExited, CLIVersion, ProtocolError, UUError
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.providers.codex import session as module
from uutel_bridge.providers.codex.models import CodexRequest, CodexResponse
from uutel_bridge.providers.codex.session import CodexSession

THREAD = "answer('thread/start', thread={'id': 't'})\n"
TURN = THREAD + "answer('turn/start', turn={'id': 'n'})\n"
END = "say(method='turn/completed', params={'threadId': 't', 'turn': {'id': 'n', 'status': 'completed'}})\nwait('no')\n"


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with a login, and the file in which the fake writes down what it asks the model."""
    with testing.fake_clis() as home:
        monkeypatch.setenv("FAKE_CLI_LOG", str(home / "log"))
        yield home / "log"


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    """Where a stand-in writes down what it was told."""
    return tmp_path / "heard"


async def loaded(session: CodexSession) -> list[str]:
    """The threads that the app-server holds."""
    return (await session._rpc.ask("thread/loaded/list", {}))["data"]


async def collect(session: CodexSession, wanted: CodexRequest, into: list[CodexResponse]) -> None:
    """A turn, as far as it gets."""
    async for notice in session.run(wanted):
        into.append(notice)  # noqa: PERF401  # what came before an error counts


# Turns


async def test_a_turn_ends_with_its_completion() -> None:
    """Just before it, how the plan's limits stand."""
    async with running() as session:
        notices = await play(session, request("Hello [[scenario:rate_warning]]"))
    assert text_of(notices) == "part0 part1 part2 part3 "
    assert [notice.method for notice in notices[-2:]] == ["account/rateLimits/updated", "turn/completed"]


async def test_a_turn_is_told_whole(log: Path) -> None:
    """Instructions, history and parameters."""
    wanted = request("one", "two", "three", instructions="Be exact.", effort="low", output_schema={"type": "object"})
    async with running() as session:
        await play(session, wanted)
    (body,) = asked(log)
    assert said(body) == [("developer", "Be exact."), ("user", "one"), ("assistant", "two"), ("user", "three")]
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}
    assert body["text"]["format"]["schema"] == {"type": "object"}


ALONE = "Hello, [@you](app://x)! /compact"


@pytest.mark.parametrize(
    ("texts", "items"),
    [
        ((ALONE,), False),
        (("x" * 2**20,), False),
        (("x" * (2**20 + 1),), True),
        (("use $skill",), True),
        (("one", "two", "three"), True),
    ],
    ids=["a text", "a long one", "too long a one", "with a sigil", "a conversation"],
)
async def test_only_what_is_not_a_single_plain_text_goes_as_items(
    heard: Path, texts: tuple[str, ...], items: bool
) -> None:
    """They cost a request more, but nothing in them means anything to the CLI."""
    code = (
        THREAD + ("answer('thread/inject_items')\n" if items else "") + "answer('turn/start', turn={'id': 'n'})\n" + END
    )
    async with running(scripted(code, heard)) as session:
        await play(session, request(*texts))
    assert ("thread/inject_items" in methods(heard)) is items


async def test_either_way_the_model_is_told_the_same(log: Path) -> None:
    """Several parts stay several."""
    parts = [{"type": "input_text", "text": "one"}, {"type": "input_text", "text": "two"}]
    wanted = CodexRequest(None, "", ({"type": "message", "role": "user", "content": parts},))
    other = CodexRequest(
        None, "", ({"type": "message", "role": "user", "content": [*parts, {"type": "input_text", "text": "$"}]},)
    )
    async with running() as session:
        await play(session, wanted)
        await play(session, other)
    first, second = (body["input"][0]["content"] for body in asked(log))
    assert (first, second) == (parts, [*parts, {"type": "input_text", "text": "$"}])


async def test_turns_run_side_by_side_and_do_not_mix() -> None:
    """Each on a thread of its own, dropped at its end."""
    answers: dict[int, list[CodexResponse]] = {n: [] for n in range(20)}
    async with running() as session:
        async with anyio.create_task_group() as group:
            for n, answer in answers.items():
                group.start_soon(collect, session, request(f"number {n}! [[scenario:echo]]"), answer)
        await until(lambda: session._rpc.busy == 1)
        assert len(await loaded(session)) == 1, "more than the one opened ahead"
    assert [text_of(answer) for answer in answers.values()] == [f"number {n}! " for n in answers]
    assert all(
        len({n.params["threadId"] for n in answer if "threadId" in n.params}) == 1 for answer in answers.values()
    )


async def test_the_next_turn_of_a_kind_finds_its_thread_open(heard: Path) -> None:
    """One of another kind gets its own, and the other is dropped."""
    code = THREAD + "answer('turn/start', turn={'id': 'n'})\n" + END.replace("wait('no')\n", "")
    ahead = "answer('thread/start', thread={'id': 't2'})\n"
    second = "answer('turn/start', turn={'id': 'n'})\n" + END.replace("'t'", "'t2'").replace("wait('no')\n", "")
    third = ahead.replace("t2", "t3") + ahead.replace("t2", "t4")
    third += "answer('turn/start', turn={'id': 'n'})\n" + END.replace("'t'", "'t4'")
    async with running(scripted(code + ahead + second + third, heard)) as session:
        await play(session, request("one"))
        await until(lambda: methods(heard).count("thread/start") == 2)
        await play(session, request("two"))
        await play(session, request("three", instructions="Be brief."))
        await until(lambda: methods(heard).count("thread/unsubscribe") == 4)
    threads = [line["params"] for line in lines(heard) if line.get("method") == "turn/start"]
    assert [each["threadId"] for each in threads] == ["t", "t2", "t4"]


async def test_a_thread_that_could_not_be_opened_ahead_is_asked_for_again(heard: Path) -> None:
    """Nobody is told of the first refusal."""
    code = THREAD + "answer('turn/start', turn={'id': 'n'})\n" + END.replace("wait('no')\n", "")
    refused = "say(id=wait('thread/start')['id'], error={'code': 1, 'message': 'no'})\n"
    async with running(scripted(code + refused + TURN + END, heard)) as session:
        await play(session, request("one"))
        await until(lambda: session._ahead is None)
        await play(session, request("two"))


async def test_a_turn_ends_with_its_first_calls(log: Path) -> None:
    """The model is not asked again with an answer of the CLI's own."""
    async with running() as session:
        notices = await play(session, request("[[scenario:tools]]", tools=(TOOL, {**TOOL, "name": "b_tool"})))
    calls = [
        n for n in notices if n.method == "rawResponseItem/completed" and n.params["item"]["type"] == "function_call"
    ]
    assert len(calls) == 2
    assert notices[-1].params["turn"]["status"] == "interrupted"
    assert len(asked(log)) == 1


# Turns that are given up


@pytest.mark.parametrize("notices", [0, 1, 3])
async def test_a_turn_that_is_given_up_is_broken_off(notices: int) -> None:
    """Its thread is dropped; the next turn knows nothing of it."""
    async with running() as session:
        async with aclosing(session.run(request("[[scenario:slow n=999]]"))) as turn:
            for _ in range(notices):
                await anext(turn)
        await until(lambda: session._rpc.busy == 1)
        assert await loaded(session) == []
        assert text_of(await play(session, request("Hello"))) == "part0 part1 part2 part3 "


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("late = wait('thread/start')\nREADY\nsay(id=late['id'], result={'thread': {'id': 't'}})", []),
        (THREAD + "wait('thread/inject_items')\nREADY", ["thread/inject_items"]),
        (
            THREAD + "answer('thread/inject_items')\nlate = wait('turn/start')\nREADY\n"
            "say(id=late['id'], result={'turn': {'id': 'n'}})\nanswer('turn/interrupt')",
            ["thread/inject_items", "turn/start", "turn/interrupt"],
        ),
    ],
    ids=["as its thread opens", "as its items go in", "as it begins"],
)
async def test_a_turn_cancelled_before_it_has_a_name_is_broken_off_all_the_same(
    heard: Path, code: str, expected: list[str]
) -> None:
    """As soon as the app-server has told the name."""
    ready = "wait('gone')"  # a line from the test: the turn has been cancelled
    code = code.replace("READY", ready) + "\nanswer('thread/unsubscribe')\nwait('no')\n"
    async with running(scripted(code, heard)) as session:
        turn = asyncio.ensure_future(play(session, request("one", "two", "three")))
        last = expected[-2] if expected[-1:] == ["turn/interrupt"] else (expected or ["thread/start"])[-1]
        await until(lambda: heard.exists() and last in methods(heard))
        turn.cancel()
        await asyncio.wait([turn])
        await session._rpc.tell("gone", {})
        await until(lambda: "thread/unsubscribe" in methods(heard))
    told = [each for each in methods(heard) if each not in {"initialize", "initialized", "gone"}]
    assert told == ["thread/start", *expected, "thread/unsubscribe"]


async def test_an_interrupt_that_comes_too_late_is_no_error(heard: Path) -> None:
    """The turn had just ended by itself."""
    called = {"threadId": "t", "turnId": "n", "item": {"type": "function_call"}}
    code = (
        f"{TURN}say(method='rawResponseItem/completed', params={called})\n"
        "say(method='rawResponse/completed', params={'threadId': 't', 'turnId': 'n'})\n"
        "late = wait('turn/interrupt')['id']\n"
        "say(id=late, error={'code': -32600, 'message': 'no active turn to interrupt'})\n" + END
    )
    async with running(scripted(code, heard)) as session:
        notices = await play(session, request("Hello"))
        assert session.alive
    assert [notice.method for notice in notices][-1] == "turn/completed"
    assert methods(heard).count("turn/interrupt") == 1


# Versions that do less


def unproven() -> LaunchPlan:
    """How a version is started that failed the probe."""
    return replace(launched(), proven=False)


async def test_an_unproven_version_is_asked_for_stable_things_only(heard: Path) -> None:
    """And is believed when it says that the turn is over."""
    code = f"{THREAD}answer('thread/inject_items')\nanswer('turn/start', turn={{'id': 'n'}})\n{END}"
    async with running(replace(scripted(code, heard), proven=False)) as session:
        notices = await play(session, request("one", "two", "three"))
    assert [notice.method for notice in notices] == ["rawResponse/completed", "turn/completed"]
    asked_for = {name for line in lines(heard) for name in line.get("params", {})}
    assert not asked_for & {"dynamicTools", "environments", "experimentalRawEvents"}
    assert lines(heard)[0]["params"]["capabilities"] == {"experimentalApi": False}


@pytest.mark.parametrize("texts", [("Hello",), ("one", "two", "three")])
async def test_an_unproven_version_chats(monkeypatch: pytest.MonkeyPatch, log: Path, texts: tuple[str, ...]) -> None:
    """Whole conversations."""
    monkeypatch.setenv("FAKE_CODEX_LACKS", "raw_events,dynamic_tools")
    async with running(unproven()) as session:
        assert text_of(await play(session, request(*texts))) == "part0 part1 part2 part3 "
    assert [text for _, text in said(asked(log)[0])] == list(texts)


async def test_an_unproven_version_that_acts_by_itself_is_stopped(heard: Path) -> None:
    """Its own tools are none of the caller's."""
    item = {"threadId": "t", "turnId": "n", "item": {"type": "commandExecution"}}
    code = f"{TURN}say(method='item/started', params={item})\nwait('no')\n"
    async with running(replace(scripted(code, heard), proven=False)) as session:
        with pytest.raises(ProtocolError) as caught:
            await play(session, request("Hello"))
    assert caught.value.evidence == "commandExecution"


async def test_a_version_that_takes_no_history_is_told_to_be_too_old(heard: Path) -> None:
    """In its own words."""
    code = THREAD + "say(id=wait('thread/inject_items')['id'], error={'code': -32600, 'message': 'unknown variant'})\n"
    async with running(replace(scripted(code + "wait('no')\n", heard), proven=False)) as session:
        with pytest.raises(CLIVersion) as caught:
            await play(session, request("one", "two", "three"))
    assert caught.value.evidence == "unknown variant"


# What the app-server says wrong, and how it ends


async def test_no_more_requests_are_made_than_the_app_server_takes(heard: Path) -> None:
    """It would refuse the others; they wait instead."""
    code = f"first = [wait('thread/start')['id'] for _ in range({module._REQUESTS_AT_ONCE})]\nwait('gone')\n"
    async with running(scripted(code + "wait('no')\n", heard)) as session:
        turns = [asyncio.ensure_future(play(session, request("Hello"))) for _ in range(200)]
        await until(lambda: heard.exists() and methods(heard).count("thread/start") == module._REQUESTS_AT_ONCE)
        await session._rpc.tell("gone", {})
        await until(lambda: "gone" in methods(heard))
        assert methods(heard).count("thread/start") == module._REQUESTS_AT_ONCE
        await session.aclose()
        assert {type(error) for error in await asyncio.gather(*turns, return_exceptions=True)} == {CLIExited}


async def test_a_request_of_the_app_servers_is_refused(heard: Path) -> None:
    """It must not wait for an answer that never comes."""
    code = f"{TURN}say(id='a', method='item/fileChange/requestApproval', params={{}})\nwait()\n{END}"
    async with running(scripted(code, heard)) as session:
        await play(session, request("Hello"))
    (refusal,) = (line["error"] for line in lines(heard) if "error" in line)
    assert refusal["code"] == -32601


async def test_an_app_server_that_does_not_tell_the_models_calls_is_no_use(heard: Path) -> None:
    """The end of the answer would be waited for without end."""
    where = {"threadId": "t", "turnId": "n", "callId": "c"}
    code = f"{TURN}say(id=0, method='item/tool/call', params={where})\nwait('no')\n"
    async with running(scripted(code, heard)) as session:
        with pytest.raises(ProtocolError, match="the result of a function"):
            await play(session, request("Hello"))


@pytest.mark.parametrize(
    "code",
    [
        "answer('thread/start', thread=None)\n",
        "answer('thread/start')\n",
        THREAD + "answer('turn/start', turn={})\n",
        TURN + "say(method='turn/completed', params={'threadId': 't', 'turn': 1})\n",
        TURN + "say(method='rawResponseItem/completed', params={'threadId': 't', 'turnId': 'n', 'item': {}})\n",
    ],
)
async def test_a_message_without_what_belongs_in_it_is_a_typed_error(heard: Path, code: str) -> None:
    """Whatever is missing."""
    async with running(scripted(code + "wait('no')\n", heard)) as session:
        with pytest.raises(ProtocolError):
            await play(session, request("Hello"))


@pytest.mark.parametrize("proven", [True, False])
async def test_an_end_that_says_nothing_is_told_as_it_came(heard: Path, proven: bool) -> None:
    """What is wrong with it is for the translator to say; an item that is none is no answer."""
    where = {"threadId": "t", "turnId": "n"}
    odd = f"say(method='item/started', params={where | {'item': 1}})\n" if proven else ""
    code = f"{TURN}{odd}say(method='turn/completed', params={where | {'turn': 1}})\nwait('no')\n"
    async with running(replace(scripted(code, heard), proven=proven)) as session:
        (notice,) = await play(session, request("Hello"))
    assert (notice.method, notice.params["turn"]) == ("turn/completed", 1)


async def test_notices_of_no_thread_are_passed_over(heard: Path) -> None:
    """Also where they name it strangely."""
    odd = "".join(
        f"say(method='turn/completed', params={params})\n" for params in ({}, {"threadId": []}, {"threadId": "x"})
    )
    async with running(scripted(TURN + odd + END, heard)) as session:
        assert [notice.method for notice in await play(session, request("Hello"))] == ["turn/completed"]


async def test_instructions_of_its_own_are_refused(heard: Path) -> None:
    """Where they come from is the evidence."""
    code = (
        "answer('thread/start', thread={'id': 't'}, instructionSources=['/AGENTS.md'])\nanswer('thread/unsubscribe')\n"
    )
    async with running(scripted(code + "wait('no')\n", heard)) as session:
        with pytest.raises(ProtocolError) as caught:
            await play(session, request("Hello"))
    assert caught.value.evidence == "['/AGENTS.md']"


async def test_a_refused_request_is_an_error_in_the_clis_words() -> None:
    """The process goes on."""
    async with running() as session:
        with pytest.raises(ProtocolError) as caught:
            await session._rpc.ask("thread/dance", {})
        assert "thread/dance" in caught.value.evidence
        assert await session.reset() is True


async def test_what_came_before_nonsense_is_not_lost() -> None:
    """Though both come in one piece; after it the process serves nobody."""
    seen: list[CodexResponse] = []
    async with running() as session:
        with pytest.raises(ProtocolError) as caught:
            await collect(session, request("[[scenario:garbage]]"), seen)
        assert not session.alive
        assert await session.reset() is False
        with pytest.raises(ProtocolError):
            await play(session, request("Hello"))
    assert text_of(seen) == "part0 "
    assert caught.value.evidence == "this line is no JSON {{{"


async def test_a_process_that_dies_says_so_to_each_of_its_turns() -> None:
    """Its status and its last words, in an error of its own for each."""
    errors: list[CLIExited] = []

    async def fail(session: CodexSession, text: str) -> None:
        with pytest.raises(CLIExited) as caught:
            await play(session, request(text))
        errors.append(caught.value)

    async with running() as session:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(fail, session, "[[scenario:hang]]")
            await until(lambda: len(session._threads) == 3)
            group.start_soon(fail, session, "[[scenario:die]]")
        assert await session.reset() is False
    assert {error.returncode for error in errors} == {3}
    assert all("fake codex: died on request" in error.evidence for error in errors)
    assert len({id(error) for error in errors}) == 4


async def test_a_process_that_closes_its_output_serves_nobody() -> None:
    """Though it lives on."""
    async with running() as session:
        with pytest.raises(CLIExited, match="It still runs"):
            await play(session, request("[[scenario:close_stdout]]"))
        assert not session.alive


async def test_a_flood_of_complaints_is_no_error() -> None:
    """Stderr is read all along."""
    async with running() as session:
        assert text_of(await play(session, request("[[scenario:stderr_flood]]"))) == "part0 part1 part2 part3 "


@pytest.mark.parametrize("scenario", ["hang", "mute", "no_read"])
async def test_turns_that_run_when_it_is_stopped_fail(scenario: str) -> None:
    """Typed, and none of them waits on."""
    async with running() as session:
        turns = [asyncio.ensure_future(play(session, request(f"[[scenario:{scenario}]]"))) for _ in range(3)]
        await until(lambda: bool(session._threads))
        await session.aclose()
        for turn in turns:
            with pytest.raises(UUError):
                await turn


async def test_a_stop_whose_caller_leaves_goes_on() -> None:
    """And so do the ends of its turns."""
    async with running() as session:
        turn = asyncio.ensure_future(play(session, request("[[scenario:hang]]")))
        await until(lambda: bool(session._threads))
        with anyio.CancelScope() as scope:
            scope.cancel()
            await session.aclose()
        with pytest.raises(CLIExited, match="The bridge stopped it"):
            await turn


# Starts


async def test_a_process_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own words."""
    monkeypatch.setenv("FAKE_CODEX_FAIL_START", "1")
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


async def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    """The process is stopped as any other."""
    session = CodexSession(await Child.start(launched()), cwd="/")
    with anyio.fail_after(BOUND):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await session.start()
        await session.aclose()
    assert not session._rpc.busy
    assert not session.alive
