"""What the failures of any vendor's service amount to, by table."""

from __future__ import annotations

import pytest

from uutel_bridge.core.errors import (
    BadRequest,
    LoginExpired,
    ModelNotFound,
    PermissionDenied,
    RateLimited,
    UUError,
    VendorUnavailable,
)
from uutel_bridge.core.vendor_failures import VendorFailures

TOY = VendorFailures("Toy", "toy login")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, BadRequest),
        (401, LoginExpired),
        (403, PermissionDenied),
        (404, ModelNotFound),
        (413, BadRequest),
        (429, RateLimited),
        (500, VendorUnavailable),
        (529, VendorUnavailable),
    ],
)
def test_a_status_is_an_error_with_the_vendors_words(status: int, expected: type[UUError]) -> None:
    """Who failed is named, and the words are the evidence."""
    error = TOY.of_status(status, "its words")
    assert type(error) is expected
    assert "Toy" in error.message
    assert error.evidence == "its words"


def test_an_expired_login_says_how_to_mend_it() -> None:
    """In the message, and as a fact."""
    error = TOY.login_expired("")
    assert error.login_command == "toy login"
    assert error.message.endswith("toy login")


def test_a_failed_service_keeps_its_status_and_a_failed_connection_has_none() -> None:
    """Which tells them apart for whoever tries again."""
    failed = TOY.of_status(503, "")
    assert isinstance(failed, VendorUnavailable)
    assert (failed.status, TOY.connection_failed("").status) == (503, None)
    assert (failed.passing, TOY.service_failed(599, "", passing=True).passing) == (False, True)


def test_a_rate_limit_has_the_seconds_that_the_vendor_named() -> None:
    """Or none."""
    assert TOY.rate_limited("", 1.5).retry_after == 1.5
    assert TOY.rate_limited("").retry_after is None
