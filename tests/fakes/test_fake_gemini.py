"""The fake `gemini` does what the real one was recorded doing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.gemini_api import GeminiAPI
from tests.fakes.playing import REPO, Line
from tests.fakes.playing_gemini import bare, log_of, mcp_server, started, user

RECORDINGS = REPO / "tests" / "recordings" / "gemini"
LOOK: Line = {
    "name": "look",
    "description": "d",
    "inputSchema": {
        "type": "object",
        "properties": {"q": {"type": "string", "minLength": 2}, "k": {"type": ["integer", "null"]}},
        "required": ["q"],
    },
}
FIND: Line = {
    "name": "find",
    "description": "d",
    "inputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": []},
}


def rows(name: str) -> list[Line]:
    """The rows of a recording."""
    return [json.loads(line) for line in (RECORDINGS / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()]


def named(row: Line) -> str:
    """What a recorded history is of."""
    return f"{row['case']}, {row['model']}"


@pytest.mark.parametrize("recorded", rows("history"), ids=named)
async def test_a_history_reaches_the_model_as_recorded(tmp_path: Path, recorded: Line) -> None:
    """What is dropped, merged, signed and added; and it is told the client part by part."""
    log = tmp_path / "log"
    async with started(tmp_path, FAKE_CLI_LOG=str(log)) as fake:
        turns = [{"type": kind, "content": parts} for kind, parts in recorded["messages"]]
        session, _ = await fake.ask(*turns, model=recorded["model"])
        told = [each["content"]["text"] for each in fake.told(session)]
    (asked,) = log_of(log)
    assert told[: len(recorded["replay"])] == recorded["replay"] or recorded["case"] == "empty user"
    contents = asked["body"]["contents"]
    if recorded["case"] == "first dropped":
        assert contents[0]["parts"][0]["text"].startswith("<session_context>")
        contents[0]["parts"][0]["text"] = "<session_context>"
    assert contents == recorded["contents"]


@pytest.mark.parametrize("where", ["in process", "over HTTP"])
async def test_a_turn_is_told_and_written_as_recorded(tmp_path: Path, where: str) -> None:
    """Every answer of the model: the reply, the notes, the records, but for ids and times."""
    with GeminiAPI() as api, mcp_server(LOOK, FIND) as server:
        more = {"GOOGLE_GEMINI_BASE_URL": api.url} if where == "over HTTP" else {}
        async with started(tmp_path, **more) as fake:
            for row in rows("turns"):
                marked = user(f"[[scenario:{row['scenario']}]] q")
                session, reply = await fake.ask(marked, servers=[server.entry], model="gemini-2.5-flash")
                assert (row["scenario"], reply) == (row["scenario"], row["reply"])
                assert bare(fake.told(session)[1:]) == row["notes"]
                assert bare(fake.rows(session)) == row["records"]


async def test_the_first_lines_and_errors_are_those_recorded(tmp_path: Path) -> None:
    """From `initialize` to a prompt that is none; a line that is no JSON gets no answer."""
    lines = rows("acp_basics")
    replies = {line["data"]["id"]: line["data"] for line in lines if line["dir"] == "out" and "id" in line["data"]}
    async with started(tmp_path) as fake:
        session = ""
        for line in lines:
            asked = line["data"]
            if line["dir"] != "in":
                continue
            if isinstance(asked, str):
                await fake.send(asked.encode() + b"\n")
                continue
            if "stopReason" in json.dumps(replies[asked["id"]]):
                continue
            given: dict[str, Any] = dict(asked["params"])
            if len(given.get("sessionId", "")) > 2:
                given["sessionId"] = session
            if "cwd" in given:
                given["cwd"] = str(fake.cwd)
            reply = await fake.request(asked["method"], **given)
            session = session or reply["result"].get("sessionId", "")
            expected = replies[asked["id"]]
            assert bare(reply) == bare({key: expected[key] for key in ("result", "error") if key in expected})


async def test_every_function_is_declared_with_one_argument_more(tmp_path: Path) -> None:
    """By a name that is not longer than 63 characters; one without an object's schema, and there is none."""
    log = tmp_path / "log"
    long = {**LOOK, "name": "l" * 40 + "m" * 18}
    for tools, names in (
        ([LOOK, long], ["mcp_u_look", f"mcp_u_{'l' * 24}...{'l' * 12}{'m' * 18}"]),
        ([LOOK, {"name": "bare", "inputSchema": {}}], []),
    ):
        with mcp_server(*tools) as server:
            async with started(tmp_path, FAKE_CLI_LOG=str(log)) as fake:
                await fake.ask(user("hello"), servers=[server.entry])
        declared = log_of(log)[-1]["body"]["tools"][0]["functionDeclarations"]
        assert [each["name"] for each in declared] == names
        for each in declared:
            assert each["parametersJsonSchema"]["properties"]["wait_for_previous"]["type"] == "boolean"
    assert [each["method"] for each in server.asked] == ["initialize", "notifications/initialized", "tools/list"]


@pytest.mark.parametrize(
    ("core", "declared", "said"),
    [(["mcp_*"], 1, "completed"), (["mcp_u_*"], 1, "denied by policy"), ([], 0, ""), (None, 8, "canceled")],
)
async def test_the_settings_say_which_functions_may_be_called(
    tmp_path: Path, core: list[str] | None, declared: int, said: str
) -> None:
    """Allowed, denied, not declared; without the setting, the client is asked and the CLI's own are there."""
    log = tmp_path / "log"
    with mcp_server(FIND) as server:
        tools = {} if core is None else {"core": core}
        async with started(tmp_path, {"tools": tools}, FAKE_CLI_LOG=str(log)) as fake:
            session = await fake.load(user("[[scenario:tool name=find]]"), servers=[server.entry])
            number = await fake.start("session/prompt", sessionId=session, prompt=[{"type": "text", "text": ""}])
            if core is None and said:
                asked = await fake.until(lambda line: line.get("method") == "session/request_permission")
                await fake.send({"jsonrpc": "2.0", "id": asked["id"], "result": {"outcome": {"outcome": "cancelled"}}})
            await fake.answer(number)
            assert said in json.dumps(fake.told(session))
    assert len(log_of(log)[0]["body"]["tools"][0]["functionDeclarations"]) == declared


async def test_the_settings_say_what_is_asked(tmp_path: Path) -> None:
    """Overrides field by field, aliases, names that stand for others."""
    config = {"temperature": 0.3, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}
    overrides = [{"match": {"isChatModel": True}, "modelConfig": {"generateContentConfig": config}}]
    alias = {"a": {"modelConfig": {"model": "gemini-2.5-flash", "generateContentConfig": {}}}}
    log = tmp_path / "log"
    settings = {"modelConfigs": {"customOverrides": overrides, "customAliases": alias}}
    async with started(tmp_path, settings, FAKE_CLI_LOG=str(log)) as fake:
        for model in ("a", "gemini-3-pro-preview", "models/x", "auto"):
            await fake.ask(user("hello"), model=model)
    bodies = [each["body"] for each in log_of(log)]
    wire = ["gemini-2.5-flash", "gemini-3.1-pro-preview", "x", "gemini-3.5-flash-lite", "gemini-3.8-flash"]
    assert [each["model"] for each in bodies] == wire
    assert bodies[0]["generationConfig"] == {"temperature": 0.3}
    assert bodies[0]["toolConfig"] == config["toolConfig"]
    thinking = {"includeThoughts": True, "thinkingLevel": "HIGH"}
    assert bodies[1]["generationConfig"] == {"temperature": 0.3, "topP": 0.95, "topK": 64, "thinkingConfig": thinking}


async def test_the_system_prompt_is_that_of_all_sessions(tmp_path: Path) -> None:
    """Read at every session's beginning, changed in three ways; without the file there is no session."""
    log = tmp_path / "log"
    async with started(tmp_path, FAKE_CLI_LOG=str(log)) as fake:
        first = await fake.load(user("hello"))
        (tmp_path / "sys.md").write_text(" a ${AvailableTools}\n\n\n\n${AgentSkills}b\r\n\r\n\r\nc\n", encoding="utf-8")
        second = await fake.load(user("hello"))
        for session in (first, second):
            await fake.prompt(session)
        (tmp_path / "sys.md").unlink()
        refused = await fake.request("session/new", cwd=str(fake.cwd), mcpServers=[])
    texts = {each["body"]["systemInstruction"]["parts"][0]["text"] for each in log_of(log)}
    assert len(texts) == 1
    assert "a No tools are currently available.\n\nb" in texts.pop()
    assert refused["error"]["data"]["details"] == f"missing system prompt file '{tmp_path / 'sys.md'}'"


async def test_old_results_are_masked_unless_the_settings_forbid_it(tmp_path: Path) -> None:
    """Those before the last fifty thousand tokens, where there are enough of them."""
    log = tmp_path / "log"
    turns = [user("go")]
    for n in range(12):
        call = {"id": str(n), "name": "f"}
        turns.append({"type": "gemini", "content": [{"functionCall": {**call, "args": {}}}]})
        answer = {"functionResponse": {**call, "response": {"output": "r" * 40_000}}}
        turns.append({"type": "user", "content": [answer]})
    turns.append({"type": "gemini", "content": [{"text": ".", "thought": True}]})
    for least, masked in ((None, True), (100_000_000, False)):
        masking = {"outputMasking": {"minPrunableThresholdTokens": least} if least else {}}
        async with started(tmp_path, {"contextManagement": {"tools": masking}}, FAKE_CLI_LOG=str(log)) as fake:
            await fake.ask(*turns)
        assert ("tool_output_masked" in json.dumps(log_of(log)[-1]["body"])) is masked
