"""Why a turn failed: the CLI's words for it as errors of ours. Pure.

The words are those of `codexErrorInfo` (0.169.0): a name, or an object of one name with an HTTP status in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson

from uutel_bridge.core.errors import BadRequest, ContentBlocked, RateLimited, UUError, VendorUnavailable
from uutel_bridge.core.events import FinishReason, PlanLimits
from uutel_bridge.core.vendor_failures import VendorFailures

LOGIN_COMMAND = "codex login"

_RETRY_AFTER = re.compile(r"try again in (?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>ms|s)\b")
_INCOMPLETE = re.compile(r"Incomplete response returned, reason: (?P<reason>\w+)")
_CUT_SHORT: Mapping[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}


_OPENAI = VendorFailures("OpenAI", LOGIN_COMMAND)


def _blocked(text: str) -> UUError:
    return ContentBlocked("OpenAI refused the content.", evidence=text)


def _rate_limited(text: str) -> UUError:
    found = _RETRY_AFTER.search(text)
    seconds = float(found["number"]) / (1000 if found["unit"] == "ms" else 1) if found else None
    return _OPENAI.rate_limited(text, seconds)


def _service_failed(status: int) -> Callable[[str], UUError]:
    return lambda text: _OPENAI.of_status(status, text)


_BY_NAME: Mapping[str, Callable[[str], UUError]] = {
    "badRequest": lambda text: BadRequest("OpenAI refused the request.", evidence=text),
    "contextWindowExceeded": _OPENAI.context_too_long,
    "cyberPolicy": _blocked,
    "flexUnavailable": _service_failed(503),
    "inferenceHookDenied": _OPENAI.permission_denied,
    "internalServerError": _service_failed(500),
    "misalignmentPolicyViolation": _blocked,
    "modelNotFound": _OPENAI.model_not_found,
    "policyCapacityUnavailable": _service_failed(503),
    "rateLimitExceeded": _rate_limited,
    "serverOverloaded": _service_failed(503),
    "unauthorized": _OPENAI.login_expired,
}
_USAGE_LIMITS = frozenset({"sessionBudgetExceeded", "usageLimitExceeded"})


def cut_short(error: Mapping[str, Any]) -> FinishReason | None:
    """How an answer ended that the CLI calls a failure, though it is one that the vendor cut short."""
    found = _INCOMPLETE.search(_text(error))
    return _CUT_SHORT.get(found["reason"]) if found else None


def failure(error: Mapping[str, Any], limits: PlanLimits | None) -> UUError:
    """The error that a failed turn amounts to.

    Args:
        error: The turn's `error`: `{message, codexErrorInfo, additionalDetails}`.
        limits: The plan's limits as last reported in the turn.
    """
    info: object = error.get("codexErrorInfo")
    text = _text(error)
    if isinstance(info, str) and info in _USAGE_LIMITS:
        return _usage_limit(text, limits)
    if isinstance(info, str) and info in _BY_NAME:
        return _BY_NAME[info](text)
    if isinstance(info, Mapping):
        return _by_status(_status(cast("Mapping[str, Any]", info)), text)
    return _by_body(text)


def _text(error: Mapping[str, Any]) -> str:
    return str(error.get("message") or "")


def _status(info: Mapping[str, Any]) -> int | None:
    facts = next(iter(info.values()), None)
    status = cast("Mapping[str, Any]", facts).get("httpStatusCode") if isinstance(facts, Mapping) else None
    return status if isinstance(status, int) else None


def _by_status(status: int | None, text: str) -> UUError:
    if status is None:
        return _OPENAI.connection_failed(text)
    return _rate_limited(text) if status == 429 else _OPENAI.of_status(status, text)


def _by_body(text: str) -> UUError:
    """What the CLI has no word for: of an answer 400 it gives the body alone."""
    try:
        body: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return VendorUnavailable("Codex broke the answer off.", evidence=text)
    if isinstance(body, Mapping) and "model is not supported" in str(cast("Mapping[str, Any]", body).get("detail")):
        return _OPENAI.model_not_found(text)
    return _OPENAI.of_status(400, text)


def _usage_limit(text: str, limits: PlanLimits | None) -> RateLimited:
    windows = limits.windows if limits else ()
    full = next((window for window in windows if window.utilization is not None and window.utilization >= 1), None)
    return RateLimited(
        "The usage limit of this login's plan is reached.",
        resets_at=full.resets_at if full else None,
        scope=full.name if full else "plan",
        evidence=text,
    )
