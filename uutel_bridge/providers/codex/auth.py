"""Where Codex keeps its login. Reads, never writes, and lets no token out.

Measured on codex 0.169.0: `auth.json` in CODEX_HOME, or a keyring where the user's `config.toml` says so. Keys in the
environment (OPENAI_API_KEY, CODEX_API_KEY) are no login to `codex app-server`.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import orjson
from pydantic import BaseModel, Field, SecretStr

from uutel_bridge.core.auth import Account, LoginStatus
from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.core.locate import COMMON, child_environment, empty_cwd
from uutel_bridge.core.process import LaunchPlan, run
from uutel_bridge.core.stores import UnreadableStoreError, store
from uutel_bridge.providers.codex.failures import LOGIN_COMMAND

FOLDER_VARIABLE = "CODEX_HOME"
_CLAIMS = "https://api.openai.com/auth"
_KEYRING = re.compile(r"^\s*cli_auth_credentials_store\s*=\s*[\"'](?:keyring|auto)[\"']", re.MULTILINE)
_ACCOUNT_SECONDS = 10.0
_METHODS: Mapping[str, str] = {"Logged in using ChatGPT": "chatgpt", "API key": "apikey", "Not logged in": "none"}
"""The kind of login by what `codex login status` says."""


class _Tokens(BaseModel):
    id_token: SecretStr = SecretStr("")
    access_token: SecretStr = Field(min_length=1)
    refresh_token: SecretStr | None = None


class _Login(BaseModel):
    """`auth.json`."""

    api_key: SecretStr | None = Field(default=None, alias="OPENAI_API_KEY")
    tokens: _Tokens | None = None


class CodexAuth:
    """The login of the `codex` command."""

    def status(self, environment: Mapping[str, str], /) -> LoginStatus:
        """What the store says, without starting the CLI and without the network."""
        path = auth_file(environment)
        try:
            login = store(path, _Login, "codex")
        except UnreadableStoreError as exc:
            return _absent(path, str(exc))
        if login is None:
            return _absent(path, _keyring(path.with_name("config.toml")))
        return _judge(login, path)

    async def account(
        self, executable: str, environment: Mapping[str, str], /, *, pass_env: Iterable[str] = ()
    ) -> Account:
        """What `codex login status` says. Makes no network call; 0.1 s. It names no plan.

        Raises:
            CLINotFound: There is no such executable.
            ProtocolError: It printed something else than a status.
            VendorTimeout: It printed nothing in time.
        """
        child = child_environment(environment, allow=(*COMMON, FOLDER_VARIABLE), pass_env=pass_env)
        done = await run(LaunchPlan((executable, "login", "status"), child, cwd=empty_cwd()), timeout=_ACCOUNT_SECONDS)
        printed = f"{done.stdout}{done.stderr}".strip()
        method = next((method for said, method in _METHODS.items() if said in printed), None)
        if method is None:
            raise ProtocolError(f"{executable} login status did not print a status.", evidence=printed)
        return Account(done.returncode == 0, method, "", "")


def auth_file(environment: Mapping[str, str]) -> Path:
    """Where the CLI keeps its login in a file."""
    folder = environment.get(FOLDER_VARIABLE)
    return Path(folder or Path(environment.get("HOME") or Path.home(), ".codex")) / "auth.json"


def _judge(login: _Login, path: Path) -> LoginStatus:
    if login.tokens is None:
        if login.api_key is None or not login.api_key.get_secret_value():
            return _absent(path, f"{path} holds no login.")
        return LoginStatus(logged_in=True, method="apikey", source=str(path), login_command=LOGIN_COMMAND)
    who = _claims(login.tokens.id_token)
    expires_at = _number(_claims(login.tokens.access_token).get("exp"))
    expired = expires_at is not None and expires_at <= time.time()
    renewable = login.tokens.refresh_token is not None and bool(login.tokens.refresh_token.get_secret_value())
    outlook = "codex renews it with the next request" if renewable else "it cannot be renewed"
    return LoginStatus(
        logged_in=renewable or not expired,
        method="chatgpt",
        account=_account(who),
        expires_at=expires_at,
        source=str(path),
        problem=f"The access token in {path} has expired; {outlook}." if expired else "",
        login_command=LOGIN_COMMAND,
    )


def _account(claims: Mapping[str, Any]) -> str:
    """The address and the plan, as far as they are named."""
    email, inner = claims.get("email"), claims.get(_CLAIMS)
    plan = cast("Mapping[str, Any]", inner).get("chatgpt_plan_type") if isinstance(inner, Mapping) else None
    return " ".join(each for each in (email, f"({plan})" if plan else None) if isinstance(each, str))


def _claims(token: SecretStr) -> Mapping[str, Any]:
    """What a token says of itself, unverified; nothing where it is not of three parts in JSON."""
    parts = token.get_secret_value().split(".")
    try:
        claims: object = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=="))
    except (IndexError, ValueError):
        return {}
    return cast("Mapping[str, Any]", claims) if isinstance(claims, Mapping) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _keyring(config: Path) -> str:
    try:
        chosen = _KEYRING.search(config.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    return (
        "This login may be in a keyring, which cannot be lent to a sealed codex; keep it in a file." if chosen else ""
    )


def _absent(path: Path, problem: str = "") -> LoginStatus:
    return LoginStatus(logged_in=False, method="none", source=str(path), problem=problem, login_command=LOGIN_COMMAND)
