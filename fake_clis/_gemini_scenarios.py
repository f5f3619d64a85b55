"""What "the model" answers in Google's GenerateContent: `_scenario_table.py`'s table, and what this API has besides.

A body's `model` says what the URL says: who asks by URL puts it there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import _gemini_rules as rules
from _gemini_asked import Request, declarations
from _gemini_stream import Content, failure, sse
from _scenario_answers import Counts, Reply, Step
from _scenario_calls import ARGUMENTS
from _scenario_table import RESETS_AT, Table
from _scenario_texts import AFTER_THOUGHT, THOUGHT

__all__ = ["RESETS_AT", "SCENARIOS", "marker", "reply", "sse"]

TABLE = Table(Request, Content, rules.violation, lambda wrong: failure(400, wrong))
SCENARIOS = TABLE.scenarios
marker = TABLE.marker
reply = TABLE.reply

HEADED = ("**Weighing it**\n\n" + "".join(THOUGHT), "**Checking**\n\nIt is done.")
"""Thoughts as Google words them: each comes whole, below a heading."""
_TYPE = "type.googleapis.com/google.rpc."
_CODE_ASSIST = "cloudcode-pa.googleapis.com"
_RESETS_AT = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(RESETS_AT))


# Answers


@TABLE.play
def thinking(_asked: Request, content: Content) -> Iterator[Step]:
    """Two thoughts, then text."""
    yield from content.thought(HEADED)
    yield from content.text(AFTER_THOUGHT)
    yield from content.end("stop", Counts(said=7, thought=4))


@TABLE.play
def thoughts_only(_asked: Request, content: Content) -> Iterator[Step]:
    """A thought, and a proper end."""
    yield from content.thought(HEADED[:1])
    yield from content.end("stop", Counts(said=4, thought=4))


# Ends that are no plain end


@TABLE.play
def max_tokens0(_asked: Request, content: Content) -> Iterator[Step]:
    """The token limit is reached amid the thoughts."""
    yield from content.thought(HEADED[:1])
    yield from content.end("length", Counts(said=4, thought=4))


@TABLE.play
def refusal(_asked: Request, content: Content) -> Iterable[Step]:
    """Stopped by the safety settings after the first word."""
    return content.said(["I "], "SAFETY")


@TABLE.play
def refusal0(_asked: Request, content: Content) -> Iterable[Step]:
    """Stopped by the safety settings without a word."""
    return content.end("SAFETY", Counts(said=0))


@TABLE.play
def recitation(_asked: Request, content: Content) -> Iterable[Step]:
    """Stopped as a recitation, without a word."""
    return content.end("RECITATION", Counts(said=0))


@TABLE.play
def malformed_function_call(_asked: Request, content: Content) -> Iterable[Step]:
    """The model's call was no proper call."""
    return content.end("MALFORMED_FUNCTION_CALL", Counts(said=0))


@TABLE.play
def blocked(_asked: Request, content: Content) -> Iterable[Step]:
    """What was asked is blocked."""
    return content.blocked("PROHIBITED_CONTENT")


@TABLE.play
def error_body(_asked: Request, content: Content) -> Iterator[Step]:
    """The server fails after two pieces, and says so in no event but in plain JSON."""
    yield from content.text(["p0 ", "p1 "])
    yield ("sleep", 0.1)  # sent at once it would stand in one piece with an event
    yield ("raw", json.dumps(failure(503, "The model is overloaded. Please try again later.").error).encode())


# Calls


def _calling(
    asked: Request, content: Content, call: Callable[[str], str], thought: Iterable[str] = ()
) -> Iterable[Step]:
    """What `tool` says, with the arguments that `call` has for the name of the function, and a thought before it."""
    names = [name for name in asked.tools() if name.endswith(asked.params.get("name", ""))] or asked.tools()
    if asked.results() or not names:
        yield from SCENARIOS["tool"](asked).steps
        return
    yield from content.thought(thought)
    yield from content.call(names[0], [call(names[0])])
    yield from content.end("calls", Counts(said=9, thought=4 if thought else 0))


@TABLE.play
def tool_thinking(asked: Request, content: Content) -> Iterable[Step]:
    """A thought, then a call."""
    return _calling(asked, content, lambda _: ARGUMENTS, HEADED[:1])


@TABLE.play
def tool_badargs(asked: Request, content: Content) -> Iterable[Step]:
    """A call whose arguments break the schema: there is no property whose value is of the right type."""

    def breaking(name: str) -> str:
        (schema,) = [
            each.get("parametersJsonSchema") or each.get("parameters") or {}
            for each in declarations(asked.body)
            if each["name"] == name
        ]
        known = schema.get("properties") or {"city": {}}
        return json.dumps({each: 1 if how.get("type") == "object" else {"no": True} for each, how in known.items()})

    return _calling(asked, content, breaking)


# Refused requests


def _info(reason: str, domain: str = "googleapis.com", **metadata: str) -> dict[str, Any]:
    return {"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": domain, "metadata": metadata}


def _quota(limit: str) -> dict[str, Any]:
    violation = {"quotaMetric": "generativelanguage.googleapis.com/generate_content_requests", "quotaId": limit}
    return {"@type": f"{_TYPE}QuotaFailure", "violations": [violation]}


def _retry(seconds: str) -> dict[str, Any]:
    return {"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{seconds}s"}


def _rate_limited(asked: Request) -> Reply:
    """So many requests a minute. The body alone says for how long: `retry_after` seconds, if not given 1.5."""
    if asked.call > int(asked.params.get("times", asked.call)):
        return SCENARIOS["text"](asked)
    seconds = asked.params.get("retry_after", "1.5")
    return failure(
        429,
        f"You exceeded your current quota, please check your plan and billing details. Please retry in {seconds}s.",
        _quota("GenerateRequestsPerMinutePerProjectPerModel"),
        _retry(seconds),
    )


_UNAUTHENTICATED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid"
    " authentication credential."
)
_NOT_FOUND = "models/made-up is not found for API version v1beta, or is not supported for generateContent."
_OVERLOADED = failure(503, "The model is overloaded. Please try again later.")
SCENARIOS["e429"] = _rate_limited
TABLE.answering("e400", failure(400, "Request contains an invalid argument."))
TABLE.answering(
    "e400_key", failure(400, "API key not valid. Please pass a valid API key.", _info("API_KEY_INVALID"))
)  # a wrong key, to Google, is a wrong argument
TABLE.answering("e401", failure(401, _UNAUTHENTICATED, _info("ACCESS_TOKEN_TYPE_UNSUPPORTED")))
TABLE.answering("e403", failure(403, "The caller does not have permission"))
TABLE.answering("e404", failure(404, _NOT_FOUND))
TABLE.answering("e413", failure(400, "Request payload size exceeds the limit: 20971520 bytes."))
TABLE.answering("e500", failure(500, "An internal error has occurred. Please retry."))
TABLE.answering("e503", _OVERLOADED)
TABLE.answering("flaky_e529", _OVERLOADED, times=1)
TABLE.answering(
    "too_long",
    failure(400, "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576)."),
)
TABLE.answering(
    "limit",
    failure(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        _quota("GenerateRequestsPerDayPerProjectPerModel"),
    ),
)


# What a Google login alone can meet


TABLE.answering(
    "e403_license",
    failure(
        403,
        "You do not have a valid license of this product. Please contact your administrator to request a license."
        " (#3501)",
        _info("SUBSCRIPTION_REQUIRED", _CODE_ASSIST),
    ),
)
TABLE.answering(
    "e403_tos",
    failure(
        403,
        "This service has been disabled in this account for violation of Terms of Service. Please submit an appeal to"
        " continue using this product.",
        _info("TOS_VIOLATION", _CODE_ASSIST, appeal_url="https://example.invalid/appeal"),
    ),
)
TABLE.answering(
    "e403_validation",
    failure(
        403,
        "Verify your account to continue.",
        _info("VALIDATION_REQUIRED", _CODE_ASSIST, validation_link="https://example.invalid/verify"),
    ),
)
TABLE.answering(
    "e429_quota",
    failure(
        429,
        "You have exhausted your capacity on this model. Your quota will reset after 1h0m0s.",
        _info("QUOTA_EXHAUSTED", _CODE_ASSIST, quotaResetDelay="1h0m0s", quotaResetTimeStamp=_RESETS_AT),
        _retry("3600"),
    ),
)
TABLE.answering(
    "e429_capacity",
    failure(
        429,
        "No capacity available for model made-up on the server",
        _info("MODEL_CAPACITY_EXHAUSTED", _CODE_ASSIST),
    ),
)
