"""Why a turn failed: the CLI's words for it as errors of ours. Pure."""

from __future__ import annotations

from uutel_bridge.core.errors import LoginMissing, RateLimited, UUError, VendorUnavailable
from uutel_bridge.core.vendor_failures import VendorFailures
from uutel_bridge.providers.claude_code.models import RateLimitInfo, Result

LOGIN_COMMAND = "claude auth login"

_ANTHROPIC = VendorFailures("Anthropic", LOGIN_COMMAND)
_OVERLOADED = 529
"""Anthropic's own status for what others call 503."""


def failure(result: Result, error: str | None, limits: RateLimitInfo | None) -> UUError:
    """The error that a failed turn amounts to.

    Args:
        result: The turn's result, with `is_error`.
        error: The CLI's word for it (`AssistantMessage.error`), if it gave one.
        limits: The plan's limits as last reported in the turn.
    """
    if result.terminal_reason in {"prompt_too_long", "blocking_limit"}:  # said by the API; by the CLI's own estimate
        return _ANTHROPIC.context_too_long(result.text)
    if result.api_error_status == 429:
        return _rate_limited(result, limits)
    if result.api_error_status is not None:
        return _by_status(result.api_error_status, result.text)
    if error == "authentication_failed":
        return LoginMissing(
            f"Claude Code is not logged in. Log in: {LOGIN_COMMAND}", login_command=LOGIN_COMMAND, evidence=result.text
        )
    if result.api_error == "connection_failed":
        return _ANTHROPIC.connection_failed(result.text)
    return VendorUnavailable("Claude Code broke the answer off.", evidence=result.text)


def _by_status(status: int, text: str) -> UUError:
    if status == _OVERLOADED:
        return _ANTHROPIC.service_failed(status, text, passing=True)
    return _ANTHROPIC.of_status(status, text)


def _rate_limited(result: Result, limits: RateLimitInfo | None) -> RateLimited:
    if result.api_error != "usage_limit_reached":
        return _ANTHROPIC.rate_limited(result.text)
    return RateLimited(
        "The usage limit of this login's plan is reached.",
        resets_at=limits.resetsAt if limits else None,
        scope=(limits.rateLimitType if limits else None) or "plan",
        evidence=result.text,
    )
