"""Sessions on the fake as a real child, and what it was asked."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from uutel_bridge import testing
from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.core.settings import CLISettings
from uutel_bridge.providers.codex.launch import plan
from uutel_bridge.providers.codex.models import CodexRequest, CodexResponse
from uutel_bridge.providers.codex.session import CodexSession

BOUND = 60
SETTINGS = CLISettings(pass_env=("FAKE_CLI_LOG", "FAKE_CODEX_LACKS", "FAKE_CODEX_FAIL_START"))
_PRELUDE = """
import json, sys
heard = open(sys.argv[1], "a")
def say(**line):
    sys.stdout.write(json.dumps(line) + "\\n")
    sys.stdout.flush()
def wait(*methods):
    for text in sys.stdin:
        heard.write(text)
        heard.flush()
        line = json.loads(text)
        if line.get("method") in methods or not methods:
            return line
    sys.exit()
def answer(method, **result):
    say(id=wait(method)["id"], result=result)
answer("initialize")
"""
TOOL = {"type": "function", "name": "a_tool", "description": "", "inputSchema": {"type": "object"}}


def asked(log: Path) -> list[dict[str, Any]]:
    """The bodies of the model's requests."""
    return [json.loads(line)["body"] for line in log.read_text(encoding="utf-8").splitlines()]


def said(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Role and text of each message of the conversation, the instructions included."""
    return [(item["role"], "".join(part["text"] for part in item["content"])) for item in body["input"]]


def request(*texts: str, instructions: str = "", **fields: Any) -> CodexRequest:
    """A conversation whose speakers take turns; the last word is the user's."""
    items: list[dict[str, Any]] = []
    for n, text in enumerate(texts):
        role, kind = ("assistant", "output_text") if (len(texts) - n) % 2 == 0 else ("user", "input_text")
        items.append({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
    return CodexRequest(model=None, instructions=instructions, items=tuple(items), **fields)


def launched() -> LaunchPlan:
    """How the fake is started."""
    fake = str(testing.fakes_folder() / "codex")
    return plan(Launch(fake, request("any"), dict(os.environ), SETTINGS, empty_cwd(), warm=True))


@asynccontextmanager
async def running(start: LaunchPlan | None = None) -> AsyncIterator[CodexSession]:
    """A session on a child of its own, of which nothing is left."""
    with anyio.fail_after(BOUND):
        start = start or launched()
        session = CodexSession(await Child.start(start), cwd="/", proven=start.proven)
        try:
            await session.start()
            yield session
        finally:
            await session.aclose()
            assert not session.alive
            assert not session._rpc.busy


def scripted(code: str, heard: Path) -> LaunchPlan:
    """A stand-in that does what the test says: `say(**line)`, and `wait(method)` for one of ours, kept in `heard`."""
    return LaunchPlan((sys.executable, "-S", "-c", _PRELUDE + code, str(heard)), ())


def lines(heard: Path) -> list[dict[str, Any]]:
    """What a stand-in was told, in order."""
    return [json.loads(line) for line in heard.read_text(encoding="utf-8").splitlines()]


def methods(heard: Path) -> list[str]:
    """What it was asked."""
    return [line["method"] for line in lines(heard) if "method" in line]


async def play(session: CodexSession, wanted: CodexRequest) -> list[CodexResponse]:
    """A turn to its end."""
    return [notice async for notice in session.run(wanted)]


def text_of(notices: list[CodexResponse]) -> str:
    """What was streamed."""
    return "".join(notice.params["delta"] for notice in notices if notice.method == "item/agentMessage/delta")


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    with anyio.fail_after(BOUND):
        while not holds():
            await anyio.sleep(0.01)
