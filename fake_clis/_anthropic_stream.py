"""What the Messages API's answers are made of: SSE events as steps, and failures."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

Params = dict[str, str]
Step = tuple[Any, ...]
"""("event", SSE event dict), ("sleep", seconds), ("raw", bytes for the stream as they are) or ("drop",): cut here."""

_ids = itertools.count(1)


class Reply(NamedTuple):
    """One HTTP answer of the Messages API."""

    status: int = 200
    """0: the connection is cut before the first byte."""
    headers: tuple[tuple[str, str], ...] = ()
    error: dict[str, Any] | None = None
    """The JSON body where `status` is neither 200 nor 0."""
    steps: Iterable[Step] = ()
    """The SSE stream where `status` is 200; can be walked once."""


class Asked(NamedTuple):
    """What a scenario may look at."""

    body: dict[str, Any]
    params: Params
    call: int
    """How many requests this scenario has had, this one included."""


Scenario = Callable[[Asked], Reply]


def number() -> str:
    """Twenty digits that no other id of this process has."""
    return f"{os.getpid():010d}{next(_ids):010d}"


def event(kind: str, **fields: Any) -> Step:
    """An event of the stream."""
    return ("event", {"type": kind, **fields})


def start(asked: Asked, **usage: Any) -> Step:
    """The event that opens a message."""
    counted = {
        "input_tokens": 11,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 7,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
        "output_tokens": 1,
    }
    message = {
        "id": f"msg_{number()}",
        "type": "message",
        "role": "assistant",
        "model": asked.body.get("model", ""),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": counted | usage,
    }
    return event("message_start", message=message)


def open_block(block: dict[str, Any], index: int = 0) -> Step:
    """The event that opens a content block."""
    return event("content_block_start", index=index, content_block=block)


def delta(kind: str, value: str, index: int = 0) -> Step:
    """A piece of a content block."""
    return event("content_block_delta", index=index, delta={"type": f"{kind}_delta", kind: value})


def json_delta(part: str, index: int = 0) -> Step:
    """A piece of a call's arguments."""
    return event("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": part})


def text_block(parts: Iterable[str], index: int = 0) -> Iterator[Step]:
    """A whole text block."""
    yield open_block({"type": "text", "text": ""}, index)
    for part in parts:
        yield delta("text", part, index)
    yield event("content_block_stop", index=index)


def end(reason: str = "end_turn", sequence: str | None = None, **usage: Any) -> Iterator[Step]:
    """The events that end a message."""
    counted = {
        "output_tokens": 1,
        "input_tokens": 11,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 7,
    }
    yield event("message_delta", delta={"stop_reason": reason, "stop_sequence": sequence}, usage=counted | usage)
    yield event("message_stop")


def answer(asked: Asked, parts: list[str], reason: str = "end_turn", sequence: str | None = None) -> Iterator[Step]:
    """A message that is one text block."""
    yield start(asked)
    yield from text_block(parts)
    yield from end(reason, sequence, output_tokens=max(1, len(parts)))


def begun(asked: Asked, count: int) -> Iterator[Step]:
    """The beginning of a message: `count` pieces of an open text block."""
    yield start(asked)
    yield open_block({"type": "text", "text": ""})
    for n in range(count):
        yield delta("text", f"p{n} ")


def ok(steps: Iterable[Step]) -> Reply:
    """An answer with status 200."""
    return Reply(steps=steps)


def failure(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Reply:
    """A refusal, in the API's shape."""
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"}
    return Reply(status=status, headers=tuple((headers or {}).items()), error=error)
