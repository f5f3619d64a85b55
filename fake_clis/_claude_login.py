"""Who is logged in, found where `claude` 2.1.330 looks for it, and `claude auth status`."""

from __future__ import annotations

import json
import os
from typing import NamedTuple


class Login(NamedTuple):
    """The credential a model call would carry; `method` is the vendor's word, "none" without one."""

    method: str
    token: str = ""
    subscription: str = ""
    tier: str = ""


def config_folder() -> str:
    """Where `claude` keeps its own files."""
    home = os.environ.get("HOME", "")
    return os.environ.get("CLAUDE_CONFIG_DIR") or os.path.join(home, ".claude")  # noqa: PTH118 -- slow to import


def find(*, bare: bool = False) -> Login:
    """The login as it is now: the file is read again for every turn. `bare` (--bare) takes API keys alone."""
    environment = os.environ
    if environment.get("ANTHROPIC_API_KEY"):
        return Login("api_key", environment["ANTHROPIC_API_KEY"])
    if bare or environment.get("CLAUDE_CODE_SIMPLE"):
        return Login("none")
    token = environment.get("ANTHROPIC_AUTH_TOKEN") or environment.get("CLAUDE_CODE_OAUTH_TOKEN")
    return Login("oauth_token", token) if token else _stored()


def _stored() -> Login:
    try:
        with open(f"{config_folder()}/.credentials.json", "rb") as file:  # noqa: PTH123 -- slow to import
            stored = json.load(file)["claudeAiOauth"]
        return Login(
            "claude.ai", stored["accessToken"], stored.get("subscriptionType") or "", stored.get("rateLimitTier") or ""
        )
    except (OSError, ValueError, KeyError, TypeError):  # a broken file is no login, to `claude` too
        return Login("none")


def account(login: Login) -> dict[str, str]:
    """What the reply to `initialize` says of the account."""
    if login.method == "claude.ai":
        return {"subscriptionType": f"Claude {login.subscription.capitalize()}", "apiProvider": "firstParty"}
    if login.method == "api_key":
        return {"tokenSource": "none", "apiKeySource": "ANTHROPIC_API_KEY", "apiProvider": "firstParty"}
    known = os.environ.get("CLAUDE_CODE_OAUTH_TOKEN") and login.method == "oauth_token"
    return {"tokenSource": "CLAUDE_CODE_OAUTH_TOKEN" if known else "none", "apiProvider": "firstParty"}


def auth(arguments: list[str]) -> int:
    """`claude auth login` and `claude auth status`; the exit status."""
    if arguments[0] == "status":
        return auth_status(arguments[1:])
    import _sign_in  # noqa: PLC0415 -- a model call needs none of it

    return _sign_in.claude(config_folder())


def auth_status(arguments: list[str]) -> int:
    """`claude auth status [--json|--text]`: prints, returns the exit status. No network."""
    for argument in arguments:
        if argument not in {"--json", "--text"}:
            os.write(2, f"error: unknown option '{argument}'\n".encode())
            return 1
    login = find()
    text = _status_text(login) if "--text" in arguments else json.dumps(_status(login), indent=2)
    os.write(1, f"{text}\n".encode())
    return 1 if login.method == "none" else 0


def _status_text(login: Login) -> str:
    if login.method == "none":
        return "Not logged in. Run claude auth login to authenticate."
    return f"Login method: Claude {login.subscription.capitalize()} account"


def _status(login: Login) -> dict[str, object]:
    status: dict[str, object] = {
        "loggedIn": login.method != "none",
        "authMethod": login.method,
        "apiProvider": "firstParty",
        "analyticsDisabled": True,
        "projectsDirectory": f"{config_folder()}/projects",
        "configDirectory": config_folder(),
        "loginExpiresAt": None,
        "consoleProfileSignInOffered": True,
    }
    if login.method == "api_key":
        status["apiKeySource"] = "ANTHROPIC_API_KEY"
    if login.method == "claude.ai":
        status |= {"email": None, "orgId": None, "orgName": None, "subscriptionType": login.subscription}
        status |= {"storedClaudeAiLogin": True, "planTier": login.tier.removeprefix("default_claude_")}
    return status
