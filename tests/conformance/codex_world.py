"""The world of Codex, and a request to the Responses API as the caller would put it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import uutel_bridge
from tests.conformance.processes import wait_until_unused
from tests.conformance.world import Body, World, real_cli
from tests.emulators.recording import Recorded
from tests.emulators.refusing_proxy import RefusingProxy
from tests.emulators.responses_api import ResponsesAPI
from uutel_bridge import testing

ON_CODEX = pytest.mark.parametrize(
    "world",
    ["fake codex", pytest.param("real codex", marks=pytest.mark.real_cli)],
    indirect=True,
    scope="package",
)
"""For a module whose tests are Codex's."""

_IDS = {"authorization", "client_metadata", "content-length", "host", "prompt_cache_key", "session-id", "thread-id"}
_IDS |= {"x-client-request-id", "x-codex-turn-metadata", "x-codex-window-id"}
_CHANGING = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Item = dict[str, Any]


class CodexWorld(World):
    """Codex, fake or real, against an emulator of the Responses API."""

    def bodies(self, marker: str) -> list[CodexBody]:
        """What the model was sent with this marker in it, in order."""
        return [CodexBody(recorded) for recorded in self.api.of(marker)]

    def body(self, marker: str) -> CodexBody:
        """What the model was sent, once."""
        (body,) = self.bodies(marker)
        return body

    def wire(self, marker: str) -> dict[str, Any]:
        """All of a request, once, but for what is different in each: comparable with any other."""
        body = self.body(marker)
        parts = {"body": body.raw, "headers": body.headers}
        stable = {
            part: {name: value for name, value in fields.items() if name not in _IDS} for part, fields in parts.items()
        }
        text = json.dumps(stable, ensure_ascii=False).replace(marker, "MARKER")
        return json.loads(_CHANGING.sub("ID", text))


class CodexBody(Body):
    """A request to the Responses API without the ids that the CLI gives to everything."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(recorded)
        plain = [{name: value for name, value in item.items() if name != "id"} for item in self.raw["input"]]
        self._own = [item for item in plain if item.get("role") == "developer"]
        self.items: list[Item] = [item for item in plain if item.get("role") != "developer"]
        """The conversation, item by item."""

    @property
    def system(self) -> list[str]:
        """The caller's instructions."""
        return [part["text"] for item in self._own for part in item["content"]]

    @property
    def turns(self) -> list[tuple[str, list[str]]]:
        """Role and texts of each message; of what is no text, its kind."""
        messages = [item for item in self.items if item["type"] == "message"]
        return [(each["role"], [part.get("text", part["type"]) for part in each["content"]]) for each in messages]

    @property
    def tools(self) -> dict[str, dict[str, Any]]:
        """The functions that the model may call, by their names."""
        return {tool["name"]: tool for tool in self.raw["tools"]}

    @property
    def parameters(self) -> dict[str, Any]:
        """All but the conversation and the CLI's ids."""
        return {name: value for name, value in self.raw.items() if name not in _IDS | {"input"}}


@contextmanager
def codex(kind: str) -> Iterator[World]:
    """Codex, fake or real, logged in with a made-up token, with no way off this machine."""
    executable = real_cli("codex") if kind == "real" else testing.fakes_folder() / "codex"
    with testing.fake_clis() as home, ResponsesAPI() as api, RefusingProxy() as proxy:
        os.environ |= {
            "UUTEL_CODEX__EXECUTABLE": str(executable),
            "UUTEL_CODEX__API_BASE": api.url,
            "UUTEL_CODEX__SPARES": "0",
            "UUTEL_CODEX__PASS_ENV": "CODEX_REFRESH_TOKEN_URL_OVERRIDE",
            "CODEX_REFRESH_TOKEN_URL_OVERRIDE": f"{api.url}/oauth/token",
            **proxy.environment,
        }
        yield CodexWorld(kind, "uutel/codex/gpt-6.1-sol", api, proxy, home)
        uutel_bridge.close()
        assert proxy.attempts == [], f"tried to leave the machine: {proxy.attempts}"
        wait_until_unused(home)
