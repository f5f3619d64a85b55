"""Failures that the real CLI was recorded with, as errors of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from uutel_bridge.core.errors import (
    BadRequest,
    ContentBlocked,
    ContextTooLong,
    LoginExpired,
    ModelNotFound,
    PermissionDenied,
    RateLimited,
    UUError,
    VendorUnavailable,
)
from uutel_bridge.providers.codex.failures import cut_short, failure

RECORDINGS = Path(__file__).parents[2] / "recordings" / "codex"


def recorded(name: str) -> dict[str, Any]:
    """The error of a recorded turn."""
    for line in map(json.loads, (RECORDINGS / f"appserver_{name}.ndjson").read_text(encoding="utf-8").splitlines()):
        if line["dir"] == "out" and line["data"].get("method") == "turn/completed":
            return line["data"]["params"]["turn"]["error"]
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("recording", "cls", "facts", "text"),
    [
        pytest.param("e400", BadRequest, {"param": ""}, "Invalid value: 'x'.", id="400"),
        pytest.param("e400_detail", ModelNotFound, {}, "not supported when using Codex with a ChatGPT", id="400-model"),
        pytest.param("e401", LoginExpired, {"login_command": "codex login"}, "401 Unauthorized", id="401"),
        pytest.param("e403", PermissionDenied, {}, "Country not supported", id="403"),
        pytest.param("e404", ModelNotFound, {}, "`nope` does not exist", id="404"),
        pytest.param("e413", BadRequest, {}, "Request too large", id="413"),
        pytest.param("context", ContextTooLong, {}, "ran out of room", id="too-long"),
        pytest.param("e429", RateLimited, {"scope": "", "retry_after": None}, "429 Too Many Requests", id="429"),
        pytest.param("failed_rate", RateLimited, {"scope": "", "retry_after": 1.5}, "in 1.5s", id="429-with-a-wait"),
        pytest.param("e429_usage", RateLimited, {"scope": "plan", "resets_at": None}, "your usage limit", id="plan"),
        pytest.param("e429_quota", RateLimited, {"scope": "plan"}, "Quota exceeded", id="quota"),
        pytest.param("e500", VendorUnavailable, {"status": 500}, "high demand", id="500"),
        pytest.param("e503", VendorUnavailable, {"status": 503}, "at capacity", id="503-overloaded"),
        pytest.param("e503_html", VendorUnavailable, {"status": 503}, "upstream down", id="503-html"),
        pytest.param("failed", VendorUnavailable, {"status": None}, "The model had a problem", id="mid-stream"),
        pytest.param("drop", VendorUnavailable, {"status": None}, "error decoding response body", id="dropped"),
    ],
)
def test_a_recorded_failure(recording: str, cls: type[UUError], facts: dict[str, Any], text: str) -> None:
    """Its class, its facts, and the vendor's words as evidence."""
    error = failure(recorded(recording), None)
    assert type(error) is cls
    assert {name: getattr(error, name) for name in facts} == facts
    assert text in error.evidence


@pytest.mark.parametrize(
    ("info", "cls"),
    [
        ("badRequest", BadRequest),
        ("cyberPolicy", ContentBlocked),
        ("misalignmentPolicyViolation", ContentBlocked),
        ("inferenceHookDenied", PermissionDenied),
        ("unauthorized", LoginExpired),
        ("flexUnavailable", VendorUnavailable),
        ("policyCapacityUnavailable", VendorUnavailable),
        ("sessionBudgetExceeded", RateLimited),
        ("a word of the next release", VendorUnavailable),
        ({"httpConnectionFailed": {"httpStatusCode": None}}, VendorUnavailable),
        ({"responseStreamConnectionFailed": {"httpStatusCode": 502}}, VendorUnavailable),
        ({"responseStreamDisconnected": {"httpStatusCode": 401}}, LoginExpired),
        ({"responseTooManyFailedAttempts": {"httpStatusCode": 429}}, RateLimited),
        ({"aWordOfTheNextRelease": None}, VendorUnavailable),
        ({}, VendorUnavailable),
        (None, VendorUnavailable),
    ],
)
def test_each_word_of_the_vendors_is_an_error_of_ours(info: object, cls: type[UUError]) -> None:
    """Also those that were never recorded; an unknown one is the vendor's failure."""
    assert type(failure({"message": "m", "codexErrorInfo": info}, None)) is cls


def test_nothing_is_made_up_where_the_vendor_says_nothing() -> None:
    """The evidence stays empty."""
    assert failure({}, None).evidence == ""


def test_a_wait_in_milliseconds_is_told_in_seconds() -> None:
    """OpenAI names both."""
    error = failure({"message": "Please try again in 250ms.", "codexErrorInfo": "rateLimitExceeded"}, None)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 0.25


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Incomplete response returned, reason: max_output_tokens", "length"),
        (
            "stream disconnected before completion: Incomplete response returned, reason: content_filter",
            "content_filter",
        ),
        ("Incomplete response returned, reason: something_new", None),
        ("something else", None),
    ],
)
def test_an_answer_that_was_cut_short_is_told_from_a_failure(message: str, reason: str | None) -> None:
    """By the reason that the vendor gave."""
    assert cut_short({"message": message, "codexErrorInfo": "other"}) == reason
