"""What the failures of a vendor's service amount to, whichever vendor it is. Pure."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class VendorFailures:
    """One vendor's, by its name; each takes the vendor's own words, which are the evidence."""

    vendor: str
    login_command: str
    """What to type in a terminal to log in again."""

    def of_status(self, status: int, text: str) -> UUError:
        """Of an answer with this HTTP status, where nothing tells more."""
        known = {
            401: self.login_expired,
            403: self.permission_denied,
            404: self.model_not_found,
            429: self.rate_limited,
        }
        if status in known:
            return known[status](text)
        if status < 500:
            return BadRequest(f"{self.vendor} refused the request ({status}).", evidence=text)
        return self.service_failed(status, text)

    def service_failed(self, status: int, text: str, *, passing: bool = False) -> VendorUnavailable:
        """It is the vendor's fault; `passing`: and the vendor says by this status that it will pass."""
        message = f"{self.vendor}'s service failed ({status})."
        return VendorUnavailable(message, status=status, passing=passing, evidence=text)

    def login_expired(self, text: str) -> LoginExpired:
        """The login or key is not accepted."""
        return LoginExpired(
            f"{self.vendor} does not accept this login or API key. Log in again: {self.login_command}",
            login_command=self.login_command,
            evidence=text,
        )

    def permission_denied(self, text: str) -> PermissionDenied:
        """The account may not do that."""
        return PermissionDenied(f"{self.vendor} does not allow this to the account logged in.", evidence=text)

    def model_not_found(self, text: str) -> ModelNotFound:
        """There is no such model."""
        return ModelNotFound(f"{self.vendor} has no such model for this login.", evidence=text)

    def context_too_long(self, text: str) -> ContextTooLong:
        """The conversation is too long."""
        return ContextTooLong("The conversation does not fit the model's context window.", evidence=text)

    def rate_limited(self, text: str, retry_after: float | None = None) -> RateLimited:
        """Too many requests, for now; `retry_after` in seconds, where the vendor says so."""
        return RateLimited(f"{self.vendor} asks for fewer requests.", retry_after=retry_after, evidence=text)

    def connection_failed(self, text: str) -> VendorUnavailable:
        """There was no answer, or not all of it."""
        return VendorUnavailable(f"The connection to {self.vendor}'s service failed.", evidence=text)
