"""The fake `claude` beside what the real one was recorded to do."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.messages_api import MessagesAPI, scenarios
from tests.fakes.playing import CHAT, STREAM, Fake, Line, asked, is_delta, run, started

RECORDINGS = Path(__file__).parents[1] / "recordings" / "claude"

KEPT = {
    "assistant": ("error", "is_api_error_message", "api_error_status", "api_error", "api_error_type", "aborted"),
    "result": (
        *("subtype", "is_error", "num_turns", "result", "stop_reason", "terminal_reason", "api_error_status"),
        *("api_error", "api_error_type", "errors", "result_index", "safety_stops", "user_message_uuids"),
    ),
    "system": ("subtype", "status", "model", "attempt", "max_retries", "error_status", "error", "content", "level"),
    "user": ("message", "isSynthetic"),
    "command_lifecycle": ("command_uuid", "state"),
    "control_request": ("request",),
}
VARIABLE = {
    *("uuid", "memory_paths", "messaging_socket_path", "unifiedWindows", "refused_message_id"),
    *("time_to_request_ms", "first_content_frame_ms", "ttft_stream_ms", "ttft_ms", "owed_rows"),
    *("first_request_input_tokens", "first_request_cache_read_input_tokens", "request_sent_wall_ms", "request_id"),
}


def essence(line: Line) -> Any:
    """What must be the same in a recorded line and in the fake's: its kind, its keys, all that a reader acts upon."""
    kind = line["type"]
    kept: Line = {key: line[key] for key in KEPT.get(kind, ()) if key in line}
    if kind == "stream_event":
        event = line["event"]
        kept = {key: event[key] for key in ("type", "index", "content_block", "delta") if key in event}
        kept["abandoned"] = line.get("abandoned_blocks", {}).get("from_block_index")
    elif kind == "assistant":
        kept |= {key: line["message"][key] for key in ("model", "content", "stop_reason")}
    elif kind == "rate_limit_event":
        kept = {key: value for key, value in line["rate_limit_info"].items() if key not in {"resetsAt", *VARIABLE}}
    elif kind == "control_response":
        response = line["response"]
        inner = response.get("response", {})
        kept = {"request_id": response["request_id"], "subtype": response["subtype"]}
        kept["response"] = sorted(inner) if "models" in inner else inner
    keys = sorted(set(line) - VARIABLE) if kind != "control_response" else []
    text = json.dumps({"type": kind, "keys": keys, **_shortened(kept)}, ensure_ascii=False, sort_keys=True)
    text = re.sub(r"127\.0\.0\.1:(\d+|\$PORT)", "HOST", text)
    return json.loads(re.sub(r"resets [^\"]*\(UTC\)", "resets LATER", text))


def _shortened(value: Any) -> Any:
    """Long texts as the recordings have them."""
    if isinstance(value, dict):
        return {key: _shortened(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    return f"{value[:160]}…({len(value)} chars)" if isinstance(value, str) and len(value) > 400 else value


def recorded(name: str) -> list[Line]:
    """The rows of a recording."""
    return [json.loads(line) for line in (RECORDINGS / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()]


def is_mcp(row: Line) -> bool:
    """Whether a row is part of the dialogue with the caller's tools."""
    data = row["data"]
    if not isinstance(data, dict):
        return False
    return data["type"] == ("control_request" if row["dir"] == "out" else "control_response")


def answers(rows: list[Line]) -> Iterator[list[Line]]:
    """The model's answers in a recording, event by event."""
    events = [row["data"]["event"] for row in rows if row["dir"] == "out" and row["data"]["type"] == "stream_event"]
    starts = [at for at, event in enumerate(events) if event["type"] == "message_start"]
    for start, end in pairwise([*starts, len(events)]):
        yield events[start:end]


async def replay(fake: Fake, rows: list[Line]) -> tuple[list[Any], list[Any], int]:
    """Play the recorded input at the recorded points; recorded output, the fake's output, its exit status."""
    expected = [row["data"] for row in rows if row["dir"] == "out"]
    requests = {line["request_id"]: line["request"] for line in expected if line["type"] == "control_request"}
    seen = 0
    for row in rows:
        if row["dir"] == "out":
            seen += 1
        elif row["dir"] == "in":
            while len(fake.lines) < seen:
                assert await fake.next_line() is not None
            data = row["data"]
            if is_mcp(row):  # the request that it answers has another id here
                asked_for = requests[data["response"]["request_id"]]
                data["response"]["request_id"] = (await _requested(fake, asked_for))["request_id"]
            await fake.send(data.encode() + b"\n" if isinstance(data, str) else data)
        elif row["dir"] == "err":
            return expected, fake.lines, await fake.exit_status()
    return expected, fake.lines, await fake.end()


async def _requested(fake: Fake, request: Line) -> Line:
    """The line with which the fake made a recorded request."""
    is_it: Callable[[Line], bool] = lambda line: line.get("request") == request  # noqa: E731
    seen = [line for line in fake.lines if is_it(line)]
    return seen[-1] if seen else await fake.until(is_it)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        *(
            (name, {})
            for name in ("text", "thinking", "max_tokens", "refusal", "empty", "truncated", "malformed_stdin")
        ),
        *((name, {}) for name in ("e400", "e401", "e403", "e404", "e413", "limit", "e429_retry_after_once")),
        ("e429_r0", {"CLAUDE_CODE_MAX_RETRIES": "0"}),
        ("not_logged_in", {"CLAUDE_CODE_OAUTH_TOKEN": ""}),
        ("interrupt_midstream", {}),
    ],
)
async def test_a_recorded_dialogue_is_played_as_it_was(name: str, more: dict[str, str]) -> None:
    """Same lines, same order, same exit status; only ids, times and counts may differ."""
    rows = recorded(name)
    async with started(*STREAM, "--include-partial-messages", "--model", "sonnet", **more) as fake:
        expected, got, status = await replay(fake, rows)
    assert [essence(line) for line in got] == [essence(line) for line in expected]
    assert status == rows[-1]["data"]


@pytest.mark.parametrize("name", ["tool_sdk_mcp", "parallel_sdk_mcp", "tool_interrupt_rewind_replay"])
async def test_a_recorded_dialogue_with_tools_is_played_as_it_was(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the model says what it said then; when a line counts as queued is a race in the real one."""
    rows = recorded(name)
    said = answers(rows)
    for scenario in ("tool", "parallel", "text"):
        monkeypatch.setitem(scenarios.SCENARIOS, scenario, lambda _: _reply(next(said)))
    with MessagesAPI() as api:
        flags = ("--permission-mode", "dontAsk", "--allowedTools", "mcp__b", "--include-partial-messages")
        async with started(*STREAM, *flags, "--model", "sonnet", ANTHROPIC_BASE_URL=api.url) as fake:
            expected, got, status = await replay(fake, rows)
    compared = [[essence(line) for line in lines if line.get("state") != "queued"] for lines in (got, expected)]
    assert compared[0] == compared[1]
    assert status == rows[-1]["data"]


def _reply(events: list[Line]) -> Any:
    return scenarios.Reply(steps=[("event", event) for event in events])


@pytest.mark.parametrize("name", ["text", "thinking", "e400", "e500_r1", "e529_r1", "drop0", "truncated"])
async def test_a_server_instead_of_the_table_makes_no_difference(name: str) -> None:
    """With ANTHROPIC_BASE_URL the requests really leave the process."""
    rows = recorded(name)
    with MessagesAPI() as api:
        more = {"CLAUDE_CODE_MAX_RETRIES": "1", "ANTHROPIC_BASE_URL": api.url}
        async with started(*STREAM, "--include-partial-messages", "--model", "sonnet", **more) as fake:
            expected, got, status = await replay(fake, rows)
        first = api.requests[0]
    assert [essence(line) for line in got] == [essence(line) for line in expected]
    assert status == rows[-1]["data"]
    assert first.path.startswith("/v1/messages")
    assert {name.lower(): value for name, value in first.headers.items()}["authorization"] == "Bearer fake-token"


@pytest.mark.parametrize(("name", "number"), [("signal_sigint", signal.SIGINT), ("signal_sigterm", signal.SIGTERM)])
async def test_a_signal_in_mid_answer_ends_it_as_recorded(name: str, number: int) -> None:
    """SIGINT still writes a result and exits with 0; SIGTERM exits with 143 at once."""
    rows = recorded(name)
    deltas = sum(is_delta(row["data"]) for row in rows if row["dir"] == "out")
    async with started(*STREAM, "--include-partial-messages", "--model", "sonnet") as fake:
        await fake.send(rows[0]["data"])
        for _ in range(deltas):
            await fake.until(is_delta)
        fake.signal(number)
        while await fake.next_line() is not None:
            pass
        assert await fake.exit_status() == rows[-1]["data"]
    expected = [row["data"] for row in rows if row["dir"] == "out"]
    assert [essence(line) for line in fake.lines] == [essence(line) for line in expected]


async def test_recorded_resets_are_answered_as_they_were(tmp_path: Path) -> None:
    """Model, prompt, settings and rewind of a process that was used again and again."""
    log = tmp_path / "log"
    rows = [row for row in recorded("warm_reset_cycles") if not is_mcp(row)]
    rows = [row for row in rows if '"tool_use' not in json.dumps(row["data"])]
    replies = {r["data"]["response"]["request_id"]: r["data"] for r in rows if r["data"]["type"] == "control_response"}
    async with started(FAKE_CLI_LOG=str(log)) as fake:
        for row in rows:
            said = row["data"]
            if row["dir"] != "in" or said.get("request", {}).get("subtype") == "mcp_set_servers":
                continue
            text = json.dumps(said).replace("[[scenario:tool", "[[scenario:text")
            await fake.send(json.loads(text))
            if said["type"] == "user":
                await fake.until(lambda line: line["type"] == "result")
        await fake.end()
    got = [line for line in fake.lines if line["type"] == "control_response"]
    assert len(got) > 8
    for line in got:
        told = json.dumps(essence(replies[line["response"]["request_id"]]))
        assert essence(line) == json.loads(told.replace("[[scenario:tool", "[[scenario:text"))
    for n, body in enumerate(asked(log)):
        assert body["temperature"] == pytest.approx(n / 10)
        assert body["system"][-1]["text"] == f"SYSTEM {n}"
        assert body["max_tokens"] == 1000 + n


# Command line


def test_version_is_printed_as_the_real_one_prints_it() -> None:
    """Found on PATH by its name, as any CLI."""
    assert run("--version").stdout == "2.1.330 (Claude Code)\n"
    assert run("--version", FAKE_CLAUDE_VERSION="3.0.1").stdout == "3.0.1 (Claude Code)\n"


@pytest.mark.parametrize(
    ("flags", "wording"),
    [
        ("--imagined", "error: unknown option '--imagined'"),
        ("--imagined=3", "error: unknown option '--imagined=3'"),
        ("--model", "error: option '--model <model>' argument missing"),
        ("--setting-sources bogus", "Error processing --setting-sources: Invalid setting source: bogus."),
        ("--system-prompt-file /no/such/file", "Error: System prompt file not found: /no/such/file"),
        ("--session-id nope", "Error: Invalid session ID. Must be a valid UUID."),
        ("--max-turns x", "error: option '--max-turns <turns>' argument 'x' is invalid. must be a number"),
        ("--restricted --permission-mode bypassPermissions", "Error: bypassPermissions not supported in restricted"),
        ("--permission-mode nope", "error: option '--permission-mode <mode>' argument 'nope' is invalid."),
    ],
)
def test_what_the_real_one_refuses_is_refused_in_its_words(flags: str, wording: str) -> None:
    """One line on stderr, nothing on stdout, exit status 1."""
    done = run(*STREAM, *flags.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(wording)


def test_stream_json_wants_verbose() -> None:
    """The flag that everybody forgets."""
    done = run(*(flag for flag in STREAM if flag != "--verbose"))
    assert done.stderr == "Error: When using --print, --output-format=stream-json requires --verbose\n"


def test_auth_status_tells_the_kinds_of_login_apart(tmp_path: Path) -> None:
    """Fields and exit status of the real one."""
    home = {"HOME": str(tmp_path)}
    nobody = run("auth", "status", **home)
    assert (nobody.returncode, json.loads(nobody.stdout)["authMethod"]) == (1, "none")
    for variable, method in (("CLAUDE_CODE_OAUTH_TOKEN", "oauth_token"), ("ANTHROPIC_API_KEY", "api_key")):
        done = run("auth", "status", **home, **{variable: "fake"})
        assert (done.returncode, json.loads(done.stdout)["authMethod"]) == (0, method)
    (tmp_path / ".claude").mkdir()
    stored = {"accessToken": "fake", "subscriptionType": "max", "rateLimitTier": "default_claude_max_20x"}
    (tmp_path / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": stored}), encoding="utf-8")
    status = json.loads(run("auth", "status", **home).stdout)
    assert (status["loggedIn"], status["authMethod"], status["subscriptionType"]) == (True, "claude.ai", "max")
    assert status["planTier"] == "max_20x"
    assert "fake" not in json.dumps(status)


def test_a_start_can_be_made_to_fail() -> None:
    """For callers that must cope with it."""
    done = run(*CHAT, FAKE_CLAUDE_FAIL_START="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "failed to start" in done.stderr
