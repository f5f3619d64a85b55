"""`uutel-bridge ask`: one request, without LiteLLM."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

import orjson

from uutel_bridge.core import loop, registry
from uutel_bridge.core.bridge import Bridge, Options
from uutel_bridge.core.errors import BadRequest, UUError
from uutel_bridge.core.events import Event, Finished, ReasoningDelta, Started, TextDelta, UsageReport
from uutel_bridge.core.request import ChatRequest, read_request
from uutel_bridge.core.settings import load

_IDLE_LIMIT = 3600.0
"""Seconds that the reader of our standard output may pause, as a pager does."""


def run(*, prompt: str, model: str, system: str, whole: bool, as_json: bool) -> None:
    """Ask, and write the answer to standard output.

    Raises:
        UUError: What went wrong.
    """
    messages = [{"role": "user", "content": _question(prompt)}]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    provider, vendor_model = _choose(model)
    supported = provider.parts.transform.supported
    chat = read_request(vendor_model, messages, {}, provider=provider.parts.name, supported=supported)
    try:
        answer = _Answer(streamed=not (whole or as_json))
        answer.read(provider, chat)
    finally:
        loop.run(provider.aclose)
    if as_json:
        _write(orjson.dumps(answer.as_json()).decode() + "\n")
    elif whole:
        _write(_ended(answer.text))
    if answer.reason != "stop":
        sys.stderr.write(f"uutel-bridge: the answer is not whole ({answer.reason}).\n")


def _question(prompt: str) -> str:
    if prompt == "-":
        if sys.stdin.isatty():
            sys.stderr.write("Type the question; Ctrl-D on an empty line ends it.\n")
        try:
            # Bytes: text mode would turn \r\n into \n, and guess the encoding.
            prompt = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError as exc:
            raise BadRequest(f"Standard input is not UTF-8 text: {exc.reason} at byte {exc.start}.") from exc
    if not prompt.strip():
        raise BadRequest("There is no question. Give it as an argument, or on standard input.")
    return prompt


def _choose(model: str) -> tuple[Bridge, str]:
    """A provider and its model: as named, else the first provider that is ready."""
    if model:
        name, _, vendor_model = model.removeprefix("uutel/").partition("/")
        provider = _bridge(name)
        return provider, vendor_model or provider.parts.default_model
    problems: list[str] = []
    for name in registry.provider_names():
        provider = _bridge(name)
        problem = provider.status().problem
        if not problem:
            return provider, provider.parts.default_model
        problems.append(problem)
    raise UUError(" ".join(problems))


def _bridge(name: str) -> Bridge:
    parts = registry.parts(name)
    return Bridge(parts, load(parts.settings, name, os.environ).for_one_request())


class _Answer:
    """What has come of an answer; the text goes to standard output at once if it is `streamed`."""

    def __init__(self, *, streamed: bool) -> None:
        self._streamed = streamed
        self._events: list[Event] = []

    def read(self, provider: Bridge, chat: ChatRequest) -> None:
        """Take it in as it comes."""
        call = provider.call(chat, Options())
        stream = loop.open_stream(partial(provider.run, call), idle_limit=_IDLE_LIMIT)
        try:
            while events := stream.take():
                self._events += events
                if self._streamed:
                    _write(_text(events))
        finally:
            stream.close()
            if self._streamed and self.text:
                _write(_ended(self.text)[len(self.text) :])

    @property
    def text(self) -> str:
        return _text(self._events)

    @property
    def reason(self) -> str:
        """Why it ended."""
        return next(event.reason for event in self._events if isinstance(event, Finished))

    def as_json(self) -> dict[str, Any]:
        """In the shape of OpenAI's chat completion, as far as it goes."""
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
        for report in (event for event in self._events if isinstance(event, UsageReport)):
            answer["usage"] = _usage(report)
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


def _text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def _write(text: str) -> None:
    """Write UTF-8, whatever the locale says: a model's words fit no smaller alphabet."""
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has left, as `head` does
        raise
    except OSError as exc:
        raise UUError(f"The answer cannot be written: {exc.strerror}.") from exc
