"""A login's project: what Code Assist's answers decide, and what is asked to find it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from tests.emulators.code_assist import ONBOARDED, PROJECT, VALIDATION
from tests.emulators.gemini_api import GeminiAPI
from uutel_bridge.core.errors import BadRequest, LoginExpired, PermissionDenied, ProtocolError, UUError, VendorTimeout
from uutel_bridge.providers.cloud_code.failures import AccountStopped
from uutel_bridge.providers.cloud_code.project import (
    FREE,
    LEGACY,
    STANDARD,
    Onboarding,
    Project,
    asked_project,
    decided,
    discover,
)
from uutel_bridge.providers.cloud_code.service import Service

BOUND = 20
UNSAID = {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "PLUGIN_UNSPECIFIED"}
MINE = {"cloudaicompanionProject": "mine", "metadata": {**UNSAID, "duetProject": "mine"}}
LOAD = "/v1internal:loadCodeAssist"
ONBOARD = "/v1internal:onboardUser"
WORKSPACE = {"reasonCode": "DASHER_USER", "reasonMessage": "Workspace accounts cannot use the free tier."}
VERIFY = {"reasonCode": "VALIDATION_REQUIRED", "reasonMessage": "Verify.", "validationUrl": VALIDATION}


@pytest.fixture(scope="module")
def running() -> Iterator[GeminiAPI]:
    """One emulator for all."""
    with GeminiAPI() as api:
        yield api


@pytest.fixture
def api(running: GeminiAPI) -> GeminiAPI:
    """It, as new."""
    running.clear()
    running.account, running.polls, running.tokens = "standard", 1, None
    return running


@dataclass
class Login:
    """Code Assist's methods for one token, over the service itself."""

    service: Service

    async def call(self, method: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Posts."""
        return await self.service.call(method, body, "made-up", timeout=BOUND)

    async def operation(self, name: str) -> Mapping[str, Any]:
        """Gets."""
        return await self.service.operation(name, "made-up")


@dataclass
class Pauses:
    """No waiting; how long it would have been."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        """As long as it takes the others to do something."""
        self.seconds.append(seconds)
        await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def login(api: GeminiAPI) -> AsyncIterator[Login]:
    """A login at the emulator."""
    service = Service(api.url)
    try:
        with anyio.fail_after(BOUND):
            yield Login(service)
    finally:
        await service.aclose()


def sent(api: GeminiAPI) -> list[tuple[str, dict[str, Any]]]:
    """Path and body of each request."""
    return [(each.path, each.body) for each in api.other]


# What the user names


@pytest.mark.parametrize(
    ("argument", "setting", "environment", "asked"),
    [
        ("a", "b", {"GOOGLE_CLOUD_PROJECT": "c", "GOOGLE_CLOUD_PROJECT_ID": "d"}, "a"),
        (None, "b", {"GOOGLE_CLOUD_PROJECT": "c", "GOOGLE_CLOUD_PROJECT_ID": "d"}, "b"),
        (None, None, {"GOOGLE_CLOUD_PROJECT": "c", "GOOGLE_CLOUD_PROJECT_ID": "d"}, "c"),
        (None, None, {"GOOGLE_CLOUD_PROJECT": "", "GOOGLE_CLOUD_PROJECT_ID": "d"}, "d"),
        ("", None, {"GOOGLE_CLOUD_QUOTA_PROJECT": "e"}, ""),
    ],
)
def test_the_nearest_name_of_a_project_counts(
    argument: str | None, setting: str | None, environment: dict[str, str], asked: str
) -> None:
    """The argument, then the setting, then the variables."""
    assert asked_project(argument, setting, environment) == asked


# What follows from an answer


@pytest.mark.parametrize(
    ("answer", "asked", "step"),
    [
        (
            {"currentTier": {"id": FREE, "name": "Free"}, "cloudaicompanionProject": "theirs"},
            "mine",
            Project("theirs", FREE, "Free"),
        ),
        ({"currentTier": {"id": STANDARD, "name": "Std"}}, "mine", Project("mine", STANDARD, "Std")),
        (
            {"currentTier": {"id": STANDARD}, "cloudaicompanionProject": None},
            "mine",
            Project("mine", STANDARD, ""),
        ),
        (
            {"currentTier": {"id": FREE, "name": "Free"}, "paidTier": {"id": "g1-pro-tier", "name": "Pro"}},
            "mine",
            Project("mine", "g1-pro-tier", "Pro"),
        ),
        ({"currentTier": {"id": FREE, "name": "Free"}, "paidTier": {}}, "mine", Project("mine", FREE, "Free")),
        ({"currentTier": {}}, "mine", Project("mine", STANDARD, "")),
        # Somebody who has a tier is not asked to be verified for another.
        ({"currentTier": {"id": STANDARD}, "ineligibleTiers": [VERIFY]}, "mine", Project("mine", STANDARD, "")),
        (
            {"allowedTiers": [{"id": STANDARD}, {"id": FREE, "name": "Free", "isDefault": True}]},
            "mine",
            Onboarding(FREE, "Free", "", BadRequest("")),
        ),
        (
            {"allowedTiers": [{"id": STANDARD, "isDefault": True}]},
            "mine",
            Onboarding(STANDARD, "", "mine", BadRequest("")),
        ),
        ({"allowedTiers": [{"id": "made-up", "isDefault": True}]}, "", Onboarding("made-up", "", "", BadRequest(""))),
        ({"allowedTiers": [{"isDefault": True}]}, "", Onboarding(STANDARD, "", "", BadRequest(""))),
        ({"allowedTiers": [{"id": FREE}]}, "mine", Onboarding(LEGACY, "", "mine", BadRequest(""))),
        ({}, "mine", Onboarding(LEGACY, "", "mine", BadRequest(""))),
    ],
)
def test_an_answer_decides_what_comes_next(answer: dict[str, Any], asked: str, step: Project | Onboarding) -> None:
    """The server's project wins, a paid tier wins; who has no tier is onboarded, for free without a project."""
    assert decided(answer, asked) == step


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ({"currentTier": {"id": STANDARD}}, BadRequest, ["project_id=", "GOOGLE_CLOUD_PROJECT"]),
        (
            {"currentTier": {"id": STANDARD}, "ineligibleTiers": [WORKSPACE]},
            PermissionDenied,
            ["project_id=", "GOOGLE_CLOUD_PROJECT", "Workspace accounts cannot use the free tier. (DASHER_USER)"],
        ),
        (
            {"ineligibleTiers": [WORKSPACE, {"reasonMessage": "Nor here."}]},
            PermissionDenied,
            ["GOOGLE_CLOUD_PROJECT", "DASHER_USER", "Nor here."],
        ),
        (
            {"allowedTiers": [{"id": STANDARD, "isDefault": True, "userDefinedCloudaicompanionProject": True}]},
            BadRequest,
            ["UUTEL_CLOUD_CODE__PROJECT_ID"],
        ),
        ({}, BadRequest, ["project_id="]),
        (
            {"allowedTiers": [{"id": FREE, "isDefault": True}], "ineligibleTiers": [WORKSPACE, VERIFY]},
            PermissionDenied,
            [VALIDATION, "Verify."],
        ),
        ({"currentTier": "standard"}, ProtocolError, ["currentTier"]),
        ({"allowedTiers": [{"id": 7}]}, ProtocolError, ["allowedTiers.0.id"]),
    ],
)
def test_an_answer_that_leads_nowhere_says_why(answer: dict[str, Any], kind: type[UUError], words: list[str]) -> None:
    """What to do, and in the vendor's words what stands against it."""
    with pytest.raises(kind) as caught:
        decided(answer, "")
    assert [word for word in words if word not in str(caught.value)] == []
    assert not isinstance(caught.value, BadRequest) or caught.value.param == "project_id"


# Discovery


@pytest.mark.parametrize(
    ("account", "asked", "found"),
    [
        ("standard", "", Project(PROJECT, STANDARD, "Gemini Code Assist")),
        ("standard", "mine", Project(PROJECT, STANDARD, "Gemini Code Assist")),
        ("own_project", "mine", Project("mine", STANDARD, "Gemini Code Assist")),
        ("free", "", Project(PROJECT, FREE, "Gemini Code Assist for individuals")),
        ("paid", "", Project(PROJECT, "g1-pro-tier", "Google AI Pro")),
        ("no_project", "mine", Project("mine", STANDARD, "Gemini Code Assist")),
        ("vpcsc", "mine", Project("mine", STANDARD, "")),
    ],
)
async def test_an_account_that_has_a_tier_is_asked_once(
    api: GeminiAPI, account: str, asked: str, found: Project
) -> None:
    """What is said of us: nothing that is another's."""
    api.account = account
    async with login(api) as assist:
        assert await discover(assist, asked) == found
    assert sent(api) == [(LOAD, MINE if asked else {"metadata": UNSAID})]


@pytest.mark.parametrize("polls", [0, 1, 3])
async def test_a_new_account_is_onboarded_and_polled_until_it_is_done(api: GeminiAPI, polls: int) -> None:
    """For free: without a project, even where one is named; every five seconds."""
    api.account, api.polls, pauses = "onboarding", polls, Pauses()
    async with login(api) as assist:
        found = await discover(assist, "mine", pause=pauses)
    assert found == Project(ONBOARDED, FREE, "Gemini Code Assist for individuals")
    assert pauses.seconds == [5.0] * polls
    (_, onboarding, *operations) = sent(api)
    assert onboarding == (ONBOARD, {"tierId": FREE, "metadata": UNSAID})
    assert [path.startswith("/v1internal/operations/") for path, _ in operations] == [True] * polls


async def test_another_tier_is_onboarded_with_the_users_own_project(api: GeminiAPI) -> None:
    """It is named twice, as Code Assist wants it."""
    api.account = "retired"
    async with login(api) as assist:
        assert await discover(assist, "mine", pause=Pauses()) == Project("mine", STANDARD, "Gemini Code Assist")
    assert sent(api)[1] == (ONBOARD, {"tierId": STANDARD, **MINE})


@pytest.mark.parametrize(
    ("account", "kind", "words"),
    [
        ("own_project", BadRequest, "GOOGLE_CLOUD_PROJECT"),
        ("no_project", PermissionDenied, "Workspace accounts cannot use the free tier"),
        ("ineligible", PermissionDenied, "Not available here"),
        ("retired", PermissionDenied, "no longer served"),
        ("validation", PermissionDenied, VALIDATION),
        ("vpcsc", BadRequest, "GOOGLE_CLOUD_PROJECT"),
        ("tos", AccountStopped, "violation of Terms of Service"),
    ],
)
async def test_an_account_without_a_way_is_asked_once_and_told_why(
    api: GeminiAPI, account: str, kind: type[UUError], words: str
) -> None:
    """The CLI asks three times."""
    api.account = account
    async with login(api) as assist:
        with pytest.raises(kind, match=words):
            await discover(assist, "")
    assert [path for path, _ in sent(api)] == [LOAD]


async def test_a_token_that_is_refused_is_told_as_such(api: GeminiAPI) -> None:
    """So that it can be renewed."""
    api.tokens = set()
    async with login(api) as assist:
        with pytest.raises(LoginExpired):
            await discover(assist, "")


async def test_a_project_number_is_refused_before_any_call(api: GeminiAPI) -> None:
    """Code Assist knows ids alone."""
    async with login(api) as assist:
        with pytest.raises(BadRequest, match="123456") as caught:
            await discover(assist, "123456")
    assert (caught.value.param, sent(api)) == ("project_id", [])


@dataclass
class Onboards:
    """Onboards this way, and is never done."""

    started: dict[str, Any]

    async def call(self, method: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """For free."""
        return self.started if method == "onboardUser" else {"allowedTiers": [{"id": FREE, "isDefault": True}]}

    async def operation(self, name: str) -> Mapping[str, Any]:
        """As it was."""
        return self.started


@pytest.mark.parametrize(
    ("started", "asked", "kind", "words", "pauses"),
    [
        ({"name": "operations/x"}, "", VendorTimeout, "5 minutes", 60),
        ({"done": True, "error": {"code": 7, "message": "No seats."}}, "", PermissionDenied, "No seats.", 0),
        ({"done": True, "response": {}}, "", BadRequest, "GOOGLE_CLOUD_PROJECT", 0),
        ({}, "", BadRequest, "GOOGLE_CLOUD_PROJECT", 0),
        ({"done": "perhaps"}, "", ProtocolError, "done", 0),
    ],
)
async def test_an_onboarding_that_comes_to_nothing_says_so(
    started: dict[str, Any], asked: str, kind: type[UUError], words: str, pauses: int
) -> None:
    """A server that is never done is not asked for ever."""
    waited = Pauses()
    with anyio.fail_after(BOUND), pytest.raises(kind, match=words):
        await discover(Onboards(started=started), asked, pause=waited)
    assert waited.seconds == [5.0] * pauses


async def test_the_users_project_serves_where_an_onboarding_names_none() -> None:
    """As with the CLI."""
    found = await discover(Onboards(started={"done": True}), "mine")
    assert found == Project("mine", FREE, "")
