"""The tree of failures.

* `UUError`
    * `BadRequest`: the caller's request cannot be right; `param` names the part
        * `UnsupportedParam`: right, but this provider cannot do it
        * `ContextTooLong`: the conversation does not fit the model
    * `CLINotFound`: the vendor's executable is not on this machine
    * `CLIVersion`: it is, but this version cannot do what is needed
    * `LoginMissing`: nobody is logged in; `login_command` mends it
        * `LoginExpired`: somebody was
    * `PermissionDenied`: this login may not do that
    * `ModelNotFound`: the vendor does not know the model
    * `RateLimited`: too much, too soon; `retry_after`, `resets_at`, `scope`
    * `ContentBlocked`: the vendor refused the content
    * `VendorUnavailable`: the vendor failed or was out of reach; `status`, `passing`
    * `VendorTimeout`: no answer within the caller's time
    * `CLIExited`: the child died before its turn ended; `returncode`
    * `ProtocolError`: the CLI wrote something outside its own grammar
        * `RequestRefused`: it would not do one thing that it was asked for
"""

from __future__ import annotations

import re
from typing import Any

_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


class UUError(Exception):
    """Base of everything uutel_bridge raises on purpose."""

    def __init__(self, message: str, *, provider: str = "", evidence: str = "") -> None:
        super().__init__(message)
        self.message = message
        """What happened and what to do next, one or two sentences."""
        self.provider = provider
        """The provider's name (`claude-code`), empty where none was chosen yet."""
        self.evidence = _CONTROL.sub("", evidence)
        """What the vendor wrote (error text, stderr tail), or empty; never invented. Commands to a terminal are taken
        out: they would take effect on the screen of whoever is shown it."""

    def __str__(self) -> str:
        if self.evidence and self.evidence not in self.message:
            return f"{self.message}\n{self.evidence}"
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception.__reduce__ would lose the keyword-only facts.
        return _restore, (type(self), self.args, self.__dict__)


def _restore(cls: type[UUError], args: tuple[Any, ...], facts: dict[str, Any]) -> UUError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class BadRequest(UUError):
    """The request cannot be right, whoever answers it."""

    def __init__(self, message: str, *, param: str = "", provider: str = "", evidence: str = "") -> None:
        super().__init__(message, provider=provider, evidence=evidence)
        self.param = param
        """Where in the request, as the caller wrote it: `messages[2].content`."""


class UnsupportedParam(BadRequest):
    """This provider cannot do what the parameter asks for."""


class ContextTooLong(BadRequest):
    """The conversation is longer than the model takes."""


class CLINotFound(UUError):
    """The vendor's executable is not where it should be."""


class CLIVersion(UUError):
    """The installed CLI cannot do what the bridge needs."""


class LoginMissing(UUError):
    """Nobody is logged in."""

    def __init__(self, message: str, *, login_command: str, provider: str = "", evidence: str = "") -> None:
        super().__init__(message, provider=provider, evidence=evidence)
        self.login_command = login_command
        """What to type in a terminal to mend it."""


class LoginExpired(LoginMissing):
    """The stored login is no longer accepted."""


class PermissionDenied(UUError):
    """The vendor, or this machine's settings, do not allow it."""


class ModelNotFound(UUError):
    """The vendor has no such model, or not for this login."""


class RateLimited(UUError):
    """The vendor wants fewer requests."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        resets_at: float | None = None,
        scope: str = "",
        provider: str = "",
        evidence: str = "",
    ) -> None:
        super().__init__(message, provider=provider, evidence=evidence)
        self.retry_after = retry_after
        """Seconds until another try makes sense, where the vendor said so."""
        self.resets_at = resets_at
        """Unix time at which the limit is lifted, where the vendor said so."""
        self.scope = scope
        """Which limit: the vendor's own word (`five_hour`), or empty for a passing one."""


class ContentBlocked(UUError):
    """The vendor refused to take or to give this content."""


class VendorUnavailable(UUError):
    """The vendor's service failed, or could not be reached."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        passing: bool = False,
        provider: str = "",
        evidence: str = "",
    ) -> None:
        super().__init__(message, provider=provider, evidence=evidence)
        self.status = status
        """HTTP status of the vendor's answer; None where there was no answer."""
        self.passing = passing
        """The vendor means this status as others mean 503: another try may do better."""


class VendorTimeout(UUError):
    """No whole answer within the caller's time."""


class CLIExited(UUError):
    """The child ended before it finished the turn."""

    def __init__(self, message: str, *, returncode: int | None, provider: str = "", evidence: str = "") -> None:
        super().__init__(message, provider=provider, evidence=evidence)
        self.returncode = returncode
        """Its exit status, negative for a signal; None if it still hangs."""


class ProtocolError(UUError):
    """The CLI wrote something outside its own grammar."""


class RequestRefused(ProtocolError):
    """The CLI refused one of our requests: its words are the evidence."""

    def __init__(self, message: str, *, code: int, provider: str = "", evidence: str = "") -> None:
        super().__init__(message, provider=provider, evidence=evidence)
        self.code = code
        """JSON-RPC's number, or one of the vendor's."""
