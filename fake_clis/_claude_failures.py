"""What `claude` 2.1.330 says of a failed model call: texts and fields as recorded."""

from __future__ import annotations

import os
import time
from typing import Any, NamedTuple


class Failure(NamedTuple):
    """A model call that came to nothing, in the vendor's words."""

    text: str
    error: str
    status: int | None = None
    kind: str = ""
    api_error: str = ""
    terminal_reason: str = "api_error"
    answered: bool = True
    """The server answered: there is a request id."""
    retry_delay: float | None = None
    """Seconds to wait before another try; None: trying again makes no sense."""
    repeats: int = 0
    """How often the CLI silently asks again, whatever its retry settings."""
    limits: dict[str, Any] | None = None
    """`rate_limit_info` of a usage limit."""


NOT_LOGGED_IN = Failure("Not logged in \u00b7 Please run /login", "authentication_failed", answered=False)
LOST = Failure(
    "API Error: Connection to the API was lost (ECONNRESET). This is usually temporary \u2014 try again.",
    "server_error",
    api_error="connection_failed",
)
BAD_STREAM = Failure("API Error: JSON Parse error: Expected '}'", "unknown")
TOO_LARGE = (
    "Request too large (max 32MB). Accumulated images and attachments in the conversation pushed the request over the"
    " limit. Remove older images or compact the conversation."
)
WINDOWS = {"5h": "five_hour", "7d": "seven_day"}
WINDOW_SECONDS = {"5h": 5 * 3600, "7d": 7 * 86_400}
LIMIT_NAMES = {"five_hour": "5-hour", "seven_day": "weekly"}


def dropped() -> Failure:
    """The connection was cut before the server said anything."""
    hint = "A VPN, firewall, or security software can cause this. Check those or switch networks, then try again."
    if os.environ.get("ANTHROPIC_BASE_URL"):
        hint = "Check the gateway set in ANTHROPIC_BASE_URL, then try again."
    text = f"API Error: Connection dropped (ECONNRESET). {hint}"
    return Failure(text, "server_error", api_error="connection_failed", answered=False, retry_delay=0.5)


def in_stream(error: dict[str, Any]) -> Failure:
    """An `error` event amid the answer."""
    kind, message = error.get("type", ""), error.get("message", "")
    status = {"overloaded_error": 529, "api_error": 500}.get(kind)
    return Failure(f"API Error: {message}", "unknown", status, kind)


def refused(status: int, headers: dict[str, str], body: dict[str, Any] | None, model: str) -> Failure:
    """An HTTP status other than 200."""
    error = (body or {}).get("error") or {}
    kind, message = error.get("type", ""), error.get("message", "")
    if status in {401, 403}:
        text = f"Failed to authenticate. API Error: {status} {message}"
        return Failure(text, "authentication_failed", status, kind)
    if status == 404:
        missing = "It may not exist or you may not have access to it. Run --model to pick a different model."
        text = f"There's an issue with the selected model ({model}). {missing}"
        return Failure(text, "model_not_found", status, kind, repeats=1)
    if status == 429:
        return _limited(headers, kind, message)
    if status >= 500:
        return _server_error(status, headers, kind, message)
    return _bad_request(status, kind, message)


def _bad_request(status: int, kind: str, message: str) -> Failure:
    if status == 413:
        return Failure(TOO_LARGE, "invalid_request", status, kind, terminal_reason="image_error")
    if message.startswith("prompt is too long"):
        return Failure("Prompt is too long", "invalid_request", status, kind, terminal_reason="prompt_too_long")
    return Failure(f"API Error: {status} {message}", "unknown", status, kind, repeats=2 if status == 400 else 0)


def _server_error(status: int, headers: dict[str, str], kind: str, message: str) -> Failure:
    base = os.environ.get("ANTHROPIC_BASE_URL", "")
    gateway = f"your inference gateway ({base.partition('://')[2].split('/')[0]})" if base else ""
    advice = f"If it persists, check {gateway or 'https://status.claude.com'}."
    sentence = message.rstrip(".")
    text = (
        f"API Error: {status} {sentence}. This is a server-side issue, usually temporary \u2014 try again in a moment."
    )
    return Failure(f"{text} {advice}", "server_error", status, kind, retry_delay=_delay(headers))


def _limited(headers: dict[str, str], kind: str, message: str) -> Failure:
    limits = rate_limits(headers, 429)
    if "rateLimitType" not in limits:
        text = f"API Error: Server is temporarily limiting requests (not your usage limit) \u00b7 {message}"
        return Failure(text, "rate_limit", 429, kind, retry_delay=_delay(headers), limits=limits)
    name = LIMIT_NAMES.get(limits["rateLimitType"], limits["rateLimitType"])
    text = f"You've hit your {name} limit \u00b7 resets {_moment(limits['resetsAt'])}"
    return Failure(text, "rate_limit", 429, kind, "usage_limit_reached", limits=limits)


def _delay(headers: dict[str, str]) -> float:
    return float(headers.get("retry-after", 0.5))


def _moment(seconds: int) -> str:
    """`10:50am (UTC)`; with its date if that is another day."""
    when = time.gmtime(seconds)
    clock = time.strftime("%-I:%M%p" if when.tm_min else "%-I%p", when).lower()
    near = abs(seconds - time.time()) < 86_400
    return f"{clock} (UTC)" if near else f"{time.strftime('%b %-d, %Y', when)}, {clock} (UTC)"


def rate_limits(headers: dict[str, str], status: int) -> dict[str, Any]:
    """`rate_limit_info` of an answer, out of its `anthropic-ratelimit-unified-*` headers."""
    unified = _unified(headers)
    info: dict[str, Any] = {"status": unified.get("status", "rejected" if status == 429 else "allowed")}
    if "reset" in unified:
        info["resetsAt"] = int(unified["reset"])
    if "representative-claim" in unified:
        info["rateLimitType"] = unified["representative-claim"]
    warned = info["status"] == "allowed_warning"
    short = next((short for short, long in WINDOWS.items() if warned and long == info.get("rateLimitType")), "")
    if short:
        info["utilization"] = float(unified.get(f"{short}-utilization", 0))
    for name, key in (("overage-status", "overageStatus"), ("overage-disabled-reason", "overageDisabledReason")):
        if name in unified:
            info[key] = unified[name]
    info["isUsingOverage"] = False
    if f"{short}-surpassed-threshold" in unified:
        info["surpassedThreshold"] = float(unified[f"{short}-surpassed-threshold"])
    return info


def windows(headers: dict[str, str]) -> dict[str, Any]:
    """`unifiedWindows` of an answer; a window that ends later than it could is left out."""
    unified = _unified(headers)
    found = {}
    for short, long in WINDOWS.items():
        resets = int(unified.get(f"{short}-reset", 0))
        if not time.time() < resets < time.time() + WINDOW_SECONDS[short]:
            continue
        window = {"utilization": float(unified.get(f"{short}-utilization", 0)), "resetsAt": resets}
        window["status"] = unified.get(f"{short}-status", "allowed")
        if f"{short}-surpassed-threshold" in unified:
            window["surpassedThreshold"] = float(unified[f"{short}-surpassed-threshold"])
        found[long] = window
    return found


def _unified(headers: dict[str, str]) -> dict[str, str]:
    prefix = "anthropic-ratelimit-unified-"
    return {name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}
