"""Why a turn failed: the CLI's words for it as errors of ours. Pure.

The code is the HTTP status of Gemini's answer, or 500 where there was none (gemini 0.61.0). The text is Gemini's, or
the JSON that it came in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from uutel_bridge.core.errors import ProtocolError, RateLimited, UUError
from uutel_bridge.gemini_api.failures import GOOGLE, TOO_LONG, asked_wait, is_daily

_HTTP = range(400, 600)


def _rate_limited(text: str) -> UUError:
    if is_daily(text):
        message = "The daily quota of this login is used up."
        return RateLimited(message, retry_after=asked_wait(text), scope="daily", evidence=text)
    return GOOGLE.rate_limited(text, asked_wait(text))


_BY_TEXT: tuple[tuple[int, re.Pattern[str], Callable[[str], UUError]], ...] = (
    (400, re.compile(r"API_KEY_INVALID|API key (?:not valid|not found|expired)", re.IGNORECASE), GOOGLE.login_expired),
    (400, TOO_LONG, GOOGLE.context_too_long),
    (500, re.compile(r"is not found for API version|Requested entity was not found"), GOOGLE.model_not_found),
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
        return GOOGLE.connection_failed(text)
    return GOOGLE.of_status(code, text)
