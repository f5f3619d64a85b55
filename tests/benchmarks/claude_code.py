"""What the bridge costs over Claude Code itself: `python -m tests.benchmarks.claude_code [path of claude]`.

The model is the loopback emulator, in a process of its own, which answers at once; so every millisecond is the CLI's,
LiteLLM's or ours. Each figure stands beside what it is to be compared with, measured in the same run. Medians.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from litellm.types.utils import Delta, ModelResponseStream, StreamingChoices

import uutel_bridge
from tests.benchmarks.measuring import REAL_CLIS, REPOSITORY, emulator, first_delta, open_descriptors, show
from uutel_bridge import testing
from uutel_bridge.core import loop, registry
from uutel_bridge.core.bridge import Bridge, Options
from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.process import Child
from uutel_bridge.core.request import read_request
from uutel_bridge.core.settings import CLISettings, load
from uutel_bridge.providers.claude_code.launch import plan
from uutel_bridge.providers.claude_code.session import ClaudeCodeSession
from uutel_bridge.providers.claude_code.transforms import ClaudeCodeTransform

_REAL = REAL_CLIS / "claude"
_MODEL = "uutel/claude-code/sonnet"
_MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello [[scenario:text]]"}]
_BARE = ClaudeCodeTransform().request(read_request("sonnet", _MESSAGES, {}, provider="claude-code", supported=()))
_LONG = [{"role": "user", "content": "Go on [[scenario:long n=20000]]"}]
_DELTAS = 20_000


def milliseconds(work: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


# First delta


def first_delta_of_a_cold_cli(executable: Path, url: str) -> float:
    """The same for `claude -p`, as a script would use it."""
    command = [str(executable), "-p", "--output-format=stream-json", "--verbose", "--include-partial-messages"]
    environment = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], "ANTHROPIC_BASE_URL": url}
    began = time.perf_counter()
    with subprocess.Popen(
        [*command, "--system-prompt=Be brief.", "--model=sonnet", "--tools="],
        env=environment,
        cwd=empty_cwd(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write("Hello [[scenario:text]]")
        child.stdin.close()
        first = 0.0
        for line in child.stdout:
            if not first and '"text_delta"' in line:
                first = (time.perf_counter() - began) * 1000
    return first


# Our own share


def fake_settings() -> CLISettings:
    """The fake answers in a millisecond, so that what is ours shows."""
    fake = str(testing.fakes_folder() / "claude")
    return load(CLISettings, "claude-code", {}).model_copy(update={"executable": fake, "spares": 0})


async def open_bare_session() -> ClaudeCodeSession:
    """A warm process of our own: no pool, no crossing of loops, no events, no LiteLLM."""
    launched = plan(
        Launch(
            executable=str(fake_settings().executable),
            request=_BARE,
            environment=os.environ,
            settings=fake_settings(),
            cwd=empty_cwd(),
            warm=True,
        )
    )
    session = ClaudeCodeSession(await Child.start(launched), reusable=True)
    await session.start()
    return session


async def bare_turn(session: ClaudeCodeSession) -> float:
    """Milliseconds of the dialogue alone."""
    began = time.perf_counter()
    async for _ in session.run(_BARE):
        pass
    took = (time.perf_counter() - began) * 1000
    await session.reset()
    return took


async def bridged_turn(provider: Bridge) -> float:
    """The same turn through everything of ours, from a loop of the caller's, without LiteLLM."""
    began = time.perf_counter()
    chat = read_request("sonnet", _MESSAGES, {}, provider="claude-code", supported=())
    await loop.arun(partial(provider.collect, provider.call(chat, Options()), 1))
    took = (time.perf_counter() - began) * 1000
    while (now := provider.status().processes).leased or now.resetting or now.stopping:
        await asyncio.sleep(0.001)  # the reset is not part of the next turn
    return took


# Chunks


class Ready(litellm.CustomLLM):
    """LiteLLM's own cost: a provider whose chunks are already made."""

    def astreaming(self, *args: Any, **kwargs: Any) -> AsyncIterator[ModelResponseStream]:
        """20,000 chunks and a finish."""

        async def chunks() -> AsyncIterator[ModelResponseStream]:
            for n in range(_DELTAS):
                choice = StreamingChoices(index=0, delta=Delta(content=f"w{n} "))
                yield ModelResponseStream(id="r", model="m", choices=[choice])
            yield ModelResponseStream(id="r", model="m", choices=[StreamingChoices(index=0, finish_reason="stop")])

        return chunks()


async def stream_whole(model: str) -> tuple[int, str, float, float]:
    """Chunks, text, seconds and CPU seconds of this process for 20,000 deltas."""
    began, cpu = time.perf_counter(), time.process_time()
    stream: Any = await litellm.acompletion(model, _LONG, stream=True)
    chunks, text = 0, []
    async for chunk in stream:
        chunks += 1
        if chunk.choices and chunk.choices[0].delta.content:
            text.append(chunk.choices[0].delta.content)
    return chunks, "".join(text), time.perf_counter() - began, time.process_time() - cpu


# Starts


def fresh_python(code: str) -> float:
    """Milliseconds of a new interpreter that runs `code`, over one that runs nothing."""
    run = partial(subprocess.run, check=True, cwd=REPOSITORY)
    bare = min(milliseconds(lambda: run([sys.executable, "-c", "pass"])) for _ in range(5))
    return milliseconds(lambda: run([sys.executable, "-c", code])) - bare


def ask_once() -> float:
    """Milliseconds of `uutel-bridge ask`, whole."""
    command = [sys.executable, "-m", "uutel_bridge", "ask", "Hello [[scenario:text]]"]
    return milliseconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def print_once(executable: Path, url: str) -> float:
    """Milliseconds of `claude -p`, whole."""
    return milliseconds(lambda: first_delta_of_a_cold_cli(executable, url))


def children_memory() -> float:
    """MB of all our children together, shared pages counted once."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/smaps_rollup"):
        try:
            parent = int((status.parent / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == os.getpid() and b"claude" in (status.parent / "cmdline").read_bytes():
                total += sum(int(line.split()[1]) for line in status.read_text().splitlines() if line[:4] == "Pss:")
        except (OSError, ValueError):
            continue  # it ended meanwhile
    return total / 1024


async def measure(executable: Path, url: str, runs: int) -> None:
    """Everything, printed."""
    print("First delta")
    uutel_bridge.warm("claude-code")
    await first_delta(_MODEL, _MESSAGES)
    show("through LiteLLM and the bridge, warm", [await first_delta(_MODEL, _MESSAGES) for _ in range(runs)])
    show("claude -p, a process for each request", [first_delta_of_a_cold_cli(executable, url) for _ in range(10)])

    print("Our own share of a request: on the fake CLI, without LiteLLM")
    session = await loop.arun(open_bare_session)
    provider = Bridge(registry.parts("claude-code"), fake_settings())
    await bridged_turn(provider)
    bare: list[float] = []
    bridged: list[float] = []
    for _ in range(runs):
        bare.append(await loop.arun(partial(bare_turn, session)))
        bridged.append(await bridged_turn(provider))
    await loop.arun(session.aclose)
    await loop.arun(provider.aclose)
    show("the dialogue with the CLI alone", bare)
    show("the same through the bridge", bridged)
    print(f"  {'difference of the medians':<58} {statistics.median(bridged) - statistics.median(bare):9.2f} ms")

    print(f"A stream of {_DELTAS} deltas")
    litellm.custom_provider_map.append({"provider": "ready", "custom_handler": Ready()})
    for model, name in (("ready/m", "LiteLLM alone, chunks ready-made"), (_MODEL, "through the bridge and the CLI")):
        chunks, text, seconds, cpu = await stream_whole(model)
        assert text == "".join(f"w{n} " for n in range(_DELTAS)), "deltas lost or out of order"
        print(f"  {name:<40} {chunks:6} chunks {seconds:6.2f} s, our CPU {cpu / _DELTAS * 1e6:7.1f} us a delta")

    print("200 requests in a row")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    descriptors = open_descriptors()
    for _ in range(200):
        await litellm.acompletion(_MODEL, _MESSAGES)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"  our memory grew by {grown:.1f} MB, descriptors {descriptors} -> {open_descriptors()}")
    print(f"  processes of the CLI: {children_memory():.0f} MB together, {uutel_bridge.status()[0].processes}")


def main() -> None:
    """Run on the real CLI where it is installed, and say on what."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("executable", nargs="?", type=Path, default=_REAL)
    parser.add_argument("--runs", type=int, default=60)
    given = parser.parse_args()
    uutel_bridge.register()
    with emulator("messages_api") as url, testing.fake_clis():
        os.environ |= {
            "UUTEL_CLAUDE_CODE__EXECUTABLE": str(given.executable.resolve()),
            "UUTEL_CLAUDE_CODE__API_BASE": url,
        }
        version = subprocess.run([given.executable, "--version"], check=True, capture_output=True, text=True)
        print(f"{version.stdout.strip()}, LiteLLM {metadata.version('litellm')}, Python {sys.version.split()[0]}")
        asyncio.run(measure(given.executable, url, given.runs))
        uutel_bridge.close()
        print("Starts")
        show("import uutel_bridge", [fresh_python("import uutel_bridge") for _ in range(10)])
        show("uutel-bridge ask, whole", [ask_once() for _ in range(10)])
        show("claude -p, whole", [print_once(given.executable, url) for _ in range(10)])


if __name__ == "__main__":
    main()
