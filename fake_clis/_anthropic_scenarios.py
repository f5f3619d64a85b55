"""What "the model" answers in the Messages API: `_scenario_table.py`'s table, and what this API has besides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import _anthropic_rules as rules
from _anthropic_asked import Request
from _anthropic_stream import Message, failure
from _scenario_answers import Counts, Reply, Step, sse
from _scenario_table import RESETS_AT, Table

__all__ = ["RESETS_AT", "SCENARIOS", "marker", "reply", "sse", "used_up"]

UNIFIED = "anthropic-ratelimit-unified-"
TABLE = Table(Request, Message, rules.violation, lambda wrong: failure(400, "invalid_request_error", wrong))
SCENARIOS = TABLE.scenarios
marker = TABLE.marker
reply = TABLE.reply


# Answers


@TABLE.play
def stop_sequence(_asked: Request, message: Message) -> Iterator[Step]:
    """Ended by the stop sequence `END`."""
    yield from message.start()
    yield from message.text(["up to ", "here"])
    yield from message.end("stop_sequence", Counts(said=2), "END")


@TABLE.play
def refusal(_asked: Request, message: Message) -> Iterable[Step]:
    """Refused after the first word."""
    return message.said(["I "], "refusal")


@TABLE.play
def refusal0(_asked: Request, message: Message) -> Iterator[Step]:
    """Refused without a word."""
    yield from message.start()
    yield from message.end("refusal")


@TABLE.play
def redacted(_asked: Request, message: Message) -> Iterator[Step]:
    """A block of redacted thinking, then text."""
    yield from message.start()
    yield from message.redacted()
    yield from message.text(["After ", "a secret thought."])
    yield from message.end("stop", Counts(said=7))


# Refused requests

TABLE.answering("e400", failure(400, "invalid_request_error", "messages: made-up validation failure"))
TABLE.answering("e401", failure(401, "authentication_error", "invalid bearer token"))
TABLE.answering("e403", failure(403, "permission_error", "this account may not use the API"))
TABLE.answering("e404", failure(404, "not_found_error", "model: no such model"))
TABLE.answering("e413", failure(413, "request_too_large", "Request exceeds the maximum size"))
TABLE.answering("e429", failure(429, "rate_limit_error", "This request would exceed the rate limit"))
TABLE.answering("e500", failure(500, "api_error", "Internal server error"))
TABLE.answering("e529", failure(529, "overloaded_error", "Overloaded"))
TABLE.answering("flaky_e529", failure(529, "overloaded_error", "Overloaded"), times=1)
TABLE.answering("too_long", failure(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"))


# Limits of a subscription


def _window(name: str, status: str, utilization: float, resets_at: int = RESETS_AT) -> dict[str, str]:
    facts = {"status": status, "utilization": utilization, "reset": resets_at}
    return {f"{UNIFIED}{name}-{fact}": str(value) for fact, value in facts.items()}


def _unified(status: str, claim: str, resets_at: int = RESETS_AT) -> dict[str, str]:
    facts = {"status": status, "reset": resets_at, "representative-claim": claim}
    return {f"{UNIFIED}{fact}": str(value) for fact, value in facts.items()}


def used_up(resets_at: int) -> Reply:
    """The five-hour limit of a subscription is used up until then."""
    headers = _unified("rejected", "five_hour", resets_at) | _window("5h", "rejected", 1, resets_at)
    headers |= {f"{UNIFIED}overage-status": "rejected", f"{UNIFIED}overage-disabled-reason": "org_level_disabled"}
    return failure(429, "rate_limit_error", "This request would exceed your account's rate limit", headers)


_FAR = _unified("allowed", "five_hour") | _window("5h", "allowed", 0.2)
_NEAR = {
    **_unified("allowed_warning", "seven_day"),
    **_window("5h", "allowed", 0.2),
    **_window("7d", "allowed_warning", 0.83),
    f"{UNIFIED}7d-surpassed-threshold": "0.75",
}
TABLE.answering("limit", used_up(RESETS_AT))
TABLE.telling("rate_allowed", _FAR)  # far from any limit
TABLE.telling("rate_warning", _NEAR)  # most of the week is used up
