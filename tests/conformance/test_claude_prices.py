"""What Claude Code's models cost."""

from __future__ import annotations

from typing import Any

import litellm
import pytest

from tests.conformance.claude_world import ON_CLAUDE
from tests.conformance.conversations import user
from tests.conformance.world import World
from uutel_bridge.providers.claude_code.catalog import MODELS

pytestmark = ON_CLAUDE


@pytest.mark.parametrize("model", [model for model in MODELS if model.name.startswith("claude-")], ids=lambda m: m.name)
@pytest.mark.requirement("usage:cost")
async def test_prices_known_beforehand_are_the_vendors(world: World, model: Any) -> None:
    """What LiteLLM's table says of a model is what the CLI charges in the end."""
    response = await litellm.acompletion(world.named(model.name), [user(world.marker("usage"))])
    cost = response._hidden_params["response_cost"]
    assert cost == pytest.approx(litellm.completion_cost(response))
    assert cost == response.usage.cost
    assert cost == pytest.approx(
        100 * model.input_cost + 20 * model.cache_creation_cost + 40 * model.cache_read_cost + 7 * model.output_cost
    )
