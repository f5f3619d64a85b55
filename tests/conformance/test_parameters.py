"""Which model answers, for whom, and how: parameters, names and logins."""

from __future__ import annotations

import litellm
import pytest

from tests.conformance.conversations import user
from tests.conformance.world import World


@pytest.mark.each("name", "given")
async def test_parameters_arrive_under_the_vendors_names(world: World, name: str) -> None:
    """Exactly what was asked for, and the CLI's defaults for the rest; the request after is as any other."""
    given, expected = world.tables.given[name]
    plain, marker, after = (world.marker("text") for _ in range(3))
    await litellm.acompletion(world.model, [user(plain)])
    await litellm.acompletion(world.model, [user(marker)], **given)
    await litellm.acompletion(world.model, [user(after)])
    assert world.body(marker).parameters == world.body(plain).parameters | expected
    assert world.body(after).parameters == world.body(plain).parameters


@pytest.mark.requirement("reasoning:effort")
async def test_how_hard_to_think_is_told(world: World) -> None:
    """By the bridge's own name of it, or by OpenAI's if the caller insists; and the next request is as any other."""
    for given in ({"effort": "low"}, {"reasoning_effort": "low", "allowed_openai_params": ["reasoning_effort"]}):
        plain, marker, after = (world.marker("text") for _ in range(3))
        await litellm.acompletion(world.model, [user(plain)])
        await litellm.acompletion(world.model, [user(marker)], **given)
        await litellm.acompletion(world.model, [user(after)])
        assert world.body(marker).effort == "low"
        assert world.body(after).effort == world.body(plain).effort != "low"


@pytest.mark.each("name", "models")
@pytest.mark.requirement("models:names")
async def test_models_go_by_alias_or_full_name(world: World, name: str) -> None:
    """The CLI's aliases work, and any other name goes through as it is, without a request to try it out."""
    marker = world.marker("text")
    world.api.clear()
    response = await litellm.acompletion(world.named(name), [user(marker)])
    assert [world.body_class(request).model for request in world.api.requests] == [world.tables.models[name]]
    assert response._hidden_params["uutel"]["model"] == world.tables.models[name]


@pytest.mark.parametrize("prefix", ["uutel/", ""])
async def test_both_names_lead_to_the_same_model(world: World, prefix: str) -> None:
    """`uutel/<provider>/<model>` and `<provider>/<model>`."""
    marker = world.marker("text")
    await litellm.acompletion(f"{prefix}{world.provider}/{world.other_model}", [user(marker)])
    assert world.body(marker).model == world.tables.models[world.other_model]


async def test_the_class_can_be_registered_by_hand(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM's own way to add a provider is enough."""
    handlers = [{"provider": world.provider, "custom_handler": world.handler()}]
    monkeypatch.setattr(litellm, "custom_provider_map", handlers)
    marker = world.marker("text")
    await litellm.acompletion(f"{world.provider}/{world.other_model}", [user(marker)])
    assert world.body(marker).model == world.tables.models[world.other_model]


@pytest.mark.requirement("parameters:api_key")
async def test_a_key_in_the_call_replaces_the_login(world: World) -> None:
    """For this call only; nothing of the login travels beside it, nor the key with the next."""
    before, marker, after = (world.marker("text") for _ in range(3))
    await litellm.acompletion(world.model, [user(before)])
    await litellm.acompletion(world.model, [user(marker)], api_key="made-up-key")
    await litellm.acompletion(world.model, [user(after)])
    assert [world.body(each).key for each in (before, marker, after)] == [None, "made-up-key", None]
    assert not any(secret in str(world.body(marker).headers) for secret in world.secrets)
    assert "made-up-key" not in str(world.body(after).headers)


@pytest.mark.requirement("parameters:api_base")
async def test_an_address_in_the_call_wins(world: World) -> None:
    """`api_base` names another server for this call only."""
    marker, after = world.marker("text"), world.marker("text")
    with world.api_class() as other:
        await litellm.acompletion(world.model, [user(marker)], api_base=other.url)
        await litellm.acompletion(world.model, [user(after)])
        assert len(other.of(marker)) == 1
        assert other.of(after) == []
    assert world.bodies(marker) == []
    assert world.body(after)


@pytest.mark.requirement("parameters:dropped")
async def test_what_is_not_supported_is_left_out_on_request(world: World) -> None:
    """With `drop_params`, the model is asked as if nothing of it had been there."""
    plain, marker = world.marker("text"), world.marker("text")
    refused = {name: given for name, given in world.tables.refused.items() if name.startswith("parameters:")}
    await litellm.acompletion(world.model, [user(plain)])
    given = {name: value for each in refused.values() for name, value in each.items()}
    await litellm.acompletion(world.model, [user(marker)], drop_params=True, **given)
    assert world.wire(marker) == world.wire(plain)
