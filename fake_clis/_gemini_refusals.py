"""What Google's GenerateContent refuses a request with, and what a Google login alone can meet besides."""

from __future__ import annotations

import time
from typing import Any

from _gemini_stream import failure
from _scenario_answers import Reply
from _scenario_table import RESETS_AT

_TYPE = "type.googleapis.com/google.rpc."
_CODE_ASSIST = "cloudcode-pa.googleapis.com"
_RESETS_AT = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(RESETS_AT))


def info(reason: str, domain: str = "googleapis.com", **metadata: str) -> dict[str, Any]:
    """The detail that names the reason."""
    return {"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": domain, "metadata": metadata}


def _quota(limit: str) -> dict[str, Any]:
    violation = {"quotaMetric": "generativelanguage.googleapis.com/generate_content_requests", "quotaId": limit}
    return {"@type": f"{_TYPE}QuotaFailure", "violations": [violation]}


def _retry(seconds: str) -> dict[str, Any]:
    return {"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{seconds}s"}


def _help(**links: str) -> dict[str, Any]:
    told = [{"description": description.replace("_", " "), "url": url} for description, url in links.items()]
    return {"@type": f"{_TYPE}Help", "links": told}


def rate_limited(seconds: str) -> Reply:
    """So many requests a minute, to a key."""
    return failure(
        429,
        f"You exceeded your current quota, please check your plan and billing details. Please retry in {seconds}s.",
        _quota("GenerateRequestsPerMinutePerProjectPerModel"),
        _retry(seconds),
    )


def rate_limited_login(seconds: str) -> Reply:
    """So many requests a minute, to a login."""
    return failure(
        429,
        f"You have exhausted your capacity on this model. Your quota will reset after {seconds}s.",
        info("RATE_LIMIT_EXCEEDED", _CODE_ASSIST),
        _retry(seconds),
    )


_EXHAUSTED = failure(429, "Resource has been exhausted (e.g. check quota).")
_NO_CAPACITY = "No capacity available for model made-up on the server"

ALL = {
    "e400": failure(400, "Request contains an invalid argument."),
    # A wrong key, to Google, is a wrong argument.
    "e400_key": failure(400, "API key not valid. Please pass a valid API key.", info("API_KEY_INVALID")),
    "e401": failure(
        401,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid"
        " authentication credential.",
        info("ACCESS_TOKEN_TYPE_UNSUPPORTED"),
    ),
    "e403": failure(403, "The caller does not have permission"),
    "e404": failure(
        404, "models/made-up is not found for API version v1beta, or is not supported for generateContent."
    ),
    "e413": failure(400, "Request payload size exceeds the limit: 20971520 bytes."),
    "e500": failure(500, "An internal error has occurred. Please retry."),
    "e503": failure(503, "The model is overloaded. Please try again later."),
    "too_long": failure(400, "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576)."),
    "limit": failure(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        _quota("GenerateRequestsPerDayPerProjectPerModel"),
    ),
}
"""Whoever asks."""

LOGIN_ALONE = {
    "e403_consumer": failure(
        403, "Permission denied on resource project made-up.", info("CONSUMER_INVALID", consumer="projects/made-up")
    ),
    "e403_disabled": failure(
        403,
        "Gemini for Google Cloud API has not been used in project made-up before or it is disabled. Enable it by"
        " visiting https://example.invalid/enable then retry.",
        info("SERVICE_DISABLED", service=_CODE_ASSIST, activationUrl="https://example.invalid/enable"),
        _help(Google_developers_console_API_activation="https://example.invalid/enable"),
    ),
    "e403_iam": failure(
        403,
        "Permission 'cloudaicompanion.companions.generateChat' denied on resource 'projects/made-up'.",
        info("IAM_PERMISSION_DENIED", _CODE_ASSIST, permission="cloudaicompanion.companions.generateChat"),
    ),
    "e403_license": failure(
        403,
        "You do not have a valid license of this product. Please contact your administrator to request a license."
        " (#3501)",
        info("SUBSCRIPTION_REQUIRED", _CODE_ASSIST),
    ),
    "e403_perimeter": failure(
        403,
        "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: made-up",
        info("SECURITY_POLICY_VIOLATED", uid="made-up"),
    ),
    "e403_tos": failure(
        403,
        "This service has been disabled in this account for violation of Terms of Service. Please submit an appeal to"
        " continue using this product.",
        info("TOS_VIOLATION", _CODE_ASSIST, appeal_url="https://example.invalid/appeal"),
    ),
    "e403_validation": failure(
        403,
        "Verify your account to continue.",
        info("VALIDATION_REQUIRED", _CODE_ASSIST, validation_link="https://example.invalid/verify"),
    ),
    "e403_validation_help": failure(
        403,
        "Verify your account to continue.",
        info("VALIDATION_REQUIRED", _CODE_ASSIST),
        _help(Verify_your_account="https://example.invalid/verify", Learn_more="https://example.invalid/more"),
    ),
    "e404_entity": failure(404, "Requested entity was not found."),
    "e429_capacity": failure(429, _NO_CAPACITY, info("MODEL_CAPACITY_EXHAUSTED", _CODE_ASSIST)),
    "e429_credits": failure(429, "Insufficient AI credits.", info("INSUFFICIENT_G1_CREDITS_BALANCE", _CODE_ASSIST)),
    "e429_day": failure(
        429,
        "Individual quota reached. Please upgrade your subscription to increase your limits. Resets in 9h22m20s.",
        _retry("33740"),
    ),
    "e429_list": _EXHAUSTED._replace(error=[_EXHAUSTED.error]),  # as where no event stream is asked for
    "e429_none": failure(
        429,
        "Quota exceeded for metric: cloudcode-pa.googleapis.com/generate_content_requests, limit: 0, model: made-up",
        _retry("12"),
    ),
    "e429_plain": _EXHAUSTED,
    "e429_quota": failure(
        429,
        "You have exhausted your capacity on this model. Your quota will reset after 1h0m0s.",
        info("QUOTA_EXHAUSTED", _CODE_ASSIST, quotaResetDelay="1h0m0s", quotaResetTimeStamp=_RESETS_AT),
        _retry("3600"),
    ),
    "e499": failure(499, "The operation was cancelled."),
    "e503_capacity": failure(503, _NO_CAPACITY, info("MODEL_CAPACITY_EXHAUSTED", _CODE_ASSIST)),
}
"""A Google login."""
