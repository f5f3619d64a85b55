"""Nothing of the machine gets into a request, and nothing of a request stays on the machine."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import litellm
import openai
import pytest

import uutel_bridge
from tests.conformance.conversations import assistant, function, system, user
from tests.conformance.processes import BOUND, groups_of
from tests.conformance.world import World


@pytest.fixture
def home(world: World, tmp_path: Path) -> Iterator[Path]:
    """Another home with the same login; the bridge starts afresh, before and after."""
    folder = tmp_path / "home"
    shutil.copytree((world.home / world.login).parent, (folder / world.login).parent)
    with world.settings():
        yield folder


def environment(pid: int) -> str:
    """What a process was given."""
    return Path(f"/proc/{pid}/environ").read_bytes().decode()


async def ask(world: World) -> str:
    """A request; the marker to look it up by."""
    marker = world.marker("text")
    messages = [system("Be exact."), user("One."), assistant("Two."), user(f"Three. {marker}")]
    await litellm.acompletion(world.model, messages, tools=[function("alpha")], **world.tables.odd)
    return marker


@pytest.mark.requirement("sealed:environment")
async def test_a_hostile_environment_leaves_no_trace(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys, addresses, headers, models and switches that lie around are not the caller's."""
    with world.settings(), world.api_class() as elsewhere, anyio.fail_after(BOUND):
        plain = await ask(world)
        uutel_bridge.close()
        for name, value in {**world.tables.hostile, world.address: elsewhere.url}.items():
            monkeypatch.setenv(name, value.replace("FOLDER", str(tmp_path)))
        hostile = await ask(world)
        children = groups_of(os.getpid())
        assert len(children) == world.if_any(1)
        seen = "".join(map(environment, children))
        assert (elsewhere.requests, elsewhere.other) == ([], [])
    assert world.wire(hostile) == world.wire(plain)
    assert "hostile" not in seen
    assert not any(secret in seen for secret in world.secrets if secret not in world.told_to_the_cli)
    assert contents(tmp_path) == {}


@pytest.mark.requirement("sealed:home")
async def test_a_hostile_home_leaves_no_trace(
    world: World, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings, hooks, memory files, skills and servers are the user's, for the user's own sessions."""
    canary = tmp_path / "canary"
    with anyio.fail_after(BOUND):
        plain = await ask(world)
        uutel_bridge.close()
        world.hostile_home(home, canary)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))  # the working directory is below the hostile files
        hostile = await ask(world)
        uutel_bridge.close()
    assert not canary.exists()
    here = json.dumps(world.wire(plain)).replace(str(world.home), "HOME")
    assert json.dumps(world.wire(hostile)).replace(str(home), "HOME") == here
    assert "hostile" not in here


@pytest.mark.requirement("sealed:home", "sealed:disk")
async def test_the_users_own_files_stay_as_they_are(
    world: World, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login and all the rest, to the byte, but for the notes of CLI and bridge; nothing in them is the caller's."""
    world.hostile_home(home, tmp_path / "canary")
    before = contents(home)
    monkeypatch.setenv("HOME", str(home))
    with anyio.fail_after(BOUND):
        marker = world.marker("tools")
        messages = [user("A secret."), assistant("Kept.")] * 120
        await litellm.acompletion(world.model, [user(f"A secret. {marker}")], tools=[function("clandestine")])
        await litellm.acompletion(
            world.model, [*messages, user(f"A secret. {marker}")], tools=[function("clandestine")]
        )
        await uutel_bridge.aclose()
    after = contents(home)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert [name for name in changed if not name.startswith((*world.notes, ".cache/uutel-bridge/"))] == []
    assert [name for name in changed for word in (b"A secret.", b"clandestine") if word in after[name]] == []
    for name, content in world.hostile_files(home, tmp_path / "canary").items():
        assert name not in changed or json.loads(after[name]) == json.loads(after[name]) | json.loads(content)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below, by its name from there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.requirement("sealed:network")
async def test_nobody_is_asked_but_the_vendors_api(world: World) -> None:
    """The model, and what the CLI wants to know of the account; that goes to the same address."""
    world.api.clear()
    attempts = len(world.proxy.attempts)
    with world.settings(), anyio.fail_after(BOUND):
        await world.is_exact()
    assert {each.path for each in world.api.other} <= world.lookups
    assert world.proxy.attempts[attempts:] == []


@pytest.mark.requirement("sealed:disk")
async def test_nothing_of_a_conversation_stays_on_disk(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the home folder nor in the temporary one, not even of a request that was given up."""
    secret = "wxyzzy-in-confidence"
    odd = {name: [secret] if name == "stop" else value for name, value in world.tables.odd.items()}
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with world.settings(), anyio.fail_after(BOUND):
        messages = [system(secret), user(secret), assistant(secret)]
        await litellm.acompletion(world.model, [*messages, user(f"{secret}{world.marker('echo')}")], **odd)
        await forgotten(secret, world.home, tmp_path)
        marker = world.marker("hang")
        given_up = asyncio.create_task(litellm.acompletion(world.model, [*messages, user(f"{secret}{marker}")]))
        await anyio.to_thread.run_sync(world.arrives, marker)
        assert world.files_while_asked or holding(secret, world.home, tmp_path) == []
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        await forgotten(secret, world.home, tmp_path)
        await uutel_bridge.aclose()
        assert holding(secret, world.home, tmp_path) == []
        assert holding("", tmp_path) == []


async def forgotten(secret: str, *folders: Path) -> None:
    """Wait until no file holds the secret."""
    while holding(secret, *folders):
        await asyncio.sleep(0.01)


def holding(secret: str, *folders: Path) -> list[Path]:
    """The files in these folders that hold the secret, in their name or inside."""
    files = [path for folder in folders for path in folder.rglob("*")]
    return [path for path in files if secret in path.name or (path.is_file() and secret.encode() in path.read_bytes())]


@pytest.mark.requirement("sealed:logs")
async def test_logs_hold_no_prompt_no_answer_and_no_token(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the most talkative level, whatever happens to the request."""
    caplog.set_level(logging.DEBUG, "uutel_bridge")
    secret, key = "wxyzzy-in-confidence", "made-up-key-of-a-caller"
    odd = {name: [secret] if name == "stop" else value for name, value in world.tables.odd.items()}
    with world.settings(RETRY__MAX_RETRIES="0"), anyio.fail_after(BOUND):
        for scenario in ("echo", "e400", "e401", world.overloaded, "drop"):
            messages = [system(secret), user(f"{secret} {world.marker(scenario)}")]
            for options in ({}, {"api_key": key}):
                with suppress(openai.APIError):  # the base of all of LiteLLM's
                    await litellm.acompletion(world.model, messages, **odd, **options)
        with pytest.raises(litellm.Timeout):
            await litellm.acompletion(world.model, [user(f"{secret} {world.marker('hang')}")], timeout=0.5)
    told = [record for record in caplog.records if record.name.startswith("uutel_bridge")]
    assert told or not world.if_any(1)  # of its processes a pool tells much
    text = "\n".join(f"{record.getMessage()} {record.__dict__} {record.exc_text}" for record in told)
    assert not [word for word in (secret, key, *world.secrets) if word in text]
