"""LiteLLM's cache before a provider: what was asked before is not asked again."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import litellm
import pytest
from fakeredis import TcpFakeServer

from tests.conformance.conversations import function, user
from tests.conformance.processes import BOUND
from tests.conformance.world import World

pytestmark = pytest.mark.parametrize("provider", ["claude-code", "codex"])

TOOLS = [function("alpha")]
FOUR_CALLS = pytest.mark.parametrize(
    ("stream", "sync"),
    [(False, True), (False, False), (True, True), (True, False)],
    ids=["completion", "acompletion", "streaming", "astreaming"],
)


@contextmanager
def redis() -> Iterator[int]:
    """A server that speaks redis's protocol, on this port of 127.0.0.1."""
    with TcpFakeServer(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(BOUND)


@pytest.fixture(params=["local", "disk", "redis"])
async def _cache(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[None]:
    if request.param == "redis":
        with redis() as port:  # one for each test: LiteLLM keeps connections by address, beyond the loop they belong to
            cache = litellm.Cache(type="redis", host="127.0.0.1", port=str(port))
            monkeypatch.setattr(litellm, "cache", cache)
            yield
            await cache.disconnect()
    else:
        cache = litellm.Cache(type=request.param, disk_cache_dir=str(tmp_path))
        monkeypatch.setattr(litellm, "cache", cache)
        yield
        if request.param == "disk":
            cache.cache.disk_cache.close()


async def ask(world: World, marker: str, *, stream: bool = False, sync: bool = False, **given: Any) -> Any:
    """An answer, put together where it comes as a stream."""
    options = {"model": world.model, "messages": [user(marker)], "caching": True, "stream": stream, **given}
    if sync:
        return await anyio.to_thread.run_sync(_ask_waiting, options)
    response: Any = await litellm.acompletion(**options)
    return litellm.stream_chunk_builder([chunk async for chunk in response]) if stream else response


def _ask_waiting(options: dict[str, Any]) -> Any:
    response: Any = litellm.completion(**options)
    return litellm.stream_chunk_builder(list(response)) if options["stream"] else response


def said(response: Any) -> tuple[Any, ...]:
    """Text, calls, and what it took."""
    message, usage = response.choices[0].message, response.usage
    calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    return message.content, calls, usage.prompt_tokens, usage.completion_tokens


async def until_cached(world: World, marker: str, **options: Any) -> list[Any]:
    """Ask until no model is asked: LiteLLM puts an answer there in the background."""
    answers: list[Any] = []
    requests = -1
    with anyio.fail_after(BOUND):
        while requests < len(world.bodies(marker)):
            requests = len(world.bodies(marker))
            answers.append(await ask(world, marker, **options))
            await anyio.sleep(0.02)
    return answers


@FOUR_CALLS
@pytest.mark.parametrize(("scenario", "given"), [("usage", {}), ("tool", {"tools": TOOLS})])
@pytest.mark.usefixtures("_cache")
async def test_the_same_request_is_answered_from_the_cache(
    worlds: Mapping[str, World], provider: str, stream: bool, sync: bool, scenario: str, given: dict[str, Any]
) -> None:
    """With the same text, calls and usage."""
    world = worlds[provider]
    *asked, cached = await until_cached(world, world.marker(scenario), stream=stream, sync=sync, **given)
    assert said(cached) in map(said, asked)
    assert litellm.completion_cost(cached, model=world.model) > 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ["reasoning_effort", "effort"])
@pytest.mark.usefixtures("_cache")
async def test_another_request_is_not(
    worlds: Mapping[str, World], monkeypatch: pytest.MonkeyPatch, provider: str, name: str, stream: bool
) -> None:
    """A parameter makes it another one; one that OpenAI has not, where LiteLLM is told to look at those."""
    monkeypatch.setattr(litellm, "enable_caching_on_provider_specific_optional_params", name == "effort")
    world = worlds[provider]
    marker = world.marker("text")
    options: dict[str, Any] = {"stream": stream, "allowed_openai_params": ["reasoning_effort"]}
    await until_cached(world, marker, **{name: "low"}, **options)
    requests = len(world.bodies(marker))
    await ask(world, marker, **{name: "high"}, **options)
    assert len(world.bodies(marker)) == requests + 1
