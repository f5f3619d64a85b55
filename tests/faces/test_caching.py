"""LiteLLM's cache before a provider: what was asked before is not asked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import litellm
import pytest

from tests.conformance.conversations import function, user
from tests.conformance.processes import BOUND
from tests.conformance.world import World

pytestmark = pytest.mark.parametrize("provider", ["claude-code", "codex"])

TOOLS = [function("alpha")]


@pytest.fixture(params=["local", "disk"])
def _cache(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    if request.param == "disk":
        pytest.importorskip("diskcache", reason="LiteLLM's extra `caching` is not installed")
    cache = litellm.Cache(type=request.param, disk_cache_dir=str(tmp_path))
    monkeypatch.setattr(litellm, "cache", cache)
    yield
    if request.param == "disk":
        cache.cache.disk_cache.close()


async def whole(world: World, marker: str, **given: Any) -> tuple[Any, Any]:
    """Text and calls."""
    response: Any = await litellm.acompletion(model=world.model, messages=[user(marker)], caching=True, **given)
    return _said(response)


async def streamed(world: World, marker: str, **given: Any) -> tuple[Any, Any]:
    """Likewise."""
    stream: Any = await litellm.acompletion(
        model=world.model, messages=[user(marker)], caching=True, stream=True, **given
    )
    return _said(litellm.stream_chunk_builder([chunk async for chunk in stream]))


def _said(response: Any) -> tuple[Any, Any]:
    message = response.choices[0].message
    return message.content, [
        (call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()
    ]


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize(("scenario", "given"), [("text", {}), ("tool", {"tools": TOOLS})])
@pytest.mark.usefixtures("_cache")
async def test_the_same_request_is_answered_from_the_cache(
    worlds: Mapping[str, World], provider: str, ask: Any, scenario: str, given: dict[str, Any]
) -> None:
    """With the same text and the same calls, as soon as LiteLLM has put it there, which it does in the background."""
    world = worlds[provider]
    marker = world.marker(scenario)
    answers: list[Any] = []
    requests = -1
    with anyio.fail_after(BOUND):
        while requests < len(world.bodies(marker)):
            requests = len(world.bodies(marker))
            answers.append(await ask(world, marker, **given))
            await anyio.sleep(0.02)
    assert answers[-1] in answers[:-1]


@pytest.mark.usefixtures("_cache")
async def test_another_request_is_not(worlds: Mapping[str, World], provider: str) -> None:
    """A parameter makes it another one."""
    world = worlds[provider]
    marker = world.marker("text")
    for effort in ("low", "high"):
        await whole(world, marker, effort=effort)
    assert len(world.bodies(marker)) == 2
