"""Our failures as LiteLLM's: one table, the most specific class wins."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, TypeAlias

import httpx
from litellm import exceptions as lite

from uutel_bridge.core import errors as uu

_Make: TypeAlias = Callable[[Any, str, dict[str, Any]], Exception]


def _response(status: int, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """LiteLLM's classes want an HTTP answer; the Router reads `retry-after` from its headers."""
    request = httpx.Request("POST", "cli://uutel-bridge")  # the protocol that was spoken is not HTTP
    return httpx.Response(status, headers=headers, request=request)


def _rate_limited(error: uu.RateLimited, message: str, facts: dict[str, Any]) -> Exception:
    headers: dict[str, str] = {}
    wait = error.retry_after
    if wait is None and error.resets_at is not None:
        wait = error.resets_at - time.time()  # for the Router, which cools a deployment down for so long
    if wait is not None:
        headers["retry-after"] = str(max(0, ceil(wait)))
    if error.resets_at is not None:
        headers["x-uutel-resets-at"] = str(round(error.resets_at))
    if error.scope:
        headers["x-uutel-limit-scope"] = error.scope
    lasting = {"num_retries": 0} if error.scope else {}  # the Router's sign that another try is of no use
    return lite.RateLimitError(message, response=_response(429, headers), **lasting, **facts)


def _unavailable(error: uu.VendorUnavailable, message: str, facts: dict[str, Any]) -> Exception:
    if error.status is None:
        return lite.APIConnectionError(message, **facts)
    if error.status in {502, 503, 504, 529}:
        return lite.ServiceUnavailableError(message, response=_response(503), **facts)
    return lite.InternalServerError(message, response=_response(500), **facts)


_TABLE: Mapping[type[uu.UUError], _Make] = {
    uu.BadRequest: lambda _e, m, f: lite.BadRequestError(m, response=_response(400), **f),
    uu.UnsupportedParam: lambda _e, m, f: lite.UnsupportedParamsError(m, **f),
    uu.ContextTooLong: lambda _e, m, f: lite.ContextWindowExceededError(m, response=_response(400), **f),
    uu.CLINotFound: lambda _e, m, f: lite.APIConnectionError(m, **f),
    uu.CLIVersion: lambda _e, m, f: lite.APIConnectionError(m, **f),
    uu.LoginMissing: lambda _e, m, f: lite.AuthenticationError(m, response=_response(401), **f),
    uu.PermissionDenied: lambda _e, m, f: lite.PermissionDeniedError(m, response=_response(403), **f),
    uu.ModelNotFound: lambda _e, m, f: lite.NotFoundError(m, response=_response(404), **f),
    uu.RateLimited: _rate_limited,
    uu.ContentBlocked: lambda _e, m, f: lite.ContentPolicyViolationError(m, response=_response(400), **f),
    uu.VendorUnavailable: _unavailable,
    uu.VendorTimeout: lambda _e, m, f: lite.Timeout(m, **f),
    uu.CLIExited: lambda _e, m, f: lite.APIConnectionError(m, **f),
    uu.ProtocolError: lambda _e, m, f: lite.APIConnectionError(m, **f),
    uu.RequestRefused: lambda _e, m, f: lite.APIConnectionError(m, **f),
    uu.UUError: lambda _e, m, f: lite.APIConnectionError(m, **f),
}


def to_litellm(error: uu.UUError, model: str) -> Exception:
    """LiteLLM's exception for ours; raise it `from` ours, which stays reachable as `__cause__`."""
    make = next(_TABLE[cls] for cls in type(error).__mro__ if cls in _TABLE)
    return make(error, str(error), {"llm_provider": error.provider or "uutel", "model": model})


_WithItsOwnList: TypeAlias = lite.ContextWindowExceededError | lite.ContentPolicyViolationError


class _ForItsOwnFallbacks(lite.MidStreamFallbackError):
    """What the Router has fallbacks of its own for: it knows such a failure by its class, and looks into no wrapper."""

    def __init__(self, error: _WithItsOwnList) -> None:
        Exception.__init__(self, str(error))  # the classes of which this is one agree on no other constructor
        # LiteLLM would make a plain wrapper of one that names an original.
        vars(self).update(vars(error), original_exception=None, generated_content="", is_pre_first_chunk=True)


class _TooLong(_ForItsOwnFallbacks, lite.ContextWindowExceededError): ...


class _Blocked(_ForItsOwnFallbacks, lite.ContentPolicyViolationError): ...


def for_router(error: Exception, model: str) -> Exception:
    """The failure of a stream that has not begun, such that LiteLLM's Router falls back; raise it `from` the error."""
    if isinstance(error, lite.ContextWindowExceededError):
        return _TooLong(error)
    if isinstance(error, lite.ContentPolicyViolationError):
        return _Blocked(error)
    return lite.MidStreamFallbackError(str(error), model, "uutel", original_exception=error, is_pre_first_chunk=True)
