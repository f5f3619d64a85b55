"""One model request: answered by the scenario table in this process, or by the server that the login names.

Its steps are those of `_server_calls`, with a head of ("head", status, body where it was refused); an answer may end
with ("error", body) or ("no_json",) as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import _acp_login as login
import _gemini_scenarios as scenarios
import _server_calls as calls
import _server_mischief as mischief
from _acp_options import Settings
from _server_calls import Body, Call, Step

for _name in mischief.ANSWERING:  # the model itself has no part in them
    scenarios.SCENARIOS[_name] = scenarios.SCENARIOS["text"]


class API(calls.Requests):
    """Makes model requests."""

    def ask(self, settings: Settings, model: str, body: Body, method: str = "streamGenerateContent") -> Call:
        """One request; nothing is sent before its steps are walked."""
        url = login.url(settings, model, method)
        sent = body
        if login.kind(settings) in login.CODE_ASSIST:
            request = {**body, "session_id": ""}
            sent = {"model": model, "project": "fake-project", "user_prompt_id": "fake", "request": request}
        named = {**body, "model": model}
        self.record("/" + url.partition("://")[2].partition("/")[2], named)
        if url.startswith("http://"):
            return OverHTTP(f"{url}?alt=sse", sent, login.headers(settings))
        return InProcess(named, scenarios.reply(named, self.count(scenarios.marker(body))))


class _Headless(Call):
    """The CLI looks at no headers."""

    def head(self, status: int, headers: Iterable[tuple[str, str]], refused: str) -> Step:
        """Without them."""
        return ("head", status, refused)


class InProcess(_Headless, calls.InProcess):
    """Answered here."""

    def last(self, raw: bytes) -> Step:
        """An error that is no event, or no JSON."""
        return _unnamed(raw) or ("no_json",)


class OverHTTP(_Headless, calls.OverHTTP):
    """Answered by a server."""

    def events(self, response: Any) -> Iterator[Step]:
        """Its events, up to what is none."""
        try:
            yield from _events(response)
        except ValueError:
            yield ("no_json",)


def _events(response: Any) -> Iterator[Step]:
    rest = b""
    while data := response.read1(65536):
        unnamed = _unnamed(data)
        if unnamed:
            yield unnamed
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                event = json.loads(line[5:])
                yield ("event", event.get("response", event))


def _unnamed(data: bytes) -> Step | None:
    """The step of an error that is no event; it is seen where it came by itself."""
    try:
        return ("error", json.loads(data))
    except ValueError:
        return None
