"""What LiteLLM can be asked for that is no chat: it is refused, and no model is asked."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import litellm
import pytest
from litellm.google_genai import agenerate_content

from tests.conformance.conversations import user
from tests.conformance.world import World

_SOUND = ("sound.wav", b"RIFF")
_TURNS = [{"role": "user", "parts": [{"text": "Hello"}]}]


@pytest.fixture
def world(worlds: Mapping[str, World]) -> World:
    """One provider; all have this from the same place."""
    return worlds["claude-code"]


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (litellm.embedding, {"input": ["Hello"]}),
        (litellm.aembedding, {"input": ["Hello"]}),
        (litellm.image_generation, {"prompt": "Hello"}),
        (litellm.aimage_generation, {"prompt": "Hello"}),
        (litellm.image_edit, {"prompt": "Hello", "image": io.BytesIO(b"GIF89a")}),
        (litellm.aimage_edit, {"prompt": "Hello", "image": io.BytesIO(b"GIF89a")}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_what_is_no_chat_is_a_bad_request(world: World, call: Any, given: dict[str, Any]) -> None:
    """Which says so, and is not tried again."""
    before = len(world.api.requests)
    with pytest.raises(litellm.BadRequestError, match="Ask another provider") as caught:
        await call(model=world.model, **given)
    assert "Traceback" not in str(caught.value)
    assert len(world.api.requests) == before


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (litellm.atranscription, {"file": _SOUND}),
        (litellm.aspeech, {"input": "Hello", "voice": "alloy"}),
        (litellm.arerank, {"query": "Hello", "documents": ["Hello"]}),
        (agenerate_content, {"contents": _TURNS}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_what_litellm_has_for_none_but_its_own_providers_it_refuses(
    world: World, call: Any, given: dict[str, Any]
) -> None:
    """Before the bridge hears of it."""
    before = len(world.api.requests)
    with pytest.raises(litellm.APIConnectionError, match="'uutel' is not a valid LlmProviders"):
        await call(model=world.model, **given)
    assert len(world.api.requests) == before


async def test_an_earlier_response_brings_no_history(world: World) -> None:
    """LiteLLM keeps answers in its proxy's database alone; the conversation goes along in `input`."""
    marker = world.marker("text")
    first: Any = await litellm.aresponses(f"One {marker}", world.model)
    await litellm.aresponses(f"Two {marker}", world.model, previous_response_id=first.id)
    _, second = world.bodies(marker)
    assert second.conversation == world.seen([user(f"Two {marker}")])
