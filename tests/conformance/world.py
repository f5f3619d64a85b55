"""The world that a conformance test runs in: a CLI, fake or real, and what the model would have seen of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import litellm
import pytest

import uutel_bridge
from tests.conformance.processes import wait_until_unused
from tests.emulators.messages_api import MessagesAPI
from tests.emulators.recording import Emulator, Recorded
from tests.emulators.refusing_proxy import RefusingProxy
from uutel_bridge import testing
from uutel_bridge.core.bridge import ProviderStatus
from uutel_bridge.core.pool import Snapshot

REAL_CLIS = Path(__file__).parents[1] / "real_clis" / "node_modules" / ".bin"

ON_FAKE = pytest.mark.parametrize("world", ["fake"], indirect=True, scope="package")
"""For what only the fake can be told to do."""

_ids = count(1)


@dataclass
class World:
    """One CLI against the emulator of its vendor's API."""

    kind: str
    """`fake` or `real`."""
    model: str
    """A model's full name: `uutel/claude-code/sonnet`."""
    api: Emulator
    proxy: RefusingProxy
    home: Path

    def marker(self, scenario: str, **parameters: object) -> str:
        """The words that make the model play a scenario, different each time so that requests can be told apart."""
        given = {**parameters, "id": next(_ids)}
        return f"[[scenario:{' '.join([scenario, *(f'{name}={value}' for name, value in given.items())])}]]"

    def bodies(self, marker: str) -> list[Body]:
        """What the model was sent with this marker in it, in order."""
        return [Body(recorded) for recorded in self.api.of(marker)]

    def body(self, marker: str) -> Body:
        """What the model was sent, once."""
        (body,) = self.bodies(marker)
        return body

    def arrives(self, marker: str) -> None:
        """Wait until the model is asked with this marker."""
        self.api.wait_for(lambda api: bool(api.of(marker)), timeout=60)

    def breaks_off(self, marker: str) -> None:
        """Wait until whoever asked the model with this marker has hung up."""
        self.api.wait_for(lambda api: all(each.cut for each in api.of(marker)), timeout=60)

    async def is_exact(self, prompt: str = "Be exact.") -> None:
        """A request is answered, and is what the caller said and no more."""
        marker = self.marker("echo")
        response = await litellm.acompletion(self.model, [system(prompt), user(f"asked {marker}")], timeout=60)
        assert response.choices[0].message.content == "asked "
        body = self.body(marker)
        assert (body.system, body.turns) == ([prompt], [("user", [f"asked {marker}"])])

    def wire(self, marker: str) -> dict[str, Any]:
        """All of a request, once, but for what is different in each: comparable with any other."""
        body = self.body(marker)
        fields = {name: value for name, value in body.raw.items() if name != "metadata"}
        changing = {"content-length", "host", "x-claude-code-session-id", "x-client-request-id"}
        headers = {name: value for name, value in body.headers.items() if name not in changing}
        text = json.dumps({"body": fields, "headers": headers}, ensure_ascii=False)
        return json.loads(text.replace(marker, "MARKER"))

    @property
    def status(self) -> ProviderStatus:
        """How the provider stands."""
        (status,) = [each for each in uutel_bridge.status() if each.name == self.model.split("/")[1]]
        return status

    @property
    def processes(self) -> Snapshot:
        """How its pool stands."""
        return self.status.processes

    @property
    def processes_started(self) -> int:
        """How many processes the bridge has started since it was last closed."""
        return self.processes.started_total

    @contextmanager
    def settings(self, **variables: str) -> Iterator[None]:
        """Other `UUTEL_*` variables for a while; the bridge starts afresh, before and after."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(f"UUTEL_{name}", value)
            uutel_bridge.close()
            yield
        uutel_bridge.close()


def system(text: str) -> dict[str, Any]:
    """A message that instructs."""
    return {"role": "system", "content": text}


def user(content: Any) -> dict[str, Any]:
    """A message of the user's: text, or a list of parts."""
    return {"role": "user", "content": content}


def assistant(text: str | None, *calls: dict[str, Any]) -> dict[str, Any]:
    """An answer of the model's."""
    return {"role": "assistant", "content": text, **({"tool_calls": list(calls)} if calls else {})}


def call(call_id: str, name: str, arguments: str = "{}") -> dict[str, Any]:
    """A call of a function, in an answer."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(call_id: str, content: Any) -> dict[str, Any]:
    """What a function said to a call."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def function(name: str, description: str = "", **schema: Any) -> dict[str, Any]:
    """A function to be called; without a schema, with one parameter."""
    parameters = schema or {"type": "object", "properties": {"n": {"type": "integer"}}}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


class Body:
    """A request to the Messages API without what the CLI adds to every one of them."""

    def __init__(self, recorded: Recorded) -> None:
        self.raw: dict[str, Any] = recorded.body
        self.headers = recorded.headers

    @property
    def system(self) -> list[str]:
        """The caller's system prompt: the CLI puts two blocks of its own before it."""
        return [block["text"] for block in self.raw["system"][2:]]

    @property
    def turns(self) -> list[tuple[str, list[str]]]:
        """Role and texts of each message of the caller's; the CLI's own have the role system."""
        return [(m["role"], _texts(m["content"])) for m in self.raw["messages"] if m["role"] != "system"]

    @property
    def blocks(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Role and content of each message of the caller's, without marks for the cache, functions by their names."""
        said = [m for m in self.raw["messages"] if m["role"] != "system"]
        return [(m["role"], [_named(block) for block in _unmarked(m["content"])]) for m in said]

    @property
    def tools(self) -> dict[str, dict[str, Any]]:
        """The functions that the model may call, by their names."""
        return {_SERVER.sub("", tool["name"]): tool for tool in self.raw["tools"]}

    @property
    def up_to_breakpoint(self) -> list[str]:
        """What the prompt cache goes by: functions, system prompt, the caller's messages to the newest one marked."""
        said = [m for m in self.raw["messages"] if m["role"] != "system"]
        marked = [n for n, m in enumerate(said) if '"cache_control"' in json.dumps(m)]
        plain = [json.dumps([m["role"], _unmarked(m["content"])]) for m in said]
        before = [json.dumps(self.raw["tools"]), json.dumps(_unmarked(self.raw["system"]))]
        return [*before, *plain[: marked[-1] + 1]]

    @property
    def parameters(self) -> dict[str, Any]:
        """All but the conversation and the CLI's ids."""
        return {name: value for name, value in self.raw.items() if name not in {"messages", "system", "metadata"}}

    @property
    def text(self) -> str:
        """All of it, for what must not be in there."""
        return json.dumps(self.raw, ensure_ascii=False)


_SERVER = re.compile(r"^mcp__t[0-9a-f]{8}__")


def _named(block: dict[str, Any]) -> dict[str, Any]:
    return {**block, "name": _SERVER.sub("", block["name"])} if block["type"] == "tool_use" else block


def _unmarked(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [
        {name: value for name, value in block.items() if name not in {"cache_control", "citations"}} for block in blocks
    ]


def _texts(content: str | list[dict[str, Any]]) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [block["text"] if block["type"] == "text" else block["type"] for block in content]


def real_cli(name: str) -> Path:
    """The real CLI's executable; the test is skipped, or fails where it must not be, without it."""
    executable = REAL_CLIS / name
    if not executable.exists():
        reason = f"no real {name}: npm install --prefix tests/real_clis"
        if os.environ.get("UUTEL_TEST_REAL_CLIS") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    return executable


@contextmanager
def claude_code(kind: str) -> Iterator[World]:
    """Claude Code, fake or real, logged in with a made-up token, with no way off this machine."""
    executable = real_cli("claude") if kind == "real" else testing.fakes_folder() / "claude"
    with testing.fake_clis() as home, MessagesAPI() as api, RefusingProxy() as proxy:
        os.environ |= {
            "UUTEL_CLAUDE_CODE__EXECUTABLE": str(executable),
            "UUTEL_CLAUDE_CODE__API_BASE": api.url,
            "UUTEL_CLAUDE_CODE__SPARES": "0",
            "UUTEL_CLAUDE_CODE__MAX_PROCESSES": "3",
            **proxy.environment,
        }
        yield World(kind, "uutel/claude-code/sonnet", api, proxy, home)
        uutel_bridge.close()
        # Where a token is refused, the CLI tries to have it renewed.
        assert set(proxy.attempts) <= {"platform.claude.com:443"}, f"tried to leave the machine: {proxy.attempts}"
        wait_until_unused(home)
