"""Functions in Codex's words: what it drops, and what it cannot be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import litellm
import pytest
from litellm import exceptions as lite

from tests.conformance.codex_world import ON_CODEX
from tests.conformance.conversations import function, user
from tests.conformance.test_tools import ask
from tests.conformance.world import ON_FAKE, World

pytestmark = ON_CODEX


@pytest.mark.requirement("tools:schema")
async def test_what_codex_drops_of_a_schema_is_told_in_words(world: World) -> None:
    """Limits stand in the description."""
    marker = world.marker("text")
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"list": {"type": "array", "items": {"type": "number", "minimum": 0.5}, "minItems": 1}},
    }
    tools = [function("everything", "", **schema), function("bare", "B.")]
    await litellm.acompletion(world.model, [user(marker)], tools=tools)
    assert list(world.body(marker).tools) == ["everything", "bare"]
    arrived = world.body(marker).tools["everything"].schema
    number = arrived["properties"]["list"]["items"]
    assert number == {"type": "number", "description": "(minimum 0.5)"}
    schema["properties"]["list"]["items"] = number
    assert arrived == schema


@ON_FAKE
@pytest.mark.parametrize("lacking", ["raw_events", "dynamic_tools"])
async def test_a_version_that_does_not_tell_of_calls_takes_no_functions(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lacking: str
) -> None:
    """The error says so; what needs none is answered as ever."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("FAKE_CODEX_LACKS", lacking)
    with world.settings(PASS_ENV="FAKE_CODEX_LACKS"):
        await world.is_exact()
        with pytest.raises(lite.UnsupportedParamsError, match=r"tools.*update it"):
            await ask("whole", world, [user("Hello")])
        await world.is_exact()


async def test_who_forbids_calls_is_told_of_no_function(world: World) -> None:
    """Codex has no other way to forbid them."""
    marker = world.marker("tools")
    await ask("whole", world, [user(marker)], tool_choice="none")
    assert world.body(marker).tools == {}


@pytest.mark.parametrize(
    "given",
    [
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "beta"}}},
        {"parallel_tool_calls": False},
    ],
    ids=["required", "named", "one at a time"],
)
async def test_what_codex_cannot_be_told_is_refused(world: World, given: dict[str, Any]) -> None:
    """By its name, at once."""
    asked = len(world.api.requests)
    with pytest.raises(lite.UnsupportedParamsError, match=next(iter(given))):
        await ask("whole", world, [user("Hello")], **given)
    assert len(world.api.requests) == asked
