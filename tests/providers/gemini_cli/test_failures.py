"""What the real CLI said of failures, as errors of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from uutel_bridge.core.errors import (
    BadRequest,
    ContextTooLong,
    LoginExpired,
    ModelNotFound,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    UUError,
    VendorUnavailable,
)
from uutel_bridge.providers.gemini_cli.failures import failure


def said(code: int, message: str, status: str = "", **more: Any) -> str:
    """Gemini's own JSON, as the CLI hands it on."""
    return json.dumps({"error": {"code": code, "message": message, "status": status, **more}})


TOO_LONG = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
NO_MODEL = "models/nope is not found for API version v1beta, or is not supported for generateContent."
KEY_INVALID = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
RETRY_INFO = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.5s"}]


@pytest.mark.parametrize(
    ("code", "text", "cls", "facts"),
    [
        pytest.param(400, said(400, "Request contains an invalid argument."), BadRequest, {"param": ""}, id="400"),
        pytest.param(
            400,
            said(400, "API key not valid. Please pass a valid API key.", details=KEY_INVALID),
            LoginExpired,
            {"login_command": "gemini"},
            id="400-key",
        ),
        pytest.param(400, said(400, TOO_LONG), ContextTooLong, {}, id="400-too-long"),
        pytest.param(401, said(401, "Request had invalid authentication"), LoginExpired, {}, id="401"),
        pytest.param(403, said(403, "The caller does not have permission"), PermissionDenied, {}, id="403"),
        pytest.param(404, "Requested entity was not found.", ModelNotFound, {}, id="404"),
        pytest.param(500, NO_MODEL, ModelNotFound, {}, id="404-told-as-500"),
        pytest.param(500, "Requested entity was not found.", ModelNotFound, {}, id="404-told-as-500-by-code-assist"),
        pytest.param(413, said(413, "Too large"), BadRequest, {}, id="413"),
        pytest.param(
            429,
            "Resource has been exhausted (e.g. check quota).",
            RateLimited,
            {"retry_after": None, "resets_at": None, "scope": ""},
            id="429",
        ),
        pytest.param(
            429, "You exceeded your quota.\nSuggested retry after 1s.", RateLimited, {"retry_after": 1.0}, id="429-wait"
        ),
        pytest.param(429, "Please retry in 550.5ms", RateLimited, {"retry_after": 0.5505}, id="429-milliseconds"),
        pytest.param(429, said(429, "Slow.", details=RETRY_INFO), RateLimited, {"retry_after": 2.5}, id="429-json"),
        pytest.param(
            429,
            "You have exhausted your capacity on this model. Your quota will reset after 3h2m1s.",
            RateLimited,
            {"retry_after": 10_921.0, "scope": ""},
            id="429-hours",
        ),
        pytest.param(
            429, "You have exhausted your daily quota on this model.", RateLimited, {"scope": "daily"}, id="429-daily"
        ),
        pytest.param(500, said(500, "An internal error has occurred."), VendorUnavailable, {"status": 500}, id="500"),
        pytest.param(503, "The model is overloaded.", VendorUnavailable, {"status": 503}, id="503"),
        pytest.param(
            500,
            "exception TypeError: fetch failed sending request",
            VendorUnavailable,
            {"status": None},
            id="no-answer",
        ),
        pytest.param(500, "terminated", VendorUnavailable, {"status": None}, id="cut-off"),
        pytest.param(
            500, "Expected ':' after property name in JSON", VendorUnavailable, {"status": None}, id="no-json"
        ),
        pytest.param(-32603, "Internal error", ProtocolError, {}, id="of-the-protocol"),
    ],
)
def test_a_failure(code: int, text: str, cls: type[UUError], facts: dict[str, Any]) -> None:
    """Its class, its facts, and the vendor's words as evidence."""
    error = failure({"code": code, "message": text})
    assert type(error) is cls
    assert {name: getattr(error, name) for name in facts} == facts
    assert error.evidence == text


def test_a_failure_without_words_has_no_evidence() -> None:
    """None is made up."""
    assert failure({"code": 503}).evidence == ""
