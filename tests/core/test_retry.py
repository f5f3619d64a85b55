"""What is tried again, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from uutel_bridge.core import errors
from uutel_bridge.core.retry import RetryConfig, delay

DEFAULT = RetryConfig()


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (errors.RateLimited("slow down"), True),
        (errors.RateLimited("the plan is used up", scope="five_hour"), False),
        (errors.VendorUnavailable("bad gateway", status=502), True),
        (errors.VendorUnavailable("unavailable", status=503), True),
        (errors.VendorUnavailable("gateway timeout", status=504), True),
        (errors.VendorUnavailable("overloaded", status=529), False),
        (errors.VendorUnavailable("overloaded in the vendor's own words", status=529, passing=True), True),
        (errors.VendorUnavailable("broken", status=500), False),
        (errors.VendorUnavailable("no answer"), True),
        (errors.VendorTimeout("too late"), False),
        (errors.BadRequest("wrong"), False),
        (errors.UnsupportedParam("cannot"), False),
        (errors.ContextTooLong("long"), False),
        (errors.CLINotFound("none"), False),
        (errors.CLIVersion("old"), False),
        (errors.LoginMissing("who", login_command="log in"), False),
        (errors.LoginExpired("no more", login_command="log in"), False),
        (errors.PermissionDenied("no"), False),
        (errors.ModelNotFound("what"), False),
        (errors.ContentBlocked("no"), False),
        (errors.CLIExited("gone", returncode=1), False),
        (errors.ProtocolError("odd"), False),
    ],
    ids=lambda value: f"{type(value).__name__}:{value.args[0]}" if isinstance(value, Exception) else None,
)
def test_only_passing_trouble_is_worth_another_attempt(error: errors.UUError, waits: bool) -> None:
    """Limits of a plan, logins and bad requests do not mend themselves."""
    assert (delay(DEFAULT, 1, error, 600) is not None) is waits


def test_waits_grow_by_the_factor_until_the_attempts_are_used_up() -> None:
    """Three retries are four attempts."""
    error = errors.VendorUnavailable("unavailable", status=503)
    assert [delay(DEFAULT, attempt, error, None) for attempt in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, None]


def test_no_retries_means_one_attempt() -> None:
    """Zero is a valid patience."""
    assert delay(RetryConfig(max_retries=0), 1, errors.VendorUnavailable("no answer"), None) is None


@pytest.mark.parametrize(
    ("retry_after", "remaining", "expected"),
    [
        (None, None, 0.5),
        (7.0, None, 7.0),
        (0.0, None, 0.5),
        (300.0, None, 300.0),
        (301.0, None, None),
        (300.0, 200.0, None),
        (7.0, 8.0, 7.0),
        (7.0, 7.0, None),
        (None, 0.4, None),
        (None, -1.0, None),
    ],
)
def test_the_vendors_wish_is_honoured_within_the_callers_time(
    retry_after: float | None, remaining: float | None, expected: float | None
) -> None:
    """A wait that does not fit is no wait at all."""
    error = errors.RateLimited("slow down", retry_after=retry_after)
    assert delay(DEFAULT, 1, error, remaining) == expected


def test_only_the_listed_statuses_are_tried_again() -> None:
    """A missing answer has no status to be listed; what the vendor calls passing goes with 503."""
    config = RetryConfig(retry_on_status=(500,))
    assert delay(config, 1, errors.VendorUnavailable("broken", status=500), None) is not None
    assert delay(config, 1, errors.VendorUnavailable("unavailable", status=503), None) is None
    assert delay(config, 1, errors.VendorUnavailable("overloaded", status=500, passing=True), None) is None
    assert delay(config, 1, errors.RateLimited("slow down"), None) is None
    assert delay(config, 1, errors.VendorUnavailable("no answer"), None) is not None


@given(
    attempt=st.integers(1, 20),
    factor=st.floats(1, 100),
    jitter=st.floats(0, 1, exclude_max=True),
    remaining=st.floats(0, 1000),
    retry_after=st.none() | st.floats(0, 1000),
)
def test_a_wait_is_always_positive_bounded_and_within_the_deadline(
    attempt: int, factor: float, jitter: float, remaining: float, retry_after: float | None
) -> None:
    """Whatever the settings, nobody waits past the deadline, for more than 75 s unasked or for more than 300 s."""
    config = RetryConfig(max_retries=20, backoff_factor=factor)
    wait = delay(config, attempt, errors.RateLimited("slow", retry_after=retry_after), remaining, jitter=jitter)
    if wait is not None:
        assert 0.5 <= wait < remaining
        assert max(0.5, retry_after or 0) <= wait <= max(75, retry_after or 0) <= 300


@pytest.mark.parametrize(
    "wrong", [{"max_retries": -1}, {"backoff_factor": 0.5}, {"retry_on_status": (200,)}, {"surprise": 1}]
)
def test_impossible_patience_is_refused(wrong: dict[str, object]) -> None:
    """A typing error does not become a default."""
    with pytest.raises(ValidationError):
        RetryConfig.model_validate(wrong)
