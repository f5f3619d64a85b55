"""What Google writes of failures, in sentences and in JSON alike. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from uutel_bridge.core.vendor_failures import VendorFailures

LOGIN_COMMAND = "gemini"
"""It asks how to log in by itself, once started in a terminal."""
GOOGLE = VendorFailures("Google", LOGIN_COMMAND)

TOO_LONG = re.compile(r"exceeds the maximum number of tokens|input token count is [0-9]+ but", re.IGNORECASE)
"""In the text of an answer 400: the conversation does not fit the model."""

_SPAN = r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|[dhms]))+"
_ASKED = re.compile(rf'(?:retry (?:after|in) |resets? (?:after|in) |"retryDelay": ?")(?P<span>{_SPAN})', re.IGNORECASE)
_WHOLE_SPAN = re.compile(_SPAN)
_PIECES = re.compile(r"(?P<number>[0-9.]+)(?P<unit>ms|[dhms])")
_SECONDS: Mapping[str, float] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DAILY = re.compile(r"(?i:\bdaily\b|PerDay)|Daily")


def asked_wait(text: str) -> float | None:
    """Seconds that the text asks to wait for, None where it names none."""
    found = _ASKED.search(text)
    return seconds(found["span"]) if found else None


def seconds(span: str) -> float | None:
    """Of a time as Google writes it (`9h22m20s`, `550.5ms`), None where it is none."""
    if not _WHOLE_SPAN.fullmatch(span):
        return None
    return sum(float(piece["number"]) * _SECONDS[piece["unit"]] for piece in _PIECES.finditer(span))


def is_daily(text: str) -> bool:
    """Whether it is a day's quota that the text, or the quota's name, tells of."""
    return _DAILY.search(text) is not None
