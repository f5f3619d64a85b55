"""The fake `codex` does what the real one was recorded doing."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import anyio
import pytest

from tests.emulators.responses_api import ResponsesAPI, id_token
from tests.fakes.playing import REPO, Line
from tests.fakes.playing_codex import log_of, run, started, user

RECORDINGS = REPO / "tests" / "recordings" / "codex"
UNUSED = {"configWarning", "remoteControl/status/changed", "account/rateLimits/updated", "thread/started"}
"""Lines that depend on the machine, the login or the moment."""
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "inputSchema": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "minLength": 1, "description": "Which."},
            "unit": {"enum": ["c", "f"], "default": "c"},
            "kind": {"const": "x"},
            "days": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"$ref": "#/$defs/day"}},
            "any": True,
        },
        "required": ["city"],
        "additionalProperties": False,
        "$defs": {"day": {"type": "integer", "minimum": 1}, "unused": {"type": "string"}},
    },
}


def kinds(told: list[Line]) -> list[str]:
    """The methods of the lines, with what they are about; equal ones that follow one another are one."""
    names: list[str] = []
    for line in told:
        about = line.get("params", {}).get("item", {}).get("type", "")
        name = f"{line.get('method', 'reply')} {about}".strip()
        if line.get("method") not in UNUSED and name != "reply" and names[-1:] != [name]:
            names.append(name)
    return names


def recorded(name: str) -> list[Line]:
    """The lines that the real one wrote."""
    rows = [json.loads(line) for line in (RECORDINGS / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()]
    return [row["data"] for row in rows if row["dir"] == "out"]


@pytest.mark.parametrize(
    ("name", "scenario"),
    [
        ("appserver_text", "text"),
        ("appserver_e400", "e400"),
        ("appserver_e404", "e404"),
        ("appserver_e429_usage", "limit"),
        ("appserver_e503", "e503"),
    ],
)
async def test_a_turn_has_the_lines_that_were_recorded(tmp_path: Path, name: str, scenario: str) -> None:
    """The same kinds in the same order, and the same words for a failure."""
    async with started(tmp_path) as fake:
        thread = await fake.thread(experimentalRawEvents=False)
        said = {"type": "text", "text": f"[[scenario:{scenario}]]", "text_elements": []}
        await fake.turn(thread, input=[said])
        ended = await fake.end_of_turn(thread)
    lines = recorded(name)
    assert kinds(fake.lines) == kinds(lines)
    real = next(line["params"]["turn"] for line in lines if line.get("method") == "turn/completed")
    assert (ended["status"], ended.keys()) == (real["status"], real.keys())
    assert (ended["error"] or {}).get("codexErrorInfo") == (real["error"] or {}).get("codexErrorInfo")


async def test_calls_have_the_lines_that_were_recorded(tmp_path: Path) -> None:
    """Items of the API, the client asked for each call, and a second response with what it said."""
    async with started(tmp_path) as fake:
        thread = await fake.thread(user("[[scenario:tool]]"), dynamicTools=[WEATHER])
        await fake.turn(thread)
        asked = await fake.until(lambda line: line.get("method") == "item/tool/call")
        assert asked["params"]["arguments"] == {"city": "Oslo"}
        answer = {"contentItems": [{"type": "inputText", "text": "sunny"}], "success": True}
        await fake.send({"id": asked["id"], "result": answer})
        assert (await fake.end_of_turn(thread))["status"] == "completed"
    once = dict.fromkeys(kinds(recorded("appserver_tool_parallel")))
    mine = dict.fromkeys(kinds(fake.lines))
    assert set(once) - set(mine) == {"item/started userMessage", "item/completed userMessage"}
    assert set(mine) <= set(once)
    (item,) = [each["item"] for each in fake.told("rawResponseItem/completed") if each["item"].get("name")]
    assert (item["name"], item["arguments"]) == ("get_weather", '{"city": "Oslo"}')


async def test_the_model_is_sent_what_the_real_one_sends(tmp_path: Path) -> None:
    """Instructions as a developer message, the history repaired, functions with less in their schemas."""
    log = tmp_path / "log"
    history = [
        user("q"),
        {"type": "function_call", "name": "get_weather", "arguments": "{}", "call_id": "c1"},
        {"type": "function_call_output", "call_id": "lost", "output": "x"},
        {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "dropped"}]},
        {"type": "nonsense"},
        user("go"),
    ]
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    async with started(tmp_path, FAKE_CLI_LOG=str(log)) as fake:
        thread = await fake.thread(*history, dynamicTools=[WEATHER, {**WEATHER, "name": "exec_command"}])
        await fake.turn(thread, effort="low", summary="detailed", outputSchema=schema)
        await fake.end_of_turn(thread)
    (body,) = log_of(log)
    seen = [(item.get("role") or item["type"], item.get("content") or item.get("output")) for item in body["input"]]
    assert seen == [
        ("developer", [{"type": "input_text", "text": "Be brief."}]),
        ("user", [{"type": "input_text", "text": "q"}]),
        ("function_call", None),
        ("function_call_output", "aborted"),
        ("user", [{"type": "input_text", "text": "go"}]),
    ]
    (tool,) = body["tools"]
    assert (tool["name"], tool["strict"]) == ("get_weather", False)
    assert tool["parameters"] == {
        "type": "object",
        "properties": {
            "any": {"type": "string"},
            "city": {"type": "string", "description": "Which."},
            "days": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/day"}},
            "kind": {"type": "string", "enum": ["x"]},
            "unit": {"type": "string", "enum": ["c", "f"]},
        },
        "required": ["city"],
        "additionalProperties": False,
        "$defs": {"day": {"type": "integer"}},
    }
    assert body["reasoning"] == {"effort": "low", "summary": "detailed"}
    assert body["text"]["format"] == {
        "type": "json_schema",
        "strict": True,
        "schema": schema,
        "name": "codex_output_schema",
    }
    assert (body["prompt_cache_key"], body["store"]) == (thread, False)


async def test_an_interrupt_ends_a_turn_at_its_calls(tmp_path: Path) -> None:
    """Also at a call that makes no sense: the model is not asked again."""
    log = tmp_path / "log"
    async with started(tmp_path, FAKE_CLI_LOG=str(log)) as fake:
        for scenario in ("tools", "tool_badargs", "tool_unknown"):
            thread = await fake.thread(user(f"[[scenario:{scenario}]]"), dynamicTools=[WEATHER])
            turn = await fake.turn(thread)
            await fake.until(lambda line: line.get("method") == "rawResponse/completed")
            assert await fake.request("turn/interrupt", threadId=thread, turnId=turn) == {}
            assert (await fake.end_of_turn(thread))["status"] == "interrupted"
            late = await fake.request("turn/interrupt", threadId=thread, turnId=turn)
            assert late["message"] == "no active turn to interrupt"
    assert len(log_of(log)) == 3


async def test_an_interrupt_hangs_up(tmp_path: Path) -> None:
    """While the server is silent, before its status line and after."""
    with ResponsesAPI() as api:
        async with started(tmp_path, url=api.url) as fake:
            for scenario in ("hang", "hang0"):
                thread = await fake.thread(user(f"[[scenario:{scenario}]]"))
                turn = await fake.turn(thread)
                await anyio.to_thread.run_sync(api.wait_for, lambda seen, name=scenario: bool(seen.of(f":{name}]")))
                await fake.request("turn/interrupt", threadId=thread, turnId=turn)
                assert (await fake.end_of_turn(thread))["status"] == "interrupted"
                api.wait_for(lambda seen: all(each.cut for each in seen.requests))


async def test_many_turns_run_at_once(tmp_path: Path) -> None:
    """Each thread gets its own answer."""
    with ResponsesAPI() as api:
        async with started(tmp_path, url=api.url) as fake:
            threads = [await fake.thread(user(f"number {n} [[scenario:echo pause=0.3 id={n}]]")) for n in range(20)]
            for thread in threads:
                await fake.turn(thread)
            ended = {line["threadId"] for line in fake.told("turn/completed")}
            while ended != set(threads):
                line = await fake.until(lambda each: each.get("method") == "turn/completed")
                ended.add(line["params"]["threadId"])
    for n, thread in enumerate(threads):
        said = [each["delta"] for each in fake.told("item/agentMessage/delta") if each["threadId"] == thread]
        assert "".join(said) == f"number {n} "


async def test_what_is_not_right_is_refused_in_the_vendors_words(tmp_path: Path) -> None:
    """With the code and the text of the real one."""
    async with started(tmp_path) as fake:
        thread = await fake.thread()
        nowhere = "01a202a2-aeda-7b53-89b3-af3da9d21fd2"
        wrong = [
            (await fake.request("nope"), "Invalid request: unknown variant `nope`"),
            (await fake.request("turn/start", input=[]), "Invalid request: missing field `threadId`"),
            (await fake.request("turn/start", threadId=nowhere, input=[]), f"thread not found: {nowhere}"),
            (await fake.request("initialize"), "Already initialized"),
            (
                await fake.request("thread/inject_items", threadId=thread, items=[{"role": "user"}]),
                "items[0] is not a valid response item: missing field `type`",
            ),
            (
                await fake.request("thread/start", dynamicTools=[{**WEATHER, "name": "a.b"}]),
                "dynamic tool name must match ^[a-zA-Z0-9_-]+$ to match Responses API: a.b",
            ),
        ]
    for error, said in wrong:
        assert error["code"] == -32600
        assert error["message"].startswith(said)


async def test_an_unsubscribed_thread_is_unloaded_where_that_is_set(tmp_path: Path) -> None:
    """Else it stays."""
    for settings, left in ((["thread_unload_delay_secs=0"], 0), ([], 1)):
        async with started(tmp_path, *settings) as fake:
            thread = await fake.thread()
            await fake.request("thread/unsubscribe", threadId=thread)
            loaded = await fake.request("thread/loaded/list")
            assert len(loaded["data"]) == left


async def test_a_broken_answer_is_asked_for_again_where_the_settings_say_so(tmp_path: Path) -> None:
    """Text that came before comes again; with no retries, it does not."""
    for retries, asked in ((1, 2), (0, 1)):
        log = tmp_path / f"log{retries}"
        async with started(tmp_path, retries=retries, FAKE_CLI_LOG=str(log)) as fake:
            thread = await fake.thread(user("[[scenario:sse_error]]"))
            await fake.turn(thread)
            assert (await fake.end_of_turn(thread))["status"] == "failed"
            assert [each["willRetry"] for each in fake.told("error")] == [True] * retries + [False]
        assert len(log_of(log)) == asked


async def test_a_server_that_is_not_there_is_waited_for_unless_told_not_to(tmp_path: Path) -> None:
    """Until somebody interrupts."""
    for settings, status in (["features.unbounded_connection_retries=false"], "failed"), ([], "interrupted"):
        async with started(tmp_path, *settings, url="http://127.0.0.1:9") as fake:
            thread = await fake.thread(user("hello"))
            turn = await fake.turn(thread)
            if status == "interrupted":
                await fake.request("turn/interrupt", threadId=thread, turnId=turn)
            assert (await fake.end_of_turn(thread))["status"] == status


async def test_the_login_is_carried_and_refreshed_through_a_link(tmp_path: Path) -> None:
    """An expired one before the turn; the file behind the link is the one that changes."""
    token = id_token(lifetime=-60)
    tokens = {"id_token": token, "access_token": token, "refresh_token": "old", "account_id": "account"}
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"auth_mode": "chatgpt", "tokens": tokens}), encoding="utf-8")
    (tmp_path / "auth.json").symlink_to(mine)
    with ResponsesAPI() as api:
        more = {"CODEX_REFRESH_TOKEN_URL_OVERRIDE": f"{api.url}/oauth/token"}
        async with started(tmp_path, url=api.url, **more) as fake:
            thread = await fake.thread(user("hello"))
            await fake.turn(thread)
            await fake.end_of_turn(thread)
        (refresh,) = api.other
        assert (refresh.body["refresh_token"], refresh.body["refresh_reason"]) == ("old", "proactive_expiry")
        stored = json.loads(mine.read_text(encoding="utf-8"))["tokens"]
        assert (tmp_path / "auth.json").is_symlink()
        assert stored["refresh_token"] == "refreshed-refresh-token"
        assert api.requests[0].headers["authorization"] == f"Bearer {stored['access_token']}"
        assert api.requests[0].headers["chatgpt-account-id"] == "account"


# Leaving and misbehaving


@pytest.mark.parametrize("way", ["end of input", "SIGTERM"])
async def test_it_leaves_at_once_in_the_middle_of_a_turn(tmp_path: Path, way: str) -> None:
    """With status 0 and no word more."""
    async with started(tmp_path) as fake:
        thread = await fake.thread(user("[[scenario:hang]]"))
        await fake.turn(thread)
        if way == "SIGTERM":
            fake.signal(signal.SIGTERM)
            assert await fake.exit_status() == 0
        else:
            assert await fake.end() == 0
    assert fake.told("turn/completed") == []


async def test_it_misbehaves_when_asked_to(tmp_path: Path) -> None:
    """Dead before and amid an answer, and a line that is no JSON."""
    for scenario, deltas in (("die0", 0), ("die", 1)):
        async with started(tmp_path) as fake:
            thread = await fake.thread(user(f"[[scenario:{scenario}]]"))
            await fake.turn(thread)
            with pytest.raises(EOFError, match="died on request"):
                await fake.end_of_turn(thread)
            assert await fake.exit_status() == 3
            assert len(fake.told("item/agentMessage/delta")) == deltas
    async with started(tmp_path) as fake:
        thread = await fake.thread(user("[[scenario:garbage]]"))
        await fake.turn(thread)
        await fake.end_of_turn(thread)
        assert [line for line in fake.lines if "raw" in line] == [{"raw": "this line is no JSON {{{"}]


@pytest.mark.parametrize("scenario", ["mute", "close_stdout"])
async def test_it_falls_silent_when_asked_to(tmp_path: Path, scenario: str) -> None:
    """And ends with its input."""
    async with started(tmp_path) as fake:
        await fake.turn(await fake.thread(user(f"[[scenario:{scenario}]]")))
        await fake.send({"id": "unanswered", "method": "thread/loaded/list"})
        assert await fake.end() == 0
        assert fake.told("turn/completed") == []
        assert all(line.get("id") != "unanswered" for line in fake.lines)


async def test_it_stays_when_asked_to(tmp_path: Path) -> None:
    """A signal and the end of input do not end it."""
    async with started(tmp_path) as fake:
        thread = await fake.thread(user("[[scenario:ignore_term]]"))
        await fake.turn(thread)
        await fake.end_of_turn(thread)
        fake.signal(signal.SIGTERM)
        assert "data" in await fake.request("thread/loaded/list")
        await fake.end_of_input()
        with anyio.move_on_after(0.5) as waited:
            await fake.exit_status()
        assert waited.cancelled_caught


async def test_it_floods_stderr_when_asked_to(tmp_path: Path) -> None:
    """A turn that nobody can end who does not read that."""
    async with started(tmp_path) as fake:
        thread = await fake.thread(user("[[scenario:stderr_flood]]"))
        await fake.turn(thread)
        async with anyio.create_task_group() as group:
            group.start_soon(fake.errors)
            assert (await fake.end_of_turn(thread))["status"] == "completed"
            await fake.end()


def test_version_login_and_refusals_are_as_recorded(tmp_path: Path):
    """Words, where they are written, and the exit status."""
    assert run(tmp_path, "--version").stdout == "codex-cli 0.169.0\n"
    nobody = run(tmp_path, "login", "status")
    assert (nobody.returncode, nobody.stdout, nobody.stderr) == (1, "", "Not logged in\n")
    (tmp_path / "auth.json").write_text("{}", encoding="utf-8")
    assert run(tmp_path, "login", "status").returncode == 0
    (tmp_path / "auth.json").write_text('{"OPENAI_API_KEY": "k"}', encoding="utf-8")
    assert run(tmp_path, "login", "status").stderr == "API key configured - ***\n"
    assert run(tmp_path, "app-server", "--bogus").returncode == 2
    assert "missing '='" in run(tmp_path, "app-server", "-c", "a").stderr
    assert "does not exist" in run(tmp_path / "nowhere", "app-server").stderr
    assert run(tmp_path, "app-server", "--strict-config", "-c", "a.b={c=[\"x\", 1, true], d.e='y'}").returncode == 0
