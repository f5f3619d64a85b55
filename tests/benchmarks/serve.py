"""What `uutel-bridge serve` costs over LiteLLM's proxy itself: `python -m tests.benchmarks.serve [--runs N]`.

The CLIs are the fakes, which answer at once. A plain LiteLLM proxy and `serve` run side by side, and are asked in
turns; with `mock_response` LiteLLM answers by itself, so what a provider's answer takes longer is the bridge's and its
fake's. What is the fake's is measured as well, in turns with the others: a bare loop tells it what the bridge does.
Medians, whole answers of four words, one connection.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path

import httpx
import yaml

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

from tests.benchmarks import bare_fakes
from tests.benchmarks.measuring import show
from tests.cli.conftest import Command
from tests.cli.serving import ANSWER, BOUND, MODELS, serving, until
from uutel_bridge import testing

_KEY = f"sk-{secrets.token_hex(16)}"
_MOCK = {"model_name": "mock", "litellm_params": {"model": MODELS["claude-code"], "mock_response": ANSWER}}


def config(command: Command) -> Path:
    """What `serve` would use, and a model that LiteLLM plays by itself."""
    path = command.home / "config.yaml"
    command("serve", "--config", str(path))
    kept = yaml.safe_load(path.read_text(encoding="utf-8"))
    kept["model_list"].append(_MOCK)
    path.write_text(yaml.safe_dump(kept), encoding="utf-8")
    return path


@contextmanager
def plain_proxy(path: Path) -> Iterator[str]:
    """LiteLLM's own command, with the same config."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, "-c", "from litellm import run_server; run_server()"]
    with subprocess.Popen(
        [*command, "--config", str(path), "--host", "127.0.0.1", "--port", port],
        env={**os.environ, "LITELLM_MASTER_KEY": _KEY},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as proxy:
        try:
            until(lambda: _is_up(f"http://127.0.0.1:{port}"), "the plain proxy did not come up")
            yield f"http://127.0.0.1:{port}"
        finally:
            proxy.kill()


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/liveliness", trust_env=False).is_success
    except httpx.TransportError:
        return False


def took(client: httpx.Client, model: str) -> float:
    """Milliseconds for one answer."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    began = time.perf_counter()
    answer = client.post("/v1/chat/completions", json=body)
    ended = time.perf_counter()
    assert answer.json()["choices"][0]["message"]["content"] == ANSWER, answer.text
    return (ended - began) * 1000


def measure(plain: str, serve: str, runs: int) -> None:
    """Everything, printed."""
    headers = {"authorization": f"Bearer {_KEY}"}
    with (
        httpx.Client(base_url=plain, headers=headers, timeout=BOUND, trust_env=False) as theirs,
        httpx.Client(base_url=serve, headers=headers, timeout=BOUND, trust_env=False) as ours,
        bare_fakes.all_running() as fakes,
    ):
        asked: dict[str, Callable[[], float]] = {
            "litellm, mock_response": partial(took, theirs, "mock"),
            "serve, mock_response": partial(took, ours, "mock"),
            **{f"serve, {name} on its fake": partial(took, ours, model) for name, model in MODELS.items()},
            **{f"the fake of {name} without the bridge": fakes[name].took for name in MODELS},
        }
        times: dict[str, list[float]] = {what: [] for what in asked}
        for run in range(runs + 10):
            # In another order each time: what a server does after an answer slows the next one.
            for what, ask in random.sample(list(asked.items()), len(asked)):
                value = ask()
                if run >= 10:  # by then everything is warm
                    times[what].append(value)
    for what, values in times.items():
        show(what, values)
    plain_mock, mock, *rest = (statistics.median(values) for values in times.values())
    print(f"  serve over litellm, both with mock_response: {mock - plain_mock:+.2f} ms")
    for name, answer, fake in zip(MODELS, rest[: len(MODELS)], rest[len(MODELS) :], strict=True):
        more = answer - mock
        print(f"  {name} over serve with mock_response: {more:+.2f} ms; without its fake's own: {more - fake:+.2f} ms")


def main() -> None:
    """Run, and say on what."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    given = parser.parse_args()
    print(f"LiteLLM {metadata.version('litellm')}, Python {sys.version.split()[0]}")
    with testing.fake_clis() as home:
        command = Command(home)
        path = config(command)
        with plain_proxy(path) as plain, serving(command, "--key", _KEY, "--config", str(path)) as served:
            measure(plain, served.url, given.runs)


if __name__ == "__main__":
    main()
