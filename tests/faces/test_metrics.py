"""LiteLLM's own counters, Prometheus's and OpenTelemetry's: of our providers they have what they have of LiteLLM's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import anyio
import litellm
import openai
import pytest
from litellm.integrations.opentelemetry import OpenTelemetry, OpenTelemetryConfig
from litellm.types.utils import CallTypes
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from tests.conformance.conversations import user
from tests.conformance.processes import BOUND
from tests.conformance.world import World
from tests.listener import Listener, listening

EACH = pytest.mark.parametrize("provider", ["claude-code", "codex", "gemini-cli", "cloud-code"])
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
SYNC = pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
THEIRS = "anthropic/claude-sonnet-4-5"
"""A model of LiteLLM's own, at the address of the same emulator as Claude Code's."""


@dataclass
class Counters:
    """Both, and one who hears of a call when they have counted it."""

    listener: Listener
    spans: InMemorySpanExporter
    metrics: InMemoryMetricReader

    def prometheus(self, name: str) -> dict[str, float]:
        """What is counted for the caller with this key, all providers and models together."""
        found: Counter[str] = Counter()
        for sample in _samples(name):
            found[sample.name] += sample.value
        return found

    def prometheus_labels(self, name: str) -> set[tuple[str, str]]:
        """Which labels say anything, in which counters of his; gauges of his budget are there for everybody."""
        samples = [sample for sample in _samples(name) if not sample.name.startswith("litellm_remaining")]
        return {(each.name, key) for each in samples for key, value in each.labels.items() if value not in ("", "None")}

    def span(self, name: str) -> Any:
        """What was told of his one call."""
        key = "metadata.user_api_key_hash"
        (span,) = [each for each in self.spans.get_finished_spans() if each.attributes.get(key) == name]
        return span

    def points(self, name: str) -> dict[str, list[Any]]:
        """What was measured of his calls, by the names of the metrics."""
        data: Any = self.metrics.get_metrics_data()
        metrics = [metric for each in data.resource_metrics for scope in each.scope_metrics for metric in scope.metrics]
        his = {
            metric.name: [
                point for point in metric.data.data_points if point.attributes.get("metadata.user_api_key_hash") == name
            ]
            for metric in metrics
        }
        return {metric: points for metric, points in his.items() if points}


def _samples(name: str) -> list[Any]:
    return [
        sample
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.labels.get("hashed_api_key") == name and not sample.name.endswith(("_bucket", "_created"))
    ]


@pytest.fixture(scope="module")
def counters() -> Iterator[Counters]:
    """Switched on as a user does it, OpenTelemetry with exporters that keep everything here."""
    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()
    tracing = TracerProvider(shutdown_on_exit=False)
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(litellm, "service_callback", [])  # it puts itself there, and into the proxy
        patch.setattr("litellm.proxy.proxy_server.open_telemetry_logger", None)
        otel = OpenTelemetry(
            OpenTelemetryConfig(enable_metrics=True),
            tracer_provider=tracing,
            meter_provider=MeterProvider([metrics], shutdown_on_exit=False),
        )
        with listening("prometheus", otel) as listener:
            yield Counters(listener, spans, metrics)


async def ask(
    model: str, marker: str, *, name: str = "", stream: bool = False, sync: bool = False, **given: Any
) -> str:
    """Ask something, whole or streamed, and read the answer to its end; the name of the call is that of the key."""
    name = name or str(uuid4())
    options: dict[str, Any] = {
        "model": model,
        "messages": [user(marker)],
        "stream": stream,
        "litellm_call_id": name,
        "metadata": {"user_api_key_hash": name},
        **given,
    }
    with anyio.fail_after(BOUND):
        if sync:
            await anyio.to_thread.run_sync(_ask_waiting, options)
        else:
            response: Any = await litellm.acompletion(**options)
            if stream:
                _ = [chunk async for chunk in response]
    return name


def _ask_waiting(options: dict[str, Any]) -> None:
    response: Any = litellm.completion(**options)
    if options["stream"]:
        _ = list(response)


async def refused(world: World, scenario: str, **options: Any) -> str:
    """Ask something that fails."""
    name = str(uuid4())
    with pytest.raises(litellm.BadRequestError):
        await ask(world.model, world.marker(scenario), name=name, **options)
    return name


# Prometheus: LiteLLM counts async calls alone, whoever answers


@EACH
@STREAMED
async def test_prometheus_counts_requests_tokens_spend_and_times(
    counters: Counters, worlds: Mapping[str, World], provider: str, stream: bool
) -> None:
    """Of each caller's key; the time to the first token where there is a stream."""
    world = worlds[provider]
    name = await ask(world.model, world.marker("usage"), stream=stream)
    payload = (await counters.listener.told_of(name))["standard_logging_object"]
    found = counters.prometheus(name)
    assert payload["response_cost"] > 0
    expected = {
        "litellm_requests_metric_total": 1,
        "litellm_input_tokens_metric_total": payload["prompt_tokens"],
        "litellm_output_tokens_metric_total": payload["completion_tokens"],
        "litellm_total_tokens_metric_total": payload["total_tokens"],
        "litellm_spend_metric_total": pytest.approx(payload["response_cost"]),
        "litellm_request_total_latency_metric_count": 1,
        "litellm_llm_api_latency_metric_count": 1,
    }
    assert {metric: found[metric] for metric in expected} == expected
    assert found["litellm_llm_api_time_to_first_token_metric_count"] == int(stream)
    spent = [found[f"litellm_{part}_metric_sum"] for part in ("llm_api_time_to_first_token", "llm_api_latency")]
    assert 0 < max(spent) < found["litellm_request_total_latency_metric_sum"]
    assert spent == sorted(spent)


@EACH
@STREAMED
async def test_prometheus_counts_failures(
    counters: Counters, worlds: Mapping[str, World], provider: str, stream: bool
) -> None:
    """And no request that was answered."""
    name = await refused(worlds[provider], "e400", stream=stream)
    await counters.listener.told_of(name)
    found = counters.prometheus(name)
    assert found["litellm_llm_api_failed_requests_metric_total"] == 1
    assert found["litellm_deployment_failure_responses_total"] == 1
    assert found["litellm_requests_metric_total"] == 0


async def test_prometheus_has_what_it_has_of_a_provider_of_litellms(
    counters: Counters, worlds: Mapping[str, World]
) -> None:
    """The same metrics with the same labels, but for the address: answered, refused, failed in mid-stream."""
    world = worlds["claude-code"]
    found: list[set[tuple[str, str]]] = []
    for model, given in ((world.model, {}), (THEIRS, {"api_base": world.api.url, "api_key": "sk-ant-made-up"})):
        labels: set[tuple[str, str]] = set()
        for scenario in ("usage", "e400", "sse_error"):
            name = str(uuid4())
            with suppress(openai.OpenAIError):
                await ask(model, world.marker(scenario), name=name, stream=True, **given)
            await counters.listener.told_of(name)
            labels |= counters.prometheus_labels(name)
        found.append(labels)
    ours, theirs = found
    assert ours == {(metric, label) for metric, label in theirs if label != "api_base"}


# OpenTelemetry


@EACH
@STREAMED
@SYNC
async def test_opentelemetry_has_a_span_and_measures(
    counters: Counters, worlds: Mapping[str, World], provider: str, stream: bool, sync: bool
) -> None:
    """With tokens, cost and times."""
    world = worlds[provider]
    name = await ask(world.model, world.marker("usage"), stream=stream, sync=sync)
    payload = (await counters.listener.told_of(name))["standard_logging_object"]
    span = counters.span(name)
    assert span.status.is_ok
    assert span.attributes["gen_ai.system"] == "uutel"
    assert span.attributes["gen_ai.usage.input_tokens"] == payload["prompt_tokens"]
    assert span.attributes["gen_ai.usage.output_tokens"] == payload["completion_tokens"]
    points = counters.points(name)
    assert [point.sum for point in points["gen_ai.usage.cost"]] == [pytest.approx(payload["response_cost"])]
    assert sorted(point.sum for point in points["gen_ai.client.token.usage"]) == sorted([
        payload["prompt_tokens"],
        payload["completion_tokens"],
    ])
    (whole,) = points["gen_ai.client.operation.duration"]
    (answer,) = points["gen_ai.client.response.duration"]
    assert 0 < answer.sum < whole.sum
    first = points.get("gen_ai.server.time_to_first_token", [])
    assert [0 < point.sum < answer.sum for point in first] == [True] * stream


@EACH
@STREAMED
@SYNC
async def test_opentelemetry_has_a_span_of_a_failure(
    counters: Counters, worlds: Mapping[str, World], provider: str, stream: bool, sync: bool
) -> None:
    """With its kind."""
    name = await refused(worlds[provider], "e400", stream=stream, sync=sync)
    await counters.listener.told_of(name)
    span = counters.span(name)
    assert not span.status.is_ok
    assert (span.attributes["error.type"], span.attributes["error.code"]) == ("BadRequestError", "400")


async def test_a_raw_request_can_be_seen_without_asking_a_model(worlds: Mapping[str, World]) -> None:
    """LiteLLM's way to look at it."""
    world = worlds["claude-code"]
    marker = world.marker("text")
    asked = {"model": world.model, "messages": [user(marker)], "max_tokens": 7}
    seen = await anyio.to_thread.run_sync(litellm.utils.return_raw_request, CallTypes.completion, asked)
    body: Any = seen["raw_request_body"]
    assert (body["messages"], body["max_tokens"]) == ([user(marker)], 7)
    assert world.bodies(marker) == []
