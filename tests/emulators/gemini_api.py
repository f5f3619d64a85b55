"""An emulator of Google's GenerateContent, and of what a login asks besides, that records what it is asked.

It answers by an API key, on Vertex, and to a Google login (the `v1internal` methods).
`python -m tests.emulators.gemini_api` serves until its stdin ends; its first line of output is its URL.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from tests.emulators import code_assist
from tests.emulators.code_assist import PROJECT
from tests.emulators.oauth_tokens import OAuthTokens
from tests.emulators.recording import FAKES, Emulator, Recorded, serve
from uutel_bridge.core.loopback import Request, Response

__all__ = ["PROJECT", "GeminiAPI", "Recorded", "scenarios", "wrapper"]

EMAIL = "nobody@example.invalid"

sys.path.append(str(FAKES))
scenarios: Any = importlib.import_module("_gemini_scenarios")
for _name in importlib.import_module("_server_mischief").ANSWERING:  # the CLI misbehaves, the model has no part in it
    scenarios.SCENARIOS[_name] = scenarios.SCENARIOS["text"]

_STREAM, _WHOLE = ":streamGenerateContent", ":generateContent"
_LOGIN = "/v1internal:"
_OPERATIONS = "/v1internal/"
_FORM = "application/x-www-form-urlencoded"
_MODELS = ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-3-pro-preview")
_PLAIN: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", f"{_LOGIN}retrieveUserQuota"): {
        "buckets": [
            {"modelId": name, "tokenType": "REQUESTS", "remainingFraction": 0.9, "resetTime": "2100-01-01T00:00:00Z"}
            for name in _MODELS
        ]
    },
    ("POST", f"{_LOGIN}listExperiments"): {"experimentIds": [], "flags": []},
    ("POST", f"{_LOGIN}fetchAdminControls"): {"adminControlsApplicable": False},
    ("POST", f"{_LOGIN}recordCodeAssistMetrics"): {},
    ("GET", "/oauth2/v2/userinfo"): {"id": "1", "email": EMAIL, "verified_email": True},
    ("POST", "/tokeninfo"): {"email": EMAIL, "email_verified": True, "expires_in": 3600},
}


class GeminiAPI(Emulator):
    """`POST .../models/MODEL:METHOD` under any base path, `POST /v1internal:METHOD`, `POST /token`.

    Whoever asks, the recorded body of a model request is GenerateContent's, and its `model` the one that is asked;
    what a login wraps it in, `wrapper()` tells.
    """

    scenarios = scenarios

    def __post_init__(self) -> None:
        super().__post_init__()
        self.account = "standard"
        """What kind of account a login is of, one of `code_assist.ACCOUNTS`."""
        self.tokens: set[str] | None = None
        """The access tokens that a login may have beside those of `oauth`; None: any at all."""
        self.polls = 1
        """How often an account's onboarding is asked after until it is done; 0: it is done at once."""
        self.oauth = OAuthTokens()
        """The token endpoint, at `/token`."""
        self._operations: list[tuple[dict[str, Any], int]] = []

    def is_model_request(self, method: str, path: str) -> bool:
        """Whether this asks the model."""
        return method == "POST" and path.endswith((_STREAM, _WHOLE))

    def read(self, request: Request) -> dict[str, Any]:
        """A form is read as well."""
        if request.headers.get("content-type", "").startswith(_FORM):
            return dict(parse_qsl(request.body.decode()))
        return super().read(request)

    def reply(self, recorded: Recorded, call: int) -> Any:
        """A login is refused first of all where its token is, or what it wraps the request in."""
        is_login = recorded.path.startswith(_LOGIN)
        refusal = is_login and (self._refusal(recorded) or code_assist.violation(wrapper(recorded)))
        return refusal or super().reply(recorded, call)

    def plain_answer(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        """What a login asks, and how many tokens there are; anything else is not here."""
        if recorded.path == "/token":
            return self.oauth.answer(recorded.body)
        if recorded.path.startswith((_LOGIN, _OPERATIONS)):
            refusal = self._refusal(recorded)
            return (refusal.status, refusal.error) if refusal else self._code_assist_answer(recorded)
        return _fixed(recorded)

    def _refusal(self, recorded: Recorded) -> Any:
        """What is said to a login whose token is not accepted; None: it is."""
        known = None if self.tokens is None else self.tokens | set(self.oauth.issued)
        accepted = bool(recorded.token) if known is None else recorded.token in known
        return None if accepted else scenarios.refusals.ALL["e401"]

    def _code_assist_answer(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        if recorded.path == f"{_LOGIN}loadCodeAssist":
            return code_assist.loaded(self.account, recorded.body)
        if recorded.path == f"{_LOGIN}onboardUser":
            status, started = code_assist.onboarded(recorded.body, len(self._operations))
            if status == 200:
                self._operations.append((started, self.polls))
                return 200, code_assist.operation(started, done=not self.polls)
            return status, started
        if recorded.method == "GET":
            return self._operation(recorded.path.removeprefix(_OPERATIONS))
        return _fixed(recorded)

    def _operation(self, name: str) -> tuple[int, dict[str, Any]]:
        for number, (started, left) in enumerate(self._operations):
            if started["name"] == name:
                self._operations[number] = (started, left - 1)
                return 200, code_assist.operation(started, done=left <= 1)
        return 404, scenarios.refusals.LOGIN_ALONE["e404_entity"].error

    def _record(self, recorded: Recorded, *, is_model_request: bool) -> int:
        if is_model_request and recorded.path.startswith(_LOGIN):
            request = recorded.body.get("request")
            recorded.body = {
                "model": recorded.body.get("model", ""),
                **(request if isinstance(request, dict) else {}),
            }
        elif is_model_request:
            recorded.body["model"] = recorded.path.rpartition("/")[2].rpartition(":")[0]
        return super()._record(recorded, is_model_request=is_model_request)

    def _model_answer(self, recorded: Recorded, call: int) -> Response:
        answer = super()._model_answer(recorded, call)
        if recorded.path.endswith(_WHOLE):
            answer.headers["content-type"] = "application/json"
        return answer

    def _stream(self, recorded: Recorded, steps: Any) -> AsyncGenerator[bytes, None]:
        is_whole = recorded.path.endswith(_WHOLE)
        said = _joined(steps) if is_whole else steps
        if recorded.path.startswith(_LOGIN):
            said = _wrapped(said)
        return super()._stream(recorded, _plain(said) if is_whole else said)


def wrapper(recorded: Recorded) -> dict[str, Any]:
    """A login's model request as it was sent: `model`, `project`, `user_prompt_id` and `request`."""
    return json.loads(recorded.raw)


def _fixed(recorded: Recorded) -> tuple[int, dict[str, Any]]:
    if recorded.path.endswith(":countTokens"):
        return 200, {"totalTokens": 1}
    known = _PLAIN.get((recorded.method, recorded.path))
    return (404, {}) if known is None else (200, known)


def _wrapped(steps: Iterable[Any]) -> Iterator[Any]:
    """As a Google login gets it."""
    for kind, *value in steps:
        if kind == "event" and "error" not in value[0]:
            value[0] = {"response": value[0], "traceId": value[0]["responseId"]}
        yield (kind, *value)


def _joined(steps: Iterable[Any]) -> Iterator[Any]:
    """All events as one, at the end."""
    whole: dict[str, Any] = {}
    parts: list[Any] = []
    for step in steps:
        if step[0] != "event":
            yield step
            continue
        whole |= step[1]
        parts += [part for each in step[1].get("candidates", []) for part in each["content"].get("parts", [])]
    for candidate in whole.get("candidates", []):
        candidate["content"]["parts"] = parts
    yield ("event", whole)


def _plain(steps: Iterable[Any]) -> Iterator[Any]:
    """JSON that is no event of a stream."""
    for step in steps:
        yield ("raw", json.dumps(step[1]).encode()) if step[0] == "event" else step


if __name__ == "__main__":
    serve(GeminiAPI())
