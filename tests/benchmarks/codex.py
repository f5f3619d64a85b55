"""What the bridge costs over Codex itself: `python -m tests.benchmarks.codex [path of codex] [--runs N]`.

The model is the loopback emulator, in a process of its own, which answers at once; so every millisecond is the CLI's,
LiteLLM's or ours. `codex exec` and OpenAI's own `openai-codex`, where it is installed, stand beside it, measured in
the same run on the same CLI. Medians.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

import uutel_bridge
from tests.benchmarks.measuring import (
    REAL_CLIS,
    descendants_memory,
    emulator,
    first_delta,
    open_descriptors,
    show,
)
from uutel_bridge import testing
from uutel_bridge.core.locate import empty_cwd

try:
    import openai_codex as sdk
except ImportError:
    sdk = None

_REAL = REAL_CLIS / "codex"
_NAME = "gpt-5.5"
_MODEL = f"uutel/codex/{_NAME}"
_SYSTEM = {"role": "system", "content": "Be brief."}
_HELLO = {"role": "user", "content": "Hello [[scenario:text]]"}
_ONE = [_SYSTEM, _HELLO]
_HISTORY = [_SYSTEM, *[{"role": role, "content": "words"} for _ in range(20) for role in ("user", "assistant")], _HELLO]
_SLOW = [{"role": "user", "content": "Hello [[scenario:text pause=1]]"}]
_AT_ONCE = 100
_SERVER = "app-server"


def settings_of_others(url: str) -> list[str]:
    """How the CLI is told of the emulator where it is used without the bridge."""
    provider = f'{{name="p",base_url="{url}",wire_api="responses",requires_openai_auth=true,supports_websockets=false}}'
    # With analytics it waits for five seconds at its end; the rest are tools that the emulator does not know.
    features = (f"features.{name}=false" for name in ("apps", "goals", "image_generation", "multi_agent", "plugins"))
    quiet = ("analytics.enabled=false", 'web_search="disabled"', *features)
    return ['model_provider="p"', f"model_providers.p={provider}", f'chatgpt_base_url="{url}"', *quiet]


def first_deltas_of_the_sdk(executable: Path, url: str, runs: int) -> list[float]:
    """The same through `openai-codex`, warm: a thread and a turn on it for each request, without a history."""
    assert sdk is not None
    environment = {name: os.environ[name] for name in ("HOME", "PATH")}
    config = sdk.CodexConfig(
        codex_bin=str(executable), config_overrides=tuple(settings_of_others(url)), cwd=empty_cwd(), env=environment
    )
    found: list[float] = []
    with sdk.Codex(config) as codex:
        for _ in range(runs + 1):
            began = time.perf_counter()
            thread = codex.thread_start(ephemeral=True, model=_NAME, base_instructions=_SYSTEM["content"])
            first = 0.0
            for event in thread.turn(_HELLO["content"]).stream():
                if not first and event.method == "item/agentMessage/delta":
                    first = (time.perf_counter() - began) * 1000
            assert first, "the SDK said nothing"
            found.append(first)
    return found[1:]


def first_text_of_a_cold_cli(executable: Path, url: str) -> float:
    """The same for `codex exec`, as a script would use it; it has no deltas, the text comes whole."""
    command = [str(executable), "exec", "--json", "--ephemeral", "--skip-git-repo-check", f"--model={_NAME}"]
    environment = {name: os.environ[name] for name in ("HOME", "PATH")}
    began = time.perf_counter()
    with subprocess.Popen(
        [*command, *(word for each in settings_of_others(url) for word in ("-c", each)), "-"],
        env=environment,
        cwd=empty_cwd(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(_HELLO["content"])
        child.stdin.close()
        first = 0.0
        for line in child.stdout:
            if not first and '"agent_message"' in line:
                first = (time.perf_counter() - began) * 1000
    assert first, "codex exec said nothing"
    return first


async def crowd() -> None:
    """Many answers side by side, of a second each."""
    began = time.perf_counter()
    await asyncio.gather(*(litellm.acompletion(_MODEL, _SLOW) for _ in range(_AT_ONCE)))
    print(f"  {_AT_ONCE} answers of 1 s side by side: {time.perf_counter() - began:.2f} s")
    (processes,) = (each.processes for each in uutel_bridge.status() if each.name == "codex")
    print(f"  processes of the CLI: {descendants_memory(_SERVER):.0f} MB together, {processes}")


async def growth(requests: int) -> None:
    """What is left of many requests."""
    ours, theirs = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, descendants_memory(_SERVER)
    descriptors = open_descriptors()
    for _ in range(requests):
        await litellm.acompletion(_MODEL, _ONE)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - ours) / 1024
    print(f"  our memory grew by {grown:.1f} MB, descriptors {descriptors} -> {open_descriptors()}")
    print(f"  the CLI's: {theirs:.0f} -> {descendants_memory(_SERVER):.0f} MB")


async def measure(executable: Path, url: str, runs: int) -> None:
    """Everything, printed."""
    print("First text")
    uutel_bridge.warm("codex")
    await first_delta(_MODEL, _ONE)
    show("through LiteLLM and the bridge, warm", [await first_delta(_MODEL, _ONE) for _ in range(runs)])
    show("the same after 40 earlier messages", [await first_delta(_MODEL, _HISTORY) for _ in range(runs)])
    key = {"api_key": "made-up", "api_base": url}
    await first_delta(_MODEL, _ONE, **key)
    show("with an API key instead of a ChatGPT login", [await first_delta(_MODEL, _ONE, **key) for _ in range(runs)])
    show("codex exec, a process for each request", [first_text_of_a_cold_cli(executable, url) for _ in range(10)])
    if sdk:
        deltas = await asyncio.to_thread(first_deltas_of_the_sdk, executable, url, runs)
        show(f"openai-codex {metadata.version('openai-codex')}, warm, no history to tell", deltas)
    else:
        print("  openai-codex is not installed: pip install openai-codex")
    print("A crowd")
    await crowd()
    print("300 requests in a row")
    await growth(300)


def main() -> None:
    """Run on the real CLI where it is installed, and say on what."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("executable", nargs="?", type=Path, default=_REAL)
    parser.add_argument("--runs", type=int, default=60)
    given = parser.parse_args()
    uutel_bridge.register()
    with emulator("responses_api") as url, testing.fake_clis():
        os.environ |= {"UUTEL_CODEX__EXECUTABLE": str(given.executable.resolve()), "UUTEL_CODEX__API_BASE": url}
        version = subprocess.run([given.executable, "--version"], check=True, capture_output=True, text=True)
        print(f"{version.stdout.strip()}, LiteLLM {metadata.version('litellm')}, Python {sys.version.split()[0]}")
        asyncio.run(measure(given.executable, url, given.runs))
        uutel_bridge.close()


if __name__ == "__main__":
    main()
