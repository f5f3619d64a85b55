"""Links to images, where the vendor does not fetch them: the model sees what they lead to."""

from __future__ import annotations

import asyncio
import base64
import zlib
from collections.abc import AsyncIterator
from typing import Any

import litellm
import pytest

from tests.conformance.conversations import Media, assistant, call, numbered, result, user
from tests.conformance.world import World
from uutel_bridge.core.loopback import LoopbackServer, Request, Response

pytestmark = pytest.mark.on("fetched")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


_HEAD = (1).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
PNG = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", _HEAD) + _chunk(b"IDAT", zlib.compress(bytes(2))) + _chunk(b"IEND", b"")
DATA = base64.b64encode(PNG).decode()
PLAIN = f"data:image/png;base64,{DATA}"


@pytest.fixture
async def server(world: World) -> AsyncIterator[LoopbackServer]:
    """A host of one image on this machine, and the setting that allows it."""

    async def answer(request: Request) -> Response:
        if request.target == "/silent":
            await asyncio.Event().wait()
        return Response(body=PNG) if request.target == "/a.png" else Response(404)

    server = LoopbackServer(answer)
    await server.start()
    with world.settings(PRIVATE_LINKS="true"):
        yield server
    await server.aclose()


def image(url: str) -> dict[str, Any]:
    """A part of a message."""
    return {"type": "image_url", "image_url": {"url": url}}


def shown(marker: str, url: str) -> list[dict[str, Any]]:
    """Parts of a message, with a link among texts."""
    return [{"type": "text", "text": f"before {marker}"}, image(url), {"type": "text", "text": "after"}]


def conversation(place: str, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With these parts somewhere."""
    return {
        "last": [user(parts)],
        "earlier": [user(parts), assistant("Seen."), user("And?")],
        "in a result": [user("Look."), assistant(None, call("c1", "look")), result("c1", parts)],
    }[place]


@pytest.mark.parametrize("place", ["last", "earlier", "in a result"])
@pytest.mark.requirement("media:image-url")
async def test_a_link_arrives_as_the_image_it_leads_to(world: World, server: LoopbackServer, place: str) -> None:
    """Byte for byte, in its place."""
    marker = world.marker("text")
    linked, there = (conversation(place, shown(marker, url)) for url in (f"{server.url}/a.png", PLAIN))
    await litellm.acompletion(world.model, linked)
    assert numbered(world.body(marker).conversation) == world.seen(there)


@pytest.mark.requirement("media:image-url")
async def test_a_streamed_answer_sees_it_too(world: World, server: LoopbackServer) -> None:
    """The same request."""
    marker = world.marker("text")
    stream = await litellm.acompletion(world.model, [user(shown(marker, f"{server.url}/a.png"))], stream=True)
    assert [chunk async for chunk in stream]
    ((_, items),) = world.body(marker).conversation
    assert items[1] == Media("image/png", DATA)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.requirement("media:image-url")
async def test_a_link_that_leads_nowhere_is_a_bad_request(world: World, server: LoopbackServer, stream: bool) -> None:
    """As at OpenAI; the model is not asked."""
    marker = world.marker("text")
    with pytest.raises(litellm.BadRequestError, match=r"messages\[0\].content\[1\].image_url.*404"):
        async for _ in await _asked(world, marker, f"{server.url}/gone", stream=stream):
            pass
    assert world.bodies(marker) == []


@pytest.mark.requirement("media:image-url")
async def test_the_timeout_covers_the_link(world: World, server: LoopbackServer) -> None:
    """It is the limit of the whole answer."""
    marker = world.marker("text")
    with pytest.raises(litellm.Timeout):
        await litellm.acompletion(world.model, [user(shown(marker, f"{server.url}/silent"))], timeout=0.5)
    assert world.bodies(marker) == []


@pytest.mark.usefixtures("server")
@pytest.mark.requirement("media:image-url")
async def test_a_link_to_this_machine_needs_leave(world: World) -> None:
    """The CLI's own API is one."""
    marker = world.marker("text")
    with (
        world.settings(PRIVATE_LINKS="false"),
        pytest.raises(litellm.BadRequestError, match="private_links"),
    ):
        await litellm.acompletion(world.model, [user(shown(marker, f"{world.api.url}/a.png"))])
    assert world.bodies(marker) == []


async def _asked(world: World, marker: str, url: str, *, stream: bool) -> Any:
    return await litellm.acompletion(world.model, [user(shown(marker, url))], stream=stream)
