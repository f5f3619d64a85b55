"""The files in which the Gemini CLI keeps the login of a Google account, and what they are worth. Read, never written.

Measured on gemini 0.61.0.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, Field, SecretStr

from uutel_bridge.core.auth import LoginStatus
from uutel_bridge.core.stores import StoreT, content, parsed
from uutel_bridge.gemini_api.failures import LOGIN_COMMAND

GOOGLE = "oauth-personal"
"""The CLI's word for the login of a Google account."""

HOME_VARIABLE = "GEMINI_CLI_HOME"
FOLDER = ".gemini"
TOKENS, ACCOUNTS, ENCRYPTED = "oauth_creds.json", "google_accounts.json", "gemini-credentials.json"
"""In that folder. The last one may hold tokens or an API key, and only the CLI can look into it."""
GCLOUDS = ".config/gcloud/application_default_credentials.json"
"""Application Default Credentials in the user's home, where `gcloud auth application-default login` puts them."""

ADC_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
TOKEN_VARIABLE = "GOOGLE_CLOUD_ACCESS_TOKEN"  # noqa: S105  # a name
ENCRYPT_VARIABLE = "GEMINI_FORCE_ENCRYPTED_FILE_STORAGE"
PROJECT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT_ID")

_STRING_OR_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\r\n]*|/\*.*?\*/', re.DOTALL)


class Tokens(BaseModel):
    """`oauth_creds.json`, or a file of Google's own for programs."""

    access_token: SecretStr | None = None
    refresh_token: SecretStr | None = None
    expires_at: float | None = Field(default=None, alias="expiry_date")
    """Unix time in milliseconds."""
    kind: str | None = Field(default=None, alias="type")
    email: str | None = Field(default=None, alias="client_email")


class Accounts(BaseModel):
    """`google_accounts.json`."""

    active: str | None = None


def user_home(environment: Mapping[str, str]) -> Path:
    """The user's home folder."""
    return Path(environment.get("HOME") or Path.home()).absolute()


def cli_home(environment: Mapping[str, str]) -> Path:
    """The folder that the CLI takes for it."""
    return Path(environment.get(HOME_VARIABLE) or user_home(environment)).absolute()


def read(path: Path, model: type[StoreT]) -> StoreT | None:
    """A file's content, None where there is no such file; as to the CLI, comments are none of it.

    Raises:
        UnreadableStoreError: It cannot be understood.
    """
    raw = content(path)
    return None if raw is None else understood(path, raw, model)


def understood(path: Path, raw: bytes, model: type[StoreT]) -> StoreT:
    """What has been read from a file.

    Raises:
        UnreadableStoreError: It cannot be understood.
    """
    plain = _STRING_OR_COMMENT.sub(r"\1", raw.decode("utf-8", "replace"))
    return parsed(path, plain.encode(), model, "gemini")


def judged(tokens: Tokens, store: Path, *, account: str, licensed: bool) -> LoginStatus:
    """What a stored login is worth; `licensed`: whether a project is named, as licensed accounts need."""
    renewable = bool(tokens.refresh_token and tokens.refresh_token.get_secret_value())
    expired = tokens.expires_at is not None and tokens.expires_at <= time.time() * 1000
    usable = renewable or (not expired and bool(tokens.access_token and tokens.access_token.get_secret_value()))
    problem = ""
    if not usable:
        problem = f"The login in {store} {'has expired and cannot be renewed' if expired else 'holds no token'}."
    elif not licensed:
        problem = (
            "Google ended this login for personal accounts (free, AI Pro, AI Ultra) on 2026-06-18; "
            f"a licensed account needs {PROJECT_VARIABLES[0]}."
        )
    return LoginStatus(
        logged_in=usable,
        method=GOOGLE if usable else "none",
        account=account,
        # A token of an hour, which the CLI renews unasked: its end matters only where it cannot.
        expires_at=None if renewable or tokens.expires_at is None else tokens.expires_at / 1000,
        source=str(store),
        problem=problem,
        login_command=LOGIN_COMMAND,
    )
