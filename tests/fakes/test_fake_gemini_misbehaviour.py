"""The fake `gemini` is cancelled, crowded, logged out, left alone and broken as the real one is."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import anyio
import pytest

from tests.emulators.gemini_api import GeminiAPI
from tests.fakes.playing import Line
from tests.fakes.playing_gemini import log_of, mcp_server, opened, run, started, user

LOOK: Line = {"name": "look", "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}}
MANY: Line = {"model": {"name": "gemini-2.5-pro"}}
"""A session may have any number of turns."""
CANCELLED = {"result": {"stopReason": "cancelled"}}


def is_answer(line: Line) -> bool:
    """Whether a line brings a piece of an answer."""
    return "agent_message_chunk" in json.dumps(line)


async def test_a_cancelled_turn_hangs_up(tmp_path: Path) -> None:
    """While the server is silent, before its status line and after; the session can be asked again."""
    with GeminiAPI() as api:
        async with started(tmp_path, MANY, GOOGLE_GEMINI_BASE_URL=api.url) as fake:
            for scenario in ("hang", "hang0"):
                session = await fake.load(user(f"[[scenario:{scenario}]]"))
                number = await fake.start("session/prompt", sessionId=session, prompt=[{"type": "text", "text": ""}])
                await anyio.to_thread.run_sync(api.wait_for, lambda seen, name=scenario: bool(seen.of(f":{name}]")))
                await fake.send({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}})
                assert await fake.answer(number) == CANCELLED
                api.wait_for(lambda seen: all(each.cut for each in seen.requests))
            assert (await fake.prompt(session, "[[scenario:text]]"))["result"]["stopReason"] == "end_turn"


async def test_a_call_that_nobody_answers_can_be_cancelled(tmp_path: Path) -> None:
    """The call has failed then, and the turn is over."""
    with mcp_server(LOOK) as server:
        server.may_answer.clear()
        async with started(tmp_path, MANY) as fake:
            session = await fake.load(user("[[scenario:tools name=look]]"), servers=[server.entry])
            number = await fake.start("session/prompt", sessionId=session, prompt=[{"type": "text", "text": ""}])
            await anyio.to_thread.run_sync(server.called.wait)
            await fake.send({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}})
            assert await fake.answer(number) == CANCELLED
            said = [
                each["content"][0]["content"]["text"] for each in fake.told(session) if each.get("status") == "failed"
            ]
    assert said[0] == "Tool call aborted"
    assert all("denied by policy" in each for each in said[1:])


async def test_a_second_prompt_ends_the_first(tmp_path: Path) -> None:
    """A session has one turn at a time; a session of one turn is spent after it."""
    async with started(tmp_path) as fake:
        session = await fake.load(user("[[scenario:slow delay=0.5]]"))
        first = await fake.start("session/prompt", sessionId=session, prompt=[{"type": "text", "text": ""}])
        await fake.until(is_answer)
        second = await fake.start("session/prompt", sessionId=session, prompt=[{"type": "text", "text": "hello"}])
        assert await fake.answer(first) == CANCELLED
        assert (await fake.answer(second))["result"]["stopReason"] == "max_turn_requests"


async def test_many_turns_run_at_once(tmp_path: Path) -> None:
    """Each session gets its own answer."""
    with GeminiAPI() as api:
        async with started(tmp_path, GOOGLE_GEMINI_BASE_URL=api.url) as fake:
            sessions = [await fake.load(user(f"number {n} [[scenario:echo pause=0.3 id={n}]]")) for n in range(20)]
            asked = [
                await fake.start("session/prompt", sessionId=session, prompt=[{"type": "text", "text": ""}])
                for session in sessions
            ]
            for number in asked:
                assert (await fake.answer(number))["result"]["stopReason"] == "end_turn"
            for n, session in enumerate(sessions):
                assert "".join(fake.texts(session)).strip() == f"number {n}"


async def test_loads_at_once_are_slow_and_told(tmp_path: Path) -> None:
    """Those that overlap; one alone is not. Of eight that are asked for together some do, sooner or later."""
    log = tmp_path / "log"

    async def told(at_once: int) -> set[str]:
        names = [fake.write(user("hello")) for _ in range(at_once)]
        params = [{"sessionId": name, "cwd": str(fake.cwd), "mcpServers": []} for name in names]
        for number in [await fake.start("session/load", **each) for each in params]:
            await fake.answer(number)
        return {row["path"] for row in log_of(log)} if log.exists() else set()

    async with started(tmp_path, FAKE_CLI_LOG=str(log)) as fake:
        assert await told(1) == set()
        while not (paths := await told(8)):
            pass
        assert paths == {"session/load"}


async def test_an_error_is_retried_unless_told_not_to_and_leaves_the_conversation_behind(tmp_path: Path) -> None:
    """Once; in a file that all may read. One model knows no such setting."""
    stubborn = "gemini-3-flash-preview"
    for most, model, asked in ({}, "", 2), ({"maxAttempts": 1}, "", 1), ({"maxAttempts": 1}, stubborn, 2):
        log = tmp_path / f"log{model}{len(most)}"
        async with started(tmp_path, {"general": most}, FAKE_CLI_LOG=str(log)) as fake:
            _, reply = await fake.ask(user("my words [[scenario:e503]]"), model=model)
            assert reply["error"] == {"code": 503, "message": "The model is overloaded. Please try again later."}
        assert len(log_of(log)) == asked
    dumps = [each async for each in anyio.Path(tmp_path).glob("gemini-client-error-*.json")]
    assert dumps
    assert "my words" in await dumps[0].read_text(encoding="utf-8")


async def test_what_says_who_asks_and_where_is_taken_from_env_files(tmp_path: Path) -> None:
    """The nearest one above the folder counts, and hides all others."""
    with GeminiAPI() as api:
        (tmp_path / ".env").write_text(f'GOOGLE_GEMINI_BASE_URL="{api.url}"\n', encoding="utf-8")
        for hidden in (True, False):
            async with started(tmp_path, hides=hidden) as fake:
                await fake.ask(user("hello"))
            assert len(api.requests) == (0 if hidden else 1)


@pytest.mark.parametrize(
    ("kind", "more", "path"),
    [
        ("gemini-api-key", {"GOOGLE_GEMINI_BASE_URL": ""}, "/v1beta/models/{}"),
        ("vertex-ai", {"GOOGLE_VERTEX_BASE_URL": "", "GOOGLE_API_KEY": "k"}, "/v1beta1/publishers/google/models/{}"),
        (
            "vertex-ai",
            {"GOOGLE_VERTEX_BASE_URL": "", "GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "l"},
            "/v1beta1/projects/p/locations/l/publishers/google/models/{}",
        ),
        (
            "oauth-personal",
            {"CODE_ASSIST_ENDPOINT": "", "GOOGLE_GENAI_USE_GCA": "true", "GOOGLE_CLOUD_ACCESS_TOKEN": "t"},
            "/v1internal",
        ),
    ],
)
async def test_each_login_has_its_own_server(tmp_path: Path, kind: str, more: dict[str, str], path: str) -> None:
    """And its own path; the answer is the same."""
    with GeminiAPI() as api:
        at = {name: value or api.url for name, value in more.items()}
        async with started(tmp_path, {"security": {"auth": {"selectedType": kind}}}, **at) as fake:
            session, reply = await fake.ask(user("hello"))
            assert reply["result"]["stopReason"] == "end_turn"
            assert fake.texts(session)
        (asked,) = api.requests
        assert asked.path.startswith(f"{path.format('gemini-2.5-pro')}:streamGenerateContent")
        assert asked.body["model"] == "gemini-2.5-pro"


async def test_nobody_logged_in_eats_what_it_is_told(tmp_path: Path) -> None:
    """It asks for a code on stdout; without a key, there is no session."""
    async with opened(tmp_path, {"security": {"auth": {"selectedType": "oauth-personal"}}}) as fake:
        await fake.start("initialize", protocolVersion=1)
        assert await fake.next_line() == {"raw": "Please visit the following URL to authorize the application:"}
        assert await fake.end() == 41
    async with started(tmp_path, GEMINI_API_KEY="") as fake:
        refused = await fake.request("session/new", cwd=str(fake.cwd), mcpServers=[])
        assert refused["error"] == {"code": -32000, "message": "Gemini API key is missing or not configured."}


@pytest.mark.parametrize(
    ("left", "token", "kept"),
    [
        pytest.param(320, "a-refresh-token", "an-access-token", id="good"),
        pytest.param(280, "a-refresh-token", "renewed-access-token", id="ends-soon"),
        pytest.param(280, "revoked-refresh-token", "an-access-token", id="revoked"),
    ],
)
async def test_a_login_is_renewed_before_anything_is_answered(
    tmp_path: Path, left: float, token: str, kept: str
) -> None:
    """In its own file, unless it has more than five minutes left, or is renewed no more."""
    store = tmp_path / ".gemini" / "oauth_creds.json"
    store.parent.mkdir()
    expires_at = int((time.time() + left) * 1000)
    stored = {"access_token": "an-access-token", "refresh_token": token, "expiry_date": expires_at}
    store.write_text(json.dumps(stored), encoding="utf-8")
    async with started(tmp_path, {"security": {"auth": {"selectedType": "oauth-personal"}}}):
        told = json.loads(store.read_bytes())
    assert (told["access_token"], told["refresh_token"]) == (kept, token)
    assert (told["expiry_date"] > expires_at) == (kept != "an-access-token")


async def test_a_lock_left_behind_holds_it_up(tmp_path: Path) -> None:
    """It is told in the log, and gone then."""
    log, lock = tmp_path / "log", anyio.Path(tmp_path / ".gemini" / "projects.json.lock")
    await lock.mkdir(parents=True)
    async with started(tmp_path, FAKE_CLI_LOG=str(log)):
        assert not await lock.exists()
    assert [row["path"] for row in log_of(log)] == ["projects.json.lock"]


async def test_a_version_may_put_its_own_words_first(tmp_path: Path) -> None:
    """Whatever the id of the first message."""
    log = tmp_path / "log"
    async with started(tmp_path, FAKE_CLI_LOG=str(log), FAKE_GEMINI_LACKS="exact_history") as fake:
        await fake.ask(user("hello"))
    first = log_of(log)[0]["body"]["contents"][0]["parts"]
    assert first[0]["text"].startswith("<session_context>")
    assert first[1] == {"text": "hello"}


# Leaving and misbehaving


async def test_it_finishes_what_it_was_asked_before_it_leaves(tmp_path: Path) -> None:
    """At the end of its input; a signal ends it at once. Both with status 0."""
    for leaves_at_once in (False, True):
        async with started(tmp_path) as fake:
            session = await fake.load(user("[[scenario:slow delay=0.1]]"))
            await fake.start("session/prompt", sessionId=session, prompt=[{"type": "text", "text": ""}])
            await fake.until(is_answer)
            if leaves_at_once:
                fake.signal(signal.SIGTERM)
            assert await fake.end() == 0
            assert ("stopReason" in json.dumps(fake.lines)) is not leaves_at_once


async def test_without_the_switch_a_signal_changes_nothing(tmp_path: Path) -> None:
    """The relauncher ignores it."""
    async with started(tmp_path, GEMINI_CLI_NO_RELAUNCH="") as fake:
        fake.signal(signal.SIGTERM)
        assert "error" in await fake.request("nope")


async def test_it_misbehaves_when_asked_to(tmp_path: Path) -> None:
    """Dead before and amid an answer, and a line that is no JSON."""
    for scenario, pieces in (("die0", 0), ("die", 1)):
        async with started(tmp_path) as fake:
            session = await fake.load(user(f"[[scenario:{scenario}]]"))
            with pytest.raises(EOFError, match="died on request"):
                await fake.prompt(session)
            assert await fake.exit_status() == 3
            assert len(fake.texts(session)) == pieces
    async with started(tmp_path) as fake:
        await fake.ask(user("[[scenario:garbage]]"))
        assert [line for line in fake.lines if "raw" in line] == [{"raw": "this line is no JSON {{{"}]


@pytest.mark.parametrize("scenario", ["mute", "close_stdout"])
async def test_it_falls_silent_when_asked_to(tmp_path: Path, scenario: str) -> None:
    """And ends with its input."""
    async with started(tmp_path) as fake:
        session = await fake.load(user(f"[[scenario:{scenario}]]"))
        await fake.start("session/prompt", sessionId=session, prompt=[{"type": "text", "text": ""}])
        assert await fake.end() == 0
        assert "stopReason" not in json.dumps(fake.lines)


async def test_it_stays_when_asked_to(tmp_path: Path) -> None:
    """A signal and the end of input do not end it."""
    async with started(tmp_path) as fake:
        await fake.ask(user("[[scenario:ignore_term]]"))
        fake.signal(signal.SIGTERM)
        assert "error" in await fake.request("nope")
        await fake.end_of_input()
        with anyio.move_on_after(0.5) as waited:
            await fake.exit_status()
        assert waited.cancelled_caught


async def test_it_floods_stderr_when_asked_to(tmp_path: Path) -> None:
    """A turn that nobody can end who does not read that."""
    async with started(tmp_path) as fake:
        session = await fake.load(user("[[scenario:stderr_flood]]"))
        async with anyio.create_task_group() as group:
            group.start_soon(fake.errors)
            assert (await fake.prompt(session))["result"]["stopReason"] == "end_turn"
            await fake.end()


def test_version_and_refusals_are_as_recorded(tmp_path: Path):
    """Words, where they are written, and the exit status."""
    assert run(tmp_path, "--version").stdout == "0.61.0\n"
    refused = run(tmp_path, "--acp", "--nonsense")
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (1, "Unknown argument: nonsense")
    assert "Not enough arguments" in run(tmp_path, "--acp", "-e").stderr
    assert "only --acp" in run(tmp_path, "-p", "hello").stderr
    assert run(tmp_path, "--acp", FAKE_GEMINI_FAIL_START="1").returncode == 1
