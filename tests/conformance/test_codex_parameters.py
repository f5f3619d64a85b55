"""Which of Codex's models answers, and how: names, addresses, parameters, long conversations, routers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import litellm
import pytest
from litellm import exceptions as lite

from tests.conformance.codex_world import ON_CODEX, CodexWorld
from tests.conformance.test_refused_input import MESSAGES
from tests.conformance.world import assistant, system, user
from tests.emulators.responses_api import ResponsesAPI
from uutel_bridge.providers.codex import CodexUU

pytestmark = ON_CODEX

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "effort": ({"effort": "as-you-like"}, "reasoning_effort.*as-you-like"),
    "n": ({"n": 0}, "^litellm.BadRequestError: n:"),
    "tools": ({"tools": [{"type": "function", "function": {}}]}, r"tools\[0\]"),
    "tool_choice": ({"tool_choice": "perhaps", "tools": []}, "tool_choice"),
    "response_format": ({"response_format": {"type": "poem"}}, "response_format"),
}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("default", "gpt-6.1-sol"),
        ("gpt-6.1-sol", "gpt-6.1-sol"),
        ("gpt-5.5", "gpt-5.5"),
        ("gpt-5.5-of-next-year", "gpt-5.5-of-next-year"),
        ("a-model-of-next-year", "a-model-of-next-year"),
    ],
)
@pytest.mark.requirement("models:names")
async def test_any_model_goes_by_its_name(world: CodexWorld, name: str, model: str) -> None:
    """As it is, without a request to try it out; `default` is the CLI's own."""
    marker = world.marker("text")
    world.api.clear()
    response = await litellm.acompletion(f"uutel/codex/{name}", [user(marker)])
    assert [request.body["model"] for request in world.api.requests] == [model]
    assert response._hidden_params["uutel_model"] == model


async def test_both_names_lead_to_the_same_model(world: CodexWorld) -> None:
    """`uutel/<provider>/<model>` and `<provider>/<model>`."""
    marker = world.marker("text")
    await litellm.acompletion("codex/gpt-5.5", [user(marker)])
    assert world.body(marker).raw["model"] == "gpt-5.5"


async def test_the_class_can_be_registered_by_hand(world: CodexWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM's own way to add a provider is enough."""
    monkeypatch.setattr(litellm, "custom_provider_map", [{"provider": "codex", "custom_handler": CodexUU()}])
    marker = world.marker("text")
    await litellm.acompletion("codex/gpt-5.5", [user(marker)])
    assert world.body(marker).raw["model"] == "gpt-5.5"


@pytest.mark.requirement("parameters:api_base")
async def test_an_address_in_the_call_wins(world: CodexWorld) -> None:
    """`api_base` names another server for this call only."""
    marker, after = world.marker("text"), world.marker("text")
    with ResponsesAPI() as other:
        await litellm.acompletion(world.model, [user(marker)], api_base=other.url)
        await litellm.acompletion(world.model, [user(after)])
        assert len(other.of(marker)) == 1
        assert other.of(after) == []
    assert world.bodies(marker) == []
    assert world.body(after)


@pytest.mark.requirement("parameters:dropped")
async def test_what_codex_has_no_setting_for_is_left_out_on_request(world: CodexWorld) -> None:
    """With `drop_params`, the model is asked as if it had not been there."""
    plain, marker = world.marker("text"), world.marker("text")
    await litellm.acompletion(world.model, [user(plain)])
    given = {"max_tokens": 5, "temperature": 0.5, "top_p": 0.5, "stop": ["a"], "seed": 1}
    await litellm.acompletion(world.model, [user(marker)], drop_params=True, **given)
    assert world.wire(marker) == world.wire(plain)


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.requirement("parameters:checked")
async def test_a_conversation_that_cannot_be_right_is_refused(world: CodexWorld, name: str) -> None:
    """The error says which message, and what of it; the model is not asked."""
    messages, words = MESSAGES[name]
    asked = len(world.api.requests)
    with pytest.raises(lite.BadRequestError, match=words):
        await litellm.acompletion(world.model, messages)
    assert len(world.api.requests) == asked


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.requirement("parameters:checked")
async def test_a_parameter_that_cannot_be_right_is_refused(world: CodexWorld, name: str) -> None:
    """The error names it; the model is not asked."""
    given, words = WRONG[name]
    asked = len(world.api.requests)
    with pytest.raises(lite.BadRequestError, match=words):
        await litellm.acompletion(world.model, [user("Hello")], **given)
    assert len(world.api.requests) == asked


@pytest.mark.requirement("cache:prefix", "conversation:long")
async def test_a_growing_conversation_shares_its_prefix(world: CodexWorld) -> None:
    """Every request begins with all of the one before, also past a hundred turns."""
    marker = world.marker("text")
    turns = [system(marker), user("q")]
    for n in range(104):
        turns += [assistant(f"a{n}"), user(f"q{n}")]
        if n > 94:
            await litellm.acompletion(world.model, turns)
    for before, after in pairwise(body.items for body in world.bodies(marker)):
        assert before == after[: len(before)]
        assert len(after) == len(before) + 2


@pytest.mark.requirement("conversation:too-long")
async def test_what_does_not_fit_is_refused_and_never_shortened(world: CodexWorld) -> None:
    """Two megabytes reach the model whole, in one request; that they are too much is for it to say."""
    marker = world.marker("too_long")
    turns = [turn for n in range(20) for turn in (user(f"{n} {'é' * 25_000}"), assistant(f"{n} {'x' * 50_000}"))]
    with pytest.raises(lite.ContextWindowExceededError):
        await litellm.acompletion(world.model, [*turns, user(marker)])
    body = world.body(marker)
    assert body.turns == [(turn["role"], [turn["content"]]) for turn in [*turns, user(marker)]]


@pytest.mark.requirement("errors:router")
async def test_the_router_tries_again_and_falls_back(world: CodexWorld) -> None:
    """As often as it was told, and the bridge does not try on top of that."""
    models = {"first": "gpt-6.1-sol", "second": "gpt-5.5"}
    deployments: Any = [
        {"model_name": name, "litellm_params": {"model": f"uutel/codex/{model}"}} for name, model in models.items()
    ]
    router = litellm.Router(
        deployments, num_retries=1, retry_after=0, fallbacks=[{"first": ["second"]}], disable_cooldowns=True
    )
    marker = world.marker("e503", times=2)
    answer: Any = await router.acompletion("first", [user(marker)])
    assert answer.choices[0].message.content == "part0 part1 part2 part3 "
    assert [body.raw["model"] for body in world.bodies(marker)] == ["gpt-6.1-sol", "gpt-6.1-sol", "gpt-5.5"]
