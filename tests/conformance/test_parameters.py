"""Which model answers, for whom, and how: parameters, names and logins."""

from __future__ import annotations

from typing import Any

import litellm
import pytest

from tests.conformance.world import World, user
from tests.emulators.messages_api import MessagesAPI
from uutel_bridge.providers.claude_code import ClaudeCodeUU

PARAMETERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "max_tokens": ({"max_tokens": 321}, {"max_tokens": 321}),
    "one token": ({"max_tokens": 1}, {"max_tokens": 1}),
    "max_completion_tokens": ({"max_completion_tokens": 322}, {"max_tokens": 322}),
    "temperature": ({"temperature": 0.25}, {"temperature": 0.25}),
    "temperature 0": ({"temperature": 0}, {"temperature": 0}),
    "top_p": ({"top_p": 0.5}, {"top_p": 0.5}),
    "stop": ({"stop": "END \u2028"}, {"stop_sequences": ["END \u2028"]}),
    "stops": ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
    "reasoning_effort": (
        {"reasoning_effort": "low", "allowed_openai_params": ["reasoning_effort"]},
        {"output_config": {"effort": "low"}},
    ),
    "effort": ({"effort": "high"}, {"output_config": {"effort": "high"}}),
    "extra_body": (
        {"extra_body": {"reasoning_effort": "max", "temperature": 0.5}},
        {"output_config": {"effort": "max"}, "temperature": 0.5},
    ),
    "all": (
        {"max_tokens": 5, "temperature": 1.0, "top_p": 0.9, "stop": ["x"], "effort": "low"},
        {
            "max_tokens": 5,
            "temperature": 1.0,
            "top_p": 0.9,
            "stop_sequences": ["x"],
            "output_config": {"effort": "low"},
        },
    ),
}


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.requirement(
    "parameters:max_tokens", "parameters:temperature", "parameters:top_p", "parameters:stop", "reasoning:effort"
)
async def test_parameters_arrive_under_the_vendors_names(world: World, name: str) -> None:
    """Exactly what was asked for, and the CLI's defaults for the rest."""
    given, expected = PARAMETERS[name]
    plain, marker = world.marker("text"), world.marker("text")
    await litellm.acompletion(world.model, [user(plain)])
    await litellm.acompletion(world.model, [user(marker)], **given)
    assert world.body(marker).parameters == world.body(plain).parameters | expected


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("sonnet", "claude-sonnet-5-5"),
        ("opus", "claude-opus-5-5"),
        ("default", "claude-opus-5-5"),
        ("haiku", "claude-haiku-5-5"),
        ("claude-sonnet-5-5", "claude-sonnet-5-5"),
        ("claude-haiku-5-5", "claude-haiku-5-5"),
        ("claude-opus-4-1-20250805", "claude-opus-4-1-20250805"),
        ("a-model-of-next-year", "a-model-of-next-year"),
    ],
)
@pytest.mark.requirement("models:names")
async def test_models_go_by_alias_or_full_name(world: World, name: str, model: str) -> None:
    """The CLI's aliases work, and any other name goes through as it is, without a request to try it out."""
    marker = world.marker("text")
    world.api.clear()
    response = await litellm.acompletion(f"uutel/claude-code/{name}", [user(marker)])
    assert [request.body["model"] for request in world.api.requests] == [model]
    assert response._hidden_params["uutel_model"] == model


@pytest.mark.parametrize("prefix", ["uutel/claude-code", "claude-code"])
async def test_both_names_lead_to_the_same_model(world: World, prefix: str) -> None:
    """`uutel/<provider>/<model>` and `<provider>/<model>`."""
    marker = world.marker("text")
    await litellm.acompletion(f"{prefix}/haiku", [user(marker)])
    assert world.body(marker).raw["model"] == "claude-haiku-5-5"


async def test_the_class_can_be_registered_by_hand(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM's own way to add a provider is enough."""
    handlers = [{"provider": "claude-code", "custom_handler": ClaudeCodeUU()}]
    monkeypatch.setattr(litellm, "custom_provider_map", handlers)
    marker = world.marker("text")
    await litellm.acompletion("claude-code/sonnet", [user(marker)])
    assert world.body(marker).raw["model"] == "claude-sonnet-5-5"


async def test_the_stored_login_is_used(world: World) -> None:
    """The CLI sends the token of its own login, and no key."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [user(marker)])
    headers = world.body(marker).headers
    assert headers["authorization"] == "Bearer fake-access-token"
    assert "x-api-key" not in headers


@pytest.mark.requirement("parameters:api_key")
async def test_a_key_in_the_call_replaces_the_login(world: World) -> None:
    """For this call only; the login's token does not travel beside it."""
    marker, after = world.marker("text"), world.marker("text")
    await litellm.acompletion(world.model, [user(marker)], api_key="made-up-key")
    await litellm.acompletion(world.model, [user(after)])
    headers = world.body(marker).headers
    assert headers["x-api-key"] == "made-up-key"
    assert "fake-access-token" not in str(headers)
    assert "made-up-key" not in str(world.body(after).headers)


@pytest.mark.requirement("parameters:api_base")
async def test_an_address_in_the_call_wins(world: World) -> None:
    """`api_base` names another server for this call only."""
    marker, after = world.marker("text"), world.marker("text")
    with MessagesAPI() as other:
        await litellm.acompletion(world.model, [user(marker)], api_base=other.url)
        await litellm.acompletion(world.model, [user(after)])
        assert len(other.of(marker)) == 1
        assert other.of(after) == []
    assert world.bodies(marker) == []
    assert world.body(after)
