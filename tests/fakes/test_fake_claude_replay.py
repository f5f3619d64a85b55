"""What the fake `claude` makes of a history it is given, on stdin or in a session file."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.playing import CHAT, Line, asked, said_by_user, started, user

SONNET = {"model": "claude-sonnet-5-5"}
THOUGHT = {"type": "thinking", "thinking": "hmm", "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "cmVk"}

Turn = tuple[str, Any, Line]


def text(said: str) -> Line:
    """A text block."""
    return {"type": "text", "text": said}


def call(name: str) -> Line:
    """A tool call with this id."""
    return {"type": "tool_use", "id": name, "name": "mcp__s__t", "input": {"city": "Oslo"}}


def result(name: str, content: Any = "sunny") -> Line:
    """Its result."""
    return {"type": "tool_result", "tool_use_id": name, "content": content}


async def replayed(log: Path, *turns: Turn) -> list[tuple[str, Any]]:
    """The conversation that the model sees after these turns; the last of them asks."""
    async with started(FAKE_CLI_LOG=str(log)) as fake:
        for role, content, fields in turns[:-1]:
            if role == "user":
                await fake.ask(content, shouldQuery=False)
            else:
                await fake.send({"type": "assistant", "message": {"role": role, "content": content, **fields}})
        await fake.ask(turns[-1][1])
    return said_by_user(asked(log)[-1])


@pytest.mark.parametrize(
    ("fields", "blocks", "kept"),
    [
        (SONNET, [THOUGHT, HIDDEN, text("x")], [THOUGHT, HIDDEN, text("x")]),
        ({}, [THOUGHT, HIDDEN, text("x")], [text("x")]),
        ({"model": "claude-opus-5-5"}, [THOUGHT, text("x")], [text("x")]),
        ({}, [THOUGHT], [{**text("(no content)"), "citations": []}]),
    ],
)
async def test_thoughts_are_kept_if_the_same_model_had_them(
    tmp_path: Path, fields: Line, blocks: Any, kept: Any
) -> None:
    """A message says whose it is in `model`."""
    seen = await replayed(tmp_path / "log", ("user", "hi", {}), ("assistant", blocks, fields), ("user", "go", {}))
    assert seen == [("user", "hi"), ("assistant", kept), ("user", "go")]


async def test_a_call_whose_id_was_used_before_is_lost_with_its_result(tmp_path: Path) -> None:
    """So ids have to differ all over a conversation."""
    history: list[Turn] = [("user", "hi", {})]
    for _ in range(2):
        history += [("assistant", [call("a")], {}), ("user", [result("a")], {})]
    history += [("assistant", [text("k")], {}), ("user", "go", {})]
    seen = await replayed(tmp_path / "log", *history)
    lost = {**text("[Tool use interrupted]"), "citations": []}
    assert seen[2:5] == [("user", [result("a")]), ("assistant", [lost]), ("user", "(no content)")]


async def test_results_pass_in_any_order_and_with_text_between(tmp_path: Path) -> None:
    """Empty ones as well; a missing one is made up."""
    calls = [call("a"), call("b"), call("c")]
    said = [result("c", ""), text("mid"), result("a", []), text("end")]
    seen = await replayed(tmp_path / "log", ("user", "hi", {}), ("assistant", calls, {}), ("user", said, {}))
    assert seen[1] == ("assistant", calls)
    (missing, *rest) = seen[2][1]
    assert rest == said
    assert (missing["tool_use_id"], missing["is_error"]) == ("b", True)


# Session files


def session_file(path: Path, *turns: tuple[str, Any]) -> tuple[str, ...]:
    """Write a session of these turns; their ids are m0, m1 and so on. The flags to take it up."""
    rows = [
        {
            "parentUuid": f"m{n - 1}" if n else None,
            "type": role,
            "uuid": f"m{n}",
            "sessionId": "s",
            "message": {"role": role, "content": content},
            "timestamp": "2026-11-22T10:00:00.000Z",
        }
        for n, (role, content) in enumerate(turns)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return (*CHAT, f"--resume={path}")


@pytest.mark.parametrize(
    ("turns", "invented"),
    [
        ([("user", "hi"), ("assistant", [text("a")])], []),
        ([("user", "hi")], [("assistant", [text("No response requested.")])]),
        ([("user", "hi"), ("assistant", [call("a")])], [("user", "[Tool call interrupted"), ("assistant", "No resp")]),
    ],
)
async def test_what_a_session_file_leaves_open_is_closed_by_the_cli(tmp_path: Path, turns: Any, invented: Any) -> None:
    """In words that the caller never wrote."""
    log = tmp_path / "log"
    async with started(*session_file(tmp_path / "s", *turns), FAKE_CLI_LOG=str(log)) as fake:
        await fake.control("initialize")
        (tmp_path / "s").unlink()
        assert (await fake.ask("last"))["session_id"] == "s"
    seen = said_by_user(asked(log)[0])
    assert seen[: len(turns)] == turns
    assert seen[-1] == ("user", "last")
    assert len(seen) == len(turns) + len(invented) + 1
    for (role, content), (said_by, words) in zip(seen[len(turns) : -1], invented, strict=True):
        assert role == said_by
        assert content == words or words in json.dumps(content)


async def test_a_placeholder_at_the_end_can_be_rewound_away(tmp_path: Path) -> None:
    """Then all before it is exact, and the conversation may go on with the results of calls."""
    log = tmp_path / "log"
    turns = [("user", "/cost"), ("assistant", [call("a")]), ("user", [result("a")]), ("user", "-")]
    async with started(*session_file(tmp_path / "s", *turns), FAKE_CLI_LOG=str(log)) as fake:
        marks = {"last_seen_user_message_uuid": "m3"}
        split = await fake.control("rewind_conversation", target_message_uuid="m2", **marks)
        done = await fake.control("rewind_conversation", target_message_uuid="m3", **marks)
        await fake.send({"type": "assistant", "message": {"role": "assistant", "content": [call("b")]}})
        await fake.send(user([result("b")]))
        await fake.until(lambda line: line["type"] == "result")
    assert (split["response"]["rewound"], split["response"]["reason"]) == (False, "target_splits_tool_call")
    assert (done["response"]["rewound"], done["response"]["precedingAssistantUuid"]) == (True, "m1")
    rest = [("assistant", [call("b")]), ("user", [result("b")])]
    assert said_by_user(asked(log)[0]) == [*turns[:3], *rest]


async def test_a_session_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """At once, with exit status 1."""
    async with started(*CHAT, f"--resume={tmp_path}/none") as fake:
        assert await fake.exit_status() == 1
        assert "No conversation found" in await fake.errors()
