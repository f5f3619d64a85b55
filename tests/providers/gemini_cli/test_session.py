"""The dialogue with `gemini --acp`, played with the fake, or with a few lines of the test's own, as a real child."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.providers.gemini_cli.sessions import (
    BOUND,
    CALLED,
    MODEL,
    TOLD,
    TOOL,
    asked,
    declared,
    holding,
    launched,
    lines,
    methods,
    play,
    record_of,
    request,
    running,
    said,
    scripted,
    slowed,
    text_of,
    told,
    until,
)
from uutel_bridge import testing
from uutel_bridge.core.errors import CLIExited, LoginExpired, ProtocolError, RequestRefused, UUError
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.providers.gemini_cli import session as module
from uutel_bridge.providers.gemini_cli.models import GeminiCLIRequest, GeminiCLIResponse
from uutel_bridge.providers.gemini_cli.session import GeminiCLISession

REPLAY = "update(s, 'user_message_chunk')\n"
LOAD = "s = answer('session/load')\n" + REPLAY
MODEL_SET = "answer('session/set_model')\n"
ASKED = LOAD + MODEL_SET + "p = wait('session/prompt')['id']\n"
END = "say(id=p, result={'stopReason': 'end_turn'})\n"
STAY = "wait('no')\n"
PLAIN = "part0 part1 part2 part3 "


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home, and the file in which the fake writes down what it asks the model."""
    with testing.fake_clis() as home:
        log = home / "log"
        log.touch()
        monkeypatch.setenv("FAKE_CLI_LOG", str(log))
        yield log


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    """Where a stand-in writes down what it was told."""
    return tmp_path / "heard"


def files(session: GeminiCLISession) -> list[Path]:
    """The session files, and the dumps of errors."""
    return [*session._chats.glob("*"), *session._home.glob("gemini-client-error-*")]


def quiet(session: GeminiCLISession) -> bool:
    """Whether nothing is under way but the reading."""
    return session._rpc.busy == 1


async def collect(session: GeminiCLISession, wanted: GeminiCLIRequest, into: list[GeminiCLIResponse]) -> None:
    """A turn, as far as it gets."""
    async for update in session.run(wanted):
        into.append(update)  # noqa: PERF401  # what came before an error counts


# Turns


async def test_a_turn_ends_with_its_record_and_its_result() -> None:
    """After all that was streamed."""
    async with running() as session:
        updates = await play(session, request("Hello [[scenario:thinking]]"))
    kinds = [update.kind for update in updates]
    assert kinds == [
        *["agent_thought_chunk"] * kinds.count("agent_thought_chunk"),
        *["agent_message_chunk"] * kinds.count("agent_message_chunk"),
        "record",
        "answered",
    ]
    assert kinds.count("agent_thought_chunk") == 2
    assert record_of(updates)["content"] == text_of(updates).strip()
    assert record_of(updates)["tokens"]["thoughts"] == 4
    assert updates[-1].data["stopReason"] == "end_turn"


async def test_an_answer_without_a_word_has_no_record() -> None:
    """The CLI takes it back; an answer of the conversation is not taken for it."""
    async with running() as session:
        updates = await play(session, request("one", "two", "three [[scenario:empty]]"))
    assert [update.kind for update in updates] == ["answered"]


async def test_a_turn_is_told_whole(log: Path) -> None:
    """System prompt, history and model, and not a word more."""
    async with running() as session:
        await play(session, request("one", "two", "three\u2028", system="Be exact."))
    (body,) = asked(log)
    assert said(body) == [("user", "one"), ("model", "two"), ("user", "three\u2028")]
    assert told(body) == "Be exact."
    assert body["model"] == MODEL
    assert declared(body) == []


@pytest.mark.parametrize("beginning", ["/about", "/", "?", "$help", "<session_context>", "<hook_context>", " /x", "@x"])
async def test_beginnings_that_mean_something_to_the_cli_reach_the_model(log: Path, beginning: str) -> None:
    """Whether it is the first turn, the last, or one between."""
    texts = [f"{beginning} {n}" for n in range(5)]
    async with running() as session:
        await play(session, request(*texts))
        await play(session, request(texts[0]))
    assert [[text for _, text in said(body)] for body in asked(log)] == [texts, texts[:1]]


async def test_a_conversation_may_end_with_results(log: Path) -> None:
    """The call and what it brought are the model's last words."""
    async with running() as session:
        await play(session, request("Look.", then=[*CALLED, *TOLD], tools=[TOOL]))
    (body,) = asked(log)
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]
    (call,), (result,) = (content["parts"] for content in body["contents"][1:])
    assert call["functionCall"] == {"id": "c", "name": "mcp_u_a_tool", "args": {"n": 1}}
    assert result == {"functionResponse": {"id": "c", "name": "mcp_u_a_tool", "response": {"output": "a result"}}}


async def test_a_long_conversation_is_told_back_before_it_is_answered(log: Path) -> None:
    """Though some of it is told late."""
    texts = [f"{n}" for n in range(301)]
    async with running() as session:
        updates = await play(session, request(*texts))
    assert text_of(updates) == PLAIN
    assert [text for _, text in said(asked(log)[0])] == texts


async def test_a_turn_ends_with_its_calls(log: Path) -> None:
    """All of them are noted, and the model is not asked again."""
    other = {**TOOL, "function": {**TOOL["function"], "name": "b_tool"}}
    async with running() as session:
        updates = await play(session, request("[[scenario:tools]]", tools=[TOOL, other]))
    calls = record_of(updates)["toolCalls"]
    assert [(call["name"], call["args"]) for call in calls] == [("mcp_u_a_tool", {"n": 0}), ("mcp_u_b_tool", {"n": 1})]
    assert text_of(updates) == "Let me look. "
    assert updates[-1].data["stopReason"] == "max_turn_requests"
    assert len(asked(log)) == 1


async def test_turns_run_side_by_side_and_do_not_mix(log: Path) -> None:
    """They begin one after another, for the CLI is slow to begin two at once."""
    answers: dict[int, list[GeminiCLIResponse]] = {n: [] for n in range(16)}
    async with running() as session:
        async with anyio.create_task_group() as group:
            for n, answer in answers.items():
                group.start_soon(collect, session, request(f"number {n}! [[scenario:echo]]"), answer)
        await until(lambda: quiet(session))
        assert files(session) == []
    assert [text_of(answer) for answer in answers.values()] == [f"number {n}! " for n in answers]
    assert [record_of(answer)["content"] for answer in answers.values()] == [f"number {n}!" for n in answers]
    assert slowed(log) == []


async def test_turns_side_by_side_see_their_own_functions(log: Path) -> None:
    """And no others."""
    tools = {n: {**TOOL, "function": {**TOOL["function"], "name": f"tool_{n}"}} for n in range(8)}
    answers: dict[int, list[GeminiCLIResponse]] = {n: [] for n in tools}
    async with running() as session, anyio.create_task_group() as group:
        for n, answer in answers.items():
            group.start_soon(collect, session, request(f"{n} [[scenario:tool]]", tools=[tools[n]]), answer)
    for n, answer in answers.items():
        (call,) = record_of(answer)["toolCalls"]
        assert call["name"] == f"mcp_u_tool_{n}"
    assert {said(body)[0][1].split()[0]: declared(body) for body in asked(log)} == {
        str(n): [f"mcp_u_tool_{n}"] for n in tools
    }


async def test_the_system_prompt_is_each_turns_own(log: Path) -> None:
    """Also where it is none, and where it was one before."""
    prompts = ["one", "two", "", "two", "two", "üä\u2028\r\n."]
    async with running() as session:
        for prompt in prompts:
            await play(session, request("Hello", system=prompt))
        await play(session, request("Hello", system="two", tools=[TOOL]))
    assert [told(body) for body in asked(log)] == [*prompts, "two"]


async def test_a_system_prompt_takes_the_place_of_a_longer_one(log: Path) -> None:
    """At once, though the turn that had that one is still being left."""
    async with running() as session:
        turn = asyncio.ensure_future(play(session, request("[[scenario:hang]]", system="a longer one")))
        await until(lambda: log.exists() and len(asked(log)) == 1)
        turn.cancel()
        await asyncio.wait([turn])
        await play(session, request("Hello", system="short"))
    assert [told(body) for body in asked(log)] == ["a longer one", "short"]


# Replays


async def test_a_turn_begins_when_all_of_it_was_told_back(heard: Path) -> None:
    """What comes late is not taken for the answer."""
    code = f"s = answer('session/load')\n{REPLAY}{MODEL_SET}wait('gone')\n"
    code += f"update(s, 'agent_message_chunk', 'two')\n{REPLAY}p = wait('session/prompt')['id']\n"
    code += f"update(s, 'agent_message_chunk', 'four')\n{END}{STAY}"
    async with running(scripted(code, heard)) as session:
        turn = asyncio.ensure_future(play(session, request("one", "two", "three")))
        await until(lambda: "session/set_model" in methods(heard))
        await session._rpc.tell("gone", {})
        assert text_of(await turn) == "four"
    assert methods(heard)[-2:] == ["gone", "session/prompt"]


async def test_a_replay_that_never_ends_is_a_typed_error(heard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is not asked for an answer."""
    monkeypatch.setattr(module, "_REPLAY_SECONDS", 0.2)
    async with running(scripted(LOAD + MODEL_SET + STAY, heard)) as session:
        with pytest.raises(ProtocolError, match="did not tell the conversation back"):
            await play(session, request("one", "two", "three"))
        await until(lambda: quiet(session))
        assert files(session) == []
        assert session.alive
    assert "session/prompt" not in methods(heard)


# Turns that are given up


@pytest.mark.parametrize("updates", [0, 1, 3])
async def test_a_turn_that_is_given_up_is_broken_off(log: Path, updates: int) -> None:
    """Its file is removed; the next turn knows nothing of it."""
    async with running() as session:
        async with aclosing(session.run(request("[[scenario:slow n=999 delay=0.01]]", tools=[TOOL]))) as turn:
            for _ in range(updates):
                await anext(turn)
        assert await session.reset() is True
        assert holding(session, "slow", "a_tool") == []
        assert session._turns == {}
        assert text_of(await play(session, request("Hello"))) == PLAIN
    assert said(asked(log)[-1]) == [("user", "Hello")]


@pytest.mark.parametrize("tools", [[], [TOOL]])
async def test_a_turn_that_hangs_can_be_cancelled(log: Path, tools: list[dict[str, Any]]) -> None:
    """Its caller waits for nothing."""
    async with running() as session:
        turn = asyncio.ensure_future(play(session, request("[[scenario:hang]]", tools=tools)))
        await until(lambda: bool(asked(log)))
        turn.cancel()
        await asyncio.wait([turn])
        assert turn.cancelled()
        assert await session.reset() is True
        assert files(session) == []
        assert text_of(await play(session, request("Hello"))) == PLAIN


@pytest.mark.parametrize(
    ("code", "stage", "expected"),
    [
        (f"l = wait('session/load')\nREADY\nsay(id=l['id'], result={{}})\n{MODEL_SET}", "session/load", []),
        (f"{LOAD}m = wait('session/set_model')\nREADY\nsay(id=m['id'], result={{}})\n", "session/set_model", []),
        (f"s = answer('session/load')\n{MODEL_SET}READY\n{REPLAY}", "session/set_model", []),
        (f"{ASKED}wait('session/cancel')\n{END}", "session/prompt", ["session/prompt", "session/cancel"]),
    ],
    ids=["as it loads", "as its model is set", "as it is told back", "in mid-answer"],
)
async def test_a_turn_cancelled_at_any_stage_is_broken_off(
    heard: Path, code: str, stage: str, expected: list[str]
) -> None:
    """It is asked for nothing more, and its file is removed."""
    code = code.replace("READY", "wait('gone')")  # a line from the test: the turn has been cancelled
    async with running(scripted(code + ASKED + END + STAY, heard)) as session:
        turn = asyncio.ensure_future(play(session, request("Hello")))
        await until(lambda: stage in methods(heard))
        turn.cancel()
        await asyncio.wait([turn])
        await session._rpc.tell("gone", {})
        assert await session.reset() is True
        assert files(session) == []
        (answered,) = await play(session, request("Hello"))
        assert answered.kind == "answered"
    first = next(line["params"]["sessionId"] for line in lines(heard) if line["method"] == "session/load")
    of_it = [line["method"] for line in lines(heard) if line.get("params", {}).get("sessionId") == first]
    assert of_it == ["session/load", "session/set_model", *expected]


async def test_a_turn_cancelled_while_another_begins_leaves_nothing(heard: Path) -> None:
    """Neither of itself, nor does it take what is the other's."""
    code = "l = wait('session/load')\nwait('gone')\ns = l['params']['sessionId']\nsay(id=l['id'], result={})\n"
    code += f"{REPLAY}while True:\n  l = wait()\n  say(id=l['id'], result={{'stopReason': 'end_turn'}})\n"
    async with running(scripted(code, heard)) as session:
        turn = asyncio.ensure_future(play(session, request("one")))
        await until(lambda: "session/load" in methods(heard))
        other = asyncio.ensure_future(play(session, request("other")))
        await asyncio.sleep(0)
        other.cancel()
        await asyncio.wait([other])
        assert len(files(session)) == 1
        await session._rpc.tell("gone", {})
        assert [update.kind for update in await turn] == ["answered"]
        assert await session.reset() is True
        assert files(session) == []
    assert methods(heard).count("session/prompt") == 1


# What is left on disk


SECRET, SYSTEM, CALLS = "xylophone", "glockenspiel", "vibraphone"


@pytest.mark.parametrize(
    "scenario",
    ["text", "tool", "tool_badargs", "tool_unknown", "empty", "refusal", "blocked", "e400", "e429", "e500", "drop",
     "drop0", "badsse", "error_body"],
)  # fmt: skip
@pytest.mark.parametrize("warm", [True, False], ids=["proven", "unproven"])
async def test_no_word_of_a_turn_is_left_on_disk(scenario: str, warm: bool) -> None:
    """However it ended; while it runs there is its file."""
    tool = {**TOOL, "function": {**TOOL["function"], "description": CALLS}}
    wanted = request(SECRET, "so", f"{SECRET} [[scenario:{scenario}]]", system=SYSTEM, tools=[tool])
    async with running(launched(warm=warm)) as session:
        (*_, last) = await play(session, wanted)
        assert last.kind in {"answered", "failed"}
        assert await session.reset() is True
        assert holding(session, SECRET, SYSTEM, CALLS, "Oslo", "part0") == []
        assert files(session) == []


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503])
async def test_an_error_of_the_apis_is_told_with_its_status(status: int) -> None:
    """The CLI's dump of the conversation is removed, and it goes on."""
    async with running() as session:
        updates = await play(session, request(f"[[scenario:e{status}]]"))
        assert await session.reset() is True
        assert files(session) == []
        assert text_of(await play(session, request("Hello"))) == PLAIN
    assert [update.kind for update in updates] == ["failed"]
    assert updates[0].data["code"] == status
    assert updates[0].data["message"]


async def test_what_was_said_before_an_error_is_not_lost() -> None:
    """The error comes last."""
    async with running() as session:
        updates = await play(session, request("[[scenario:drop]]"))
    assert text_of(updates).startswith("p")
    assert updates[-1].kind == "failed"


@pytest.mark.parametrize("scenario", ["slow n=999", "hang", "hang0", "tool_slow n=999"])
async def test_no_word_of_a_cancelled_turn_is_left_on_disk(scenario: str) -> None:
    """As soon as the CLI has let go of it."""
    async with running() as session:
        wanted = request(f"{SECRET} [[scenario:{scenario}]]", system=SYSTEM, tools=[TOOL])
        turn = asyncio.ensure_future(play(session, wanted))
        await until(lambda: bool(holding(session, SECRET)))
        turn.cancel()
        await asyncio.wait([turn])
        assert await session.reset() is True
        assert holding(session, SECRET, SYSTEM) == []


async def test_a_turn_that_ends_leaves_the_files_of_others() -> None:
    """And the system prompt that they have in common."""
    async with running() as session:
        long = asyncio.ensure_future(play(session, request(f"{SECRET} [[scenario:slow n=5]]", system=SYSTEM)))
        await until(lambda: bool(holding(session, SECRET)))
        await play(session, request("[[scenario:e500]]", system=SYSTEM))
        assert holding(session, SECRET)
        await play(session, request("Hello", system=SYSTEM))
        assert record_of(await long)
        assert await session.reset() is True
        assert holding(session, SECRET, SYSTEM) == []


async def test_files_are_for_nobody_else() -> None:
    """They hold a conversation."""
    async with running() as session:
        turn = asyncio.ensure_future(play(session, request(f"{SECRET} [[scenario:hang]]", system=SYSTEM)))
        await until(lambda: bool(holding(session, SECRET)))
        modes = [file.stat().st_mode & 0o77 for file in (session._home, *session._chats.glob("session-0-*"))]
        turn.cancel()
        await asyncio.wait([turn])
    assert modes == [0, 0]


# Versions that take no session file


@pytest.mark.parametrize("texts", [("Hello",), ("/about", "in three words", "?")])
async def test_an_unproven_version_chats(log: Path, texts: tuple[str, ...]) -> None:
    """The conversation is told in words, in its last turn; no name of a folder is made of such texts."""
    async with running(launched(warm=False)) as session:
        updates = await play(session, request(*texts, system="Be exact."))
        await until(lambda: quiet(session))
        assert files(session) == []
    assert text_of(updates) == PLAIN
    assert record_of(updates)["tokens"]
    (body,) = asked(log)
    assert told(body) == "Be exact."
    (role, text) = said(body)[-1]
    assert role == "user"
    assert [text.index(each) for each in texts] == sorted(text.index(each) for each in texts)


async def test_an_unproven_version_calls_functions(log: Path) -> None:
    """Those of the request, once."""
    async with running(launched(warm=False)) as session:
        updates = await play(session, request("[[scenario:tool]]", tools=[TOOL]))
    assert [call["name"] for call in record_of(updates)["toolCalls"]] == ["mcp_u_a_tool"]
    assert len(asked(log)) == 1


async def test_an_unproven_version_that_names_no_session_is_a_typed_error(heard: Path) -> None:
    """Whatever is missing."""
    code = "say(id=wait('session/new')['id'], result=RESULT)\n"
    told = "".join(code.replace("RESULT", each) for each in ("{}", "None", "[]"))
    async with running(replace(scripted(told + STAY, heard), proven=False)) as session:
        for _ in range(3):
            with pytest.raises(ProtocolError, match="without an id"):
                await play(session, request("Hello"))


# What the CLI says wrong, and how it ends


@pytest.mark.parametrize(
    "code",
    [
        "REFUSE(wait('session/load'))\n",
        f"{LOAD}REFUSE(wait('session/set_model'))\n",
    ],
    ids=["load", "model"],
)
async def test_a_session_that_is_refused_is_an_error_in_the_clis_words(heard: Path, code: str) -> None:
    """Nothing is left of it, and the process goes on."""
    refuse = "def REFUSE(line):\n  say(id=line['id'], error={'code': -32603, 'message': 'Internal error'})\n"
    async with running(scripted(refuse + code + ASKED + END + STAY, heard)) as session:
        with pytest.raises(RequestRefused) as caught:
            await play(session, request(SECRET, system=SYSTEM))
        assert await session.reset() is True
        assert holding(session, SECRET, SYSTEM) == []
        assert session._turns == {}
        await play(session, request("Hello"))
    assert caught.value.evidence == "Internal error"


async def test_a_request_of_the_clis_is_refused(heard: Path) -> None:
    """It must not wait for an answer that never comes."""
    code = f"{ASKED}say(id='a', method='session/request_permission', params={{'sessionId': s}})\nwait()\n{END}{STAY}"
    async with running(scripted(code, heard)) as session:
        await play(session, request("Hello"))
    (refusal,) = (line["error"] for line in lines(heard) if "error" in line)
    assert refusal["code"] == -32601


async def test_strange_news_are_passed_over(heard: Path) -> None:
    """Of no session, of another one, and without what belongs in them."""
    updates: list[Any] = [None, [], "x", 1, {}, {"sessionUpdate": []}, {"sessionUpdate": "plan"}]
    odd = "".join(f"say(method='session/update', params={{'sessionId': s, 'update': {each!r}}})\n" for each in updates)
    odd += "".join(f"say(method='session/update', params={json.dumps(params)})\n" for params in ({}, {"sessionId": []}))
    odd += "update('another', 'agent_message_chunk', 'wrong')\nsay(method='other', params={'sessionId': s})\n"
    code = f"{ASKED}{odd}update(s, 'agent_message_chunk', 'right')\n{END}{STAY}"
    async with running(scripted(code, heard)) as session:
        assert text_of(await play(session, request("Hello"))) == "right"


async def test_what_came_before_nonsense_is_not_lost() -> None:
    """After it the process serves nobody."""
    seen: list[GeminiCLIResponse] = []
    async with running() as session:
        with pytest.raises(ProtocolError) as caught:
            await collect(session, request("[[scenario:garbage]]"), seen)
        assert not session.alive
        assert await session.reset() is False
        with pytest.raises(ProtocolError):
            await play(session, request("Hello"))
    assert text_of(seen) == "part0 "
    assert caught.value.evidence == "this line is no JSON {{{"


@pytest.mark.parametrize("scenario", ["die0", "die"])
async def test_a_process_that_dies_says_so_to_each_of_its_turns(scenario: str) -> None:
    """Its status and its last words, in an error of its own for each."""
    errors: list[CLIExited] = []

    async def fail(session: GeminiCLISession, text: str) -> None:
        with pytest.raises(CLIExited) as caught:
            await play(session, request(text))
        errors.append(caught.value)

    async with running() as session:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(fail, session, "[[scenario:hang]]")
            await until(lambda: len(session._turns) == 3)
            group.start_soon(fail, session, f"[[scenario:{scenario}]]")
        assert await session.reset() is False
    assert {error.returncode for error in errors} == {3}
    assert all("fake gemini: died on request" in error.evidence for error in errors)
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
        assert text_of(await play(session, request("[[scenario:stderr_flood]]"))) == PLAIN


@pytest.mark.parametrize("scenario", ["hang", "mute", "no_read"])
async def test_turns_that_run_when_it_is_stopped_fail(scenario: str) -> None:
    """Typed, and none of them waits on."""
    async with running() as session:
        turns = [asyncio.ensure_future(play(session, request(f"[[scenario:{scenario}]]"))) for _ in range(3)]
        await until(lambda: bool(session._turns))
        await session.aclose()
        for turn in turns:
            with pytest.raises(UUError):
                await turn


async def test_a_turn_that_waits_to_begin_when_it_is_stopped_writes_nothing(heard: Path) -> None:
    """The private home does not come back."""
    async with running(scripted("wait('no')", heard)) as session:
        turns = [asyncio.ensure_future(play(session, request(SECRET, system=SYSTEM))) for _ in range(3)]
        await until(lambda: "session/load" in methods(heard))
        await session.aclose()
        assert {type(error) for error in await asyncio.gather(*turns, return_exceptions=True)} == {CLIExited}
    assert not session._home.exists()


@pytest.mark.parametrize("tools", [[], [TOOL]])
async def test_a_turn_after_the_stop_is_a_typed_error(tools: list[dict[str, Any]]) -> None:
    """Its private home is gone, too."""
    async with running() as session:
        await session.aclose()
        with pytest.raises(CLIExited, match="The bridge stopped it"):
            await play(session, request("Hello", system=SYSTEM, tools=tools))


async def test_a_turn_whose_record_went_with_the_process_is_a_typed_error() -> None:
    """Its reader was slow, and the process stopped meanwhile."""
    async with running() as session, aclosing(session.run(request("Hello"))) as turn:
        await anext(turn)
        updates = next(iter(session._turns.values())).updates
        await until(lambda: updates.qsize() == len(PLAIN.split()))
        await session.aclose()
        with pytest.raises(UUError):
            async for _ in turn:
                pass


async def test_a_stop_whose_caller_leaves_goes_on() -> None:
    """And so do the ends of its turns."""
    async with running() as session:
        turn = asyncio.ensure_future(play(session, request("[[scenario:hang]]", tools=[TOOL])))
        await until(lambda: bool(session._turns))
        with anyio.CancelScope() as scope:
            scope.cancel()
            await session.aclose()
        assert session._functions._server._server is None
        with pytest.raises(CLIExited, match="The bridge stopped it"):
            await turn


# Starts


async def test_a_process_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own words."""
    monkeypatch.setenv("FAKE_GEMINI_FAIL_START", "1")
    with pytest.raises(CLIExited, match="failed to start on request"):
        async with running():
            raise AssertionError


async def test_a_process_that_wants_somebody_to_log_in_says_so() -> None:
    """It asks on the pipe that belongs to the protocol; the reply is not waited for."""
    start = launched()
    chosen = json.dumps({"security": {"auth": {"selectedType": "oauth-personal"}}}).encode()
    changed = tuple((name, chosen if name.endswith("settings.json") else content) for name, content in start.files)
    with pytest.raises(LoginExpired) as caught:
        async with running(replace(start, files=changed)):
            raise AssertionError
    assert caught.value.login_command == "gemini"
    assert caught.value.evidence


async def test_a_program_that_says_something_else_is_not_thought_to_want_a_login(heard: Path) -> None:
    """Its words are the evidence."""
    start = scripted("", heard)
    argv = (*start.argv[:3], "print('Welcome!', flush=True); input()", *start.argv[4:])
    with pytest.raises(ProtocolError) as caught:
        async with running(replace(start, argv=argv)):
            raise AssertionError
    assert caught.value.evidence == "Welcome!"


async def test_a_program_that_knows_no_protocol_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it complains of is the evidence."""
    monkeypatch.setattr(module, "_START_SECONDS", 1.0)
    code = "import sys; sys.stderr.write('what?'); sys.stderr.flush(); sys.stdin.read()"
    with pytest.raises(ProtocolError) as caught:
        async with running(LaunchPlan((sys.executable, "-S", "-c", code), (), scratch_cwd="w", files=(("w/x", b""),))):
            raise AssertionError
    assert caught.value.evidence == "what?"


async def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    """The process is stopped as any other."""
    session = GeminiCLISession(await Child.start(launched()))
    with anyio.fail_after(BOUND):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await session.start()
        await session.aclose()
    assert not session._rpc.busy
    assert not session.alive
