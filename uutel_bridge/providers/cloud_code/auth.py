"""Which credential goes to the Code Assist service, and where it is kept. Reads, never writes.

The first of these that there is: the caller's own token, one in the environment, a file of Google's for programs, the
login that the Gemini CLI has stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, Field, SecretStr

from uutel_bridge.core.auth import LoginStatus
from uutel_bridge.core.stores import UnreadableStoreError, content, parsed
from uutel_bridge.gemini_api.failures import LOGIN_COMMAND
from uutel_bridge.gemini_api.login_files import (
    ACCOUNTS,
    ADC_VARIABLE,
    ENCRYPT_VARIABLE,
    ENCRYPTED,
    FOLDER,
    GCLOUDS,
    GOOGLE,
    PROJECT_VARIABLES,
    TOKEN_VARIABLE,
    TOKENS,
    Accounts,
    Tokens,
    cli_home,
    judged,
    read,
    understood,
    user_home,
)

TOKEN_COMMAND = "gcloud auth print-access-token"  # noqa: S105  # what prints one
ADC_COMMAND = "gcloud auth application-default login"

_SERVICE_ACCOUNT = "service_account"
_TYPES = frozenset({
    _SERVICE_ACCOUNT,
    "authorized_user",
    "external_account",
    "external_account_authorized_user",
    "impersonated_service_account",
})
"""Google's words for what such a file may hold."""
_NOT_A_PERSON = "Google gives licences for Code Assist to people; a service account is usually refused."


class _GoogleFile(BaseModel):
    """A file of Google's for programs, as far as it says who it is about."""

    kind: str | None = Field(default=None, alias="type")
    email: str | None = Field(default=None, alias="client_email")
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A credential, or why there is none."""

    kind: Literal["token", "file", "stored", "none"]
    """`file` is one of Google's for programs, `stored` the login of the Gemini CLI."""
    status: LoginStatus
    path: Path | None = None
    """Where it is, if in a file."""
    secret: SecretStr | None = None
    """The token, or what is in the file of Google's. Of a stored login nothing: it changes every hour."""

    @property
    def identity(self) -> str:
        """The same as long as the login is; says nothing of it."""
        secret = self.secret.get_secret_value() if self.secret else ""
        told = "\0".join((self.kind, str(self.path or ""), self.status.account, secret))
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


class CloudCodeAuth:
    """The login for Code Assist."""

    def status(self, environment: Mapping[str, str], /) -> LoginStatus:
        """What the environment and the stores say; starts nothing, asks nobody."""
        return find(environment).status


def find(environment: Mapping[str, str], api_key: SecretStr | None = None, *, project: str = "") -> Found:
    """The credential of a request.

    Args:
        environment: The caller's own.
        api_key: An access token that goes before all others.
        project: The Google Cloud project, where the settings or the caller name one.
    """
    if api_key:
        return _token(api_key, "api_key")
    if token := environment.get(TOKEN_VARIABLE):
        return _token(SecretStr(token), TOKEN_VARIABLE)
    licensed = bool(project) or any(environment.get(name) for name in PROJECT_VARIABLES)
    file = _of_google(environment)
    return file or _stored(cli_home(environment) / FOLDER, environment, licensed=licensed)


def _token(token: SecretStr, source: str) -> Found:
    status = LoginStatus(logged_in=True, method="access_token", source=source, login_command=TOKEN_COMMAND)
    return Found(kind="token", status=status, secret=token)


def _of_google(environment: Mapping[str, str]) -> Found | None:
    """Application Default Credentials; None where none are named, and gcloud has none."""
    named, own = environment.get(ADC_VARIABLE), environment.get("CLOUDSDK_CONFIG")
    gclouds = user_home(environment) / GCLOUDS
    path = Path(named).absolute() if named else Path(own).absolute() / gclouds.name if own else gclouds
    try:
        raw = content(path)
        if raw is not None:
            return _judged(path, raw, parsed(path, raw, _GoogleFile, "Google"))
    except UnreadableStoreError as exc:
        return _absent(path, str(exc), ADC_COMMAND)
    return _absent(path, f"There is no {path}, which {ADC_VARIABLE} names.", ADC_COMMAND) if named else None


def _judged(path: Path, raw: bytes, file: _GoogleFile) -> Found:
    if file.kind not in _TYPES:
        return _absent(path, f"{path} holds no credentials for Google's services.", ADC_COMMAND)
    status = LoginStatus(
        logged_in=True,
        method=file.kind,
        account=file.email or file.account or "",
        source=str(path),
        problem=_NOT_A_PERSON if file.kind == _SERVICE_ACCOUNT else "",
        login_command=ADC_COMMAND,
    )
    return Found(kind="file", status=status, path=path, secret=SecretStr(raw.decode()))


def _stored(folder: Path, environment: Mapping[str, str], *, licensed: bool) -> Found:
    store, encrypted = folder / TOKENS, folder / ENCRYPTED
    if environment.get(ENCRYPT_VARIABLE) == "true":
        return _sealed(encrypted, f"keeps its login encrypted, as {ENCRYPT_VARIABLE} is set, and nobody else reads it")
    try:
        raw = content(store)
        if raw is None:
            return _none_stored(store, encrypted)
        account = _account(folder)
        if _is_whole(raw):
            status = judged(understood(store, raw, Tokens), store, account=account, licensed=licensed)
        else:
            status = _being_written(store, account)
    except UnreadableStoreError as exc:
        return _absent(store, str(exc), LOGIN_COMMAND)
    return Found(kind="stored", status=status, path=store)


def _none_stored(store: Path, encrypted: Path) -> Found:
    if encrypted.is_file():
        return _sealed(encrypted, f"may keep its login encrypted in {encrypted}, and nobody else reads that")
    others = f"no {TOKEN_VARIABLE}, no {ADC_VARIABLE} and no login of gcloud"
    return _absent(store, f"There is no login of the Gemini CLI in {store}, {others}.", LOGIN_COMMAND)


def _is_whole(raw: bytes) -> bool:
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return True


def _being_written(store: Path, account: str) -> LoginStatus:
    """The CLI empties the file before it writes it: whoever needs the token looks again."""
    return LoginStatus(
        logged_in=True,
        method=GOOGLE,
        account=account,
        source=str(store),
        problem=f"{store} is just being written, or broken.",
        login_command=LOGIN_COMMAND,
    )


def _account(folder: Path) -> str:
    """Whose login it is, where the CLI says so; it may be writing that, too."""
    try:
        return (read(folder / ACCOUNTS, Accounts) or Accounts()).active or ""
    except UnreadableStoreError:
        return ""


def _sealed(source: Path, how: str) -> Found:
    return _absent(
        source,
        f"The Gemini CLI {how}. Unset {ENCRYPT_VARIABLE} before you log in to it again, or set {TOKEN_VARIABLE}.",
        LOGIN_COMMAND,
    )


def _absent(source: Path, problem: str, login_command: str) -> Found:
    status = LoginStatus(
        logged_in=False, method="none", source=str(source), problem=problem, login_command=login_command
    )
    return Found(kind="none", status=status)
