"""The emulator of Code Assist, and of the token endpoint, does what the proofs rest on."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.emulators import code_assist
from tests.emulators.code_assist import ONBOARDED, PROJECT
from tests.emulators.gemini_api import GeminiAPI, wrapper
from tests.emulators.oauth_tokens import REFRESH, SERVICE_ACCOUNT

BOUND = 20
METADATA = {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}
HELLO = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}], "session_id": "s"}
WRAPPED = {"model": "gemini-2.5-pro", "project": PROJECT, "user_prompt_id": "u", "request": HELLO}
OWNER = {"client_id": "made-up", "client_secret": "made-up"}
STREAM = "/v1internal:streamGenerateContent?alt=sse"


@pytest.fixture
def api() -> Iterator[GeminiAPI]:
    """An emulator of its own for each test."""
    with GeminiAPI() as running:
        yield running


def send(api: GeminiAPI, path: str, body: Any = None, token: str = "made-up", **headers: str) -> tuple[int, bytes]:
    """Status and bytes of the answer; a body is posted, as JSON where it is no form."""
    connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=BOUND)
    authorization = {"Authorization": f"Bearer {token}"} if token else {}
    with closing(connection):
        if body is None:
            connection.request("GET", path, headers=authorization)
        else:
            sent = body if isinstance(body, str) else json.dumps(body)
            connection.request("POST", path, sent, {**authorization, **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()


def ask(api: GeminiAPI, path: str, body: Any = None, token: str = "made-up") -> tuple[int, Any]:
    """Status and JSON."""
    status, answer = send(api, path, body, token)
    return status, json.loads(answer)


def trade(api: GeminiAPI, **form: str) -> tuple[int, Any]:
    """A grant for a token."""
    status, answer = send(api, "/token", urlencode(form), "", **{"Content-Type": "application/x-www-form-urlencoded"})
    return status, json.loads(answer)


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("POST", "/v1internal:loadCodeAssist", {"cloudaicompanionProject": PROJECT}),
        ("POST", "/v1internal:listExperiments", {"flags": []}),
        ("POST", "/v1internal:fetchAdminControls", {"adminControlsApplicable": False}),
        ("POST", "/v1internal:retrieveUserQuota", {}),
        ("POST", "/v1beta/models/gemini-2.5-pro:countTokens", {"totalTokens": 1}),
        ("POST", "/tokeninfo", {"email_verified": True}),
        ("GET", "/oauth2/v2/userinfo", {"email": "nobody@example.invalid"}),
        ("GET", "/v1beta/models", None),
    ],
)
def test_what_is_asked_besides_is_answered_and_kept_apart(
    api: GeminiAPI, method: str, path: str, told: dict[str, Any] | None
):
    """What a login asks, and the count of tokens; anything else is not here."""
    status, answered = ask(api, path, {} if method == "POST" else None)
    assert status == (404 if told is None else 200)
    assert answered.items() >= (told or {}).items()
    assert ([each.path for each in api.other], api.requests) == ([path], [])


@pytest.mark.parametrize(
    ("token", "accepted", "status"),
    [("any", None, 200), ("", None, 401), ("one", {"one"}, 200), ("any", {"one"}, 401), ("any", set(), 401)],
)
@pytest.mark.parametrize("path", ["/v1internal:loadCodeAssist", STREAM])
def test_a_login_is_known_by_its_token(api: GeminiAPI, path: str, token: str, accepted: set[str] | None, status: int):
    """Any at all, or one of a set; in Google's words, and it is recorded which it was."""
    api.tokens = accepted
    answered, told = send(api, path, WRAPPED if path == STREAM else {}, token)
    assert answered == status
    assert status == 200 or json.loads(told)["error"]["status"] == "UNAUTHENTICATED"
    (recorded,) = [*api.requests, *api.other]
    assert (recorded.token, recorded.path) == (token, path.partition("?")[0])


def test_a_key_needs_no_token(api: GeminiAPI):
    """The public API knows keys."""
    api.tokens = set()
    contents = {"contents": HELLO["contents"]}
    assert send(api, "/v1beta/models/gemini-2.5-pro:generateContent", contents, "")[0] == 200


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"made_up": 1}, 400, 'Unknown name "made_up": Cannot find field.'),
        ({"sessionId": "s"}, 400, 'Unknown name "sessionId"'),
        ({"model": ""}, 400, "invalid argument"),
        ({"request": None}, 400, "invalid argument"),
        ({"request": {**HELLO, "model": "m"}}, 400, "Unknown name \"model\" at 'request'"),
        ({"request": {**HELLO, "made_up": 1}}, 400, 'Unknown name "made_up"'),
        ({"project": ""}, 403, "Permission denied on resource project"),
        ({"enabled_credit_types": []}, 200, "part0"),
        ({}, 200, "part0"),
    ],
)
def test_what_a_request_is_wrapped_in_is_checked(api: GeminiAPI, change: dict[str, Any], status: int, words: str):
    """And can be looked at; a project must be named."""
    answered, told = send(api, STREAM, WRAPPED | change)
    assert (answered, words in told.decode().replace("\\", "")) == (status, True)
    assert wrapper(api.requests[0]) == WRAPPED | change


def test_every_kind_of_account_is_told_of_itself(api: GeminiAPI):
    """Its tier, its project, what it is not eligible for; or it is refused."""
    seen = {}
    for account in code_assist.ACCOUNTS:
        api.account = account
        status, told = ask(api, "/v1internal:loadCodeAssist", {"metadata": METADATA})
        tier = told.get("currentTier", {}).get("id", "")
        seen[account] = (status, tier, told.get("cloudaicompanionProject"), len(told.get("ineligibleTiers", [])))
    assert seen == {
        "standard": (200, "standard-tier", PROJECT, 0),
        "own_project": (200, "standard-tier", None, 0),
        "free": (200, "free-tier", PROJECT, 0),
        "paid": (200, "free-tier", PROJECT, 0),
        "onboarding": (200, "", None, 0),
        "no_project": (200, "standard-tier", None, 1),
        "ineligible": (200, "", None, 2),
        "validation": (200, "", None, 1),
        "retired": (200, "", None, 1),
        "vpcsc": (403, "", None, 0),
        "tos": (403, "", None, 0),
    }


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"made_up": 1}, 'Unknown name "made_up"'),
        ({"metadata": {"made_up": 1}}, "Unknown name \"made_up\" at 'metadata'"),
        ({"metadata": {"pluginType": "MADE_UP"}}, "Invalid value at 'metadata.pluginType'"),
    ],
)
def test_words_that_code_assist_does_not_know_are_refused(api: GeminiAPI, body: dict[str, Any], words: str):
    """With 400."""
    status, told = ask(api, "/v1internal:loadCodeAssist", body)
    assert (status, words in told["error"]["message"]) == (400, True)


@pytest.mark.parametrize("polls", [0, 1, 3])
def test_an_account_is_onboarded_after_some_polls(api: GeminiAPI, polls: int):
    """It has a project then."""
    api.polls = polls
    status, told = ask(api, "/v1internal:onboardUser", {"tierId": "free-tier", "metadata": METADATA})
    asked = 0
    while not told.get("done"):
        status, told = ask(api, f"/v1internal/{told['name']}")
        asked += 1
    assert (status, asked, told["response"]["cloudaicompanionProject"]["id"]) == (200, polls, ONBOARDED)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"tierId": "free-tier", "cloudaicompanionProject": "mine"}, 412),
        ({"tierId": "standard-tier"}, 400),
        ({"tierId": "standard-tier", "cloudaicompanionProject": "mine"}, 200),
        ({}, 400),
    ],
)
def test_a_free_tier_wants_no_project_and_another_wants_one(api: GeminiAPI, body: dict[str, Any], status: int):
    """As Code Assist has it."""
    assert ask(api, "/v1internal:onboardUser", body)[0] == status


def test_an_operation_that_nobody_started_is_not_found(api: GeminiAPI):
    """In Google's words."""
    status, told = ask(api, "/v1internal/operations/made-up.7")
    assert (status, told["error"]["status"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "grant",
    [
        {"grant_type": REFRESH, "refresh_token": "r", **OWNER},
        {"grant_type": SERVICE_ACCOUNT, "assertion": "signed"},
    ],
)
def test_each_grant_brings_another_token_that_is_accepted(api: GeminiAPI, grant: dict[str, str]):
    """With how long it is good for; the form is recorded."""
    api.tokens, api.oauth.lifetime = set(), 60
    (status, first), (_, second) = trade(api, **grant), trade(api, **grant)
    assert (status, first["expires_in"], "refresh_token" in first) == (200, 60, False)
    assert api.oauth.issued == [first["access_token"], second["access_token"]]
    assert len(set(api.oauth.issued)) == 2
    assert [each.body for each in api.other] == [grant, grant]
    assert ask(api, "/v1internal:loadCodeAssist", {}, second["access_token"])[0] == 200


def test_a_refresh_token_may_be_traded_for_a_new_one(api: GeminiAPI):
    """Where the endpoint rotates them."""
    api.oauth.rotates = True
    told = [trade(api, grant_type=REFRESH, refresh_token="r", **OWNER)[1]["refresh_token"] for _ in range(2)]
    assert len(set(told)) == 2


@pytest.mark.parametrize(
    ("failure", "form", "status", "error"),
    [
        ("invalid_grant", {"grant_type": REFRESH, "refresh_token": "r", **OWNER}, 400, "invalid_grant"),
        ("500", {"grant_type": REFRESH, "refresh_token": "r", **OWNER}, 500, "internal_failure"),
        ("", {"grant_type": REFRESH, "refresh_token": "r"}, 400, "invalid_request"),
        ("", {"grant_type": SERVICE_ACCOUNT}, 400, "invalid_request"),
        ("", {"grant_type": "made-up"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_grant_is_refused_in_the_words_of_oauth(
    api: GeminiAPI, failure: str, form: dict[str, str], status: int, error: str
):
    """Where it is not whole, or is to fail."""
    api.oauth.failure = failure
    answered, told = trade(api, **form)
    assert (answered, told["error"], api.oauth.issued) == (status, error, [])
