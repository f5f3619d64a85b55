"""What is known of a CLI's login."""

from __future__ import annotations

import time
from dataclasses import dataclass

from uutel_bridge.core.errors import LoginExpired, LoginMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginStatus:
    """A login as its store describes it. Never holds a token."""

    logged_in: bool
    """Whether a request is worth a try; only the vendor knows whether it accepts the login."""
    method: str
    """The vendor's own word for the kind of login (`claude.ai`, `oauth_token`, `api_key`), or `none`."""
    account: str = ""
    """Who or which plan, where the store says so."""
    expires_at: float | None = None
    """Unix time at which the stored token ends, where the store says so; the CLI may renew it."""
    source: str
    """Where it was looked for: a path, or the name of a variable."""
    problem: str = ""
    """What is odd or missing, one sentence."""
    login_command: str
    """What to type in a terminal to log in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """What a CLI's own sign-in wants beyond its command. The texts are regular expressions."""

    variables: tuple[tuple[str, str], ...] = ()
    """What keeps it from asking for other things."""
    stays: bool = False
    """Whether it goes on after the login as a program for a person, to be left."""
    code_prompt: str = ""
    """What it writes last when it waits for the code that a browser shows; empty where it never does."""
    menu: str = ""
    """What it writes where Enter chooses the login that asks for a code."""
    unseen: tuple[tuple[str, str], ...] = ()
    """Variables where no person sees it: to print the address rather than open a browser."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the CLI itself takes the user for."""

    logged_in: bool
    """True for an expired token as well."""
    method: str
    """The vendor's own word, as in `LoginStatus.method`."""
    email: str
    subscription: str
    """The plan's name (`max`). Empty, as the email, where the CLI names none."""


def require(status: LoginStatus, provider: str) -> None:
    """Let only a login pass.

    Raises:
        LoginExpired: There was one.
        LoginMissing: There is none.
    """
    if status.logged_in:
        return
    expired = status.expires_at is not None and status.expires_at <= time.time()
    problem = status.problem or f"No login for {provider} in {status.source}."
    raise (LoginExpired if expired else LoginMissing)(
        f"{problem} Log in with: {status.login_command}", login_command=status.login_command, provider=provider
    )
