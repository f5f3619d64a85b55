"""What "the model" answers: one table for the Messages API emulator and for the fake CLI.

The last user text of a request names its scenario: `[[scenario:NAME key=value ...]]`; without one it is `text`. With
`pause=SECONDS` any of them waits that long after its first event, as a model does.
Standard library only, and little of it: the fake CLI has to start fast.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

import _anthropic_rules as rules
import _anthropic_tools as tools
from _anthropic_asked import MARKER, last_user_text, marker, scenario_of
from _anthropic_stream import (
    Asked,
    Reply,
    Scenario,
    Step,
    answer,
    begun,
    end,
    event,
    failure,
    ok,
    start,
    text_block,
)

__all__ = ["RESETS_AT", "SCENARIOS", "Reply", "last_user_text", "marker", "reply", "sse"]

RESETS_AT = int(time.time()) + 3600
"""Unix time at which every limit of the table is lifted. A CLI does not believe one in the far future."""
UNIFIED = "anthropic-ratelimit-unified-"
SCENARIOS: dict[str, Scenario] = dict(tools.SCENARIOS)


def reply(body: dict[str, Any], call: int = 1) -> Reply:
    """The answer to a Messages API body; `call` counts this scenario's requests from 1."""
    name, params = scenario_of(body)
    if name not in SCENARIOS:
        return failure(400, "invalid_request_error", f"no such scenario: {name}")
    wrong = rules.violation(body)
    if wrong:
        return failure(400, "invalid_request_error", wrong)
    made = SCENARIOS[name](Asked(body, params, call))
    return made._replace(steps=_paused(made.steps, float(params["pause"]))) if "pause" in params else made


def _paused(steps: Iterable[Step], seconds: float) -> Iterator[Step]:
    walk = iter(steps)
    yield from itertools.islice(walk, 1)
    yield ("sleep", seconds)
    yield from walk


def sse(data: dict[str, Any]) -> bytes:
    """An event as it stands in the stream."""
    return f"event: {data['type']}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__.lstrip("_")] = function
    return function


def _numbered(prefix: str, asked: Asked, default: int) -> list[str]:
    return [f"{prefix}{n} " for n in range(int(asked.params.get("n", default)))]


# Answers


@_scenario
def text(asked: Asked) -> Reply:
    """`n` deltas, default 4."""
    return ok(answer(asked, _numbered("part", asked, 4)))


@_scenario
def echo(asked: Asked) -> Reply:
    """The last user text without its marker, seven characters a delta."""
    said = MARKER.sub("", last_user_text(asked.body))
    return ok(answer(asked, [said[at : at + 7] for at in range(0, len(said), 7)]))


@_scenario
def unicode(asked: Asked) -> Reply:
    """Characters that break careless line splitting and decoding."""
    return ok(
        answer(asked, ["emoji \U0001f469\u200d\U0001f680 ", "line\u2028para\u2029nel\x85 ", "漢字 ", "e\u0301\r\n"])
    )


@_scenario
def long(asked: Asked) -> Reply:
    """`n` deltas, default 20,000."""
    return ok(answer(asked, _numbered("w", asked, 20_000)))


@_scenario
def slow(asked: Asked) -> Reply:
    """`n` deltas (10) with `delay` seconds (0.2) before each."""

    def steps() -> Iterator[Step]:
        for step in answer(asked, _numbered("s", asked, 10)):
            if step[1]["type"] == "content_block_delta":
                yield ("sleep", float(asked.params.get("delay", 0.2)))
            yield step

    return ok(steps())


@_scenario
def thinking(asked: Asked) -> Reply:
    """A signed thinking block, then text."""

    def steps() -> Iterator[Step]:
        yield start(asked)
        yield from tools.thinking_block(["Let me ", "think ", "this over."])
        yield from text_block(["After ", "thought: ", "42."], index=1)
        yield from end(output_tokens=7)

    return ok(steps())


@_scenario
def usage(asked: Asked) -> Reply:
    """Every count is a different number."""

    def steps() -> Iterator[Step]:
        counted = {"input_tokens": 100, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 40}
        split = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 20}
        yield start(asked, **counted, cache_creation=split)
        yield from text_block(["counted"])
        yield from end(**counted, output_tokens=7)

    return ok(steps())


# Ends that are no plain end_turn


@_scenario
def max_tokens(asked: Asked) -> Reply:
    """Cut off by the token limit."""
    return ok(answer(asked, ["cut ", "off"], "max_tokens"))


@_scenario
def stop_sequence(asked: Asked) -> Reply:
    """Ended by the stop sequence `END`."""
    return ok(answer(asked, ["up to ", "here"], "stop_sequence", "END"))


@_scenario
def refusal(asked: Asked) -> Reply:
    """Refused after the first word."""
    return ok(answer(asked, ["I "], "refusal"))


@_scenario
def refusal0(asked: Asked) -> Reply:
    """Refused without a word."""
    return ok([start(asked), *end("refusal")])


@_scenario
def empty(asked: Asked) -> Reply:
    """A proper end without any content."""
    return ok([start(asked), *end()])


# Streams that break or never come


@_scenario
def hang(asked: Asked) -> Reply:
    """A message that starts and goes no further."""
    return ok([start(asked), ("sleep", 3600.0)])


@_scenario
def hang0(asked: Asked) -> Reply:
    """Not even a status line."""
    return ok([("sleep", 3600.0)])


@_scenario
def sse_error(asked: Asked) -> Reply:
    """An error event after two deltas."""
    error = {"type": "overloaded_error", "message": "Overloaded"}
    return ok([*begun(asked, 2), event("error", error=error)])


@_scenario
def drop(asked: Asked) -> Reply:
    """The connection breaks after three deltas."""
    # At once, the break would overtake the deltas at the reader: a CLI that sees both together reports the break alone.
    return ok([*begun(asked, 3), ("sleep", 0.1), ("drop",)])


@_scenario
def drop0(asked: Asked) -> Reply:
    """The connection breaks before the first byte."""
    return Reply(status=0)


@_scenario
def truncated(asked: Asked) -> Reply:
    """A clean end of the HTTP body, but not of the message."""
    return ok([*begun(asked, 6), event("content_block_stop", index=0)])


@_scenario
def badsse(asked: Asked) -> Reply:
    """Data that is no JSON after two deltas."""
    return ok([*begun(asked, 2), ("raw", b"event: content_block_delta\ndata: {this is not json\n\n")])


# Refused requests


def _error_scenario(name: str, status: int, kind: str, message: str, *, times: int | None = None) -> None:
    def failing(asked: Asked) -> Reply:
        """Fails the first `times` requests (all, if not given), with a `retry_after` header if given."""
        limit = asked.params.get("times", times)
        if limit is not None and asked.call > int(limit):
            return text(asked)
        after = asked.params.get("retry_after")
        return failure(status, kind, message, {"retry-after": after} if after else None)

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
    return failure(429, "rate_limit_error", "This request would exceed your account's rate limit", headers)


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
