"""What "the model" answers: one table for the Messages API emulator and for the fake CLI.

The last user text of a request names its scenario: `[[scenario:NAME key=value ...]]`; without one it is `text`. With
`pause=SECONDS` any of them waits that long after its first event, as a model does.
Standard library only, and little of it: the fake CLI has to start fast.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

Params = dict[str, str]
Step = tuple[Any, ...]
"""("event", SSE event dict), ("sleep", seconds), ("raw", bytes for the stream as they are) or ("drop",): cut here."""

RESETS_AT = 4102444800
"""Unix time at which every limit of the table is lifted."""
UNIFIED = "anthropic-ratelimit-unified-"
_MARKER = re.compile(r"\[\[scenario:(\w+)((?:\s+\w+=[^\s\]]+)*)\s*\]\]")
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
SCENARIOS: dict[str, Scenario] = {}


def last_user_text(body: dict[str, Any]) -> str:
    """The text of the newest user message, its blocks joined; other roles are the CLI's own notes."""
    for message in reversed(body.get("messages") or []):
        if message.get("role") == "user":
            return _text(message.get("content"))
    return ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content or [] if block.get("type") == "text")


def scenario_of(body: dict[str, Any]) -> tuple[str, Params]:
    """Name and parameters of the scenario a Messages API body asks for; the last marker wins."""
    found = list(_MARKER.finditer(last_user_text(body)))
    if not found:
        return "text", {}
    return found[-1][1], dict(pair.split("=", 1) for pair in found[-1][2].split())


def reply(body: dict[str, Any], call: int = 1) -> Reply:
    """The answer to a Messages API body; `call` counts this scenario's requests from 1."""
    name, params = scenario_of(body)
    if name not in SCENARIOS:
        return _failure(400, "invalid_request_error", f"no such scenario: {name}")
    answer = SCENARIOS[name](Asked(body, params, call))
    return answer._replace(steps=_paused(answer.steps, float(params["pause"]))) if "pause" in params else answer


def _paused(steps: Iterable[Step], seconds: float) -> Iterator[Step]:
    walk = iter(steps)
    yield from itertools.islice(walk, 1)
    yield ("sleep", seconds)
    yield from walk


def sse(event: dict[str, Any]) -> bytes:
    """An event as it stands in the stream."""
    return f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def _scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__.lstrip("_")] = function
    return function


# What streams are made of


def _event(kind: str, **fields: Any) -> Step:
    return ("event", {"type": kind, **fields})


def _start(asked: Asked, **usage: Any) -> Step:
    counted = {
        "input_tokens": 11,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 7,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
        "output_tokens": 1,
    }
    message = {
        "id": f"msg_{next(_ids):020d}",
        "type": "message",
        "role": "assistant",
        "model": asked.body.get("model", ""),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": counted | usage,
    }
    return _event("message_start", message=message)


def _open(block: dict[str, Any], index: int = 0) -> Step:
    return _event("content_block_start", index=index, content_block=block)


def _delta(kind: str, value: str, index: int = 0) -> Step:
    return _event("content_block_delta", index=index, delta={"type": f"{kind}_delta", kind: value})


def _text_block(parts: Iterable[str], index: int = 0) -> Iterator[Step]:
    yield _open({"type": "text", "text": ""}, index)
    for part in parts:
        yield _delta("text", part, index)
    yield _event("content_block_stop", index=index)


def _end(reason: str = "end_turn", sequence: str | None = None, **usage: Any) -> Iterator[Step]:
    counted = {
        "output_tokens": 1,
        "input_tokens": 11,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 7,
    }
    yield _event("message_delta", delta={"stop_reason": reason, "stop_sequence": sequence}, usage=counted | usage)
    yield _event("message_stop")


def _answer(asked: Asked, parts: list[str], reason: str = "end_turn", sequence: str | None = None) -> Iterator[Step]:
    yield _start(asked)
    yield from _text_block(parts)
    yield from _end(reason, sequence, output_tokens=max(1, len(parts)))


def _begun(asked: Asked, count: int) -> Iterator[Step]:
    yield _start(asked)
    yield _open({"type": "text", "text": ""})
    for n in range(count):
        yield _delta("text", f"p{n} ")


def _numbered(prefix: str, asked: Asked, default: int) -> list[str]:
    return [f"{prefix}{n} " for n in range(int(asked.params.get("n", default)))]


def _ok(steps: Iterable[Step]) -> Reply:
    return Reply(steps=steps)


def _failure(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Reply:
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"}
    return Reply(status=status, headers=tuple((headers or {}).items()), error=error)


# Answers


@_scenario
def text(asked: Asked) -> Reply:
    """`n` deltas, default 4."""
    return _ok(_answer(asked, _numbered("part", asked, 4)))


@_scenario
def echo(asked: Asked) -> Reply:
    """The last user text without its marker, seven characters a delta."""
    said = _MARKER.sub("", last_user_text(asked.body))
    return _ok(_answer(asked, [said[at : at + 7] for at in range(0, len(said), 7)]))


@_scenario
def unicode(asked: Asked) -> Reply:
    """Characters that break careless line splitting and decoding."""
    return _ok(
        _answer(asked, ["emoji \U0001f469\u200d\U0001f680 ", "line\u2028para\u2029nel\x85 ", "漢字 ", "e\u0301\r\n"])
    )


@_scenario
def long(asked: Asked) -> Reply:
    """`n` deltas, default 20,000."""
    return _ok(_answer(asked, _numbered("w", asked, 20_000)))


@_scenario
def slow(asked: Asked) -> Reply:
    """`n` deltas (10) with `delay` seconds (0.2) before each."""

    def steps() -> Iterator[Step]:
        for step in _answer(asked, _numbered("s", asked, 10)):
            if step[1]["type"] == "content_block_delta":
                yield ("sleep", float(asked.params.get("delay", 0.2)))
            yield step

    return _ok(steps())


@_scenario
def thinking(asked: Asked) -> Reply:
    """A signed thinking block, then text."""

    def steps() -> Iterator[Step]:
        yield _start(asked)
        yield _open({"type": "thinking", "thinking": "", "signature": ""})
        for part in ("Let me ", "think ", "this over."):
            yield _delta("thinking", part)
        yield _delta("signature", "c2lnbmF0dXJl")
        yield _event("content_block_stop", index=0)
        yield from _text_block(["After ", "thought: ", "42."], index=1)
        yield from _end(output_tokens=7)

    return _ok(steps())


@_scenario
def usage(asked: Asked) -> Reply:
    """Every count is a different number."""

    def steps() -> Iterator[Step]:
        counted = {"input_tokens": 100, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 40}
        split = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 20}
        yield _start(asked, **counted, cache_creation=split)
        yield from _text_block(["counted"])
        yield from _end(**counted, output_tokens=7)

    return _ok(steps())


# Ends that are no plain end_turn


@_scenario
def max_tokens(asked: Asked) -> Reply:
    """Cut off by the token limit."""
    return _ok(_answer(asked, ["cut ", "off"], "max_tokens"))


@_scenario
def stop_sequence(asked: Asked) -> Reply:
    """Ended by the stop sequence `END`."""
    return _ok(_answer(asked, ["up to ", "here"], "stop_sequence", "END"))


@_scenario
def refusal(asked: Asked) -> Reply:
    """Refused after the first word."""
    return _ok(_answer(asked, ["I "], "refusal"))


@_scenario
def refusal0(asked: Asked) -> Reply:
    """Refused without a word."""
    return _ok([_start(asked), *_end("refusal")])


@_scenario
def empty(asked: Asked) -> Reply:
    """A proper end without any content."""
    return _ok([_start(asked), *_end()])


# Streams that break or never come


@_scenario
def hang(asked: Asked) -> Reply:
    """A message that starts and goes no further."""
    return _ok([_start(asked), ("sleep", 3600.0)])


@_scenario
def hang0(asked: Asked) -> Reply:
    """Not even a status line."""
    return _ok([("sleep", 3600.0)])


@_scenario
def sse_error(asked: Asked) -> Reply:
    """An error event after two deltas."""
    error = {"type": "overloaded_error", "message": "Overloaded"}
    return _ok([*_begun(asked, 2), _event("error", error=error)])


@_scenario
def drop(asked: Asked) -> Reply:
    """The connection breaks after three deltas."""
    # At once, the break would overtake the deltas at the reader: a CLI that sees both together reports the break alone.
    return _ok([*_begun(asked, 3), ("sleep", 0.1), ("drop",)])


@_scenario
def drop0(asked: Asked) -> Reply:
    """The connection breaks before the first byte."""
    return Reply(status=0)


@_scenario
def truncated(asked: Asked) -> Reply:
    """A clean end of the HTTP body, but not of the message."""
    return _ok([*_begun(asked, 6), _event("content_block_stop", index=0)])


@_scenario
def badsse(asked: Asked) -> Reply:
    """Data that is no JSON after two deltas."""
    return _ok([*_begun(asked, 2), ("raw", b"event: content_block_delta\ndata: {this is not json\n\n")])


# Refused requests


def _error_scenario(name: str, status: int, kind: str, message: str, *, times: int | None = None) -> None:
    def failing(asked: Asked) -> Reply:
        """Fails the first `times` requests (all, if not given), with a `retry_after` header if given."""
        limit = asked.params.get("times", times)
        if limit is not None and asked.call > int(limit):
            return text(asked)
        after = asked.params.get("retry_after")
        return _failure(status, kind, message, {"retry-after": after} if after else None)

    SCENARIOS[name] = failing


_error_scenario("e400", 400, "invalid_request_error", "messages: made-up validation failure")
_error_scenario("e401", 401, "authentication_error", "invalid bearer token")
_error_scenario("e403", 403, "permission_error", "this account may not use the API")
_error_scenario("e404", 404, "not_found_error", "model: no such model")
_error_scenario("e413", 413, "request_too_large", "Request exceeds the maximum size")
_error_scenario("e429", 429, "rate_limit_error", "This request would exceed the rate limit")
_error_scenario("e500", 500, "api_error", "Internal server error")
_error_scenario("e529", 529, "overloaded_error", "Overloaded")
_error_scenario("flaky_e529", 529, "overloaded_error", "Overloaded", times=1)
_error_scenario("too_long", 400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum")


# Limits of a subscription


def _window(name: str, status: str, utilization: float) -> dict[str, str]:
    facts = {"status": status, "utilization": utilization, "reset": RESETS_AT}
    return {f"{UNIFIED}{name}-{fact}": str(value) for fact, value in facts.items()}


def _unified(status: str, claim: str) -> dict[str, str]:
    facts = {"status": status, "reset": RESETS_AT, "representative-claim": claim}
    return {f"{UNIFIED}{fact}": str(value) for fact, value in facts.items()}


@_scenario
def limit(asked: Asked) -> Reply:
    """The five-hour limit of a subscription is used up."""
    headers = _unified("rejected", "five_hour") | _window("5h", "rejected", 1)
    headers |= {f"{UNIFIED}overage-status": "rejected", f"{UNIFIED}overage-disabled-reason": "org_level_disabled"}
    return _failure(429, "rate_limit_error", "This request would exceed your account's rate limit", headers)


@_scenario
def rate_allowed(asked: Asked) -> Reply:
    """A plain answer, far from any limit."""
    headers = _unified("allowed", "five_hour") | _window("5h", "allowed", 0.2)
    return text(asked)._replace(headers=tuple(headers.items()))


@_scenario
def rate_warning(asked: Asked) -> Reply:
    """A plain answer, with most of the week used up."""
    headers = _unified("allowed_warning", "seven_day") | _window("5h", "allowed", 0.2)
    headers |= _window("7d", "allowed_warning", 0.83) | {f"{UNIFIED}7d-surpassed-threshold": "0.75"}
    return text(asked)._replace(headers=tuple(headers.items()))
