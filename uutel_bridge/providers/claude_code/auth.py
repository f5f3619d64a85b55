"""Where Claude Code keeps its login. Reads, never writes, and lets no token out.

Measured on claude 2.1.330: CLAUDE_CODE_OAUTH_TOKEN wins over `.credentials.json`, and that over the API key that a
Console login leaves in `.claude.json`. A token without the scope `user:inference` is no login to it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson
from pydantic import BaseModel, Field, SecretStr

from uutel_bridge.core.auth import Account, LoginStatus
from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.core.locate import COMMON, child_environment, empty_cwd
from uutel_bridge.core.process import LaunchPlan, run
from uutel_bridge.core.stores import UnreadableStoreError, store
from uutel_bridge.providers.claude_code.failures import LOGIN_COMMAND

LOGIN_VARIABLES = ("CLAUDE_CONFIG_DIR", "CLAUDE_CODE_OAUTH_TOKEN")
"""Variables that say where the login is, or are it. ANTHROPIC_API_KEY is not among them: it would replace the login."""
_TOKEN_VARIABLE = "CLAUDE_CODE_OAUTH_TOKEN"  # noqa: S105 - a name
_SCOPE = "user:inference"
_QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
_ACCOUNT_SECONDS = 10.0


class _Login(BaseModel):
    access_token: SecretStr = Field(alias="accessToken", min_length=1)
    refresh_token: SecretStr | None = Field(default=None, alias="refreshToken")
    expires_at: float | None = Field(default=None, alias="expiresAt")
    """Unix time in milliseconds, as the next one."""
    refresh_expires_at: float | None = Field(default=None, alias="refreshTokenExpiresAt")
    scopes: tuple[str, ...] = ()
    subscription: str | None = Field(default=None, alias="subscriptionType")


class _Credentials(BaseModel):
    """`.credentials.json`."""

    login: _Login | None = Field(default=None, alias="claudeAiOauth")


class _Config(BaseModel):
    """`.claude.json`."""

    api_key: SecretStr | None = Field(default=None, alias="primaryApiKey")


class _AuthStatus(BaseModel):
    """What `claude auth status` prints."""

    logged_in: bool = Field(alias="loggedIn")
    method: str = Field(alias="authMethod")
    email: str | None = None
    subscription: str | None = Field(default=None, alias="subscriptionType")


class ClaudeCodeAuth:
    """The login of the `claude` command."""

    def status(self, environment: Mapping[str, str], /) -> LoginStatus:
        """What the stores say, without starting the CLI and without the network."""
        if environment.get(_TOKEN_VARIABLE, "").strip():
            return _present("oauth_token", _TOKEN_VARIABLE)
        folder = environment.get("CLAUDE_CONFIG_DIR")
        home = Path(environment.get("HOME") or Path.home())
        credentials = (Path(folder) if folder else home / ".claude") / ".credentials.json"
        config = (Path(folder) if folder else home) / ".claude.json"
        try:
            return _stored(credentials, config)
        except UnreadableStoreError as exc:
            return _absent(str(exc.path), str(exc))

    async def account(
        self, executable: str, environment: Mapping[str, str], /, *, pass_env: Iterable[str] = ()
    ) -> Account:
        """What `claude auth status` says. Makes no network call; 0.2-0.3 s.

        Raises:
            CLINotFound: There is no such executable.
            ProtocolError: It printed something else than a status.
            VendorTimeout: It printed nothing in time.
        """
        allow = (*COMMON, *LOGIN_VARIABLES)
        child = child_environment(environment, allow=allow, pass_env=pass_env, extra=_QUIET)
        done = await run(LaunchPlan((executable, "auth", "status"), child, cwd=empty_cwd()), timeout=_ACCOUNT_SECONDS)
        try:
            status = _AuthStatus.model_validate(orjson.loads(done.stdout))
        except ValueError as exc:
            evidence = f"{done.stdout}{done.stderr}".strip()
            raise ProtocolError(f"{executable} auth status did not print a status.", evidence=evidence) from exc
        return Account(status.logged_in, status.method, status.email or "", status.subscription or "")


def _stored(credentials: Path, config: Path) -> LoginStatus:
    login = (store(credentials, _Credentials, "claude") or _Credentials()).login
    if login and _SCOPE in login.scopes:
        return _judge(login, str(credentials))
    if (store(config, _Config, "claude") or _Config()).api_key:
        return _present("api_key", str(config))
    if login:
        return _absent(str(credentials), f"The login in {credentials} is not for requests: it lacks {_SCOPE}.")
    if sys.platform == "darwin":
        # Reading the Keychain may ask the user for leave; the CLI reports a missing login at once anyway.
        return _present("keychain", "macOS Keychain (not read)")
    return _absent(str(credentials))


def _judge(login: _Login, source: str) -> LoginStatus:
    now = time.time() * 1000
    expired = login.expires_at is not None and login.expires_at <= now
    renewable = bool(login.refresh_token) and (login.refresh_expires_at is None or login.refresh_expires_at > now)
    problem = ""
    if expired:
        outlook = "claude renews it with the next request" if renewable else "it cannot be renewed"
        problem = f"The access token in {source} has expired; {outlook}."
    return LoginStatus(
        logged_in=renewable or not expired,
        method="claude.ai",
        account=login.subscription or "",
        expires_at=None if login.expires_at is None else login.expires_at / 1000,
        source=source,
        problem=problem,
        login_command=LOGIN_COMMAND,
    )


def _present(method: str, source: str) -> LoginStatus:
    return LoginStatus(logged_in=True, method=method, source=source, login_command=LOGIN_COMMAND)


def _absent(source: str, problem: str = "") -> LoginStatus:
    return LoginStatus(logged_in=False, method="none", source=source, problem=problem, login_command=LOGIN_COMMAND)
