"""What "the model" answers in the Responses API: `_scenario_table.py`'s table, and what this API has besides."""

from __future__ import annotations

from collections.abc import Iterator

import _responses_rules as rules
from _responses_asked import Request
from _responses_stream import Response, failure
from _scenario_answers import Counts, Reply, Step, sse
from _scenario_table import RESETS_AT, Table
from _scenario_texts import AFTER_THOUGHT, THOUGHT

__all__ = ["RESETS_AT", "SCENARIOS", "marker", "reply", "sse"]

TABLE = Table(Request, Response, rules.violation, lambda wrong: failure(400, message=wrong))
SCENARIOS = TABLE.scenarios
marker = TABLE.marker
reply = TABLE.reply


# Answers


@TABLE.play
def thinking(_asked: Request, response: Response) -> Iterator[Step]:
    """A reasoning summary of two parts, then text."""
    yield from response.start()
    yield from response.thought(THOUGHT, ["It is ", "done."])
    yield from response.text(AFTER_THOUGHT)
    yield from response.end("stop", Counts(said=7, thought=4))


@TABLE.play
def refusal(_asked: Request, response: Response) -> Iterator[Step]:
    """A message that is a refusal."""
    yield from response.start()
    yield from response.refusal(["I'm sorry, ", "I can't do that."])
    yield from response.end("stop", Counts(said=2))


@TABLE.play
def sse_rate(_asked: Request, response: Response) -> Iterator[Step]:
    """The response fails by a rate limit, before the first delta."""
    yield from response.start()
    yield from response.failure("rate_limit_exceeded", "Rate limit reached. Please try again in 1.5s.")


@TABLE.play
def too_long(_asked: Request, response: Response) -> Iterator[Step]:
    """More input than the model takes: told in the stream."""
    wrong = "Your input exceeds the context window of this model. Please adjust your input and try again."
    yield from response.start()
    yield from response.failure("context_length_exceeded", wrong)


# Refused requests

TABLE.answering("e400", failure(400, message="Invalid value: 'made-up'.", code="invalid_value"))
TABLE.answering("e401", failure(401, message="Incorrect API key provided.", code="invalid_api_key"))
TABLE.answering("e403", failure(403, message="Country not supported.", code="unsupported_country_region_territory"))
TABLE.answering("e404", failure(404, message="The model `made-up` does not exist.", code="model_not_found"))
TABLE.answering("e413", failure(413, message="Request too large.", code="request_too_large"))
TABLE.answering("e429", failure(429, message="Rate limit reached.", type="requests", code="rate_limit_exceeded"))
TABLE.answering("e500", failure(500, message="The server had an error.", type="server_error", code="server_error"))
_OVERLOADED = failure(
    503,
    message="Our servers are currently overloaded. Please try again later.",
    type="service_unavailable_error",
    code="server_is_overloaded",
)
TABLE.answering("e503", _OVERLOADED)
TABLE.answering("flaky_e529", _OVERLOADED, times=1)


# Limits of a subscription


def _windows(primary: int, secondary: int) -> dict[str, str]:
    """The headers that tell how much of the five hours and of the week is used, in percent."""
    facts = {"primary": (primary, 300), "secondary": (secondary, 10080)}
    return {
        f"x-codex-{name}-{fact}": str(value)
        for name, (used, minutes) in facts.items()
        for fact, value in (("used-percent", used), ("window-minutes", minutes), ("reset-at", RESETS_AT))
    }


def _limit() -> Reply:
    """The five-hour limit of a subscription is used up."""
    resets = {"resets_at": RESETS_AT, "resets_in_seconds": 3600}
    wrong = {"type": "usage_limit_reached", "message": "The usage limit has been reached", "plan_type": "plus"}
    return Reply(status=429, headers=tuple(_windows(100, 40).items()), error={"error": {**wrong, **resets}})


TABLE.answering("limit", _limit())
TABLE.telling("rate_allowed", _windows(20, 10))  # far from any limit
TABLE.telling("rate_warning", _windows(20, 83))  # most of the week is used up
