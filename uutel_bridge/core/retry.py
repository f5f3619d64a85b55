"""Whether a failed attempt is worth another, and how long to wait for it. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from uutel_bridge.core.errors import RateLimited, UUError, VendorUnavailable

_FIRST_WAIT = 0.5
"""Seconds before the second attempt."""
_LONGEST_WAIT = 60.0
"""Seconds, of those that we choose."""
_LONGEST_ASKED = 300.0
"""Seconds. A vendor that asks for more is not having a passing trouble: Google's own rule."""
_JITTER = 0.25
"""By how much of itself a wait may grow, so that callers that failed together do not return together."""


class RetryConfig(BaseModel):
    """How often and how patiently to try again."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    max_retries: int = Field(default=3, ge=0, le=20, description="a whole number from 0 to 20")
    """Further attempts after the first one."""
    backoff_factor: float = Field(default=2.0, ge=1, le=100, description="a number from 1 to 100")
    """How much longer each wait is than the one before."""
    retry_on_status: tuple[Annotated[int, Field(ge=400, le=599)], ...] = Field(
        default=(429, 502, 503, 504), description="a list of HTTP statuses from 400 to 599"
    )
    """Which answers of the vendor are worth another attempt; a missing answer always is."""


def delay(
    config: RetryConfig, attempt: int, error: UUError, remaining: float | None, *, jitter: float = 0.0
) -> float | None:
    """Seconds to wait before the next attempt, or None to give up.

    Args:
        config: The caller's patience.
        attempt: Attempts already made, so 1 after the first failure.
        error: What the last attempt ended in.
        remaining: Seconds left of the caller's deadline; None without one.
        jitter: A random number from 0 up to 1.
    """
    if attempt > config.max_retries or not _passes(config, error):
        return None
    wait = min(_FIRST_WAIT * config.backoff_factor ** (attempt - 1), _LONGEST_WAIT) * (1 + _JITTER * jitter)
    asked = error.retry_after if isinstance(error, RateLimited) else None
    if asked is not None:
        if asked > _LONGEST_ASKED:
            return None
        wait = max(wait, asked)
    return wait if remaining is None or wait < remaining else None


def _passes(config: RetryConfig, error: UUError) -> bool:
    """Whether the trouble may be over by itself in a moment."""
    if isinstance(error, RateLimited):
        return not error.scope and 429 in config.retry_on_status  # a scope means that the plan is used up
    if isinstance(error, VendorUnavailable):
        status = 503 if error.passing else error.status
        return status is None or status in config.retry_on_status
    return False
