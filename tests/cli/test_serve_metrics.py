"""LiteLLM's Prometheus in a server whose config turns it on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.conftest import Command
from tests.cli.serving import MODELS, Served, serving, until

pytest.importorskip("fastapi", reason="the extra `proxy` is not installed")

CHAT = "/v1/chat/completions"
COUNTED = {
    "litellm_requests_metric_total": 2,
    "litellm_proxy_failed_requests_metric_total": 2,
    "litellm_llm_api_latency_metric_count": 2,
    "litellm_llm_api_time_to_first_token_metric_count": 1,
}
"""Of each model, which is asked twice, whole and streamed, and refuses twice."""


def counted(served: Served, model: str) -> Mapping[str, float]:
    """What `/metrics` tells of a model."""
    found: Counter[str] = Counter()
    with served.client() as client:
        for family in text_string_to_metric_families(client.get("/metrics/").text):
            for sample in family.samples:
                if sample.labels.get("requested_model") == model:
                    found[sample.name] += sample.value
    return found


def test_prometheus_finds_what_was_served_behind_the_key(uutel: Command) -> None:
    """By model: requests, failures, tokens, cost and times; whole and streamed."""
    config = uutel.home / "kept.yaml"
    assert uutel("serve", "--config", str(config)).returncode == 0
    kept = yaml.safe_load(config.read_text(encoding="utf-8"))
    kept["litellm_settings"]["callbacks"] = ["prometheus"]
    config.write_text(yaml.safe_dump(kept), encoding="utf-8")
    with serving(uutel, "--config", str(config)) as served:
        for model in MODELS.values():
            for scenario in ("usage", "e400"):
                asked = {"model": model, "messages": [{"role": "user", "content": f"[[scenario:{scenario}]]"}]}
                served.post(CHAT, **asked)
                served.events(CHAT, **asked)
        for model in MODELS.values():
            until(lambda model=model: COUNTED.items() <= counted(served, model).items(), f"not all of {COUNTED}")
            found = counted(served, model)
            assert found["litellm_total_tokens_metric_total"] >= 2 * 160
            assert found["litellm_spend_metric_total"] > 0
        with served.client("another key") as client:
            assert client.get("/metrics/").status_code == 401
