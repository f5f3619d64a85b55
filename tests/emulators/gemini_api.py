"""An emulator of Google's GenerateContent, and of what Gemini CLI asks besides, that records what it is asked.

It answers by an API key, on Vertex, and to a Google login (the `v1internal` methods).
`python -m tests.emulators.gemini_api` serves until its stdin ends; its first line of output is its URL.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Any

from tests.emulators.recording import FAKES, Emulator, Recorded, serve
from uutel_bridge.core.loopback import Response

__all__ = ["PROJECT", "GeminiAPI", "Recorded", "scenarios"]

PROJECT = "made-up-project"
"""The Google Cloud project of every login that is made up here."""
EMAIL = "nobody@example.invalid"

sys.path.append(str(FAKES))
scenarios: Any = importlib.import_module("_gemini_scenarios")
for _name in importlib.import_module("_server_mischief").ANSWERING:  # the CLI misbehaves, the model has no part in it
    scenarios.SCENARIOS[_name] = scenarios.SCENARIOS["text"]

_STREAM, _WHOLE = ":streamGenerateContent", ":generateContent"
_LOGIN = "/v1internal:"
_MODELS = ("gemini-2.5-pro", "gemini-2.5-flash", "gemini-3-pro-preview")
_TIER = {"id": "standard-tier", "name": "Gemini Code Assist", "isDefault": True}
_PLAIN: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", f"{_LOGIN}loadCodeAssist"): {
        "currentTier": _TIER,
        "allowedTiers": [_TIER],
        "cloudaicompanionProject": PROJECT,
    },
    ("POST", f"{_LOGIN}onboardUser"): {
        "name": "operations/made-up",
        "done": True,
        "response": {"cloudaicompanionProject": {"id": PROJECT, "name": PROJECT}},
    },
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
    """`POST .../models/MODEL:METHOD` under any base path, `POST /v1internal:METHOD`.

    Whoever asks, the recorded body of a model request is GenerateContent's, and its `model` the one that is asked.
    """

    scenarios = scenarios

    def is_model_request(self, method: str, path: str) -> bool:
        """Whether this asks the model."""
        return method == "POST" and path.endswith((_STREAM, _WHOLE))

    def plain_answer(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        """What a login asks, and how many tokens there are; anything else is not here."""
        if recorded.path.endswith(":countTokens"):
            return 200, {"totalTokens": 1}
        known = _PLAIN.get((recorded.method, recorded.path))
        return (404, {}) if known is None else (200, known)

    def _record(self, recorded: Recorded, *, is_model_request: bool) -> int:
        if is_model_request and recorded.path.startswith(_LOGIN):
            recorded.body = {"model": recorded.body["model"], **recorded.body["request"]}
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


def _wrapped(steps: Iterable[Any]) -> Iterator[Any]:
    """As a Google login gets it."""
    for step in steps:
        is_answer = step[0] == "event" and "error" not in step[1]
        yield ("event", {"response": step[1], "traceId": step[1]["responseId"]}) if is_answer else step


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
