"""The Google Cloud project that a login's requests are for: what Code Assist says of the account, or makes of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import anyio
from pydantic import BaseModel, Field, ValidationError

from uutel_bridge.core.errors import BadRequest, PermissionDenied, ProtocolError, VendorTimeout
from uutel_bridge.providers.cloud_code.failures import validation_required

FREE, STANDARD, LEGACY = "free-tier", "standard-tier", "legacy-tier"
"""Tiers, by Code Assist's own words."""

_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT_ID")
_NAME_ONE = "Name one: project_id=, UUTEL_CLOUD_CODE__PROJECT_ID or GOOGLE_CLOUD_PROJECT."
# GEMINI is what Google's own plugins and its CLI call themselves, so it is not for us: we are none that there is a word
# for. This is the one that stands where a client says nothing.
_METADATA = {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "PLUGIN_UNSPECIFIED"}
_POLL_SECONDS = 5.0
_MOST_POLLS = 60
"""Five minutes; the CLI would ask for ever."""
_MOST_PROJECTS = 1000
"""Remembered at once: a caller may bring a token of its own with each request."""
_NUMBER = re.compile(r"[0-9]+")
_PERIMETER = re.compile(r"SECURITY_POLICY_VIOLATED|prohibited by organization's policy|vpcServiceControls")

ModelT = TypeVar("ModelT", bound=BaseModel)
Pause = Callable[[float], Awaitable[object]]


class Assist(Protocol):
    """Code Assist's methods, for one login."""

    async def call(self, method: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """`POST v1internal:method`."""
        ...

    async def operation(self, name: str) -> Mapping[str, Any]:
        """`GET v1internal/name`."""
        ...


@dataclass(frozen=True, slots=True)
class Project:
    """Where a login's requests go, and what it is entitled to there."""

    id: str
    tier: str
    """Code Assist's own word (`standard-tier`)."""
    tier_name: str
    """The same for people; empty where none is told."""


@dataclass(frozen=True, slots=True)
class Onboarding:
    """What has to be asked first, for an account that never used Code Assist."""

    tier: str
    tier_name: str
    project: str
    """The user's own; empty: Google provides one."""
    refusal: BadRequest | PermissionDenied = field(compare=False)
    """Why nothing can be asked, where it ends without a project."""


class _Tier(BaseModel):
    id: str = ""
    name: str = ""
    is_default: bool = Field(default=False, alias="isDefault")
    wants_project: bool = Field(default=False, alias="userDefinedCloudaicompanionProject")


class _Ineligible(BaseModel):
    """A tier that the account cannot have."""

    code: str = Field(default="", alias="reasonCode")
    reason: str = Field(default="", alias="reasonMessage")
    validation_url: str = Field(default="", alias="validationUrl")


class _Account(BaseModel):
    """`loadCodeAssist`'s answer."""

    current: _Tier | None = Field(default=None, alias="currentTier")
    paid: _Tier | None = Field(default=None, alias="paidTier")
    """Of a subscription beside the current tier; wins over it."""
    allowed: tuple[_Tier, ...] = Field(default=(), alias="allowedTiers")
    ineligible: tuple[_Ineligible, ...] = Field(default=(), alias="ineligibleTiers")
    project: str = Field(default="", alias="cloudaicompanionProject")


class _NamedProject(BaseModel):
    id: str = ""


class _Onboarded(BaseModel):
    project: _NamedProject = Field(default=_NamedProject(), alias="cloudaicompanionProject")


class _Failed(BaseModel):
    message: str = ""


class _Operation(BaseModel):
    """`onboardUser`'s answer, and how it stands later."""

    name: str = ""
    done: bool = False
    error: _Failed | None = None
    response: _Onboarded = _Onboarded()


_ANY_DEFAULT = _Tier(id=LEGACY, userDefinedCloudaicompanionProject=True)
"""Where no tier is told to be the default."""


def asked_project(argument: str | None, setting: str | None, environment: Mapping[str, str]) -> str:
    """The project that the user names: by argument, in the settings, or in the environment; empty: none."""
    named = (argument, setting, *(environment.get(name) for name in _VARIABLES))
    return next(filter(None, named), "")


def decided(answer: Mapping[str, Any], asked: str) -> Project | Onboarding:
    """What follows from `loadCodeAssist`'s answer.

    Args:
        answer: As it came.
        asked: The project that the user names, or empty.

    Raises:
        BadRequest: The account needs a project, and the user names none.
        PermissionDenied: Google wants to see the person first, or has nothing for this account.
        ProtocolError: It is no such answer.
    """
    account = _read(_Account, answer)
    tier = account.current
    if tier is not None:
        project = account.project or asked
        if not project:
            raise _without_project(account)
        paid = account.paid if account.paid and account.paid.id else tier
        return Project(project, paid.id or STANDARD, paid.name or tier.name)
    for each in account.ineligible:
        if each.code == "VALIDATION_REQUIRED" and each.validation_url:
            raise validation_required(each.reason, each.validation_url)
    tier = next((each for each in account.allowed if each.is_default), _ANY_DEFAULT)
    if tier.wants_project and not asked:
        raise _without_project(account)
    return Onboarding(tier.id or STANDARD, tier.name, "" if tier.id == FREE else asked, _without_project(account))


async def discover(assist: Assist, asked: str, *, pause: Pause = anyio.sleep) -> Project:
    """Find a login's project; an account that never used Code Assist is onboarded.

    Args:
        assist: Where to ask.
        asked: The project that the user names, or empty; one that Google names wins.
        pause: Waits so many seconds.

    Raises:
        BadRequest: No project can be had, or the one that is named cannot be one.
        PermissionDenied: Google has nothing for this account.
        VendorTimeout: The onboarding takes minutes.
        UUError: What else Code Assist says.
    """
    if _NUMBER.fullmatch(asked):
        message = f"{asked} is the number of a Google Cloud project; what is needed is its id, such as my-project-123."
        raise BadRequest(message, param="project_id")
    step = decided(await _loaded(assist, asked), asked)
    return step if isinstance(step, Project) else await _onboarded(assist, step, asked, pause)


async def _loaded(assist: Assist, asked: str) -> Mapping[str, Any]:
    try:
        return await assist.call("loadCodeAssist", _about(asked))
    except PermissionDenied as refusal:
        if not _PERIMETER.search(refusal.evidence):
            raise
        # Within a security perimeter this one method may be closed, to accounts that are a company's own.
        return {"currentTier": {"id": STANDARD}}


async def _onboarded(assist: Assist, step: Onboarding, asked: str, pause: Pause) -> Project:
    operation = _read(_Operation, await assist.call("onboardUser", {"tierId": step.tier, **_about(step.project)}))
    name, polls = operation.name, 0
    while name and not operation.done:
        if polls == _MOST_POLLS:
            raise VendorTimeout("Google was still setting this account up after 5 minutes. Try again later.")
        await pause(_POLL_SECONDS)
        operation = _read(_Operation, await assist.operation(name))
        polls += 1
    if operation.error is not None:
        message = "Google did not set this account up for Code Assist."
        raise PermissionDenied(message, evidence=operation.error.message)
    project = operation.response.project.id or asked
    if not project:
        raise step.refusal
    return Project(project, step.tier, step.tier_name)


def _about(project: str) -> dict[str, Any]:
    """What is said of the user's project and of us."""
    if not project:
        return {"metadata": _METADATA}
    return {"cloudaicompanionProject": project, "metadata": {**_METADATA, "duetProject": project}}


def _without_project(account: _Account) -> BadRequest | PermissionDenied:
    reasons = [f"{each.reason} ({each.code})" if each.code else each.reason for each in account.ineligible]
    if not reasons:
        message = f"This Google account needs a Google Cloud project for Code Assist. {_NAME_ONE}"
        return BadRequest(message, param="project_id")
    message = f"Google has no tier of Code Assist for this account without a Google Cloud project. {_NAME_ONE}"
    return PermissionDenied(message, evidence=" ".join(reasons))


def _read(model: type[ModelT], answer: Mapping[str, Any]) -> ModelT:
    try:
        return model.model_validate({name: value for name, value in answer.items() if value is not None})
    except ValidationError as exc:
        where = ".".join(map(str, exc.errors()[0]["loc"]))
        raise ProtocolError(f"Code Assist's answer about this account cannot be read, at {where}.") from exc


@dataclass(slots=True)
class _Search:
    """A discovery that some wait for."""

    task: asyncio.Task[Project]
    waiting: int = 0


def _take_note(task: asyncio.Task[Project]) -> None:
    """All who still want to know of a failure raise it themselves; it is nothing for the event loop to report."""
    if not task.cancelled():
        task.exception()


class Projects:
    """The project of each login, found once. One event loop owns it."""

    def __init__(self, pause: Pause = anyio.sleep) -> None:
        self._pause = pause
        self._found: dict[tuple[str, str], Project] = {}
        self._searches: dict[tuple[str, str], _Search] = {}

    async def of(self, assist: Assist, identity: str, asked: str) -> Project:
        """A login's project, by `discover`; who asks while it is being found waits for the same answer.

        Args:
            assist: Where to ask.
            identity: Stands for the login.
            asked: The project that the user names, or empty.

        Raises:
            UUError: As by `discover`; the next one asks anew.
        """
        key = (identity, asked)
        if key in self._found:
            return self._found[key]
        search = self._searches.get(key)
        if search is None:
            # A task of its own: whoever came first may leave, and the others still want to know.
            search = _Search(asyncio.create_task(discover(assist, asked, pause=self._pause), name="project"))
            search.task.add_done_callback(_take_note)
            self._searches[key] = search
        search.waiting += 1
        try:
            await asyncio.wait([search.task])
        finally:
            search.waiting -= 1
            await self._leave(key, search)
        project = search.task.result()
        self._remember(key, project)
        return project

    async def _leave(self, key: tuple[str, str], search: _Search) -> None:
        """Forget a discovery that is over, and end one that nobody waits for."""
        if search.waiting and not search.task.done():
            return
        if self._searches.get(key) is search:
            del self._searches[key]
        if not search.task.done():
            search.task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([search.task])

    def _remember(self, key: tuple[str, str], project: Project) -> None:
        self._found[key] = project
        while len(self._found) > _MOST_PROJECTS:
            del self._found[next(iter(self._found))]
