"""A stored login is renewed by the CLI that it belongs to, and by nobody else.

Measured on gemini 0.61.0: as a server it renews a token with less than five minutes left in it before it answers to
`initialize`, and rewrites the file then.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from uutel_bridge.core.errors import CLINotFound, LoginExpired, UUError
from uutel_bridge.core.locate import COMMON, child_environment, find
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.core.rpc import Dialogue
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.gemini_api.failures import LOGIN_COMMAND
from uutel_bridge.gemini_api.login_files import (
    ACCOUNTS,
    FOLDER,
    GOOGLE,
    HOME_VARIABLE,
    TOKENS,
)

_SECONDS = 120.0
"""It takes a second or two; a busy machine may need much longer."""
_CWD = "w"
_ENVIRONMENT = {
    "GEMINI_CLI_NO_RELAUNCH": "true",  # else it is a parent that heeds no signal, and a child
    "GEMINI_CLI_TRUST_WORKSPACE": "true",  # else our empty .env is not heeded, and those of the folders above are
    "NO_BROWSER": "true",  # else it opens one where the login is no longer good
}
_SETTINGS: Mapping[str, Any] = {
    "security": {"auth": {"selectedType": GOOGLE}, "folderTrust": {"enabled": False}},
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "tools": {"core": [], "useRipgrep": False, "sandbox": False},
    "hooksConfig": {"enabled": False},
    "skills": {"enabled": False},
    "experimental": {"enableAgents": False},
    "ide": {"enabled": False},
}


async def renew(folder: Path, environment: Mapping[str, str], settings: ProviderSettings) -> None:
    """Start the CLI, and stop it as soon as it is ready.

    Args:
        folder: The CLI's own, in the user's home.
        environment: The caller's.
        settings: Which command it is, and what it gets to see.

    Raises:
        LoginExpired: It could not renew the login, or there is no CLI; the evidence is what it wrote.
    """
    try:
        child = await Child.start(_plan(folder, environment, settings))
        rpc = Dialogue(child, "gemini", hear=lambda _: False, lost=lambda _: None, at_once=1)
        try:
            await rpc.open(_SECONDS, {"protocolVersion": 1, "clientCapabilities": {}})
        finally:
            await rpc.aclose()
    except CLINotFound as exc:
        message = f"The login in {folder} has run out, and only the Gemini CLI can renew it. {exc.message}"
        raise LoginExpired(message, login_command=LOGIN_COMMAND) from exc
    except UUError as exc:
        message = (
            f"The Gemini CLI did not renew the login in {folder}: it is no longer accepted, or Google's sign-in "
            f"service cannot be reached. If it can, log in again: {LOGIN_COMMAND}"
        )
        raise LoginExpired(message, login_command=LOGIN_COMMAND, evidence=exc.evidence) from None


def _plan(folder: Path, environment: Mapping[str, str], settings: ProviderSettings) -> LaunchPlan:
    """A home of its own, in which of the user's there is only the login: through the link, the CLI renews it."""
    executable = find(
        settings.executable,
        "gemini",
        environment=environment,
        install_command="npm install -g @google/gemini-cli",
        provider="cloud-code",
    )
    address = {"CODE_ASSIST_ENDPOINT": settings.api_base} if settings.api_base else {}
    names = [name for name in (TOKENS, ACCOUNTS) if (folder / name).exists()]
    return LaunchPlan(
        argv=(executable, "--acp", "-e", "none", "--allowed-mcp-server-names", "none"),
        env=child_environment(environment, allow=COMMON, pass_env=settings.pass_env, extra={**_ENVIRONMENT, **address}),
        scratch_cwd=_CWD,
        scratch_env=((HOME_VARIABLE, ""), ("TMPDIR", "")),
        files=((f"{FOLDER}/settings.json", orjson.dumps(_SETTINGS)), (f"{_CWD}/{FOLDER}/.env", b"")),
        links=tuple((f"{FOLDER}/{name}", str(folder / name)) for name in names),
    )
