"""Playing with the fake `codex`: a driver, and what to look for in what comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from tests.fakes.playing import LONG, REPO, Fake, Line

FAKE = REPO / "fake_clis" / "codex"


class Codex(Fake):
    """A running fake, request by request."""

    async def request(self, method: str, **params: Any) -> Line:
        """The result of a request, or its error."""
        number = f"r{len(self.lines)}"
        await self.send({"id": number, "method": method, "params": params})
        reply = await self.until(lambda line: line.get("id") == number)
        return reply["result"] if "result" in reply else reply["error"]

    async def thread(self, *items: Line, **params: Any) -> str:
        """A new thread with this history."""
        given = {"model": "gpt-5.5", "ephemeral": True, "baseInstructions": "Be brief.", "environments": []}
        started = await self.request("thread/start", **{**given, "experimentalRawEvents": True, **params})
        thread: str = started["thread"]["id"]
        assert await self.request("thread/inject_items", threadId=thread, items=list(items)) == {}
        return thread

    async def turn(self, thread: str, **params: Any) -> str:
        """Start a turn with nothing more to say; its id."""
        started = await self.request("turn/start", **{"threadId": thread, "input": [], **params})
        return started["turn"]["id"]

    async def end_of_turn(self, thread: str) -> Line:
        """Read up to the end of a thread's turn."""
        ended = await self.until(
            lambda line: line.get("method") == "turn/completed" and line["params"]["threadId"] == thread
        )
        return ended["params"]["turn"]

    def told(self, method: str) -> list[Line]:
        """What came with this method so far."""
        return [line["params"] for line in self.lines if line.get("method") == method]


def user(text: str) -> Line:
    """A user message as an item."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of the machine's own environment but PATH."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "CODEX_HOME": str(home), **more}


@asynccontextmanager
async def started(home: Path, *settings: str, url: str = "", retries: int = 0, **more: str) -> AsyncIterator[Codex]:
    """A fake that has been shaken hands with, and that is dead when the block ends."""
    about = f'requires_openai_auth=true,request_max_retries={retries},stream_max_retries={retries},base_url="{url}"'
    own = ['model_provider="p"', f'model_providers.p={{name="p",{about}}}', *settings]
    flags = [part for setting in own for part in ("-c", setting)]
    with anyio.fail_after(LONG):
        command = [sys.executable, str(FAKE), "app-server", *flags]
        process = await anyio.open_process(command, env=environment(home, **more))
        fake = Codex(process)
        try:
            client = {"name": "tests", "title": None, "version": "1"}
            await fake.request("initialize", clientInfo=client, capabilities={"experimentalApi": True})
            await fake.send({"method": "initialized"})
            yield fake
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await process.aclose()


def log_of(path: Path) -> list[Line]:
    """The model requests in a log."""
    return [json.loads(line)["body"] for line in path.read_text(encoding="utf-8").splitlines()]


def run(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [sys.executable, str(FAKE), *arguments],
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
