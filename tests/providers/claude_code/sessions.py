"""Sessions on the fake as a real child, and what it was asked."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from uutel_bridge import testing
from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.core.settings import CLISettings
from uutel_bridge.providers.claude_code.launch import plan
from uutel_bridge.providers.claude_code.models import ClaudeCodeRequest, ClaudeCodeResponse, StreamEvent
from uutel_bridge.providers.claude_code.session import ClaudeCodeSession

BOUND = 60
SETTINGS = CLISettings(pass_env=("FAKE_CLI_LOG", "FAKE_CLAUDE_LACKS", "FAKE_CLAUDE_FAIL_START"))


def asked(log: Path) -> list[dict[str, Any]]:
    """The bodies of the model's requests."""
    return [json.loads(line)["body"] for line in log.read_text(encoding="utf-8").splitlines()]


def turns(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Role and text of each message of the conversation."""

    def text(content: Any) -> str:
        return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)

    return [(message["role"], text(message["content"])) for message in body["messages"] if message["role"] != "system"]


def request(*said: str, prompt: str = "any", **fields: Any) -> ClaudeCodeRequest:
    """A conversation whose speakers take turns; the last word is the user's."""
    messages = [
        {"role": "assistant" if (len(said) - n) % 2 == 0 else "user", "content": [{"type": "text", "text": text}]}
        for n, text in enumerate(said)
    ]
    return ClaudeCodeRequest(model="sonnet", system_prompt=prompt, messages=tuple(messages), **fields)


def launched(wanted: ClaudeCodeRequest, *, warm: bool = True) -> LaunchPlan:
    """How the fake is started for a request."""
    fake = str(testing.fakes_folder() / "claude")
    return plan(Launch(fake, wanted, dict(os.environ), SETTINGS, empty_cwd(), warm))


@asynccontextmanager
async def running(
    start: LaunchPlan | None = None, *, reusable: bool = True, resumed: bool = False
) -> AsyncIterator[ClaudeCodeSession]:
    """A session on a child of its own."""
    with anyio.fail_after(BOUND):
        child = await Child.start(start or launched(request("any")))
        session = ClaudeCodeSession(child, reusable=reusable, resumed=resumed)
        try:
            await session.start()
            yield session
        finally:
            await session.aclose()
            assert not session.alive


async def play(session: ClaudeCodeSession, wanted: ClaudeCodeRequest) -> list[ClaudeCodeResponse]:
    """A turn to its end."""
    return [message async for message in session.run(wanted)]


def text_of(messages: list[ClaudeCodeResponse]) -> str:
    """What was streamed."""
    events = [message.event for message in messages if isinstance(message, StreamEvent)]
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
