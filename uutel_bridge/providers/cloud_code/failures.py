"""Why a request failed: what the Code Assist endpoint says of it, as errors of ours. Pure.

It says so in the body of an answer, or as an event of a stream that had begun: Google's `{"error": {...}}` with the
typed details of google.rpc, of which the reason and its metadata tell the most.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import orjson

from uutel_bridge.core.errors import PermissionDenied, RateLimited, UUError
from uutel_bridge.gemini_api.failures import GOOGLE, LOGIN_COMMAND, TOO_LONG, asked_wait, is_daily, seconds

_LONGEST_EVIDENCE = 2000
"""Characters, of a body that is no error of Google's own, such as a proxy's page."""
_RETRY_AFTER = re.compile(r"[0-9]{1,9}")
_MOMENT = re.compile(r"(?P<moment>[0-9-]{10}T[0-9:]{8})(?:\.[0-9]+)?(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})")
_CONSUMER = re.compile(r"projects/(?P<name>[\w.:-]+)")
_BANNED = re.compile(r"violation of (?:the |our )?Terms of Service", re.IGNORECASE)
_NO_QUOTA = re.compile(r"limit:\s*0(?!\d|\.\d)", re.IGNORECASE)
_NO_CAPACITY = re.compile(r"MODEL_CAPACITY_EXHAUSTED|no capacity available|capacity exceeded", re.IGNORECASE)
_QUOTA_REASONS = frozenset({"QUOTA_EXHAUSTED", "INSUFFICIENT_G1_CREDITS_BALANCE"})
_CAPACITY_REASONS = frozenset({"MODEL_CAPACITY_EXHAUSTED", "MODEL_CAPACITY_EXCEEDED"})
_OF_QUOTAS = frozenset({429, 499, 503})
_CANCELLED = 499


class AccountStopped(PermissionDenied):
    """Google has stopped the account for a violation of its terms: it must not be asked with again."""

    def __init__(self, message: str, *, appeal_url: str = "", provider: str = "", evidence: str = "") -> None:
        super().__init__(message, provider=provider, evidence=evidence)
        self.appeal_url = appeal_url
        """Where one can appeal, or empty."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What an error tells."""

    status: int
    text: str
    """The evidence: Google's own sentence, or what came in its place."""
    reason: str = ""
    """Google's word for the cause, or empty."""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    """What belongs to the reason."""
    link: str = ""
    """Where Google sends the person for help."""
    quotas: tuple[str, ...] = ()
    """Names of the quotas that are used up."""
    wait: float | None = None
    """Seconds, where some are asked for."""

    def first(self, *names: str) -> str:
        """The first of the metadata that has one of these names, or empty."""
        return next((self.metadata[name] for name in names if self.metadata.get(name)), "")


def failure(status: int, body: bytes | str, retry_after: str = "") -> UUError:
    """The error that an answer amounts to.

    Args:
        status: Its HTTP status.
        body: As it came: JSON, a page, or nothing.
        retry_after: The header of that name, or empty.
    """
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    asked = float(retry_after) if _RETRY_AFTER.fullmatch(retry_after.strip()) else None
    error = _error_in(text)
    if error is None:
        evidence = text.strip()[:_LONGEST_EVIDENCE]
        wait = asked_wait(evidence)
        return _classified(_Told(status, evidence, wait=asked if wait is None else wait))
    return _classified(_told(status, error, asked))


def failure_of(error: object) -> UUError:
    """The error that an `{"error": {...}}` in a stream amounts to.

    Args:
        error: What stands in it.
    """
    told = _object(error)
    code = told.get("code")
    return _classified(_told(code if isinstance(code, int) and 400 <= code < 600 else 500, told, None))


def validation_required(text: str, link: str) -> PermissionDenied:
    """Google wants to see the person first, and says where."""
    page = f"Open {link} in a browser" if link else f"Start {LOGIN_COMMAND} in a terminal"
    return PermissionDenied(f"Google wants this account verified. {page}, then try again.", evidence=text)


def _error_in(text: str) -> Mapping[str, Any] | None:
    try:
        body: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    (first,) = _list(body)[:1] or (body,)
    error: object = _object(first).get("error")
    return cast("Mapping[str, Any]", error) if isinstance(error, Mapping) else None


def _told(status: int, error: Mapping[str, Any], asked: float | None) -> _Told:
    details = [_object(each) for each in _list(error.get("details"))]
    info = _detail(details, "ErrorInfo")
    metadata = {key: str(value) for key, value in _object(info.get("metadata")).items()}
    text = str(error.get("message") or "")
    waits = (
        seconds(str(_detail(details, "RetryInfo").get("retryDelay"))),
        seconds(metadata.get("quotaResetDelay", "")),
        asked_wait(text),
        asked,
    )
    links = [str(_object(each).get("url") or "") for each in _list(_detail(details, "Help").get("links"))]
    violations = [_object(each) for each in _list(_detail(details, "QuotaFailure").get("violations"))]
    return _Told(
        status,
        text,
        reason=str(info.get("reason") or ""),
        metadata=metadata,
        link=next(filter(None, links), ""),
        quotas=tuple(str(each.get("quotaId") or each.get("subject") or "") for each in violations),
        wait=next((wait for wait in waits if wait is not None), None),
    )


def _detail(details: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    found = (each for each in details if each.get("@type") == f"type.googleapis.com/google.rpc.{kind}")
    return next(found, _object(None))


def _classified(told: _Told) -> UUError:
    if told.reason in _REFUSALS:
        return _REFUSALS[told.reason](told)
    if told.status == 403:
        return _forbidden(told)
    if told.status == 400 and TOO_LONG.search(told.text):
        return GOOGLE.context_too_long(told.text)
    if told.status in _OF_QUOTAS and (limited := _limited(told)):
        return limited
    if told.status == _CANCELLED or told.status >= 500:
        return GOOGLE.service_failed(told.status, told.text, passing=True)
    return GOOGLE.of_status(told.status, told.text)


def _forbidden(told: _Told) -> UUError:
    """Without a reason that is known."""
    if _BANNED.search(told.text):
        return _stopped(told)
    return _no_licence(told) if "#3501" in told.text else GOOGLE.permission_denied(told.text)


def _limited(told: _Told) -> UUError | None:
    """By quotas and capacity; None where the trouble is another."""
    scope = next(_scopes(told), "")
    if scope:
        return RateLimited(
            "The quota of this login is used up.",
            retry_after=told.wait,
            resets_at=_moment(told.first("quotaResetTimeStamp")),
            scope=scope,
            evidence=told.text,
        )
    if told.reason in _CAPACITY_REASONS or _NO_CAPACITY.search(told.text):
        return GOOGLE.service_failed(503, told.text)
    return GOOGLE.rate_limited(told.text, told.wait) if told.status == 429 else None


def _scopes(told: _Told) -> Iterator[str]:
    """Google's words for the quotas that will not be back in a moment."""
    yield from filter(is_daily, told.quotas)
    if told.reason in _QUOTA_REASONS:
        yield told.reason
    if told.status == 429 and is_daily(told.text):
        yield "daily"
    if found := _NO_QUOTA.search(told.text):
        yield found.group()


def _moment(text: str) -> float | None:
    """Unix time of a timestamp, None where there is none."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    zone = "+00:00" if found["zone"] == "Z" else found["zone"]  # Python 3.10 does not know the Z
    try:
        return datetime.fromisoformat(found["moment"] + zone).timestamp()
    except ValueError:
        return None


def _stopped(told: _Told) -> UUError:
    url = told.first("appeal_url") or told.link
    appeal = f"Appeal at {url}" if url else "Appeal to Google"
    return AccountStopped(
        "Google has stopped this account for a violation of its terms of service. Do not use Cloud Code with it again,"
        f" nor any other account in its place. {appeal}.",
        appeal_url=url,
        evidence=told.text,
    )


def _verify(told: _Told) -> UUError:
    return validation_required(
        told.text, told.link or told.first("validation_link", "validation_url", "validationUrl", "validationLink")
    )


def _project(told: _Told) -> str:
    found = _CONSUMER.search(told.first("consumer"))
    return f"the Google Cloud project {found['name']}" if found else "the Google Cloud project"


def _service_disabled(told: _Told) -> UUError:
    service = told.first("serviceTitle", "service") or "The API"
    url = told.first("activationUrl") or told.link
    where = f"Switch it on at {url}" if url else "Switch it on in the Google Cloud console"
    message = f"{service} is off in {_project(told)}. {where}, wait some minutes and try again."
    return PermissionDenied(message, evidence=told.text)


def _no_licence(told: _Told) -> UUError:
    return PermissionDenied(
        "This account has no licence for Gemini Code Assist; Google has ended those of personal accounts. Ask your"
        " administrator for a Standard or Enterprise one.",
        evidence=told.text,
    )


def _consumer_invalid(told: _Told) -> UUError:
    return PermissionDenied(
        f"Google does not accept {_project(told)}. Name another: project_id=, UUTEL_CLOUD_CODE__PROJECT_ID or"
        " GOOGLE_CLOUD_PROJECT.",
        evidence=told.text,
    )


def _not_in_project(told: _Told) -> UUError:
    permission = told.first("permission")
    return PermissionDenied(
        f"This account may not use Code Assist in {_project(told)}{f' ({permission})' if permission else ''}. Ask the"
        " project's owner for the role roles/cloudaicompanion.user, or name another project.",
        evidence=told.text,
    )


def _outside_perimeter(told: _Told) -> UUError:
    return PermissionDenied(
        "A security perimeter of your organisation (VPC Service Controls) refuses the request. Ask its administrator to"
        " let Code Assist through, or call from inside it.",
        evidence=told.text,
    )


_REFUSALS: Mapping[str, Callable[[_Told], UUError]] = {
    "TOS_VIOLATION": _stopped,
    "VALIDATION_REQUIRED": _verify,
    "SERVICE_DISABLED": _service_disabled,
    "SUBSCRIPTION_REQUIRED": _no_licence,
    "CONSUMER_INVALID": _consumer_invalid,
    "IAM_PERMISSION_DENIED": _not_in_project,
    "SECURITY_POLICY_VIOLATED": _outside_perimeter,
}
"""By reason: what the person must do."""


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value) if isinstance(value, list) else ()
