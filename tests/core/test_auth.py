"""What a missing login comes to."""

from __future__ import annotations

import time

import pytest

from uutel_bridge.core.auth import LoginStatus, require
from uutel_bridge.core.errors import LoginExpired, LoginMissing


def test_a_login_passes() -> None:
    """Also one whose token has expired, where the CLI renews it."""
    status = LoginStatus(logged_in=True, method="claude.ai", source="file", expires_at=1.0, login_command="log in")
    require(status, "claude-code")


def test_a_missing_login_says_where_it_was_looked_for_and_what_to_type() -> None:
    """One sentence and the command."""
    status = LoginStatus(logged_in=False, method="none", source="/some/file", login_command="claude auth login")
    with pytest.raises(LoginMissing) as caught:
        require(status, "claude-code")
    assert type(caught.value) is LoginMissing
    assert caught.value.provider == "claude-code"
    assert caught.value.login_command == "claude auth login"
    assert "/some/file" in caught.value.message
    assert "claude auth login" in caught.value.message


@pytest.mark.parametrize(("ends", "expected"), [(-60.0, LoginExpired), (3600.0, LoginMissing)])
def test_an_expired_login_is_told_apart(ends: float, expected: type[LoginMissing]) -> None:
    """A token that is still valid but not good enough has not expired."""
    status = LoginStatus(
        logged_in=False,
        method="claude.ai",
        source="file",
        expires_at=time.time() + ends,
        problem="What is wrong with it.",
        login_command="log in",
    )
    with pytest.raises(LoginMissing, match=r"^What is wrong with it\. ") as caught:
        require(status, "claude-code")
    assert type(caught.value) is expected
