"""What `gemini` 0.61.0 makes of a request that failed, as recorded: a code and a message."""

from __future__ import annotations

import json
from typing import Any

FETCH_FAILED = "exception TypeError: fetch failed sending request"
TERMINATED = "terminated"
NO_JSON = "Expected property name or '}' in JSON at position 1"
_NO_STATUS = {"VALIDATION_REQUIRED", "TOS_VIOLATION"}
TIP = (
    "\U0001f4a1 Tip: The shared Google Cloud project is experiencing high traffic and has hit its quota limits. To get "
    "dedicated, uninterrupted quota, please set your own Google Cloud project by running:\n  gcloud config set project "
    "[PROJECT_ID]\nor by setting the GOOGLE_CLOUD_PROJECT environment variable."
)
_QUOTA = (429, 499, 503)
_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_RETRY = "type.googleapis.com/google.rpc.RetryInfo"
_LIMITS = "type.googleapis.com/google.rpc.QuotaFailure"


class Failure(Exception):
    """A turn that failed; `retried`: the CLI would try again."""

    def __init__(self, code: int, message: str, *, retried: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retried = retried


def refused(status: int, body: str) -> Failure:
    """The server's answer was an error."""
    try:
        told = json.loads(body)["error"]
        message = str(told["message"])
    except (ValueError, TypeError, KeyError):
        return Failure(status, body, retried=status >= 500)
    details = told.get("details") or []
    if status == 404 or _detail(details, _INFO).get("reason") in _NO_STATUS:
        return Failure(500, message)
    if status not in _QUOTA:
        return Failure(status, json.dumps(json.loads(body), separators=(",", ":")), retried=status >= 500)
    if any("PerDay" in each.get("quotaId", "") for each in _detail(details, _LIMITS).get("violations") or []):
        return Failure(status, "You have exhausted your daily quota on this model.")
    return Failure(status, _with_delay(message, details), retried=True)


def for_google_login(failure: Failure, body: str) -> Failure:
    """The same as another client of the CLI tells it: the body as it came, and advice."""
    if failure.code == 429:
        return Failure(429, f"{failure}\n\n{TIP}", retried=failure.retried)
    message = body if str(failure).startswith('{"error"') else str(failure)
    return Failure(failure.code, message, retried=failure.retried)


def failed(body: dict[str, Any]) -> Failure:
    """The server's error came in mid-stream, where an event should have been."""
    told = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Failure(body["error"]["code"], f"got status: {body['error']['status']}. {told}")


def _with_delay(message: str, details: list[dict[str, Any]]) -> str:
    info = _detail(details, _INFO)
    own = "cloudcode" in info.get("domain", "") and info.get("reason") in {"RATE_LIMIT_EXCEEDED", "QUOTA_EXHAUSTED"}
    if own or info.get("reason") in {"MODEL_CAPACITY_EXHAUSTED", "MODEL_CAPACITY_EXCEEDED"}:
        return message
    delay = _detail(details, _RETRY).get("retryDelay")
    if not delay and any(
        "PerMinute" in each.get("quotaId", "") for each in _detail(details, _LIMITS).get("violations") or []
    ):
        delay = "60s"
    return f"{message}\nSuggested retry after {delay}." if delay else message


def _detail(details: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next((each for each in details if each.get("@type") == kind), {})
