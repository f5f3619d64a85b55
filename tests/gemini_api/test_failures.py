"""What Google's texts of failures tell, by table."""

from __future__ import annotations

import pytest

from uutel_bridge.gemini_api.failures import TOO_LONG, asked_wait, is_daily, seconds


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("Please retry in 2.5s.", 2.5),
        ("Please retry in 550.5ms", 0.5505),
        ("Suggested retry after 1s.", 1.0),
        ("Your quota will reset after 1h2m3s.", 3723.0),
        ("Resets in 9h22m20s.", 33_740.0),
        ("Resets in 1d", 86_400.0),
        ('{"@type": "x", "retryDelay": "3.5s"}', 3.5),
        ('{"retryDelay":"3.5s"}', 3.5),
        ("Please retry in a while.", None),
        ("Slow down.", None),
        ("", None),
    ],
)
def test_a_wait_is_read_from_the_text(text: str, wait: float | None) -> None:
    """In seconds; none is made up."""
    assert asked_wait(text) == wait


@pytest.mark.parametrize(
    ("span", "expected"),
    [("33740s", 33_740.0), ("9h22m20s", 33_740.0), ("0.5s", 0.5), ("s", None), ("5", None), ("soon", None), ("", None)],
)
def test_a_time_is_read_as_google_writes_it(span: str, expected: float | None) -> None:
    """Whole or not at all."""
    assert seconds(span) == expected


@pytest.mark.parametrize(
    ("text", "daily"),
    [
        ("GenerateRequestsPerDayPerUser", True),
        ("DailyLimitPerUser", True),
        ("You have exhausted your daily quota on this model.", True),
        ("GenerateRequestsPerMinutePerUser", False),
        ("", False),
    ],
)
def test_a_days_quota_is_told_from_the_others(text: str, daily: bool) -> None:
    """By its name or in a sentence."""
    assert is_daily(text) is daily


@pytest.mark.parametrize(
    ("text", "too_long"),
    [
        ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", True),
        ("Unable to submit request because the input token count is 1200000 but model only supports up to 5.", True),
        ("Request contains an invalid argument.", False),
    ],
)
def test_a_conversation_that_is_too_long_is_told_from_other_bad_requests(text: str, too_long: bool) -> None:
    """By the sentence alone: the status is the same."""
    assert bool(TOO_LONG.search(text)) is too_long
