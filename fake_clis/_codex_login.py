"""Who is logged in, found where `codex` 0.169.0 looks for it, `codex login status`, and the refresh of a login."""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from typing import Any

from _codex_options import Refused

CLIENT_ID = "app_EMoamEEZ73f0CkXaXp7hrann"
_LOCK = threading.Lock()


def home() -> str:
    """Where `codex` keeps its own files."""
    return os.environ.get("CODEX_HOME") or f"{os.environ.get('HOME', '')}/.codex"


def check_home() -> None:
    """A CODEX_HOME that is not there is refused."""
    if os.environ.get("CODEX_HOME") and not os.path.isdir(home()):  # noqa: PTH112 -- pathlib costs start-up time
        raise Refused(f'Error: CODEX_HOME points to "{home()}", but that path does not exist', 1)


def stored() -> dict[str, Any] | None:
    """The login file; None: there is none that can be read."""
    try:
        with open(f"{home()}/auth.json", "rb") as file:  # noqa: PTH123 -- pathlib costs start-up time
            return dict(json.load(file))
    except (OSError, ValueError, TypeError):
        return None


def login(arguments: list[str]) -> int:
    """`codex login` and `codex login status`; the exit status."""
    if arguments:
        return status()
    import _sign_in  # noqa: PLC0415 -- a model call needs none of it

    return _sign_in.codex(home())


def status() -> int:
    """`codex login status`: all of it on stderr."""
    login = stored()
    if login is None:
        os.write(2, b"Not logged in\n")
        return 1
    by_key = login.get("OPENAI_API_KEY") and not login.get("tokens")
    os.write(2, b"API key configured - ***\n" if by_key else b"Logged in using ChatGPT\n")
    return 0


def headers() -> dict[str, str]:
    """What a model request carries; nothing where nobody is logged in."""
    login = stored() or {}
    tokens = login.get("tokens") or {}
    if tokens.get("access_token"):
        carried = {"authorization": f"Bearer {tokens['access_token']}"}
        return carried | ({"chatgpt-account-id": tokens["account_id"]} if tokens.get("account_id") else {})
    key = login.get("OPENAI_API_KEY")
    return {"authorization": f"Bearer {key}"} if key else {}


def account() -> dict[str, Any] | None:
    """What `account/read` says of the login."""
    login = stored() or {}
    tokens = login.get("tokens") or {}
    if not tokens:
        return {"type": "apiKey"} if login.get("OPENAI_API_KEY") else None
    claims = _claims(tokens.get("id_token", ""))
    plan = (claims.get("https://api.openai.com/auth") or {}).get("chatgpt_plan_type")
    return {"type": "chatgpt", "email": claims.get("email"), "planType": plan, "workspaceName": None}


def refresh_if_expired() -> None:
    """Before a turn: a token whose time is over is exchanged."""
    with _LOCK:
        tokens = (stored() or {}).get("tokens") or {}
        if _claims(tokens.get("access_token", "")).get("exp", time.time() + 1) < time.time():
            _refresh("proactive_expiry")


def refresh_after_401() -> bool:
    """After a request that was refused: whether there is a new token."""
    with _LOCK:
        return bool((stored() or {}).get("tokens")) and _refresh("unauthorized_recovery")


def _refresh(reason: str) -> bool:
    """Exchange the refresh token; the file is written in place, so that a link to it stays one."""
    login = stored() or {}
    wanted = {"client_id": CLIENT_ID, "grant_type": "refresh_token", "refresh_reason": reason}
    wanted["refresh_token"] = login["tokens"].get("refresh_token")
    answer = _post(os.environ.get("CODEX_REFRESH_TOKEN_URL_OVERRIDE", ""), wanted)
    if answer is None:
        os.write(2, b"ERROR codex_login::auth::manager: Failed to refresh token\n")
        return False
    login["tokens"] |= answer
    login["last_refresh"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with open(f"{home()}/auth.json", "w", encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
        json.dump(login, file)
    return True


def _post(url: str, body: dict[str, Any]) -> dict[str, str] | None:
    import http.client  # noqa: PLC0415 -- 20 ms that a start does not need

    scheme, _, rest = url.partition("://")
    if scheme != "http":  # the real one would leave the machine
        return None
    host, _, path = rest.partition("/")
    connection = http.client.HTTPConnection(host)
    try:
        connection.request("POST", f"/{path}", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return answer if response.status == 200 else None


def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))
    except ValueError:
        return {}
