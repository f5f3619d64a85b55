"""An emulator of OpenAI's Responses API, and of what Codex asks besides, that records what it is asked.

`python -m tests.emulators.responses_api` serves until its stdin ends; its first line of output is its URL.
"""

from __future__ import annotations

import base64
import importlib
import json
import sys
import time
from typing import Any

from tests.emulators.recording import FAKES, Emulator, Recorded, serve

__all__ = ["ACCOUNT", "Recorded", "ResponsesAPI", "id_token", "scenarios"]

ACCOUNT = "11111111-2222-4333-8444-555555555555"
"""The ChatGPT account of every login that is made up here."""

sys.path.append(str(FAKES))
scenarios: Any = importlib.import_module("_responses_scenarios")
for _name in importlib.import_module("_server_mischief").ANSWERING:  # the CLI misbehaves, the model has no part in it
    scenarios.SCENARIOS[_name] = scenarios.SCENARIOS["text"]


class ResponsesAPI(Emulator):
    """`POST .../responses`, under any base path."""

    scenarios = scenarios

    def is_model_request(self, method: str, path: str) -> bool:
        """Whether this asks the model."""
        return method == "POST" and path.endswith("/responses")

    def plain_answer(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        """A refreshed login; anything else is not here."""
        if (recorded.method, recorded.path) != ("POST", "/oauth/token"):
            return 404, {}
        token = id_token()
        return 200, {"id_token": token, "access_token": token, "refresh_token": "refreshed-refresh-token"}


def id_token(lifetime: float = 3600) -> str:
    """A made-up token whose claims say what Codex looks for; valid for `lifetime` seconds."""
    account = {"chatgpt_account_id": ACCOUNT, "chatgpt_plan_type": "plus", "chatgpt_user_id": "user-made-up"}
    claims = {
        "exp": int(time.time() + lifetime),
        "email": "nobody@example.invalid",
        "https://api.openai.com/auth": account,
    }
    parts = [{"alg": "none", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


if __name__ == "__main__":
    serve(ResponsesAPI())
