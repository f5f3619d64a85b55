"""Playing with the fake `claude`: a driver, lines to send, and what to look for in those that come."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process

REPO = Path(__file__).parents[2]
FAKE = REPO / "fake_clis" / "claude"
STREAM = ("-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
CHAT = (*STREAM, "--include-partial-messages", "--system-prompt-snapshot", "off", "--restricted", "--model", "sonnet")
LONG = 60

Line = dict[str, Any]


def environment(**more: str) -> dict[str, str]:
    """Nothing of the machine's own environment but PATH."""
    return {"PATH": os.environ["PATH"], "CLAUDE_CODE_OAUTH_TOKEN": "fake-token", **more}


class Fake:
    """A running fake, line by line."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._rest = b""
        self.lines: list[Line] = []

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def send(self, *said: Any) -> None:
        """Write lines: JSON values, or bytes as they are."""
        data = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in said)
        assert self._process.stdin is not None
        await self._process.stdin.send(data)

    async def ask(self, text: str, **fields: Any) -> Line:
        """Send a user line; the result of its turn."""
        await self.send(user(text, **fields))
        return await self.until(lambda line: line.get("type") == "result")

    async def control(self, subtype: str, **fields: Any) -> Line:
        """Make a control request; the inside of its response."""
        name = f"r{len(self.lines)}"
        await self.send(request(subtype, name, **fields))
        is_reply: Callable[[Line], bool] = lambda line: line.get("response", {}).get("request_id") == name  # noqa: E731
        return (await self.until(is_reply))["response"]

    async def until(self, wanted: Callable[[Line], bool]) -> Line:
        """Read up to a line; an early end raises EOFError with what stderr says."""
        while True:
            line = await self.next_line()
            if line is None:
                raise EOFError(await self.errors())
            if wanted(line):
                return line

    async def next_line(self) -> Line | None:
        """The next line, kept in `lines`; None at the end. A line that is no JSON comes as {"raw": text}."""
        assert self._process.stdout is not None
        while b"\n" not in self._rest:
            try:
                self._rest += await self._process.stdout.receive()
            except anyio.EndOfStream:
                return None
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            self.lines.append(json.loads(line))
        except ValueError:
            self.lines.append({"raw": line.decode()})
        return self.lines[-1]

    async def errors(self) -> str:
        """What it wrote to stderr, up to its end."""
        assert self._process.stderr is not None
        return b"".join([chunk async for chunk in self._process.stderr]).decode()

    async def end_of_input(self) -> None:
        """Close its stdin."""
        assert self._process.stdin is not None
        await self._process.stdin.aclose()

    async def exit_status(self) -> int:
        """Wait for its exit."""
        return await self._process.wait()

    async def end(self) -> int:
        """Close stdin, read what still comes; the exit status."""
        await self.end_of_input()
        while await self.next_line() is not None:
            pass
        return await self.exit_status()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)


@asynccontextmanager
async def started(*flags: str, **more: str) -> AsyncIterator[Fake]:
    """A fake that is dead when the block ends."""
    with anyio.fail_after(LONG):
        process = await anyio.open_process([sys.executable, str(FAKE), *(flags or CHAT)], env=environment(**more))
        try:
            yield Fake(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await process.aclose()


def user(text: Any, **fields: Any) -> Line:
    """A user line."""
    return {"type": "user", "message": {"role": "user", "content": text}, "client_composed": True, **fields}


def assistant(text: str) -> Line:
    """An assistant line."""
    return {"type": "assistant", "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}}


def request(subtype: str, name: str = "r", **fields: Any) -> Line:
    """A control request."""
    return {"type": "control_request", "request_id": name, "request": {"subtype": subtype, **fields}}


def is_delta(line: Line) -> bool:
    """Whether a line brings more of an answer."""
    return line.get("type") == "stream_event" and line["event"]["type"] == "content_block_delta"


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself, started as a caller would: by its name, found on PATH."""
    path = f"{FAKE.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {"PATH": path, **more}
    return subprocess.run(
        ["claude", *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )


def asked(log: Path) -> list[Line]:
    """The model requests in a log."""
    return [json.loads(line)["body"] for line in log.read_text(encoding="utf-8").splitlines()]


def said_by_user(body: Line) -> list[Any]:
    """The conversation of a request, without the CLI's own system messages and cache marks."""
    told = json.loads(json.dumps(body["messages"]), object_hook=lambda d: {k: d[k] for k in d if k != "cache_control"})
    return [(message["role"], message["content"]) for message in told if message["role"] != "system"]
