"""One model request: answered by the scenario table in this process, or by the server of the configured provider.

Its steps are those of `_server_calls`, with a head of ("head", status, headers, body where it was refused); where there
is no server, the one step is ("refused",).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import _codex_login as login
import _responses_scenarios as scenarios
import _server_calls as calls
import _server_mischief as mischief
from _server_calls import Body, Call, Step

for _name in mischief.ANSWERING:  # the model itself has no part in them
    scenarios.SCENARIOS[_name] = scenarios.SCENARIOS["text"]


class MissingKey(Exception):
    """The provider wants a key from a variable that is not set."""


class API(calls.Requests):
    """Makes model requests."""

    def __init__(self, provider: dict[str, Any]) -> None:
        super().__init__()
        self.provider = provider
        self.url = f"{provider.get('base_url', '')}/responses"

    def ask(self, body: Body, headers: dict[str, str]) -> Call:
        """One request; nothing is sent before its steps are walked."""
        self.record("/responses", body)
        if self.url.startswith("http://"):
            return OverHTTP(self.url, body, {"accept": "text/event-stream", **self._authorization(), **headers})
        return InProcess(body, scenarios.reply(body, self.count(scenarios.marker(body))))

    def _authorization(self) -> dict[str, str]:
        name = self.provider.get("env_key")
        if self.provider.get("requires_openai_auth") or not name:
            return login.headers()
        if not os.environ.get(name):
            raise MissingKey(name)
        return {"authorization": f"Bearer {os.environ[name]}"}


class InProcess(calls.InProcess):
    """Answered here."""

    def last(self, raw: bytes) -> None:
        """None: data that is no JSON is skipped."""


class OverHTTP(calls.OverHTTP):
    """Answered by a server."""

    unreachable = ("refused",)

    def events(self, response: Any) -> Iterator[Step]:
        """Its events; what is no JSON is skipped, as the real one does."""
        for line in _lines(response):
            if not line.startswith(b"data:"):
                continue
            try:
                event = json.loads(line[5:])
            except ValueError:
                continue
            yield ("event", event)


def _lines(response: Any) -> Iterator[bytes]:
    rest = b""
    while data := response.read1(65536):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
