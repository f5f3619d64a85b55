"""What Cloud Code costs over the endpoint itself: `python -m tests.benchmarks.cloud_code [--runs N]`.

The endpoint is the loopback emulator, in a process of its own, which answers at once; so every millisecond is
LiteLLM's or ours. LiteLLM's own `gemini/` stands beside it, asked for the same by an API key, and a bare HTTP client;
by turns, in the same run on the same emulator. Medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import aiohttp
import litellm
from litellm.types.utils import Delta, ModelResponseStream, StreamingChoices

import uutel_bridge
from tests.benchmarks.measuring import emulator, open_descriptors, show
from tests.emulators.code_assist import PROJECT
from uutel_bridge import testing
from uutel_bridge.core import loop
from uutel_bridge.core.bridge import Options, bridge
from uutel_bridge.core.events import TextDelta
from uutel_bridge.core.request import read_request

_PROVIDER = "cloud-code"
_NAME = "gemini-2.5-pro"
_TOKEN = "made-up"
_HELLO = "Hello [[scenario:text]]"
_DELTAS = 10_000
_BURST = f"Go on [[scenario:long n={_DELTAS}]]"
_STEPS = 1000
_PACED = f"Go on [[scenario:slow n={_STEPS} delay=0.002]]"
_AT_ONCE = 100
_PIECES = 10
_REQUESTS = 1000
_REPEATS = 5
_REST = 0.02
"""Seconds in which LiteLLM logs what is over: the next to be measured is not to pay for that."""
_WORDS = {"text": "part", "long": "w", "slow": "s"}
"""What the pieces of a scenario say before their number."""
_SAID = re.compile(r"scenario:(long|slow) n=(\d+)(?: delay=([\d.]+))?")

Pieces: TypeAlias = AsyncGenerator[str, None]
"""The text of an answer as it comes; an empty piece is a chunk without text."""


@dataclass(frozen=True)
class Way:
    """A way to the emulator's answers."""

    title: str
    ask: Callable[[str], Pieces]


@dataclass
class Taken:
    """What one answer took."""

    chunks: int = 0
    first: float = 0.0
    """Milliseconds."""
    pieces: list[str] = field(default_factory=list[str])


async def through_litellm(model: str, prompt: str, **given: Any) -> Pieces:
    """As a program would ask."""
    messages = [{"role": "user", "content": prompt}]
    stream: Any = await litellm.acompletion(model, messages, stream=True, **given)
    async for chunk in stream:
        yield (chunk.choices[0].delta.content or "") if chunk.choices else ""


async def through_the_bridge(prompt: str) -> Pieces:
    """All that is ours, without LiteLLM."""
    provider = bridge(_PROVIDER)
    supported = provider.parts.transform.supported
    chat = read_request(_NAME, [{"role": "user", "content": prompt}], {}, provider=_PROVIDER, supported=supported)
    stream = loop.open_stream(partial(provider.run, provider.call(chat, Options())), idle_limit=60)
    while events := await stream.atake():
        for event in events:
            yield event.text if isinstance(event, TextDelta) else ""


async def through_a_bare_client(client: aiohttp.ClientSession, prompt: str) -> Pieces:
    """The emulator's own time: nothing is read into what it says but where a piece of text is."""
    contents = [{"role": "user", "parts": [{"text": prompt}]}]
    body = json.dumps({"model": _NAME, "project": PROJECT, "request": {"contents": contents}})
    response = await client.post("/v1internal:streamGenerateContent?alt=sse", data=body, raise_for_status=True)
    async for line in response.content:
        _, found, rest = line.partition(b'"text": "')
        yield rest.partition(b'"')[0].decode() if found else ""


class Ready(litellm.CustomLLM):
    """LiteLLM's own cost: a provider whose chunks are already made."""

    def astreaming(self, *args: Any, **kwargs: Any) -> AsyncGenerator[ModelResponseStream, None]:
        """What the emulator would say to this prompt, when it would say it."""
        del args
        return self._chunks(kwargs["messages"][0]["content"])

    async def _chunks(self, prompt: str) -> AsyncGenerator[ModelResponseStream, None]:
        said = _SAID.search(prompt)
        name, count, delay = (said[1], int(said[2]), float(said[3] or 0)) if said else ("text", 4, 0)
        for n in range(count):
            if delay:
                await asyncio.sleep(delay)
            yield self._chunk(delta=Delta(content=f"{_WORDS[name]}{n} "))
        yield self._chunk(finish_reason="stop")

    def _chunk(self, **facts: Any) -> ModelResponseStream:
        return ModelResponseStream(id="r", model="m", choices=[StreamingChoices(**facts)])


async def take(pieces: Pieces) -> Taken:
    """Read an answer to its end."""
    taken, began = Taken(), time.perf_counter()
    async with aclosing(pieces):
        async for piece in pieces:
            taken.chunks += 1
            if piece:
                taken.first = taken.first or (time.perf_counter() - began) * 1000
                taken.pieces.append(piece)
    return taken


async def first_text(way: Way) -> float:
    """Milliseconds to the first text."""
    taken = await take(way.ask(_HELLO))
    assert taken.first, f"{way.title} said nothing"
    return taken.first


async def by_turns(ways: Sequence[Way], runs: int, measure: Callable[[Way], Awaitable[Any]]) -> dict[str, list[Any]]:
    """What is measured of each way, one after the other, so that the machine's moods meet all alike."""
    found: dict[str, list[Any]] = {way.title: [] for way in ways}
    for _ in range(runs):
        for way in ways:
            found[way.title].append(await measure(way))
            await asyncio.sleep(_REST)
    return found


async def stream_whole(way: Way, prompt: str, expected: str) -> tuple[float, float, float]:
    """Of one answer the chunks, the seconds, and the CPU seconds of this process."""
    began, cpu = time.perf_counter(), time.process_time()
    taken = await take(way.ask(prompt))
    assert "".join(taken.pieces) == expected, f"{way.title}: deltas lost or out of order"
    return taken.chunks, time.perf_counter() - began, time.process_time() - cpu


async def show_streams(ways: Sequence[Way], prompt: str, expected: str, deltas: int) -> None:
    """What a delta costs."""
    measured = await by_turns(ways, _REPEATS, partial(stream_whole, prompt=prompt, expected=expected))
    for title, found in measured.items():
        chunks, seconds, cpu = map(statistics.median, zip(*found, strict=True))
        print(f"  {title:<40} {chunks:6.0f} chunks {seconds:6.2f} s, our CPU {cpu / deltas * 1e6:7.1f} us a delta")


async def crowd(way: Way, prompt: str, expected: str) -> tuple[float, float, float]:
    """Of many answers side by side the seconds, the milliseconds to the first text of most, and the CPU seconds."""
    began, cpu = time.perf_counter(), time.process_time()
    answers = await asyncio.gather(*(take(way.ask(prompt)) for _ in range(_AT_ONCE)))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert all("".join(each.pieces) == expected for each in answers), f"{way.title}: an answer is not whole"
    return seconds, statistics.median(each.first for each in answers), cpu


async def show_crowds(ways: Sequence[Way], delay: float) -> None:
    """Against the time that it would take if nothing but the model took any."""
    prompt = f"Go on [[scenario:slow n={_PIECES} delay={delay}]]"
    expected = "".join(f"s{n} " for n in range(_PIECES))
    ideal = _PIECES * delay
    print(f"{_AT_ONCE} answers side by side, {_PIECES} deltas {delay * 1000:.0f} ms apart: {ideal:.2f} s at best")
    measured = await by_turns(ways, _REPEATS, partial(crowd, prompt=prompt, expected=expected))
    for title, found in measured.items():
        seconds, first, cpu = map(statistics.median, zip(*found, strict=True))
        over = (seconds / ideal - 1) * 100
        print(f"  {title:<40} {seconds:6.2f} s ({over:+4.0f} %), first delta {first:6.0f} ms, our CPU {cpu:5.2f} s")


def connections(url: str) -> int:
    """How many this process has to the emulator."""
    port = f":{urlsplit(url).port:04X}"
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text(encoding="utf-8").splitlines()[1:]]
    return sum(row[2].endswith(port) and row[3] == "01" for row in rows)


def memory() -> float:
    """MB that this process holds now."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def growth(way: Way, url: str) -> None:
    """What is left of many requests."""
    held, descriptors, open_ones = memory(), open_descriptors(), connections(url)
    for _ in range(_REQUESTS):
        await take(way.ask(_HELLO))
    print(
        f"  {way.title:<40} our memory grew by {memory() - held:.1f} MB, descriptors {descriptors} ->"
        f" {open_descriptors()}, connections {open_ones} -> {connections(url)}"
    )


async def measure(url: str, runs: int) -> None:
    """Everything, printed."""
    litellm.custom_provider_map.append({"provider": "ready", "custom_handler": Ready()})
    key = {"api_base": url, "api_key": _TOKEN}
    ours = Way("through LiteLLM and the bridge", partial(through_litellm, f"uutel/{_PROVIDER}/{_NAME}"))
    google = Way("LiteLLM's own gemini/", partial(through_litellm, f"gemini/{_NAME}", **key))
    alone = Way("LiteLLM alone, chunks ready-made", partial(through_litellm, "ready/m"))
    within = Way("through the bridge without LiteLLM", through_the_bridge)
    headers = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, headers=headers, connector=connector) as client:
        bare = Way("the emulator, by a bare HTTP client", partial(through_a_bare_client, client))
        ways = (ours, google, alone, within, bare)
        uutel_bridge.warm(_PROVIDER)
        await by_turns(ways, 5, first_text)

        print("First delta, warm")
        firsts = await by_turns(ways, runs, first_text)
        for title, found in firsts.items():
            show(title, found)
        own = statistics.median(firsts[bare.title])
        for way in (ours, within, google):
            print(f"  {f'{way.title}: over the emulator':<58} {statistics.median(firsts[way.title]) - own:9.2f} ms")
        print(f"{_REQUESTS} requests in a row")
        for way in (ours, google):
            await growth(way, url)
        print(f"A stream of {_DELTAS} deltas, as fast as they come")
        await show_streams(ways, _BURST, "".join(f"w{n} " for n in range(_DELTAS)), _DELTAS)
        print(f"A stream of {_STEPS} deltas, 2 ms apart")
        await show_streams(ways, _PACED, "".join(f"s{n} " for n in range(_STEPS)), _STEPS)
        for delay in (0.1, 0.02):
            await show_crowds(ways, delay)
        print(f"  connections left open: {connections(url)}")


def main() -> None:
    """Run, and say on what."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    given = parser.parse_args()
    uutel_bridge.register()
    with emulator("gemini_api") as url, testing.fake_clis():
        os.environ |= {
            "GOOGLE_CLOUD_ACCESS_TOKEN": _TOKEN,
            "UUTEL_CLOUD_CODE__ACCEPT_TERMS": "true",
            "UUTEL_CLOUD_CODE__API_BASE": url,
        }
        print(f"LiteLLM {metadata.version('litellm')}, aiohttp {aiohttp.__version__}, Python {sys.version.split()[0]}")
        asyncio.run(measure(url, given.runs))
        uutel_bridge.close()


if __name__ == "__main__":
    main()
