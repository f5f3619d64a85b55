"""How `codex` 0.169.0 words what the API refuses, and its `codexErrorInfo`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

PHRASES = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Payload Too Large",
    429: "Too Many Requests",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
HIGH_DEMAND = "We\u2019re currently experiencing high demand, which may cause temporary errors."
AT_CAPACITY = "Selected model is at capacity. Please try a different model."
NO_QUOTA = "Quota exceeded. Check your plan and billing details."
NO_ROOM = (
    "Codex ran out of room in the model's context window. Start a new thread or clear earlier history before retrying."
)
CUT = "stream disconnected before completion: "


class Failure(NamedTuple):
    """What ends a turn."""

    message: str
    info: Any
    """`codexErrorInfo`."""
    retried: bool = False
    """Whether the settings for retries apply."""
    status: int | None = None


UNSENT = Failure(f"{CUT}error sending request", "other", retried=True)
NOT_CONNECTED = Failure("Connection failed: error sending request", {"httpConnectionFailed": {"httpStatusCode": None}})
DROPPED = Failure(f"{CUT}Transport error: network error: error decoding response body", "other", retried=True)
NOT_ENDED = Failure(f"{CUT}stream closed before response.completed", "other", retried=True)


def refused(status: int, body: str, url: str) -> Failure:
    """An answer that is not 200."""
    error = _error(body)
    code = error.get("code") or error.get("type")
    if status == 400:
        return Failure(body, "other")
    if code in _BY_CODE:
        return _BY_CODE[code](error)
    if status == 500:
        return Failure(HIGH_DEMAND, "internalServerError", retried=True)
    kind, said = "httpConnectionFailed", f"unexpected status {status} {PHRASES.get(status, '')}"
    if status == 429:
        kind, said = "responseTooManyFailedAttempts", "exceeded retry limit, last status: 429 Too Many Requests"
    else:
        said += f": {error.get('message', body)}, url: {url}"
    return Failure(said, {kind: {"httpStatusCode": status}}, retried=True, status=status)


def failed(error: dict[str, Any]) -> Failure:
    """An answer that ended in `response.failed`."""
    code, message = error.get("code"), error.get("message", "")
    if code == "context_length_exceeded":
        return Failure(NO_ROOM, "contextWindowExceeded")
    if code == "insufficient_quota":
        return Failure(NO_QUOTA, "usageLimitExceeded")
    if code == "rate_limit_exceeded":
        return Failure(f"rate limit exceeded: {message}", "rateLimitExceeded", retried=True)
    return Failure(f"{CUT}{message}", "other", retried=True)


def incomplete(reason: str) -> Failure:
    """An answer that ended in `response.incomplete`."""
    return Failure(f"Incomplete response returned, reason: {reason}", "other")


def _error(body: str) -> dict[str, Any]:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _limit(error: dict[str, Any]) -> str:
    at = time.strftime("%I:%M %p", time.localtime(error["resets_at"])).lstrip("0")
    return (
        "You\u2019ve hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro), visit"
        f" https://chatgpt.com/settings/usage to purchase more credits or try again at {at}."
    )


_BY_CODE: dict[Any, Callable[[dict[str, Any]], Failure]] = {
    "model_not_found": lambda error: Failure(error["message"], "modelNotFound"),
    "usage_limit_reached": lambda error: Failure(_limit(error), "usageLimitExceeded"),
    "insufficient_quota": lambda _: Failure(NO_QUOTA, "usageLimitExceeded"),
    "server_is_overloaded": lambda _: Failure(AT_CAPACITY, "serverOverloaded"),
}
