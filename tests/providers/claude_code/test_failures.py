"""Failures that the real CLI was recorded with, as errors of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

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
from uutel_bridge.core.events import Event
from uutel_bridge.providers.claude_code.failures import failure
from uutel_bridge.providers.claude_code.models import RateLimitInfo, Result, decode
from uutel_bridge.providers.claude_code.translator import ClaudeCodeTranslator

RECORDINGS = Path(__file__).parents[2] / "recordings" / "claude"


def play(name: str) -> list[Event]:
    """What the translator makes of a recorded turn."""
    translator = ClaudeCodeTranslator()
    events: list[Event] = []
    for line in (RECORDINGS / f"{name}.ndjson").read_text(encoding="utf-8").splitlines():
        recorded = json.loads(line)
        if recorded["dir"] == "out" and isinstance(recorded["data"], dict):
            message = decode(orjson.dumps(recorded["data"]))
            if message is not None:
                events.extend(translator.feed(message))
    return events


@pytest.mark.parametrize(
    ("recording", "cls", "facts", "text"),
    [
        pytest.param("e400", BadRequest, {"param": ""}, "made-up validation failure", id="400"),
        pytest.param(
            "e401", LoginExpired, {"login_command": "claude auth login"}, "401 invalid bearer token", id="401"
        ),
        pytest.param("e403", PermissionDenied, {}, "this account may not use the API", id="403"),
        pytest.param("e404", ModelNotFound, {}, "issue with the selected model (claude-sonnet-5-5)", id="404"),
        pytest.param("e413", BadRequest, {}, "Request too large (max 32MB)", id="413"),
        pytest.param("too_long", ContextTooLong, {}, "Prompt is too long", id="prompt-too-long"),
        pytest.param(
            "e429_r0",
            RateLimited,
            {"scope": "", "resets_at": None, "retry_after": None},
            "temporarily limiting requests (not your usage limit)",
            id="429-passing",
        ),
        pytest.param(
            "limit",
            RateLimited,
            {"scope": "five_hour", "resets_at": 1795344605, "retry_after": None},
            "You've hit your 5-hour limit",
            id="429-plan",
        ),
        pytest.param(
            "e500_r1",
            VendorUnavailable,
            {"status": 500, "passing": False},
            "API Error: 500 Internal server error",
            id="500",
        ),
        pytest.param(
            "e529_r1", VendorUnavailable, {"status": 529, "passing": True}, "API Error: 529 Overloaded", id="529"
        ),
        pytest.param("drop0", VendorUnavailable, {"status": None}, "ECONNRESET", id="no-answer"),
        pytest.param(
            "not_logged_in", LoginMissing, {"login_command": "claude auth login"}, "Not logged in", id="no-login"
        ),
    ],
)
def test_a_recorded_failure_is_the_right_error(
    recording: str, cls: type[UUError], facts: dict[str, Any], text: str
) -> None:
    """With its facts, and the vendor's own words as evidence."""
    with pytest.raises(UUError) as caught:
        play(recording)
    assert type(caught.value) is cls
    assert {name: getattr(caught.value, name) for name in facts} == facts
    assert text in caught.value.evidence
    assert caught.value.evidence not in caught.value.message


@pytest.mark.parametrize("recording", ["drop", "truncated", "badsse", "sse_error", "signal_sigint"])
def test_an_answer_that_breaks_off_is_an_error_even_if_the_cli_mends_it(recording: str) -> None:
    """What came of asking the model again is neither shown nor told."""
    with pytest.raises(VendorUnavailable) as caught:
        play(recording)
    assert caught.value.status is None
    assert caught.value.evidence == ""


def result(**fields: Any) -> Result:
    """A failed result."""
    return Result(is_error=True, **fields)


@pytest.mark.parametrize(
    ("failed", "error", "cls"),
    [
        pytest.param(result(terminal_reason="prompt_too_long"), None, ContextTooLong, id="too-long-told-locally"),
        pytest.param(
            result(terminal_reason="prompt_too_long", api_error_status=400), None, ContextTooLong, id="too-long-by-api"
        ),
        pytest.param(
            result(terminal_reason="blocking_limit"), None, ContextTooLong, id="too-long-by-the-clis-estimate"
        ),
        pytest.param(result(api_error_status=402), None, BadRequest, id="402"),
        pytest.param(result(api_error_status=422), None, BadRequest, id="422"),
        pytest.param(result(api_error_status=503), None, VendorUnavailable, id="503"),
        pytest.param(
            result(api_error_status=403), "authentication_failed", PermissionDenied, id="status-before-the-clis-word"
        ),
        pytest.param(result(), "authentication_failed", LoginMissing, id="no-status"),
        pytest.param(result(api_error="connection_failed"), "server_error", VendorUnavailable, id="no-connection"),
        pytest.param(result(terminal_reason="aborted_streaming"), None, VendorUnavailable, id="aborted"),
        pytest.param(result(), None, VendorUnavailable, id="nothing-said"),
    ],
)
def test_a_failure_is_told_by_its_facts(failed: Result, error: str | None, cls: type[UUError]) -> None:
    """The most telling one first, and nothing is made up where none is."""
    made = failure(failed, error, None)
    assert type(made) is cls
    assert made.evidence == ""


@pytest.mark.parametrize(
    ("limits", "scope", "resets_at"),
    [
        pytest.param(None, "plan", None, id="unknown"),
        pytest.param(RateLimitInfo(status="rejected"), "plan", None, id="no-facts"),
        pytest.param(
            RateLimitInfo(status="rejected", resetsAt=5, rateLimitType="seven_day"), "seven_day", 5, id="weekly"
        ),
    ],
)
def test_a_plans_limit_always_has_a_scope(limits: RateLimitInfo | None, scope: str, resets_at: float | None) -> None:
    """For that is what tells it from a passing one."""
    made = failure(result(api_error_status=429, api_error="usage_limit_reached"), "rate_limit", limits)
    assert isinstance(made, RateLimited)
    assert (made.scope, made.resets_at) == (scope, resets_at)


def test_a_passing_limit_has_no_scope_whatever_the_plan_says() -> None:
    """So it may be tried again."""
    near = RateLimitInfo(status="allowed_warning", resetsAt=5, rateLimitType="seven_day")
    made = failure(result(api_error_status=429), "rate_limit", near)
    assert isinstance(made, RateLimited)
    assert (made.scope, made.resets_at) == ("", None)
