"""Sessions on the fake as a real child, what it was asked, and what it left on disk."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
from pydantic import SecretStr

from uutel_bridge import testing
from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.core.request import read_request
from uutel_bridge.core.settings import CLISettings
from uutel_bridge.providers.gemini_cli.launch import CWD, SYSTEM_PROMPT, plan
from uutel_bridge.providers.gemini_cli.models import GeminiCLIRequest, GeminiCLIResponse
from uutel_bridge.providers.gemini_cli.session import GeminiCLISession
from uutel_bridge.providers.gemini_cli.transforms import GeminiCLITransform

BOUND = 60
MODEL = "gemini-2.5-flash"
SETTINGS = CLISettings(
    api_key=SecretStr("a-key"), pass_env=("FAKE_CLI_LOG", "FAKE_GEMINI_LACKS", "FAKE_GEMINI_FAIL_START")
)
TOOL = {"type": "function", "function": {"name": "a_tool", "parameters": {"type": "object"}}}
_CALL = {"id": "c", "type": "function", "function": {"name": "a_tool", "arguments": '{"n": 1}'}}
CALLED = [{"role": "assistant", "content": None, "tool_calls": [_CALL]}]
"""A turn of the model's that calls the function."""
TOLD = [{"role": "tool", "tool_call_id": "c", "content": "a result"}]
"""What it brought."""
_TRANSFORM = GeminiCLITransform()
_PRELUDE = """
import json, sys
heard = open(sys.argv[1], "a")
def say(**line):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **line}) + "\\n")
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
    line = wait(method)
    say(id=line["id"], result=result)
    return line.get("params", {}).get("sessionId")
def update(session, kind, text=""):
    say(method="session/update", params={"sessionId": session, "update": {
        "sessionUpdate": kind, "content": {"type": "text", "text": text}}})
answer("initialize")
"""


def asked(log: Path) -> list[dict[str, Any]]:
    """The bodies of the model's requests, and nothing else that the fake wrote down."""
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [row["body"] for row in rows if row["path"].startswith("/")]


def slowed(log: Path) -> list[dict[str, Any]]:
    """What held the fake up, such as loads at once."""
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if not row["path"].startswith("/")]


def said(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Role and text of each turn that the model was sent."""
    return [
        (content["role"], "".join(part.get("text", "") for part in content["parts"])) for content in body["contents"]
    ]


def told(body: Mapping[str, Any]) -> str:
    """The system prompt that the model was sent."""
    return body["systemInstruction"]["parts"][0]["text"]


def declared(body: Mapping[str, Any]) -> list[str]:
    """The functions that the model was told of."""
    return [each["name"] for tool in body["tools"] for each in tool["functionDeclarations"]]


def request(*texts: str, system: str = "", then: list[dict[str, Any]] | None = None, **params: Any) -> GeminiCLIRequest:
    """A conversation whose speakers take turns: the last of the texts is the user's, and `then` comes after it."""
    roles = ["assistant" if (len(texts) - n) % 2 == 0 else "user" for n in range(len(texts))]
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
    supported = _TRANSFORM.supported
    chat = read_request(MODEL, [*messages, *(then or [])], params, provider="gemini-cli", supported=supported)
    return replace(_TRANSFORM.request(chat), system_prompt=system)


def launched(*, warm: bool = True) -> LaunchPlan:
    """How the fake is started."""
    fake = str(testing.fakes_folder() / "gemini")
    return plan(Launch(fake, request("any"), dict(os.environ), SETTINGS, empty_cwd(), warm=warm))


@asynccontextmanager
async def running(start: LaunchPlan | None = None) -> AsyncIterator[GeminiCLISession]:
    """A session on a child of its own, of which nothing is left, and no error that nobody saw."""
    unseen: list[Mapping[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _loop, context: unseen.append(context))
    with anyio.fail_after(BOUND):
        start = start or launched()
        session = GeminiCLISession(await Child.start(start), proven=start.proven)
        try:
            await session.start()
            yield session
        finally:
            await session.aclose()
            assert not session.alive
            assert not session._rpc.busy
            gc.collect()  # an error that nobody asked for is told of when its task goes
            loop.set_exception_handler(before)
            assert not unseen, unseen
            assert not session._home.exists()


def scripted(code: str, heard: Path) -> LaunchPlan:
    """A stand-in that does what the test says: `say(**line)`, and `wait(method)` for one of ours, kept in `heard`."""
    argv = (sys.executable, "-S", "-c", _PRELUDE + code, str(heard))
    return LaunchPlan(argv, (), scratch_cwd=CWD, files=((f"{CWD}/x", b""), (SYSTEM_PROMPT, b"")))


def lines(heard: Path) -> list[dict[str, Any]]:
    """What a stand-in was told, in order."""
    return [json.loads(line) for line in heard.read_text(encoding="utf-8").splitlines()] if heard.exists() else []


def methods(heard: Path) -> list[str]:
    """What it was asked."""
    return [line["method"] for line in lines(heard) if "method" in line]


async def play(session: GeminiCLISession, wanted: GeminiCLIRequest) -> list[GeminiCLIResponse]:
    """A turn to its end."""
    return [update async for update in session.run(wanted)]


def text_of(updates: list[GeminiCLIResponse]) -> str:
    """What was streamed."""
    return "".join(each.data["content"]["text"] for each in updates if each.kind == "agent_message_chunk")


def record_of(updates: list[GeminiCLIResponse]) -> Mapping[str, Any]:
    """What the CLI noted of the answer."""
    (noted,) = [each.data for each in updates if each.kind == "record"]
    return noted


def holding(session: GeminiCLISession, *words: str) -> list[str]:
    """The files of the private home in which one of these words stands."""
    found: list[str] = []
    for file in session._home.rglob("*"):
        try:
            text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        except FileNotFoundError:  # it was just removed
            continue
        found += [str(file.relative_to(session._home))] if any(word in text for word in words) else []
    return found


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what another process does, or a task that nobody waits for."""
    with anyio.fail_after(BOUND):
        while not holds():
            await anyio.sleep(0.01)
