"""Versions of Codex that tell less than the bridge needs for functions, or hardly anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import anyio
import litellm
import pytest
from litellm import exceptions as lite

from tests.conformance.codex_world import ON_CODEX
from tests.conformance.conversations import assistant, call, result, system, user
from tests.conformance.processes import BOUND
from tests.conformance.samples import IMAGE
from tests.conformance.test_tools import ask
from tests.conformance.world import ON_FAKE, World, origin
from uutel_bridge.core import locate, probe
from uutel_bridge.core.errors import CLIVersion

pytestmark = ON_CODEX

HISTORY = [
    system("Be exact."),
    user([{"type": "text", "text": "See $this:"}, IMAGE]),
    assistant(None, call("c1", "look")),
    result("c1", "nothing"),
    assistant("I see."),
]


@pytest.fixture
def unproven(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """A world in which the probe has said no."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with world.settings():
        probe._remember(probe._key(world.status.name, world.parts.inner(world.status.executable)), False)
        yield world


async def test_without_functions_the_model_is_sent_the_same(unproven: World) -> None:
    """Though the CLI is asked for stable things only; a conversation may hold calls of before."""
    with anyio.fail_after(BOUND):
        await unproven.is_exact()
        marker = unproven.marker("thinking")
        messages = [*HISTORY, user(f"And now? {marker}")]
        response = await litellm.acompletion(unproven.model, messages, effort="low")
    assert response.choices[0].message.content == "After thought: 42."
    assert response.choices[0].finish_reason == "stop"
    assert response.usage.prompt_tokens > 0
    body = unproven.body(marker)
    assert (body.system, body.turns) == (["Be exact."], [
        ("user", ["See $this:", "media"]), ("assistant", ["call"]), ("user", ["result"]),
        ("assistant", ["I see."]), ("user", [f"And now? {marker}"]),
    ])  # fmt: skip
    assert (body.tools, body.effort) == ({}, "low")


async def test_conversations_side_by_side_are_not_mixed(unproven: World) -> None:
    """One process serves them all."""
    with anyio.fail_after(BOUND):
        await asyncio.gather(*(unproven.is_exact(f"You are number {n}.") for n in range(20)))
    assert unproven.processes_started == 1


async def test_functions_are_refused_by_name(unproven: World) -> None:
    """Before the model is asked; what needs none is answered as ever."""
    asked = len(unproven.api.requests)
    with anyio.fail_after(BOUND):
        with pytest.raises(lite.UnsupportedParamsError, match=r"tools.*update it"):
            await ask("whole", unproven, [user("Hello")])
        assert len(unproven.api.requests) == asked
        await unproven.is_exact()


@ON_FAKE
@pytest.mark.parametrize("lacking", ["raw_events", "dynamic_tools"])
async def test_the_probe_finds_out_what_a_version_lacks(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lacking: str
) -> None:
    """Then it chats, and takes no functions."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("FAKE_CODEX_LACKS", lacking)
    with world.settings(PASS_ENV="FAKE_CODEX_LACKS"), anyio.fail_after(BOUND):
        await world.is_exact()
        with pytest.raises(lite.UnsupportedParamsError, match=r"tools.*update it"):
            await ask("whole", world, [user("Hello")])
        await world.is_exact()


@ON_FAKE
async def test_a_version_that_is_too_old_is_refused_with_what_mends_it(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It could not be sealed, or not be told a conversation."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("FAKE_CODEX_LACKS", "raw_events")
    monkeypatch.setenv("FAKE_CODEX_VERSION", "0.113.0")
    monkeypatch.setattr(locate, "_versions", {})
    with world.settings(PASS_ENV="FAKE_CODEX_LACKS,FAKE_CODEX_VERSION"), anyio.fail_after(BOUND):
        with pytest.raises(lite.APIConnectionError, match="npm install -g @openai/codex") as caught:
            await world.is_exact()
        assert isinstance(origin(caught.value), CLIVersion)
