"""The caller's tools in the fake `claude`: declared, allowed, called, answered, interrupted."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.messages_api import MessagesAPI
from tests.fakes.playing import CHAT, Fake, Line, asked, request, said_by_user, started, user

TOOL_CHAT = (*CHAT, "--permission-mode", "dontAsk")
OBJECT = {"type": "object", "properties": {"city": {"type": "string"}}}


def tool(name: str, schema: Any = OBJECT, **more: Any) -> Line:
    """A tool as a server declares it; it only reads unless `more` says otherwise."""
    return {"name": name, "description": "d", "inputSchema": schema, "annotations": {"readOnlyHint": True}, **more}


class Caller:
    """The caller's side: its servers, and what they were asked."""

    def __init__(self, fake: Fake, tools: dict[str, list[Line]], *, answers: bool = True) -> None:
        self.fake = fake
        self.tools = tools
        self.answers = answers
        self.asked: list[Line] = []
        self._open: list[Line] = []

    async def until(self, kind: str) -> Line:
        """Serve up to a line of this type, or an event of this type."""
        while True:
            line = await self.fake.next_line()
            assert line is not None
            if line["type"] == "control_request":
                await self._serve(line)
            if kind in {line["type"], line.get("event", {}).get("type")}:
                return line

    async def turn(self, text: str, **fields: Any) -> Line:
        """A whole turn; its result."""
        await self.fake.send(user(text, **fields))
        return await self.until("result")

    async def control(self, subtype: str, **fields: Any) -> Line:
        """Make a control request; the inside of its response."""
        await self.fake.send(request(subtype, "c", **fields))
        return (await self.until("control_response"))["response"].get("response", {})

    async def use(self, *servers: str, allow: tuple[str, ...] = ()) -> Line:
        """Take these servers and no others."""
        await self.control("apply_flag_settings", settings={"permissions": {"allow": list(allow)}})
        return await self.control("mcp_set_servers", servers={name: {"type": "sdk", "name": name} for name in servers})

    async def answer(self, text: str = "sunny") -> None:
        """Answer the oldest open call."""
        await self._reply(self._open.pop(0), {"content": [{"type": "text", "text": text}]})

    async def _serve(self, line: Line) -> None:
        message = line["request"]["message"]
        self.asked.append(message)
        if message["method"] == "tools/call":
            self._open.append(line)
            if self.answers:
                await self.answer()
            return
        listed = {"tools": self.tools[line["request"]["server_name"]]} if message["method"] == "tools/list" else {}
        await self._reply(line, listed)

    async def _reply(self, line: Line, result: Line) -> None:
        reply = {"jsonrpc": "2.0", "id": line["request"]["message"].get("id"), "result": result}
        response = {"subtype": "success", "request_id": line["request_id"], "response": {"mcp_response": reply}}
        await self.fake.send({"type": "control_response", "response": response})

    def calls(self) -> list[Line]:
        """The calls that arrived, as name and arguments."""
        return [each["params"] for each in self.asked if each["method"] == "tools/call"]


def names(log: Path) -> list[list[str]]:
    """Names of the tools in each model request."""
    return [[each["name"] for each in body["tools"]] for body in asked(log)]


async def test_tools_reach_the_model_by_their_server_and_name(tmp_path: Path) -> None:
    """Sorted as JavaScript sorts, odd characters replaced; a second one of the same name or too long a name is lost."""
    log = tmp_path / "log"
    declared = [tool(name) for name in ("w", "a.b", "a_b", "a-b", "Z", "x" * 130)]
    async with started(*TOOL_CHAT, FAKE_CLI_LOG=str(log)) as fake:
        caller = Caller(fake, {"s": declared})
        assert await caller.use("s") == {"added": ["s"], "removed": [], "errors": {}}
        await caller.turn("hi")
    expected = ["mcp__s__a_b", "mcp__s__a-b", "mcp__s__w", "mcp__s__Z"]
    (init,) = [line for line in fake.lines if line.get("subtype") == "init"]
    assert names(log) == [expected] == [init["tools"]]
    assert init["mcp_servers"] == [{"name": "s", "status": "connected", "source": "sdk"}]
    assert asked(log)[0]["tools"][0] == {"name": "mcp__s__a_b", "description": "d", "input_schema": OBJECT}
    assert [each["method"] for each in caller.asked] == ["initialize", "notifications/initialized", "tools/list"]


@pytest.mark.parametrize("schema", [None, {"type": "string"}, {"oneOf": [OBJECT]}])
async def test_one_bad_schema_silently_removes_all_tools(tmp_path: Path, schema: Any) -> None:
    """The trap for whoever passes schemas on unseen."""
    log = tmp_path / "log"
    async with started(*TOOL_CHAT, FAKE_CLI_LOG=str(log)) as fake:
        caller = Caller(fake, {"s": [tool("good"), tool("bad", schema)]})
        await caller.use("s")
        assert (await caller.turn("hi"))["is_error"] is False
    assert names(log) == [[]]


@pytest.mark.parametrize(
    ("key", "note", "required"),
    [
        ("oneOf", "Provide parameters for exactly one of: (city) or (b).", []),
        ("anyOf", "Provide parameters for at least one of: (city) or (b).", []),
        ("allOf", "all listed parameters apply together (flattened from a JSON Schema allOf).", ["b"]),
    ],
)
async def test_a_choice_at_the_top_of_a_schema_becomes_an_open_object(
    tmp_path: Path, key: str, note: str, required: list[str]
) -> None:
    """And a sentence before the description."""
    log = tmp_path / "log"
    other = {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]}
    async with started(*TOOL_CHAT, FAKE_CLI_LOG=str(log)) as fake:
        caller = Caller(fake, {"s": [tool("t", {"type": "object", key: [OBJECT, other]})]})
        await caller.use("s")
        await caller.turn("hi")
    (told,) = asked(log)[0]["tools"]
    assert told["description"] == f"Input constraint: {note}\n\nd"
    properties = {**OBJECT["properties"], "b": {"type": "integer"}}
    assert told["input_schema"] == {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": True,
    }


async def test_a_server_that_comes_back_too_soon_brings_its_old_tools_along(tmp_path: Path) -> None:
    """Naming it again does nothing; one model request in between is enough."""
    log = tmp_path / "log"
    async with started(*TOOL_CHAT, FAKE_CLI_LOG=str(log)) as fake:
        caller = Caller(fake, {"s": [tool("old")]})
        await caller.use("s")
        await caller.turn("hi")
        caller.tools = {"s": [tool("new")]}
        assert await caller.use("s") == {"added": [], "removed": [], "errors": {}}
        await caller.turn("hi")
        assert await caller.use() == {"added": [], "removed": ["s"], "errors": {}}
        await caller.use("s")
        await caller.turn("hi")
        await caller.use()
        await caller.turn("hi")
        await caller.use("s")
        await caller.turn("hi")
    old, new = "mcp__s__old", "mcp__s__new"
    assert names(log) == [[old], [old], [old, new], [], [new]]


@pytest.mark.parametrize("flags", [("--allowedTools", "mcp__s"), ("--allowedTools", "mcp__x,mcp__s__t"), ()])
async def test_an_allowed_call_is_answered_by_the_caller(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """By its server's name or its own, on the command line or among the settings; then the model is asked again."""
    log = tmp_path / "log"
    async with started(*TOOL_CHAT, *flags, FAKE_CLI_LOG=str(log)) as fake:
        caller = Caller(fake, {"s": [tool("t")]})
        await caller.use("s", allow=() if flags else ("mcp__s",))
        result = await caller.turn("go [[scenario:tool]]")
    (call,) = caller.calls()
    assert (call["name"], call["arguments"]) == ("t", {"city": "Oslo"})
    assert (result["is_error"], result["num_turns"]) == (False, 2)
    assert json.loads(result["result"]) == [{"tool_use_id": call["_meta"]["claudecode/toolUseId"], "text": "sunny"}]
    assert len(asked(log)) == 2


@pytest.mark.parametrize(
    ("scenario", "allow", "said"),
    [
        ("tool", (), "Permission to use mcp__s__t has been denied"),
        ("tool_badargs", ("mcp__s",), "InputValidationError"),
        ("tool_cut", ("mcp__s",), "InputValidationError"),
        ("tool_unknown", ("mcp__s",), "No such tool available: mcp__nobody__nothing"),
    ],
)
async def test_the_cli_itself_answers_what_it_does_not_pass_on(
    scenario: str, allow: tuple[str, ...], said: str
) -> None:
    """And asks the model again, unless the fence is up."""
    async with started(*TOOL_CHAT) as fake:
        caller = Caller(fake, {"s": [tool("t")]})
        await caller.use("s", allow=allow)
        (answered,) = json.loads((await caller.turn(f"go [[scenario:{scenario}]]"))["result"])
        await fake.send(user(f"go [[scenario:{scenario} pause=0.1]]"))
        await caller.until("message_start")
        await caller.control("apply_flag_settings", settings={"env": {"CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE": "1"}})
        fenced = await caller.until("result")
    assert said in answered["text"]
    assert caller.calls() == []
    assert (fenced["terminal_reason"], fenced["num_turns"]) == ("blocking_limit", 2)


async def test_calls_run_beside_each_other_only_if_all_of_them_just_read() -> None:
    """Otherwise one waits for the other."""
    async with started(*TOOL_CHAT) as fake:
        caller = Caller(fake, {"s": [tool("a"), tool("b")], "w": [tool("a", annotations={}), tool("b")]}, answers=False)
        await caller.use("s", allow=("mcp__s", "mcp__w"))
        await fake.send(user("go [[scenario:tools n=3]]"))
        await caller.until("message_stop")
        assert len(caller.calls()) == 3
        for _ in range(3):
            await caller.answer()
        assert (await caller.until("result"))["num_turns"] == 4
        await caller.use("w", allow=("mcp__s", "mcp__w"))
        await fake.send(user("go [[scenario:tools n=2]]"))
        await caller.until("message_stop")
        assert len(caller.calls()) == 4
        await caller.answer()
        await caller.until("user")
        await caller.until("control_request")
        await caller.answer()
        assert (await caller.until("result"))["num_turns"] == 3


async def test_an_interrupt_takes_the_calls_back_and_a_rewind_forgets_them(tmp_path: Path) -> None:
    """What a caller does that answers calls in a later request."""
    log = tmp_path / "log"
    async with started(*TOOL_CHAT, FAKE_CLI_LOG=str(log)) as fake:
        caller = Caller(fake, {"s": [tool("a"), tool("b")]}, answers=False)
        await caller.use("s", allow=("mcp__s",))
        await fake.send(user("go [[scenario:tools]]", uuid="u"))
        await caller.until("message_delta")
        await fake.send(request("interrupt"))
        result = await caller.until("result")
        forgotten = await caller.control("rewind_conversation", target_message_uuid="u")
        await caller.turn("next")
    assert (result["subtype"], result["terminal_reason"]) == ("error_during_execution", "aborted_tools")
    assert (result["stop_reason"], result["num_turns"], result["is_error"]) == ("tool_use", 4, True)
    cancelled = [each["params"]["requestId"] for each in caller.asked if each["method"] == "notifications/cancelled"]
    assert cancelled == [each["id"] for each in caller.asked if each["method"] == "tools/call"]
    assert forgotten["rewound"] is True
    assert said_by_user(asked(log)[-1]) == [("user", "next")]


async def test_an_agent_goes_on_until_it_is_done(tmp_path: Path) -> None:
    """Two calls a step, all under one marker."""
    log = tmp_path / "log"
    async with started(*TOOL_CHAT, FAKE_CLI_LOG=str(log)) as fake:
        caller = Caller(fake, {"s": [tool("a"), tool("b")]})
        await caller.use("s", allow=("mcp__s",))
        result = await caller.turn("go [[scenario:loop n=4]]")
    assert (result["result"], result["num_turns"]) == ("done after 4 steps", 9)
    assert (len(asked(log)), len(caller.calls())) == (5, 8)


async def test_settings_for_one_request_merge_into_the_output_config(tmp_path: Path) -> None:
    """The effort stays beside the format."""
    log = tmp_path / "log"
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False}
    extra = json.dumps({"output_config": {"format": {"type": "json_schema", "schema": schema}}})
    async with started(*TOOL_CHAT, FAKE_CLI_LOG=str(log)) as fake:
        await fake.control("apply_flag_settings", settings={"env": {"CLAUDE_CODE_EXTRA_BODY": extra}})
        result = await fake.ask("go [[scenario:json]]")
    assert json.loads(result["result"]) == {"a": 1}
    assert sorted(asked(log)[0]["output_config"]) == ["effort", "format"]


async def test_betas_of_the_launch_reach_the_api() -> None:
    """Beside that of the login."""
    with MessagesAPI() as api:
        async with started(*TOOL_CHAT, ANTHROPIC_BASE_URL=api.url, ANTHROPIC_BETAS="a-1,b-2") as fake:
            await fake.ask("hi")
        headers = {name.lower(): value for name, value in api.requests[0].headers.items()}
    assert headers["anthropic-beta"].split(",")[1:] == ["a-1", "b-2"]
