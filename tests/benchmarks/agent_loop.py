"""What a step of an agent costs: `python -m tests.benchmarks.agent_loop [path of claude] [--runs N]`.

In each step the model, which is the loopback emulator in a process of its own, calls two functions. They return at
once, as the model does; so every millisecond is the CLI's, LiteLLM's or ours. Over LiteLLM each step is a request with
the whole conversation. Beside it, in the same run on the same CLI, claude-agent-sdk's `ClaudeSDKClient` does the same
work in a live session: it has no history to tell, nor could it take one from its caller. Both are compared by what the
emulator sees: how long after the end of an answer the next request comes. Medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

import uutel_bridge
from tests.benchmarks.measuring import REAL_CLIS, REPOSITORY, show
from uutel_bridge import testing
from uutel_bridge.core.locate import empty_cwd

try:
    import claude_agent_sdk as sdk
except ImportError:
    sdk = None

_REAL = REAL_CLIS / "claude"
_MODEL = "uutel/claude-code/sonnet"
_SYSTEM = "Be brief."
_SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}}
_TOOLS = [
    {"type": "function", "function": {"name": name, "description": f"The {name} tool.", "parameters": _SCHEMA}}
    for name in ("alpha", "beta")
]
_STEPS = 10
_LONG = (60, 120)
_LONG_RUNS = 2

_SERVE = """
import json, sys
from tests.emulators.messages_api import MessagesAPI
with MessagesAPI() as api:
    print(api.url, flush=True)
    for marker in sys.stdin:
        asked = api.of(marker.strip())
        api.wait_for(lambda _: all(each.finished for each in asked))
        print(json.dumps([(each.arrived, each.finished) for each in asked]), flush=True)
        api.clear()
"""


@dataclass
class Emulator:
    """The emulator in a process of its own, which tells when it was asked."""

    url: str
    process: subprocess.Popen[str]

    def times(self, marker: str) -> list[tuple[float, float]]:
        """Seconds at which each request with `marker` arrived and its answer ended; then they are forgotten."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(marker, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


@contextmanager
def emulator() -> Iterator[Emulator]:
    """Not the one of the other benchmarks: that tells its URL alone."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVE], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Emulator(process.stdout.readline().strip(), process)
        process.stdin.close()


@dataclass
class Loop:
    """One loop, in milliseconds."""

    whole: float
    gaps: list[float]
    """From the end of each answer to the next request, at the emulator."""
    answering: list[float]
    """What the emulator itself took for each answer."""
    steps: Sequence[float] = ()
    """From each call to the whole answer, where the caller makes the calls."""


def _marker(steps: int) -> str:
    return f"[[scenario:loop n={steps}]]"


def _measured(api: Emulator, steps: int, began: float, each: Sequence[float] = ()) -> Loop:
    whole = (time.perf_counter() - began) * 1000
    times = api.times(_marker(steps))
    assert len(times) == steps + 1, f"{len(times)} requests for {steps} steps and an answer"
    gaps = [(after[0] - before[1]) * 1000 for before, after in pairwise(times)]
    return Loop(whole, gaps, [(end - start) * 1000 for start, end in times], each)


# Over LiteLLM


async def step(messages: list[Any], *, streamed: bool) -> tuple[Any, float]:
    """The model's message, and the milliseconds until it was whole."""
    began = time.perf_counter()
    response: Any = await litellm.acompletion(_MODEL, messages, tools=_TOOLS, stream=streamed)
    chunks = [chunk async for chunk in response] if streamed else []
    took = (time.perf_counter() - began) * 1000
    response = litellm.stream_chunk_builder(chunks) if streamed else response
    return response.choices[0].message, took


async def loop_of_calls(api: Emulator, steps: int, *, streamed: bool) -> Loop:
    """An agent as its author would write it."""
    messages: list[Any] = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _marker(steps)}]
    each: list[float] = []
    began = time.perf_counter()
    while True:
        message, took = await step(messages, streamed=streamed)
        each.append(took)
        if not message.tool_calls:
            break
        messages.append(message)
        messages += [{"role": "tool", "tool_call_id": call.id, "content": "Done."} for call in message.tool_calls]
    assert message.content == f"done after {steps} steps"
    return _measured(api, steps, began, each)


# In a live session


@asynccontextmanager
async def live_session(executable: Path, url: str, called: list[Any]) -> AsyncIterator[Any]:
    """claude-agent-sdk's client with the same two tools, whose calls go into `called`; else as it is by itself."""
    assert sdk is not None

    async def done(arguments: dict[str, Any]) -> dict[str, Any]:
        called.append(arguments)
        return {"content": [{"type": "text", "text": "Done."}]}

    functions = [each["function"] for each in _TOOLS]
    tools = [sdk.tool(each["name"], each["description"], each["parameters"])(done) for each in functions]
    options = sdk.ClaudeAgentOptions(
        cli_path=executable,
        model="sonnet",
        system_prompt=_SYSTEM,
        tools=[],
        mcp_servers={"own": sdk.create_sdk_mcp_server("own", tools=tools)},
        allowed_tools=[f"mcp__own__{each['name']}" for each in functions],
        cwd=empty_cwd(),
        env={
            "ANTHROPIC_BASE_URL": url,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "ENABLE_TOOL_SEARCH": "0",  # else there is a third tool, which is not to be called, and the emulator does
        },
    )
    async with sdk.ClaudeSDKClient(options) as client:
        yield client


async def loop_of_a_session(api: Emulator, executable: Path, steps: int) -> tuple[Loop, float]:
    """The loop in a new session, and the milliseconds until that was ready."""
    called: list[Any] = []
    began = time.perf_counter()
    async with live_session(executable, api.url, called) as client:
        ready = time.perf_counter()
        await client.query(_marker(steps))
        result = [message async for message in client.receive_response()][-1]
        loop = _measured(api, steps, ready)
    assert result.result == f"done after {steps} steps", result
    assert len(called) == 2 * steps
    return loop, (ready - began) * 1000


# The figures


@dataclass
class Figures:
    """Loops of one length."""

    whole: list[Loop]
    streamed: list[Loop]
    live: list[tuple[Loop, float]]
    """Empty where claude-agent-sdk is not installed."""


async def measure(api: Emulator, executable: Path, steps: int, runs: int) -> Figures:
    """All ways by turns, so that what else the machine does falls on each."""
    figures = Figures([], [], [])
    for _ in range(runs):
        figures.whole.append(await loop_of_calls(api, steps, streamed=False))
        figures.streamed.append(await loop_of_calls(api, steps, streamed=True))
        if sdk:
            figures.live.append(await loop_of_a_session(api, executable, steps))
    return figures


def _all(rows: Iterator[Sequence[float]]) -> list[float]:
    return [value for row in rows for value in row]


def print_short(figures: Figures) -> None:
    """A loop of 10 steps: steps, gaps, wholes, and how the steps grow."""
    ways = {"whole": figures.whole, "streamed": figures.streamed}
    live = [loop for loop, _ in figures.live]
    print(f"{_STEPS} steps of two calls, and an answer")
    for name, loops in ways.items():
        show(f"a step over LiteLLM, {name}", _all(loop.steps for loop in loops))
    show(
        "of it, from request to whole answer at the emulator",
        _all(loop.answering for loops in ways.values() for loop in loops),
    )
    print(" From the end of an answer to the next request, at the emulator")
    for name, loops in ways.items():
        show(f"over LiteLLM, {name}", _all(loop.gaps for loop in loops))
    if live:
        show("claude-agent-sdk, live session: no history to tell", _all(loop.gaps for loop in live))
    print(" The whole loop")
    for name, loops in ways.items():
        show(f"over LiteLLM, {name}", [loop.whole for loop in loops])
    if live:
        show("claude-agent-sdk, live session", [loop.whole for loop in live])
        show("claude-agent-sdk, before that: until its session is ready", [ready for _, ready in figures.live])
    print(" Steps by number, over LiteLLM, whole and streamed; the history grows by a turn and two results with each")
    for number in range(_STEPS + 1):
        name = f"step {number + 1}" if number < _STEPS else "the answer"
        show(name, [loop.steps[number] for loops in ways.values() for loop in loops])


def print_long(figures: Figures, steps: int) -> None:
    """A long loop: what a step costs in each part of it."""
    print(f"{steps} steps of two calls, and an answer")
    for first in range(0, steps + 1, 10):
        numbers = f"{first + 1} to {first + 10}" if first < steps else "the answer"
        show(
            f"over LiteLLM, {numbers}",
            _all(loop.steps[first : first + 10] for loops in (figures.whole, figures.streamed) for loop in loops),
        )
        if figures.live and first < steps:
            show(f"claude-agent-sdk, {numbers}, gap", _all(loop.gaps[first : first + 10] for loop, _ in figures.live))
    show("the whole loop over LiteLLM", [loop.whole for loops in (figures.whole, figures.streamed) for loop in loops])
    if figures.live:
        show("the whole loop in claude-agent-sdk's live session", [loop.whole for loop, _ in figures.live])


async def run(api: Emulator, executable: Path, runs: int) -> None:
    """Short loops, then long ones."""
    uutel_bridge.warm("claude-code")
    await measure(api, executable, 2, 1)  # what is slow only once
    print_short(await measure(api, executable, _STEPS, runs))
    print("A long conversation goes to the CLI in a file: from there on, each step has a new process")
    for steps in _LONG:
        print_long(await measure(api, executable, steps, _LONG_RUNS), steps)


def main() -> None:
    """Run on the real CLI where it is installed, and say on what."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("executable", nargs="?", type=Path, default=_REAL)
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()
    executable = given.executable.resolve()
    warnings.filterwarnings("ignore", module="pydantic")  # LiteLLM's, for each streamed call that it puts together
    uutel_bridge.register()
    with testing.fake_clis(), emulator() as api:
        os.environ |= {"UUTEL_CLAUDE_CODE__EXECUTABLE": str(executable), "UUTEL_CLAUDE_CODE__API_BASE": api.url}
        version = subprocess.run([executable, "--version"], check=True, capture_output=True, text=True)
        print(f"{version.stdout.strip()}, LiteLLM {metadata.version('litellm')}, Python {sys.version.split()[0]}")
        if sdk:
            print(f"claude-agent-sdk {sdk.__version__}")
        else:
            print("claude-agent-sdk is not installed: nothing to compare with. For that: pip install claude-agent-sdk")
        asyncio.run(run(api, executable, given.runs))
        uutel_bridge.close()


if __name__ == "__main__":
    main()
