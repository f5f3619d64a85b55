"""An OAuth token endpoint, as Google has it: tokens for a refresh token, and for what a service account signs."""

from __future__ import annotations

import itertools
from typing import Any

REFRESH, SERVICE_ACCOUNT = "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""The grants."""
_WANTED = {REFRESH: ("refresh_token", "client_id", "client_secret"), SERVICE_ACCOUNT: ("assertion",)}
_REFUSALS: dict[str, tuple[int, dict[str, str]]] = {
    "invalid_grant": (
        400,
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
    ),
    "500": (500, {"error": "internal_failure", "error_description": "Backend Error"}),
}


class OAuthTokens:
    """Answers `POST /token`; each access token that it gives is another."""

    def __init__(self) -> None:
        self.failure = ""
        """`invalid_grant` or `500`: what every request gets instead."""
        self.lifetime = 3599
        """Seconds that a token is good for."""
        self.rotates = False
        """Whether a refresh token is traded for a new one."""
        self.issued: list[str] = []
        """The access tokens given, oldest first."""
        self._numbers = itertools.count(1)

    def answer(self, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and JSON body."""
        if self.failure:
            return _REFUSALS[self.failure]
        grant = form.get("grant_type", "")
        if grant not in _WANTED:
            return 400, {"error": "unsupported_grant_type", "error_description": f"Invalid grant_type: {grant}"}
        for name in _WANTED[grant]:
            if not form.get(name):
                return 400, {"error": "invalid_request", "error_description": f"Missing required parameter: {name}"}
        number = next(self._numbers)
        self.issued.append(f"made-up-access-{number}")
        told = {"access_token": self.issued[-1], "expires_in": self.lifetime, "token_type": "Bearer"}
        return 200, told | ({"refresh_token": f"made-up-refresh-{number}"} if self.rotates else {})
