"""What Google's Code Assist tells an account of itself, and what it wants a request to look like."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from tests.emulators.recording import FAKES

sys.path.append(str(FAKES))
_refusals: Any = importlib.import_module("_gemini_refusals")
_stream: Any = importlib.import_module("_gemini_stream")

Body = dict[str, Any]

PROJECT = "made-up-project"
"""The Google Cloud project of every login that is made up here."""
ONBOARDED = "made-up-onboarded-project"
"""The one that an account gets that had none."""
VALIDATION = "https://example.invalid/verify"

_OPERATION = "operations/made-up."
_FREE = {"id": "free-tier", "name": "Gemini Code Assist for individuals"}
_STANDARD = {"id": "standard-tier", "name": "Gemini Code Assist", "userDefinedCloudaicompanionProject": True}
_CURRENT = {"currentTier": _STANDARD, "allowedTiers": [_STANDARD | {"isDefault": True}]}


def _ineligible(code: str, reason: str, **fields: str) -> Body:
    return {"reasonCode": code, "reasonMessage": reason, "tierId": _FREE["id"], "tierName": _FREE["name"], **fields}


_WORKSPACE = _ineligible("DASHER_USER", "Workspace accounts cannot use the free tier.")
_ACCOUNTS: dict[str, Body] = {
    "standard": _CURRENT | {"cloudaicompanionProject": PROJECT},
    "own_project": _CURRENT,  # whoever asks has to name one
    "free": {"currentTier": _FREE, "allowedTiers": [_FREE], "cloudaicompanionProject": PROJECT},
    "paid": {
        "currentTier": _FREE,
        "paidTier": {"id": "g1-pro-tier", "name": "Google AI Pro"},
        "cloudaicompanionProject": PROJECT,
    },
    "onboarding": {"allowedTiers": [_FREE | {"isDefault": True}, _STANDARD]},
    "no_project": _CURRENT | {"ineligibleTiers": [_WORKSPACE]},
    "ineligible": {"ineligibleTiers": [_WORKSPACE, _ineligible("UNSUPPORTED_LOCATION", "Not available here.")]},
    "validation": {
        "allowedTiers": [_STANDARD | {"isDefault": True}],
        "ineligibleTiers": [
            _ineligible("VALIDATION_REQUIRED", "Verify your account to continue.", validationUrl=VALIDATION)
        ],
    },
    "retired": {
        "allowedTiers": [_STANDARD | {"isDefault": True}],
        "ineligibleTiers": [_ineligible("INELIGIBLE_ACCOUNT", "This tier is no longer served.")],
    },
}
"""What `loadCodeAssist` tells each kind of account."""
_REFUSED = {"vpcsc": _refusals.LOGIN_ALONE["e403_perimeter"], "tos": _refusals.LOGIN_ALONE["e403_tos"]}
"""The kinds that are told nothing."""

ACCOUNTS = (*_ACCOUNTS, *_REFUSED)

_METADATA: Mapping[str, set[str] | None] = {
    "ideType": {"IDE_UNSPECIFIED", "VSCODE", "JETBRAINS", "CLOUD_SHELL"},
    "platform": {"PLATFORM_UNSPECIFIED", "DARWIN_ARM64", "DARWIN_AMD64", "LINUX_ARM64", "LINUX_AMD64", "WINDOWS_AMD64"},
    "pluginType": {"PLUGIN_UNSPECIFIED", "CLOUD_CODE", "GEMINI"},
    "duetProject": None,
    "ideName": None,
    "ideVersion": None,
    "pluginVersion": None,
    "updateChannel": None,
}
"""The words that each field may have; None: any."""
_WRAPPER = {"model", "project", "user_prompt_id", "enabled_credit_types", "request"}


def loaded(account: str, body: Body) -> tuple[int, Any]:
    """`loadCodeAssist`'s answer to a kind of account."""
    wrong = next(_wrong(body, {"cloudaicompanionProject", "mode"}), "")
    if wrong:
        return _refusal(_stream.failure(400, wrong))
    return _refusal(_REFUSED[account]) if account in _REFUSED else (200, _ACCOUNTS[account])


def onboarded(body: Body, operation: int) -> tuple[int, Any]:
    """`onboardUser`'s first answer; the operation of this number goes on from there."""
    wrong = next(_wrong(body, {"cloudaicompanionProject", "tierId"}), "")
    tier, project = body.get("tierId"), body.get("cloudaicompanionProject")
    if wrong or not tier:
        return _refusal(_stream.failure(400, wrong or "tier_id is required."))
    if tier == _FREE["id"] and project:
        return _refusal(_stream.failure(412, "Precondition check failed."))
    if tier != _FREE["id"] and not project:
        return _refusal(_stream.failure(400, "cloudaicompanionProject is required for this tier."))
    return 200, {"name": f"{_OPERATION}{operation}", "metadata": {"project": project or ONBOARDED}}


def operation(started: Body, *, done: bool) -> Body:
    """How an operation stands that `onboardUser` started."""
    if not done:
        return started
    project = started["metadata"]["project"]
    return {**started, "done": True, "response": {"cloudaicompanionProject": {"id": project, "name": project}}}


def violation(wrapper: Body) -> Any:
    """What is refused of what a model request comes wrapped in; None: nothing."""
    for name in wrapper.keys() - _WRAPPER:
        return _stream.failure(400, _unknown(name))
    request = wrapper.get("request")
    if not wrapper.get("model") or not isinstance(request, dict):
        return _stream.failure(400, "Request contains an invalid argument.")
    if "model" in request:
        return _stream.failure(400, _unknown("model", "request"))
    if not wrapper.get("project"):
        reason = _refusals.info("CONSUMER_INVALID", consumer="projects/")
        return _stream.failure(403, "Permission denied on resource project .", reason)
    return None


def _wrong(body: Body, fields: set[str]) -> Iterator[str]:
    for name in body.keys() - fields - {"metadata"}:
        yield _unknown(name)
    for name, value in body.get("metadata", {}).items():
        if name not in _METADATA:
            yield _unknown(name, "metadata")
        elif value not in (_METADATA[name] or {value}):
            yield f"Invalid value at 'metadata.{name}', \"{value}\""


def _unknown(name: str, where: str = "") -> str:
    at = f" at '{where}'" if where else ""
    return f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'


def _refusal(reply: Any) -> tuple[int, Any]:
    return reply.status, reply.error
