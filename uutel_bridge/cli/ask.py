"""`uutel-bridge ask`: one request, without LiteLLM."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

import orjson

from uutel_bridge.core import loop, registry
from uutel_bridge.core.bridge import Bridge, Options, bridge
from uutel_bridge.core.errors import LoginMissing
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
    name, vendor_model = _choose(model)
    parts = registry.parts(name)
    # One request only: a spare would be started for nobody.
    provider = Bridge(parts, load(name, os.environ).model_copy(update={"spares": 0}))
    messages = [{"role": "user", "content": sys.stdin.read() if prompt == "-" else prompt}]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    chat = read_request(vendor_model, messages, {}, provider=name, supported=parts.transform.supported)
    try:
        _answer(provider, chat, whole=whole, as_json=as_json)
    finally:
        loop.run(provider.aclose)


def _choose(model: str) -> tuple[str, str]:
    """The provider and its model: as named, else the first provider that is logged in."""
    if model:
        name, _, rest = model.removeprefix("uutel/").partition("/")
        return name, rest or registry.parts(name).default_model
    problems: list[str] = []
    for name in registry.provider_names():
        status = bridge(name).status()
        if not status.problem:
            return name, registry.parts(name).default_model
        problems.append(status.problem)
    raise LoginMissing(f"No provider is ready. {' '.join(problems)}", login_command="uutel-bridge doctor")


def _answer(provider: Bridge, chat: ChatRequest, *, whole: bool, as_json: bool) -> None:
    call = provider.call(chat, Options())
    stream = loop.open_stream(partial(provider.run, call), idle_limit=_IDLE_LIMIT)
    said: list[Event] = []
    try:
        while events := stream.take():
            said += events
            if not whole and not as_json:
                _write(_text(events))
    finally:
        stream.close()
    if as_json:
        _write(orjson.dumps(_as_json(said)).decode() + "\n")
    else:
        _write((_text(said) if whole else "") + "\n")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def _as_json(said: list[Event]) -> dict[str, Any]:
    """The answer in the shape of OpenAI's chat completion, as far as it goes."""
    started = next(event for event in said if isinstance(event, Started))
    finished = next(event for event in said if isinstance(event, Finished))
    message = {"role": "assistant", "content": _text(said)}
    reasoning = "".join(event.text for event in said if isinstance(event, ReasoningDelta))
    if reasoning:
        message["reasoning_content"] = reasoning
    answer: dict[str, Any] = {
        "id": started.response_id,
        "object": "chat.completion",
        "model": started.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finished.reason}],
    }
    for report in (event for event in said if isinstance(event, UsageReport)):
        answer["usage"] = {
            "prompt_tokens": report.input,
            "completion_tokens": report.output,
            "total_tokens": report.input + report.output,
            "prompt_tokens_details": {"cached_tokens": report.cached, "cache_creation_tokens": report.cache_creation},
            "completion_tokens_details": {"reasoning_tokens": report.reasoning},
            "cost": report.cost,
        }
    return answer
