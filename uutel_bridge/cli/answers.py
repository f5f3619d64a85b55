"""What `ask` and `chat` share: which model answers, and what has come of an answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from uutel_bridge.cli.failures import nobody_ready
from uutel_bridge.core import loop, registry
from uutel_bridge.core.bridge import Bridge, Options
from uutel_bridge.core.errors import UUError
from uutel_bridge.core.events import Event, Finished, ReasoningDelta, Served, Started, TextDelta, UsageReport
from uutel_bridge.core.request import ChatRequest, read_request
from uutel_bridge.core.settings import load

_IDLE_LIMIT = 3600.0
"""Seconds that the reader of our standard output may pause, as a pager does."""


def choose(model: str, known: Iterable[Bridge] = ()) -> tuple[Bridge, str]:
    """A provider and its model: as named, else the first provider that is ready.

    Args:
        model: `uutel/<provider>/<model>`, or less of it.
        known: Bridges that are there already; of a provider that is named, one of them is taken.
    """
    if not model:
        return _first_ready()
    bridges = {each.parts.name: each for each in known}
    name, _, vendor_model = model.removeprefix("uutel/").partition("/")
    provider = bridges.get(name) or _bridge(name)
    return provider, vendor_model or provider.parts.default_model


def _first_ready() -> tuple[Bridge, str]:
    problems: list[str] = []
    wrong: list[str] = []
    for name in registry.provider_names():
        try:
            provider = _bridge(name)
        except UUError as error:  # its settings are wrong; another may do
            problems.append(error.message)
            wrong.append(f"uutel-bridge: {name} is left out. {error.message}\n")
            continue
        problem = provider.status().problem
        if not problem:
            sys.stderr.write("".join(wrong))  # else another vendor would answer without a word
            return provider, provider.parts.default_model
        problems.append(problem)
    raise nobody_ready(problems)


def _bridge(name: str) -> Bridge:
    parts = registry.parts(name)
    return Bridge(parts, load(parts.settings, name, os.environ).for_one_request())


def request(provider: Bridge, model: str, system: str, messages: Iterable[dict[str, str]]) -> ChatRequest:
    """A conversation as a request, after a system prompt where there is one."""
    said = [*([{"role": "system", "content": system}] if system else []), *messages]
    parts = provider.parts
    return read_request(model, said, {}, provider=parts.name, supported=parts.transform.supported)


class Answer:
    """What has come of an answer so far."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def read(self, provider: Bridge, chat: ChatRequest, show: Callable[[str], None] | None = None) -> None:
        """Take it in as it comes; each piece of its text goes to `show` at once."""
        call = provider.call(chat, Options())
        stream = loop.open_stream(partial(provider.run, call), idle_limit=_IDLE_LIMIT)
        try:
            while events := stream.take():
                self._events += events
                if show:
                    show(_text(events))
        finally:
            stream.close()

    @property
    def text(self) -> str:
        """What the model said so far."""
        return _text(self._events)

    @property
    def reason(self) -> str:
        """Why it ended; empty where it did not."""
        return next((event.reason for event in self._events if isinstance(event, Finished)), "")

    @property
    def usage(self) -> UsageReport | None:
        """As the vendor last told it."""
        return next((event for event in reversed(self._events) if isinstance(event, UsageReport)), None)

    @property
    def model(self) -> str:
        """The model's full name, as far as it is known."""
        return next((event.model for event in reversed(self._events) if isinstance(event, Started)), "")

    def as_json(self) -> dict[str, Any]:
        """In the shape of OpenAI's chat completion, as far as it goes, with the seconds that it took."""
        *_, started = (event for event in self._events if isinstance(event, Started))  # the last knows the real model
        message = {"role": "assistant", "content": self.text}
        reasoning = "".join(event.text for event in self._events if isinstance(event, ReasoningDelta))
        if reasoning:
            message["reasoning_content"] = reasoning
        answer: dict[str, Any] = {
            "id": started.response_id,
            "object": "chat.completion",
            "model": started.model,
            "choices": [{"index": 0, "message": message, "finish_reason": self.reason}],
        }
        if self.usage:
            answer["usage"] = _usage(self.usage)
        for served in (event for event in self._events if isinstance(event, Served)):
            answer["timing"] = _timing(served)
        return answer


def _usage(report: UsageReport) -> dict[str, Any]:
    return {
        "prompt_tokens": report.input,
        "completion_tokens": report.output,
        "total_tokens": report.input + report.output,
        "prompt_tokens_details": {"cached_tokens": report.cached, "cache_creation_tokens": report.cache_creation},
        "completion_tokens_details": {"reasoning_tokens": report.reasoning},
        "cost": report.cost,
    }


def _timing(served: Served) -> dict[str, float | None]:
    """Seconds: waiting for a process, to the first thing that the model said, to the end."""
    return {
        "queue": served.queue_seconds,
        "first_event": served.first_event_seconds,
        "total": served.total_seconds,
    }


def _text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def ended(text: str) -> str:
    """With a line break at its end."""
    return text if text.endswith("\n") else text + "\n"


def write(text: str) -> None:
    """Write UTF-8 to standard output, whatever the locale says: a model's words fit no smaller alphabet.

    Raises:
        OSError: The disk is full, or the reader has left, as `head` does: no question more makes sense.
    """
    sys.stdout.buffer.write(text.encode())
    sys.stdout.flush()
