"""Why a turn failed: the CLI's words for it as errors of ours. Pure.

The code is the HTTP status of Gemini's answer, or 500 where there was none (gemini 0.61.0). The text is Gemini's, or
the JSON that it came in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from uutel_bridge.core.errors import ProtocolError, RateLimited, UUError
from uutel_bridge.core.vendor_failures import VendorFailures

LOGIN_COMMAND = "gemini"
"""It asks how to log in by itself, once started in a terminal."""

_SPAN = r"(?P<span>(?:[0-9]+(?:\.[0-9]+)?(?:ms|[dhms]))+)"
_RETRY_AFTER = re.compile(rf'(?:retry (?:after|in) |resets? (?:after|in) |"retryDelay": ?"){_SPAN}', re.IGNORECASE)
_PIECES = re.compile(r"(?P<number>[0-9.]+)(?P<unit>ms|[dhms])")
_SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DAILY = re.compile(r"\bdaily\b|PerDay", re.IGNORECASE)
_HTTP = range(400, 600)
_GOOGLE = VendorFailures("Google", LOGIN_COMMAND)


def _rate_limited(text: str) -> UUError:
    if _DAILY.search(text):
        message = "The daily quota of this login is used up."
        return RateLimited(message, retry_after=_retry_after(text), scope="daily", evidence=text)
    return _GOOGLE.rate_limited(text, _retry_after(text))


_BY_TEXT: tuple[tuple[int, re.Pattern[str], Callable[[str], UUError]], ...] = (
    (400, re.compile(r"API_KEY_INVALID|API key (?:not valid|not found|expired)", re.IGNORECASE), _GOOGLE.login_expired),
    (400, re.compile(r"exceeds the maximum number of tokens"), _GOOGLE.context_too_long),
    (500, re.compile(r"is not found for API version|Requested entity was not found"), _GOOGLE.model_not_found),
)
"""Where the text tells more than the status."""
_ANSWER = re.compile(r'"error":|internal error', re.IGNORECASE)
"""In Gemini's own failures, and not in those of the connection."""


def failure(error: Mapping[str, Any]) -> UUError:
    """The error that a failed request amounts to.

    Args:
        error: JSON-RPC's `{"code", "message"}`.
    """
    code, text = error["code"], str(error.get("message") or "")
    for status, pattern, make in _BY_TEXT:
        if code == status and pattern.search(text):
            return make(text)
    if code not in _HTTP:
        return ProtocolError(f"Gemini CLI refused what it was told ({code}).", evidence=text)
    if code == 429:
        return _rate_limited(text)
    if code == 500 and not _ANSWER.search(text):
        return _GOOGLE.connection_failed(text)
    return _GOOGLE.of_status(code, text)


def _retry_after(text: str) -> float | None:
    found = _RETRY_AFTER.search(text)
    if found is None:
        return None
    pieces = _PIECES.finditer(found["span"])
    return sum(float(piece["number"]) * _SECONDS[piece["unit"]] for piece in pieces)
