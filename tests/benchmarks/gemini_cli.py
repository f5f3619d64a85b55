"""What the bridge costs over the CLI itself: `python -m tests.benchmarks.gemini_cli [path of gemini] [--runs N]`.

The model is the loopback emulator, in a process of its own, which answers at once; so every millisecond is the CLI's,
LiteLLM's or ours. `gemini -p` stands beside it, measured in the same run on the same CLI. Medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

import uutel_bridge
from tests.benchmarks.measuring import REAL_CLIS, descendants_memory, emulator, first_delta, show
from uutel_bridge import testing
from uutel_bridge.core.locate import empty_cwd

_REAL = REAL_CLIS / "gemini"
_NAME = "gemini-2.5-flash"
_MODEL = f"uutel/gemini-cli/{_NAME}"
_SYSTEM = {"role": "system", "content": "Be brief."}
_HELLO = {"role": "user", "content": "Hello [[scenario:text]]"}
_ONE = [_SYSTEM, _HELLO]
_HISTORY = [_SYSTEM, *[{"role": role, "content": "words"} for _ in range(20) for role in ("user", "assistant")], _HELLO]
_TOOLS = [{"type": "function", "function": {"name": name}} for name in ("look", "find")]
_SLOW = [_SYSTEM, {"role": "user", "content": "Hello [[scenario:text pause=1]]"}]
_AT_ONCE = 16


def first_text_of_a_cold_cli(executable: Path, url: str) -> float:
    """The same for `gemini -p`, as a script would use it."""
    environment = {name: os.environ[name] for name in ("HOME", "PATH", "GEMINI_API_KEY")}
    environment |= {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_CLI_TRUST_WORKSPACE": "true"}
    command = [str(executable), "-m", _NAME, "-o", "stream-json", "-p", _HELLO["content"]]
    began = time.perf_counter()
    with subprocess.Popen(
        command,
        env=environment,
        cwd=empty_cwd(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        first = 0.0
        for line in child.stdout:
            if not first and '"assistant"' in line:
                first = (time.perf_counter() - began) * 1000
    assert first, "gemini -p said nothing"
    return first


async def crowd() -> None:
    """Many answers side by side, of a second each."""
    began = time.perf_counter()
    await asyncio.gather(*(litellm.acompletion(_MODEL, _SLOW) for _ in range(_AT_ONCE)))
    print(f"  {_AT_ONCE} answers of 1 s side by side: {time.perf_counter() - began:.2f} s")
    _tell_processes()


def _tell_processes() -> None:
    (processes,) = (each.processes for each in uutel_bridge.status() if each.name == "gemini-cli")
    print(f"  processes of the CLI: {descendants_memory('--acp'):.0f} MB together, {processes}")


async def growth(requests: int) -> None:
    """What many requests need at most."""
    most = 0.0
    for n in range(requests):
        await litellm.acompletion(_MODEL, _ONE)
        most = max(most, descendants_memory("--acp")) if n % 10 == 9 else most
    print(f"  at most {most:.0f} MB")
    _tell_processes()


async def measure(executable: Path, url: str, runs: int) -> None:
    """Everything, printed."""
    print("First text")
    uutel_bridge.warm("gemini-cli")
    await first_delta(_MODEL, _ONE)
    show("through LiteLLM and the bridge, warm", [await first_delta(_MODEL, _ONE) for _ in range(runs)])
    show("the same after 40 earlier messages", [await first_delta(_MODEL, _HISTORY) for _ in range(runs)])
    show("the same with two functions", [await first_delta(_MODEL, _ONE, tools=_TOOLS) for _ in range(runs)])
    prompts = [[{"role": "system", "content": f"Be brief, {n}."}, _HELLO] for n in range(runs)]
    show("another system prompt each time", [await first_delta(_MODEL, each) for each in prompts])
    show("gemini -p, a process for each request", [first_text_of_a_cold_cli(executable, url) for _ in range(5)])
    print("A crowd")
    await crowd()
    print("200 requests in a row")
    await growth(200)


def main() -> None:
    """Run on the real CLI where it is installed, and say on what."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("executable", nargs="?", type=Path, default=_REAL)
    parser.add_argument("--runs", type=int, default=40)
    given = parser.parse_args()
    uutel_bridge.register()
    with emulator("gemini_api") as url, testing.fake_clis():
        os.environ |= {
            "GEMINI_API_KEY": "made-up",
            "UUTEL_GEMINI_CLI__EXECUTABLE": str(given.executable.resolve()),
            "UUTEL_GEMINI_CLI__API_BASE": url,
            "UUTEL_GEMINI_CLI__API_KEY": "made-up",
        }
        settings = Path(os.environ["HOME"]) / ".gemini" / "settings.json"
        settings.write_text(json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}), encoding="utf-8")
        version = subprocess.run([given.executable, "--version"], check=True, capture_output=True, text=True)
        print(
            f"gemini {version.stdout.strip()}, LiteLLM {metadata.version('litellm')}, Python {sys.version.split()[0]}"
        )
        asyncio.run(measure(given.executable, url, given.runs))
        uutel_bridge.close()


if __name__ == "__main__":
    main()
