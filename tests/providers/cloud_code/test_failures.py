"""What the endpoint says of failures, as errors of ours."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from uutel_bridge.core.errors import (
    BadRequest,
    ContextTooLong,
    LoginExpired,
    ModelNotFound,
    PermissionDenied,
    RateLimited,
    UUError,
    VendorUnavailable,
)
from uutel_bridge.core.retry import RetryConfig, delay
from uutel_bridge.providers.cloud_code.failures import AccountStopped, failure, failure_of, validation_required

RECORDINGS = Path(__file__).parents[2] / "recordings" / "cloud_code"
RECORDED = {
    line["scenario"]: line
    for line in map(json.loads, (RECORDINGS / "failures.ndjson").read_text(encoding="utf-8").splitlines())
}
CLOUD_CODE = "cloudcode-pa.googleapis.com"
RESET = "2026-11-22T19:22:20Z"
RESETS_AT = 1_795_375_340.0
VERIFY = "https://example.invalid/verify"
APPEAL = "https://example.invalid/appeal"
BANNED = (
    "This service has been disabled in this account for violation of Terms of Service. Please submit an appeal to "
    "continue using this product."
)
TOO_LONG = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
EXHAUSTED = "You have exhausted your capacity on this model. Your quota will reset after 1h2m3s."
NO_CAPACITY = "No capacity available for model gemini-2.5-pro on the server"


def detail(kind: str, **facts: Any) -> dict[str, Any]:
    """One of google.rpc's."""
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **facts}


def info(reason: str, domain: str = CLOUD_CODE, **metadata: str) -> dict[str, Any]:
    """Google's word for the cause."""
    return detail("ErrorInfo", reason=reason, domain=domain, metadata=metadata)


def wait(delay: str) -> dict[str, Any]:
    """What Google asks for."""
    return detail("RetryInfo", retryDelay=delay)


def quota(name: str) -> dict[str, Any]:
    """One that is used up."""
    return detail("QuotaFailure", violations=[{"quotaId": name}])


def said(code: int, message: str, *details: Mapping[str, Any]) -> dict[str, Any]:
    """An error."""
    return {"code": code, "message": message, "status": "SOME_WORD", **({"details": [*details]} if details else {})}


def helped(*urls: str) -> dict[str, Any]:
    """Links, each with words of its own."""
    return detail("Help", links=[{"description": "Learn more", "url": url} for url in urls])


def passes(error: UUError) -> bool:
    """Whether it is tried again."""
    return delay(RetryConfig(), 1, error, None) is not None


@pytest.mark.parametrize(
    ("error", "cls", "facts", "again"),
    [
        pytest.param(said(400, "Invalid value at 'request.tools'"), BadRequest, {"param": ""}, False, id="400"),
        pytest.param(said(400, TOO_LONG), ContextTooLong, {}, False, id="400-too-long"),
        pytest.param(said(401, "No."), LoginExpired, {"login_command": "gemini"}, False, id="401"),
        pytest.param(said(403, "The caller does not have permission"), PermissionDenied, {}, False, id="403"),
        pytest.param(said(404, "Requested entity was not found."), ModelNotFound, {}, False, id="404"),
        pytest.param(said(412, "A project is not wanted."), BadRequest, {}, False, id="412"),
        pytest.param(
            said(429, "Resource has been exhausted (e.g. check quota)."),
            RateLimited,
            {"retry_after": None, "resets_at": None, "scope": ""},
            True,
            id="429-plain",
        ),
        pytest.param(
            said(429, "Slow.", info("RATE_LIMIT_EXCEEDED"), wait("2.5s")),
            RateLimited,
            {"retry_after": 2.5, "scope": ""},
            True,
            id="429-rate",
        ),
        pytest.param(
            said(429, "Slow.", info("RATE_LIMIT_EXCEEDED"), wait("300s")), RateLimited, {}, True, id="429-rate-at-most"
        ),
        pytest.param(
            said(429, "Slow.", info("RATE_LIMIT_EXCEEDED"), wait("301s")),
            RateLimited,
            {"retry_after": 301.0, "scope": ""},
            False,
            id="429-rate-too-long",
        ),
        pytest.param(
            said(429, "Slow.", info("RATE_LIMIT_EXCEEDED", quotaResetDelay="812ms")),
            RateLimited,
            {"retry_after": 0.812},
            True,
            id="429-rate-in-the-metadata",
        ),
        pytest.param(
            said(429, "Please retry in 4.5s."), RateLimited, {"retry_after": 4.5}, True, id="429-wait-in-the-text"
        ),
        pytest.param(
            said(429, EXHAUSTED), RateLimited, {"retry_after": 3723.0, "scope": ""}, False, id="429-reset-in-the-text"
        ),
        pytest.param(
            said(429, "Slow.", quota("RequestsPerMinutePerUser")), RateLimited, {"scope": ""}, True, id="429-minute"
        ),
        pytest.param(
            said(
                429,
                "Individual quota reached. Resets in 9h22m20s.",
                info("QUOTA_EXHAUSTED", quotaResetDelay="9h22m20s", quotaResetTimeStamp=RESET),
                wait("33740s"),
            ),
            RateLimited,
            {"scope": "QUOTA_EXHAUSTED", "retry_after": 33_740.0, "resets_at": RESETS_AT},
            False,
            id="429-quota",
        ),
        pytest.param(
            said(429, "Over.", detail("QuotaFailure", violations=[{"quotaId": "PerMinute"}, {"quotaId": "APerDayB"}])),
            RateLimited,
            {"scope": "APerDayB", "resets_at": None},
            False,
            id="429-day",
        ),
        pytest.param(
            said(429, "Over.", quota("DailyLimit"), wait("1s")), RateLimited, {"scope": "DailyLimit"}, False, id="daily"
        ),
        pytest.param(
            said(429, "You have exhausted your daily quota."), RateLimited, {"scope": "daily"}, False, id="daily-text"
        ),
        pytest.param(
            said(429, "Insufficient AI credits.", info("INSUFFICIENT_G1_CREDITS_BALANCE")),
            RateLimited,
            {"scope": "INSUFFICIENT_G1_CREDITS_BALANCE"},
            False,
            id="429-credits",
        ),
        pytest.param(
            said(429, "Quota exceeded, limit: 0, model: x"), RateLimited, {"scope": "limit: 0"}, False, id="none-at-all"
        ),
        pytest.param(said(429, "limit: 0.5, model: x"), RateLimited, {"scope": ""}, True, id="some-at-all"),
        pytest.param(
            said(429, NO_CAPACITY, info("MODEL_CAPACITY_EXHAUSTED")),
            VendorUnavailable,
            {"status": 503},
            True,
            id="429-capacity",
        ),
        pytest.param(said(429, NO_CAPACITY), VendorUnavailable, {"status": 503}, True, id="429-capacity-in-the-text"),
        pytest.param(
            said(503, "Busy.", info("MODEL_CAPACITY_EXHAUSTED")),
            VendorUnavailable,
            {"status": 503},
            True,
            id="503-capacity",
        ),
        pytest.param(
            said(499, "The operation was cancelled."),
            VendorUnavailable,
            {"status": 499, "passing": True},
            True,
            id="499",
        ),
        pytest.param(said(500, "Internal error encountered."), VendorUnavailable, {"status": 500}, True, id="500"),
        pytest.param(said(503, "Overloaded; ask a daily host."), VendorUnavailable, {"status": 503}, True, id="503"),
        pytest.param(said(504, "Deadline expired."), VendorUnavailable, {"status": 504}, True, id="504"),
    ],
)
def test_an_error_is_the_right_one_with_googles_words(
    error: dict[str, Any], cls: type[UUError], facts: dict[str, Any], again: bool
) -> None:
    """Its facts, whether it is tried again; the same in a body, in a list of one, and in a stream that has begun."""
    body, code = {"error": error}, error["code"]
    made = [failure(code, json.dumps(body).encode()), failure(code, json.dumps([body])), failure_of(error)]
    for each in made:
        assert type(each) is cls
        assert {name: getattr(each, name) for name in facts} == facts
        assert each.evidence == error["message"]
        assert passes(each) is again


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(
            said(403, "Verify your account to continue.", info("VALIDATION_REQUIRED"), helped(VERIFY, "https://b")),
            [f"Open {VERIFY} in a browser"],
            id="validation-by-help",
        ),
        pytest.param(
            said(403, "Verify.", info("VALIDATION_REQUIRED", validation_link=VERIFY)), [VERIFY], id="validation-by-link"
        ),
        pytest.param(
            said(403, "Verify.", info("VALIDATION_REQUIRED", validationUrl=VERIFY)), [VERIFY], id="validation-by-url"
        ),
        pytest.param(
            said(403, "Verify.", info("VALIDATION_REQUIRED"), detail("Help")), ["Start gemini"], id="validation-alone"
        ),
        pytest.param(
            said(403, "It is off.", info("SERVICE_DISABLED", serviceTitle="An API", activationUrl="https://on")),
            ["An API is off in the Google Cloud project.", "Switch it on at https://on,"],
            id="service-disabled",
        ),
        pytest.param(
            said(403, "It is off.", info("SERVICE_DISABLED", consumer="projects/lab-1")),
            ["The API is off in the Google Cloud project lab-1", "console"],
            id="service-disabled-somewhere",
        ),
        pytest.param(said(403, "No.", info("SUBSCRIPTION_REQUIRED")), ["no licence", "administrator"], id="licence"),
        pytest.param(said(403, "You do not have a valid license (#3501)"), ["no licence"], id="licence-by-number"),
        pytest.param(
            said(403, "No.", info("CONSUMER_INVALID", consumer="projects/nope")),
            ["does not accept the Google Cloud project nope", "GOOGLE_CLOUD_PROJECT"],
            id="consumer",
        ),
        pytest.param(
            said(403, "No.", info("IAM_PERMISSION_DENIED", permission="cloudaicompanion.companions.generateChat")),
            ["(cloudaicompanion.companions.generateChat)", "roles/cloudaicompanion.user"],
            id="iam",
        ),
        pytest.param(
            said(403, "No.", info("SECURITY_POLICY_VIOLATED")),
            ["VPC Service Controls", "administrator"],
            id="perimeter",
        ),
    ],
)
def test_what_is_not_allowed_says_what_the_person_must_do(error: dict[str, Any], words: list[str]) -> None:
    """And is never tried again."""
    made = failure(403, json.dumps({"error": error}))
    assert type(made) is PermissionDenied
    assert [word for word in words if word not in made.message] == []
    assert made.evidence == error["message"]
    assert not passes(made)


@pytest.mark.parametrize(
    ("error", "url"),
    [
        pytest.param(said(403, BANNED, info("TOS_VIOLATION", appeal_url=APPEAL)), APPEAL, id="with-a-form"),
        pytest.param(said(403, BANNED, info("TOS_VIOLATION"), helped(APPEAL)), APPEAL, id="with-help"),
        pytest.param(said(403, "Stopped.", info("TOS_VIOLATION")), "", id="by-reason"),
        pytest.param(said(400, "Stopped.", info("TOS_VIOLATION")), "", id="whatever-the-status"),
        pytest.param(said(403, BANNED), "", id="by-the-sentence"),
    ],
)
def test_an_account_that_was_stopped_is_never_used_again(error: dict[str, Any], url: str) -> None:
    """A class of its own, which names the form for an appeal, and survives a process border."""
    made = failure(error["code"], json.dumps({"error": error}))
    assert isinstance(made, AccountStopped)
    assert made.appeal_url == url
    assert f"Appeal at {url}." in made.message if url else "Appeal to Google." in made.message
    assert "Do not use Cloud Code with it again" in made.message
    assert made.evidence == error["message"]
    assert not passes(made)
    assert pickle.loads(pickle.dumps(made)).appeal_url == url


@pytest.mark.parametrize(
    ("scenario", "cls", "words"),
    [
        ("e400", BadRequest, "refused the request (400)"),
        ("e401", LoginExpired, "Log in again: gemini"),
        ("e403", PermissionDenied, "does not allow this"),
        (
            "e403_disabled",
            PermissionDenied,
            "Cloud API is off in the Google Cloud project lab-project. Switch it on at https://example.invalid/enable",
        ),
        ("e403_license", PermissionDenied, "no licence for Gemini Code Assist"),
    ],
)
def test_a_body_that_the_real_cli_was_given(scenario: str, cls: type[UUError], words: str) -> None:
    """As it printed it."""
    recorded = RECORDED[scenario]
    made = failure(recorded["status"], json.dumps(recorded["body"]))
    assert type(made) is cls
    assert words in made.message
    assert made.evidence == recorded["body"]["error"]["message"]


@pytest.mark.parametrize(
    ("status", "body", "cls", "evidence"),
    [
        pytest.param(502, b"<html>Bad Gateway</html>\n", VendorUnavailable, "<html>Bad Gateway</html>", id="page"),
        pytest.param(503, "x" * 5000, VendorUnavailable, "x" * 2000, id="long-page"),
        pytest.param(429, "Please retry in 2s", RateLimited, "Please retry in 2s", id="text"),
        pytest.param(500, b"", VendorUnavailable, "", id="nothing"),
        pytest.param(401, b"\xff\xfe", LoginExpired, "\ufffd\ufffd", id="no-utf-8"),
        pytest.param(403, "[]", PermissionDenied, "[]", id="empty-list"),
        pytest.param(403, '"error"', PermissionDenied, '"error"', id="json-text"),
        pytest.param(403, '{"error": "invalid_grant"}', PermissionDenied, '{"error": "invalid_grant"}', id="word"),
        pytest.param(403, '{"error": {}}', PermissionDenied, "", id="silent"),
        pytest.param(
            403,
            json.dumps({"error": {"message": None, "details": [5, {"@type": 5}, info("X"), {}], "code": "a"}}),
            PermissionDenied,
            "",
            id="odd-details",
        ),
        pytest.param(
            429,
            json.dumps({"error": said(429, "m", detail("RetryInfo"), quota(""), detail("Help", links=[None]))}),
            RateLimited,
            "m",
            id="empty-details",
        ),
    ],
)
def test_a_body_that_is_not_what_it_should_be(
    status: int, body: bytes | str, cls: type[UUError], evidence: str
) -> None:
    """The status then tells alone; the evidence is what was written, as far as it is worth reading."""
    made = failure(status, body)
    assert type(made) is cls
    assert made.evidence == evidence


@pytest.mark.parametrize(
    ("body", "header", "expected"),
    [
        ("", "7", 7.0),
        ("", " 7 ", 7.0),
        ("", "Sun, 22 Nov 2026 19:22:20 GMT", None),
        ("Please retry in 2s", "7", 2.0),
        (json.dumps({"error": said(429, "m")}), "7", 7.0),
        (json.dumps({"error": said(429, "m", wait("3s"))}), "7", 3.0),
    ],
)
def test_the_header_is_asked_where_the_body_names_no_wait(body: str, header: str, expected: float | None) -> None:
    """In seconds."""
    made = failure(429, body, header)
    assert isinstance(made, RateLimited)
    assert made.retry_after == expected


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (RESET, RESETS_AT),
        ("2026-11-22T19:22:20.123456789Z", RESETS_AT),
        ("2026-11-22T20:22:20+01:00", RESETS_AT),
        ("2026-13-22T19:22:20Z", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_the_time_of_a_reset_is_read_as_google_writes_it(timestamp: str, expected: float | None) -> None:
    """Or not at all."""
    made = failure_of(said(429, "Over.", info("QUOTA_EXHAUSTED", quotaResetTimeStamp=timestamp)))
    assert isinstance(made, RateLimited)
    assert made.resets_at == expected


@pytest.mark.parametrize("code", [None, "x", 200, 7])
def test_an_error_in_a_stream_without_a_status_is_the_services(code: object) -> None:
    """It may be over by itself."""
    made = failure_of({"code": code, "message": "m"})
    assert isinstance(made, VendorUnavailable)
    assert (made.status, made.evidence, passes(made)) == (500, "m", True)


@pytest.mark.parametrize("error", ["m", 1, ["m"], None])
def test_an_error_in_a_stream_that_is_no_object_is_the_services(error: object) -> None:
    """Whatever it is."""
    made = failure_of(error)
    assert isinstance(made, VendorUnavailable)
    assert (made.status, made.evidence) == (500, "")


def test_a_wish_to_see_the_person_may_come_without_an_error() -> None:
    """As of a set-up."""
    made = validation_required("Verify your account to continue.", VERIFY)
    assert made.message == f"Google wants this account verified. Open {VERIFY} in a browser, then try again."
    assert made.evidence == "Verify your account to continue."
