"""Versions of Gemini CLI that take no conversation as it is: they are told it in words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import anyio
import litellm
import pytest
from litellm import exceptions as lite

from tests.conformance.conversations import assistant, system, user
from tests.conformance.gemini_world import ON_GEMINI
from tests.conformance.processes import BOUND
from tests.conformance.samples import IMAGE
from tests.conformance.world import ON_FAKE, World
from uutel_bridge.core import probe

pytestmark = ON_GEMINI


@pytest.fixture
def unproven(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """A world in which the probe has said no."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with world.settings():
        probe._remember(probe._key(world.status.name, world.parts.inner(world.status.executable)), False)
        yield world


async def check(world: World, name: str = "somebody") -> None:
    """A conversation is answered, and all of it reached the model in its order, in one message."""
    marker = world.marker("thinking")
    shown = user([{"type": "text", "text": "/help me"}, IMAGE])
    messages = [system(f"You serve {name}."), shown, assistant("I see."), user(f"? {name} {marker}")]
    response = await litellm.acompletion(world.model, messages)
    assert response.choices[0].message.content == "After thought: 42."
    assert response.usage.prompt_tokens > 0
    body = world.body(marker)
    assert body.system == [f"You serve {name}."]
    assert "inlineData" in body.text
    places = [body.text.index(text) for text in ("/help me", "I see.", f"? {name} {marker}")]
    assert places == sorted(places)


async def test_a_conversation_is_told_as_a_transcript(unproven: World) -> None:
    """Once more in the same process, and side by side with others."""
    with anyio.fail_after(BOUND):
        for _ in range(2):
            await check(unproven)
        assert unproven.processes_started == 1
        await asyncio.gather(*(check(unproven, f"guest {n}") for n in range(4)))


async def test_failures_are_those_of_any_version(unproven: World) -> None:
    """In LiteLLM's classes."""
    with anyio.fail_after(BOUND):
        with pytest.raises(lite.BadRequestError, match="invalid argument"):
            await litellm.acompletion(unproven.model, [user(unproven.marker("e400"))])
        await check(unproven)


@ON_FAKE
async def test_the_probe_finds_out_what_a_version_lacks(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Words of its own before every conversation; then it chats."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("FAKE_GEMINI_LACKS", "exact_history")
    with world.settings(PASS_ENV="FAKE_GEMINI_LACKS"), anyio.fail_after(BOUND):
        await check(world)
        status = world.status
        assert probe.remembered(status.name, status.executable) is False
