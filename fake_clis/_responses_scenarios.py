"""What "the model" answers: one table for the Responses API emulator and for the fake CLI.

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

import _responses_rules as rules
import _responses_tools as tools
from _anthropic_asked import MARKER
from _anthropic_stream import Asked, Reply, Scenario, Step, ok
from _responses_asked import last_user_text, marker, scenario_of
from _responses_stream import Answer, begun, failure, said

__all__ = ["RESETS_AT", "SCENARIOS", "Reply", "last_user_text", "marker", "reply", "sse"]

RESETS_AT = int(time.time()) + 3600
"""Unix time at which every limit of the table is lifted."""
SCENARIOS: dict[str, Scenario] = dict(tools.SCENARIOS)


def reply(body: dict[str, Any], call: int = 1) -> Reply:
    """The answer to a Responses API body; `call` counts this scenario's requests from 1."""
    name, params = scenario_of(body)
    if name not in SCENARIOS:
        return failure(400, message=f"no such scenario: {name}")
    wrong = rules.violation(body)
    if wrong:
        return failure(400, message=wrong)
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
    SCENARIOS[function.__name__] = function
    return function


def _numbered(prefix: str, asked: Asked, default: int) -> list[str]:
    return [f"{prefix}{n} " for n in range(int(asked.params.get("n", default)))]


# Answers


@_scenario
def text(asked: Asked) -> Reply:
    """`n` deltas, default 4."""
    return ok(said(asked, _numbered("part", asked, 4)))


@_scenario
def echo(asked: Asked) -> Reply:
    """The last user text without its marker, seven characters a delta."""
    told = MARKER.sub("", last_user_text(asked.body))
    return ok(said(asked, [told[at : at + 7] for at in range(0, len(told), 7)]))


@_scenario
def unicode(asked: Asked) -> Reply:
    """Characters that break careless line splitting and decoding."""
    return ok(
        said(asked, ["emoji \U0001f469\u200d\U0001f680 ", "line\u2028para\u2029nel\x85 ", "漢字 ", "e\u0301\r\n"])
    )


@_scenario
def long(asked: Asked) -> Reply:
    """`n` deltas, default 20,000."""
    return ok(said(asked, _numbered("w", asked, 20_000)))


@_scenario
def slow(asked: Asked) -> Reply:
    """`n` deltas (10) with `delay` seconds (0.2) before each."""

    def steps() -> Iterator[Step]:
        for step in said(asked, _numbered("s", asked, 10)):
            if step[1]["type"] == "response.output_text.delta":
                yield ("sleep", float(asked.params.get("delay", 0.2)))
            yield step

    return ok(steps())


@_scenario
def thinking(asked: Asked) -> Reply:
    """A reasoning summary of two parts, then text."""

    def steps() -> Iterator[Step]:
        answer = Answer(asked)
        yield from answer.start()
        yield from answer.reasoning(["Let me ", "think ", "this over."], ["It is ", "done."])
        yield from answer.message(["After ", "thought: ", "42."])
        yield answer.end(output_tokens=7, reasoning=4)

    return ok(steps())


@_scenario
def usage(asked: Asked) -> Reply:
    """Every count is a different number."""

    def steps() -> Iterator[Step]:
        answer = Answer(asked)
        yield from answer.start()
        yield from answer.message(["counted"])
        yield answer.end(input_tokens=160, cached=40, cache_write=20, output_tokens=7, reasoning=3)

    return ok(steps())


# Ends that are no plain end


@_scenario
def max_tokens(asked: Asked) -> Reply:
    """Cut off by the token limit."""

    def steps() -> Iterator[Step]:
        answer = Answer(asked)
        yield from answer.start()
        yield from answer.message(["cut ", "off"])
        yield answer.incomplete("max_output_tokens")

    return ok(steps())


@_scenario
def refusal(asked: Asked) -> Reply:
    """A message that is a refusal."""

    def steps() -> Iterator[Step]:
        answer = Answer(asked)
        yield from answer.start()
        yield from answer.message(["I'm sorry, ", "I can't do that."], "refusal")
        yield answer.end(output_tokens=2)

    return ok(steps())


@_scenario
def empty(asked: Asked) -> Reply:
    """A proper end without any content."""
    answer = Answer(asked)
    return ok([*answer.start(), answer.end()])


# Streams that break or never come


@_scenario
def hang(asked: Asked) -> Reply:
    """A response that starts and goes no further."""
    return ok([*Answer(asked).start(), ("sleep", 3600.0)])


@_scenario
def hang0(asked: Asked) -> Reply:
    """Not even a status line."""
    return ok([("sleep", 3600.0)])


@_scenario
def sse_error(asked: Asked) -> Reply:
    """The response fails after two deltas."""
    answer = Answer(asked)
    return ok([*begun(answer, 2), answer.failed("server_error", "The model had a problem.")])


@_scenario
def sse_rate(asked: Asked) -> Reply:
    """The response fails by a rate limit, before the first delta."""
    answer = Answer(asked)
    wrong = "Rate limit reached. Please try again in 1.5s."
    return ok([*answer.start(), answer.failed("rate_limit_exceeded", wrong)])


@_scenario
def drop(asked: Asked) -> Reply:
    """The connection breaks after three deltas."""
    # At once, the break would overtake the deltas at the reader: a CLI that sees both together reports the break alone.
    return ok([*begun(Answer(asked), 3), ("sleep", 0.1), ("drop",)])


@_scenario
def drop0(asked: Asked) -> Reply:
    """The connection breaks before the first byte."""
    return Reply(status=0)


@_scenario
def truncated(asked: Asked) -> Reply:
    """A clean end of the HTTP body, but not of the response."""
    answer = Answer(asked)
    return ok([*begun(answer, 6), *answer.close_message("p0 p1 p2 p3 p4 p5 ")])


@_scenario
def badsse(asked: Asked) -> Reply:
    """Data that is no JSON between the second and the third delta."""

    def steps() -> Iterator[Step]:
        answer = Answer(asked)
        yield from begun(answer, 2)
        yield ("raw", b"event: response.output_text.delta\ndata: {this is not json\n\n")
        yield answer.delta("p2 ")
        yield from answer.close_message("p0 p1 p2 ")
        yield answer.end(output_tokens=3)

    return ok(steps())


# Refused requests


def _error_scenario(name: str, status: int, message: str, *, times: int | None = None, **error: Any) -> None:
    def failing(asked: Asked) -> Reply:
        """Fails the first `times` requests (all, if not given), with a `retry_after` header if given."""
        limit = asked.params.get("times", times)
        if limit is not None and asked.call > int(limit):
            return text(asked)
        after = asked.params.get("retry_after")
        return failure(status, {"retry-after": after} if after else None, message=message, **error)

    SCENARIOS[name] = failing


_OVERLOADED = "Our servers are currently overloaded. Please try again later."
_error_scenario("e400", 400, "Invalid value: 'made-up'.", code="invalid_value")
_error_scenario("e401", 401, "Incorrect API key provided.", code="invalid_api_key")
_error_scenario("e403", 403, "Country not supported.", code="unsupported_country_region_territory")
_error_scenario("e404", 404, "The model `made-up` does not exist.", code="model_not_found")
_error_scenario("e413", 413, "Request too large.", code="request_too_large")
_error_scenario("e429", 429, "Rate limit reached.", type="requests", code="rate_limit_exceeded")
_error_scenario("e500", 500, "The server had an error.", type="server_error", code="server_error")
_error_scenario("e503", 503, _OVERLOADED, type="service_unavailable_error", code="server_is_overloaded")
_error_scenario("flaky_e529", 503, _OVERLOADED, times=1, type="service_unavailable_error", code="server_is_overloaded")


@_scenario
def too_long(asked: Asked) -> Reply:
    """More input than the model takes: told in the stream."""
    answer = Answer(asked)
    wrong = "Your input exceeds the context window of this model. Please adjust your input and try again."
    return ok([*answer.start(), answer.failed("context_length_exceeded", wrong)])


# Limits of a subscription


def _windows(primary: int, secondary: int) -> dict[str, str]:
    """The headers that tell how much of the five hours and of the week is used, in percent."""
    facts = {"primary": (primary, 300), "secondary": (secondary, 10080)}
    return {
        f"x-codex-{name}-{fact}": str(value)
        for name, (used, minutes) in facts.items()
        for fact, value in (("used-percent", used), ("window-minutes", minutes), ("reset-at", RESETS_AT))
    }


@_scenario
def limit(asked: Asked) -> Reply:
    """The five-hour limit of a subscription is used up."""
    resets = {"resets_at": RESETS_AT, "resets_in_seconds": 3600}
    wrong = {"type": "usage_limit_reached", "message": "The usage limit has been reached", "plan_type": "plus"}
    return Reply(status=429, headers=tuple(_windows(100, 40).items()), error={"error": {**wrong, **resets}})


@_scenario
def rate_allowed(asked: Asked) -> Reply:
    """A plain answer, far from any limit."""
    return text(asked)._replace(headers=tuple(_windows(20, 10).items()))


@_scenario
def rate_warning(asked: Asked) -> Reply:
    """A plain answer, with most of the week used up."""
    return text(asked)._replace(headers=tuple(_windows(20, 83).items()))
