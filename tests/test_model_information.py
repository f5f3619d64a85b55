"""What LiteLLM says of a model before and after a call, whichever name it goes by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from queue import Queue
from typing import Any

import anyio.to_thread
import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger

import uutel_bridge
from uutel_bridge import testing
from uutel_bridge.core import registry
from uutel_bridge.core.base import UutelUU
from uutel_bridge.core.prices import register_prices
from uutel_bridge.providers.claude_code import ClaudeCodeUU
from uutel_bridge.providers.cloud_code import CloudCodeUU
from uutel_bridge.providers.codex import CodexUU
from uutel_bridge.providers.gemini_cli import GeminiCLIUU

FACES = {"claude-code": ClaudeCodeUU, "cloud-code": CloudCodeUU, "codex": CodexUU, "gemini-cli": GeminiCLIUU}
COMMON = {
    "function_calling",
    "parallel_function_calling",
    "prompt_caching",
    "reasoning",
    "response_schema",
    "system_messages",
    "vision",
}
BEYOND = {
    "claude-code": {"pdf_input", "tool_choice"},
    "cloud-code": {"audio_input", "pdf_input", "tool_choice"},
    "codex": set[str](),
    "gemini-cli": {"audio_input", "pdf_input", "tool_choice"},
}
MODELS = [(name, model) for name in FACES for model in registry.parts(name).models]
USED = (160, 7, 40)
"""Tokens of the prompt, of the answer, and of the prompt those that were cached, in the scenario `usage`."""


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """All providers with LiteLLM, on the fakes."""
    with pytest.MonkeyPatch.context() as patch, testing.fake_clis():
        patch.setattr(litellm, "custom_provider_map", [])
        uutel_bridge.register()
        yield
        uutel_bridge.close()


def names(provider: str, model: str) -> list[tuple[str, str | None]]:
    """All ways to name a model, with the provider in front or apart."""
    own = f"{provider}/{model}"
    return [(f"uutel/{own}", None), (own, None), (own, "uutel"), (model, provider)]


def test_every_provider_is_looked_at() -> None:
    """A new one belongs into the table."""
    assert set(FACES) == set(BEYOND) == set(registry.provider_names())


@pytest.mark.parametrize(("provider", "model"), MODELS, ids=lambda each: getattr(each, "name", each))
def test_every_model_of_ours_is_known_by_all_its_names(provider: str, model: Any) -> None:
    """Its limits, its prices, and what it is able to, no less and no more."""
    for name, apart in names(provider, model.name):
        info: dict[str, Any] = {**litellm.get_model_info(name, custom_llm_provider=apart)}
        assert (info["max_input_tokens"], info["max_output_tokens"]) == (
            model.max_input_tokens,
            model.max_output_tokens,
        )
        assert (info["input_cost_per_token"], info["output_cost_per_token"]) == (model.input_cost, model.output_cost)
        assert 0 < info["cache_read_input_token_cost"] < info["input_cost_per_token"]
        able = {key.removeprefix("supports_") for key, value in info.items() if key.startswith("supports_") and value}
        assert able - COMMON - {"adaptive_thinking"} == BEYOND[provider]
        assert able >= COMMON
        assert litellm.supports_function_calling(name, custom_llm_provider=apart)
        assert litellm.supports_vision(name, custom_llm_provider=apart)
        assert litellm.cost_per_token(
            name, custom_llm_provider=apart, prompt_tokens=1000, completion_tokens=10
        ) == pytest.approx((1000 * model.input_cost, 10 * model.output_cost))
    assert litellm.get_max_tokens(f"uutel/{provider}/{model.name}") == model.max_output_tokens
    assert litellm.token_counter(f"uutel/{provider}/{model.name}", text="one two three") > 0


def ask(model: str, *, stream: bool) -> Any:
    """The answer of the scenario `usage`, put together if it comes in pieces."""
    messages = [{"role": "user", "content": "[[scenario:usage]]"}]
    if not stream:
        return litellm.completion(model, messages)
    pieces = list(litellm.completion(model, messages, stream=True, stream_options={"include_usage": True}))
    return litellm.stream_chunk_builder(pieces, messages)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", ["codex/default", "gemini-cli/flash"])
def test_an_answer_without_a_price_costs_what_the_table_says(model: str, stream: bool) -> None:
    """Cached tokens at their own price; by both names of the model."""
    provider, _, short = model.partition("/")
    (known,) = (each for each in registry.parts(provider).models if each.name == short)
    prompt, answer, cached = USED
    for name in (f"uutel/{model}", model):
        response = ask(name, stream=stream)
        usage = response.usage
        assert (usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens) == USED
        written = usage.prompt_tokens_details.cache_creation_tokens or 0
        expected = (
            (prompt - cached - written) * known.input_cost
            + cached * known.cache_read_cost
            + written * known.cache_creation_cost
            + answer * known.output_cost
        )
        assert litellm.completion_cost(response) == pytest.approx(expected)
        if not stream:
            assert response._hidden_params["response_cost"] == pytest.approx(expected)


class Costs(CustomLogger):
    """Keeps what LiteLLM tells callbacks of costs."""

    def __init__(self) -> None:
        super().__init__()
        self.told: Queue[float] = Queue()

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Of an async call."""
        self.told.put(kwargs["standard_logging_object"]["response_cost"])


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Costs]:
    """One that LiteLLM knows: of a class, it keeps the first."""
    costs = Costs()
    monkeypatch.setattr(litellm, "callbacks", [costs])
    yield costs
    litellm.logging_callback_manager._reset_all_callbacks()


async def test_callbacks_hear_of_a_streamed_answer_what_a_whole_one_costs(costs: Costs) -> None:
    """By the table, or by what the CLI tells."""
    for model in ("uutel/codex/default", "uutel/claude-code/sonnet"):
        messages = [{"role": "user", "content": "[[scenario:usage]]"}]
        stream: Any = await litellm.acompletion(model, messages, stream=True)
        assert [chunk async for chunk in stream]
        streamed = await anyio.to_thread.run_sync(partial(costs.told.get, timeout=60))
        whole = await anyio.to_thread.run_sync(partial(ask, model, stream=False))
        assert streamed == pytest.approx(whole._hidden_params["response_cost"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_price_that_the_cli_tells_wins_over_the_table(monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    """The table may be old."""
    name = "uutel/claude-code/sonnet"
    told = litellm.completion_cost(ask(name, stream=stream))
    monkeypatch.setitem(litellm.model_cost, name, {**litellm.model_cost[name], "input_cost_per_token": 1.0})
    response = ask(name, stream=stream)
    assert 0 < told < 1
    assert litellm.completion_cost(response) == pytest.approx(told)
    assert response.usage.cost == pytest.approx(told)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", ["claude-code", "codex", "gemini-cli"])
def test_a_model_that_nobody_knows_answers_all_the_same(provider: str, stream: bool) -> None:
    """Its name is passed on; what it costs is what the CLI tells, or unknown."""
    name = f"uutel/{provider}/model-of-tomorrow"
    response = ask(name, stream=stream)
    assert response.choices[0].message.content == "counted"
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == USED[:2]
    assert not litellm.supports_vision(name)
    assert litellm.token_counter(name, text="one two three") > 0


@pytest.mark.parametrize("provider", ["claude-code", "codex", "gemini-cli"])
def test_a_provider_that_was_entered_by_hand_answers_and_is_priced(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    """Without `register()`."""
    monkeypatch.setattr(litellm, "custom_provider_map", [{"provider": provider, "custom_handler": FACES[provider]()}])
    default = f"{provider}/{registry.parts(provider).default_model}"
    response = ask(default, stream=False)
    assert response.choices[0].message.content == "counted"
    assert response._hidden_params["response_cost"] > 0


@pytest.mark.parametrize("door", [UutelUU, *FACES.values(), uutel_bridge.register], ids=lambda door: door.__name__)
def test_whichever_door_a_user_takes_litellms_table_is_the_same(
    monkeypatch: pytest.MonkeyPatch, door: Callable[[], object]
) -> None:
    """All models of all providers, under both of their names."""
    ours = {f"{prefix}{name}/{model.name}" for name, model in MODELS for prefix in ("uutel/", "")}
    others = {name: entry for name, entry in litellm.model_cost.items() if name not in ours}
    tables: list[dict[str, Any]] = []
    for each in (door, register_prices):
        monkeypatch.setattr(litellm, "model_cost", dict(others))
        each()
        tables.append({name: entry for name, entry in litellm.model_cost.items() if name not in others})
    assert tables[0] == tables[1]
    assert set(tables[0]) == ours
