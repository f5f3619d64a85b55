"""Functions, long conversations and limits in the dialogue with a process, played with the fake as a real child."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.providers.claude_code.sessions import asked, launched, play, request, running, text_of, turns
from uutel_bridge import testing
from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.process import Child
from uutel_bridge.core.tools import Tool
from uutel_bridge.providers.claude_code.models import (
    ClaudeCodeRequest,
    ClaudeCodeResponse,
    RateLimitEvent,
    Result,
    StreamEvent,
)
from uutel_bridge.providers.claude_code.session import ClaudeCodeSession
from uutel_bridge.providers.claude_code.tools import ToolServer, tool_server


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with a login, and the file in which the fake writes down what it asks the model."""
    with testing.fake_clis() as home:
        monkeypatch.setenv("FAKE_CLI_LOG", str(home / "log"))
        yield home / "log"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every line that any child is sent."""
    lines: list[dict[str, Any]] = []
    send = Child.send

    async def spy(self: Child, data: bytes) -> None:
        lines.append(json.loads(data))
        await send(self, data)

    monkeypatch.setattr(Child, "send", spy)
    return lines


def controls(sent: list[dict[str, Any]], subtype: str) -> list[dict[str, Any]]:
    """The control requests of a kind among the lines."""
    return [line["request"] for line in sent if line.get("request", {}).get("subtype") == subtype]


def server(*names: str) -> ToolServer:
    """The server of functions without parameters."""
    made = tool_server([Tool(name, "", None) for name in names])
    assert made is not None
    return made


def offering(offered: ToolServer | None, *said: str, **fields: Any) -> ClaudeCodeRequest:
    """A conversation with functions."""
    return request(*(said or ("[[scenario:tools]]",)), server=offered, **fields)


def called(messages: list[ClaudeCodeResponse]) -> list[str]:
    """Names of the functions that were called, as the model sees them."""
    events = [message.event for message in messages if isinstance(message, StreamEvent)]
    blocks = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    return [block["name"] for block in blocks if block["type"] == "tool_use"]


def offered_in(body: dict[str, Any]) -> set[str]:
    """What a request offered the model."""
    return {tool["name"] for tool in body.get("tools") or []}


ONE, TWO = server("alpha", "beta"), server("gamma")


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize(
    ("scenario", "calls"),
    [
        ("tools", 2),
        ("tools n=5", 5),
        ("tool_noargs", 1),
        # The CLI answers these by itself and goes on at once: an answer in one piece would outrun the guard.
        ("tool_badargs pause=0.3", 1),
        ("tool_unknown pause=0.3", 1),
    ],
)
async def test_a_turn_ends_with_the_models_calls(log: Path, scenario: str, calls: int, warm: bool) -> None:
    """All of them, after one request, whatever the arguments; nobody has to answer them."""
    wanted = offering(ONE, f"[[scenario:{scenario}]]")
    async with running(launched(wanted, warm=warm), reusable=warm) as session:
        messages = await play(session, wanted)
        assert await session.reset() is warm
    assert len(called(messages)) == calls
    assert isinstance(messages[-1], Result)
    (body,) = asked(log)
    assert offered_in(body) == ONE.wire_names


async def test_each_turn_has_its_own_functions(log: Path) -> None:
    """Those of the turn before are gone, also where the new one has none, and those come back that were there once."""
    sets = [ONE, TWO, None, ONE, ONE]
    async with running() as session:
        for offered in sets:
            await play(session, offering(offered))
            assert await session.reset() is True
    assert [offered_in(body) for body in asked(log)] == [each.wire_names if each else set() for each in sets]


async def test_the_same_functions_are_not_declared_twice(sent: list[dict[str, Any]]) -> None:
    """Equal ones are the same, whoever made them; the permission is given in each turn."""
    sets = [None, ONE, server("alpha", "beta"), TWO, None, None]
    async with running() as session:
        for offered in sets:
            await play(session, offering(offered))
            assert await session.reset() is True
    declared = [list(each["servers"]) for each in controls(sent, "mcp_set_servers")]
    assert declared == [[ONE.name], [TWO.name], []]
    settings = [each["settings"] for each in controls(sent, "apply_flag_settings")]
    allowed = [each["permissions"]["allow"] for each in settings if "permissions" in each]
    assert allowed == [[each.permission] if each else [] for each in sets]


async def test_after_a_reset_nothing_is_left_of_calls(log: Path) -> None:
    """Neither the calls nor what the CLI made of them."""
    async with running() as session:
        await play(session, offering(ONE, "secret [[scenario:tools]]"))
        assert await session.reset() is True
        assert text_of(await play(session, request("Hello"))) == "part0 part1 part2 part3 "
    last = asked(log)[-1]
    assert turns(last) == [("user", "Hello")]
    assert not [word for word in ("secret", "tool_use", "alpha") if word in json.dumps(last)]


async def test_earlier_calls_and_results_are_told_as_such(log: Path) -> None:
    """To the letter."""
    name = next(each for each in sorted(ONE.wire_names))
    told = (
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": name, "input": {"a": [1]}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "sunny"}]},
    )
    async with running() as session:
        await play(session, replace(offering(ONE), messages=told))
    (body,) = asked(log)
    _, called_before, answered = [message for message in body["messages"] if message["role"] != "system"]
    assert called_before["content"] == list(told[1]["content"])
    assert [{k: v for k, v in block.items() if k != "cache_control"} for block in answered["content"]] == list(
        told[2]["content"]
    )


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
async def test_functions_that_the_cli_drops_are_an_error_that_names_them(warm: bool) -> None:
    """It goes on without a word, and the model without them."""
    broken = replace(ONE, tools=({"name": "alpha", "inputSchema": {"type": "string"}}, *ONE.tools[1:]))
    wanted = offering(broken)
    async with running(launched(wanted, warm=warm), reusable=warm) as session:
        with pytest.raises(BadRequest, match="alpha, beta") as caught:
            await play(session, wanted)
    assert caught.value.param == "tools"


async def test_after_functions_that_the_cli_dropped_the_next_turn_has_its_own(log: Path) -> None:
    """The process is as good as before."""
    broken = replace(ONE, tools=({"name": "alpha", "inputSchema": {"type": "string"}}, *ONE.tools[1:]))
    async with running() as session:
        with pytest.raises(BadRequest):
            await play(session, offering(broken, "secret"))
        assert await session.reset() is True
        await play(session, offering(TWO))
    last = asked(log)[-1]
    assert offered_in(last) == TWO.wire_names
    assert "secret" not in json.dumps(last)


@pytest.mark.parametrize("events", [0, 3, 9])
async def test_a_turn_with_calls_that_was_given_up_leaves_nothing(log: Path, events: int) -> None:
    """At whatever point of it."""
    async with running() as session:
        turn = session.run(offering(ONE, "secret [[scenario:tools n=5]]"))
        for _ in range(events):
            await anext(turn)
        await turn.aclose()
        assert await session.reset() is True
        await play(session, request("Hello"))
    last = asked(log)[-1]
    assert "secret" not in json.dumps(last)
    assert offered_in(last) == set()


@pytest.mark.parametrize("thinks", [True, False])
async def test_reasoning_is_switched_for_each_turn(log: Path, thinks: bool) -> None:
    """Whatever the turn before had."""
    async with running() as session:
        for each in (not thinks, thinks):
            await play(session, request("Hello", thinks=each))
            assert await session.reset() is True
    assert ("thinking" in asked(log)[-1]) is thinks


def left_of_files(session: ClaudeCodeSession) -> list[str]:
    """Which of the files made for its process are still there."""
    group = session._child._group
    assert group.files
    return [name for name in group.files if Path(group.scratch, name).exists()]


async def test_a_long_conversation_is_read_from_a_file_that_is_gone_by_the_answer(
    log: Path, sent: list[dict[str, Any]]
) -> None:
    """Nothing of it is told line by line; the model is sent all of it."""
    wanted = replace(request(*(f"word {n}" for n in range(101)), prompt="Be exact."), in_a_file=True)
    start = launched(wanted)
    assert start.files
    async with running(start, reusable=False, resumed=True) as session:
        turn = session.run(wanted)
        await anext(turn)
        assert left_of_files(session) == []
        messages = [message async for message in turn]
        assert isinstance(messages[-1], Result)
        assert await session.reset() is False
    (body,) = asked(log)
    assert turns(body) == [("user" if n % 2 == 0 else "assistant", f"word {n}") for n in range(101)]
    assert body["system"][-1]["text"] == "Be exact."
    assert [line["message"] for line in sent if "message" in line] == [{"role": "user", "content": []}]


@pytest.mark.parametrize(("scenario", "window"), [("rate_allowed", "five_hour"), ("rate_warning", "seven_day")])
async def test_a_plans_limits_are_told_in_every_turn(scenario: str, window: str) -> None:
    """Just before the result, though the CLI tells them only when they have changed."""
    async with running() as session:
        for _ in range(3):
            messages = await play(session, request(f"[[scenario:{scenario}]]"))
            found = [message for message in messages if isinstance(message, RateLimitEvent)]
            assert messages[-2:] == [*found, messages[-1]]
            assert [each.rate_limit_info.rateLimitType for each in found] == [window]
            assert await session.reset() is True


async def test_limits_that_changed_are_told_as_they_are_now() -> None:
    """Not as they were."""
    async with running() as session:
        await play(session, request("[[scenario:rate_allowed]]"))
        assert await session.reset() is True
        messages = await play(session, request("[[scenario:rate_warning]]"))
    (found,) = [message for message in messages if isinstance(message, RateLimitEvent)]
    assert found.rate_limit_info.rateLimitType == "seven_day"
