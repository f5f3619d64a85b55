"""Why a turn failed: the CLI's words for it as errors of ours. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from uutel_bridge.core.errors import (
    BadRequest,
    ContextTooLong,
    LoginExpired,
    LoginMissing,
    ModelNotFound,
    PermissionDenied,
    RateLimited,
    UUError,
    VendorUnavailable,
)
from uutel_bridge.providers.claude_code.models import RateLimitInfo, Result

LOGIN_COMMAND = "claude auth login"

_BY_STATUS: Mapping[int, Callable[[str], UUError]] = {
    401: lambda text: LoginExpired(
        f"Anthropic does not accept this login or API key. Log in again: {LOGIN_COMMAND}",
        login_command=LOGIN_COMMAND,
        evidence=text,
    ),
    403: lambda text: PermissionDenied("Anthropic does not allow this to the account logged in.", evidence=text),
    404: lambda text: ModelNotFound("Anthropic has no such model for this login.", evidence=text),
}


def failure(result: Result, error: str | None, limits: RateLimitInfo | None) -> UUError:
    """The error that a failed turn amounts to.

    Args:
        result: The turn's result, with `is_error`.
        error: The CLI's word for it (`AssistantMessage.error`), if it gave one.
        limits: The plan's limits as last reported in the turn.
    """
    if result.terminal_reason in {"prompt_too_long", "blocking_limit"}:  # said by the API; by the CLI's own estimate
        return ContextTooLong("The conversation does not fit the model's context window.", evidence=result.text)
    if result.api_error_status == 429:
        return _rate_limited(result, limits)
    if result.api_error_status is not None:
        return _refused(result.api_error_status, result.text)
    if error == "authentication_failed":
        return LoginMissing(
            f"Claude Code is not logged in. Log in: {LOGIN_COMMAND}", login_command=LOGIN_COMMAND, evidence=result.text
        )
    if result.api_error == "connection_failed":
        return VendorUnavailable("The connection to Anthropic's service failed.", evidence=result.text)
    return VendorUnavailable("Claude Code broke the answer off.", evidence=result.text)


def _refused(status: int, text: str) -> UUError:
    if status in _BY_STATUS:
        return _BY_STATUS[status](text)
    if status < 500:
        return BadRequest(f"Anthropic refused the request ({status}).", evidence=text)
    return VendorUnavailable(f"Anthropic's service failed ({status}).", status=status, evidence=text)


def _rate_limited(result: Result, limits: RateLimitInfo | None) -> RateLimited:
    if result.api_error != "usage_limit_reached":
        return RateLimited("Anthropic asks for fewer requests.", evidence=result.text)
    return RateLimited(
        "The usage limit of this login's plan is reached.",
        resets_at=limits.resetsAt if limits else None,
        scope=(limits.rateLimitType if limits else None) or "plan",
        evidence=result.text,
    )
