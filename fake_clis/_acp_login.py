"""Who is logged in, found where `gemini` 0.61.0 looks for it, and where that login's requests go."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from _acp_options import Settings, at, home

GOOGLE = "oauth-personal"
KEY = "gemini-api-key"
VERTEX = "vertex-ai"
GATEWAY = "gateway"
METADATA = "compute-default-credentials"
CODE_ASSIST = (GOOGLE, METADATA)
ASKS = (
    "Please visit the following URL to authorize the application:\n\nhttps://accounts.google.com/o/oauth2/v2/auth\n\n"
)
"""What is printed where nobody is logged in."""
RENEWED = "renewed-access-token"
REVOKED = "revoked-refresh-token"
"""With this one, Google gives no new token."""

_MARGIN = 300
"""Seconds; a token with less left is renewed before anything is answered."""
_LIFETIME = 3599


def kind(settings: Settings) -> str:
    """The kind of login that the settings choose; the CLI's own choice where they choose none."""
    chosen = at(settings, "security.auth.selectedType")
    return chosen or (GATEWAY if os.environ.get("GOOGLE_GEMINI_BASE_URL") else KEY)


def is_missing(settings: Settings) -> bool:
    """Whether the start stops to ask for a code."""
    return kind(settings) == GOOGLE and not _token()


def renew(settings: Settings) -> None:
    """Put another token into the file where that of the login has run out. Nobody is asked: the fake makes it up."""
    stored = {} if _given() or kind(settings) != GOOGLE else _stored()
    if not stored.get("refresh_token") or stored.get("expiry_date", 0) >= (time.time() + _MARGIN) * 1000:
        return
    if stored["refresh_token"] == REVOKED:
        return
    told = {"access_token": RENEWED, "token_type": "Bearer", "scope": stored.get("scope", "")}
    told |= {"expiry_date": int((time.time() + _LIFETIME) * 1000), "refresh_token": stored["refresh_token"]}
    with open(_store(), "w", encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
        json.dump(told, file, indent=2)


def problem(settings: Settings) -> str:
    """Why no session can be had, or ""."""
    chosen = kind(settings)
    if chosen == KEY and not os.environ.get("GEMINI_API_KEY"):
        return "Gemini API key is missing or not configured."
    if chosen == VERTEX and not (os.environ.get("GOOGLE_API_KEY") or _project()):
        return "Vertex AI: neither a key nor a project and location are set."
    return ""


def url(settings: Settings, model: str, method: str) -> str:
    """Where a request goes; only what begins with `http://` leaves this process."""
    chosen = kind(settings)
    if chosen in CODE_ASSIST:
        return f"{os.environ.get('CODE_ASSIST_ENDPOINT', 'https://').rstrip('/')}/v1internal:{method}"
    if chosen == VERTEX:
        place = "publishers/google/models"
        if not os.environ.get("GOOGLE_API_KEY"):
            project, location = _project()
            place = f"projects/{project}/locations/{location}/{place}"
        return f"{os.environ.get('GOOGLE_VERTEX_BASE_URL', 'https://').rstrip('/')}/v1beta1/{place}/{model}:{method}"
    return f"{os.environ.get('GOOGLE_GEMINI_BASE_URL', 'https://').rstrip('/')}/v1beta/models/{model}:{method}"


def headers(settings: Settings) -> dict[str, str]:
    """What says who asks."""
    chosen = kind(settings)
    if chosen in CODE_ASSIST:
        return {"authorization": f"Bearer {_token()}"}
    key = os.environ.get("GOOGLE_API_KEY" if chosen == VERTEX else "GEMINI_API_KEY")
    return {"x-goog-api-key": key} if key else {"authorization": "Bearer fake-token"}


def _project() -> tuple[str, str] | tuple[()]:
    found = (os.environ.get("GOOGLE_CLOUD_PROJECT", ""), os.environ.get("GOOGLE_CLOUD_LOCATION", ""))
    return found if all(found) else ()


def _token() -> str:
    """The token of a Google login, from the environment or from its file; "": there is none."""
    if given := _given():
        return given
    stored = _stored()
    if stored.get("refresh_token") == REVOKED and stored.get("expiry_date", 0) <= time.time() * 1000:
        return ""
    return str(stored.get("access_token") or "fake-token") if stored.get("refresh_token") else ""


def _given() -> str:
    return os.environ.get("GOOGLE_CLOUD_ACCESS_TOKEN", "") if os.environ.get("GOOGLE_GENAI_USE_GCA") == "true" else ""


def _store() -> str:
    return f"{home()}/.gemini/oauth_creds.json"


def _stored() -> dict[str, Any]:
    try:
        with open(_store(), "rb") as file:  # noqa: PTH123 -- pathlib costs start-up time
            return dict(json.load(file))
    except (OSError, ValueError, TypeError):
        return {}
