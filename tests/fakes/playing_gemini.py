"""Playing with the fake `gemini`: a driver, an MCP server for it, and what to look for in what comes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process

from tests.fakes.playing import LONG, REPO, Fake, Line

FAKE = REPO / "fake_clis" / "gemini"
FIRST_ID = "d04923d38bb0f6017037e74183378ef4"
KEPT: Line = {"text": "", "thought": False}
SETTINGS: Line = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "general": {"maxAttempts": 1},
    "tools": {"core": ["mcp_*"]},
    "model": {"name": "gemini-2.5-pro", "maxSessionTurns": 1},
}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+Z")


class Gemini(Fake):
    """A running fake, request by request."""

    def __init__(self, process: Process, home: Path) -> None:
        super().__init__(process)
        self.home = home
        self.cwd = home / "w"
        self.chats = home / ".gemini" / "tmp" / "w" / "chats"

    async def start(self, method: str, **params: Any) -> str:
        """Send a request; its id."""
        number = str(uuid.uuid4())
        await self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        return number

    async def answer(self, number: str) -> Line:
        """The answer to a request: what is beside its id."""
        known = [line for line in self.lines if line.get("id") == number]
        line = known[0] if known else await self.until(lambda each: each.get("id") == number)
        return {key: line[key] for key in ("result", "error") if key in line}

    async def request(self, method: str, **params: Any) -> Line:
        """Send a request and wait for its answer."""
        return await self.answer(await self.start(method, **params))

    def write(self, *turns: Line) -> str:
        """A session file with these turns; the session's id."""
        name = str(uuid.uuid4())
        at = {"timestamp": "2026-01-01T00:00:00.000Z"}
        rows: list[Line] = [{"sessionId": name, "projectHash": "0" * 64, "kind": "main"}]
        rows += [{"id": f"m{n}" if n else FIRST_ID, **at, **turn} for n, turn in enumerate(turns)]
        self.chats.mkdir(parents=True, exist_ok=True)
        self.file(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return name

    def file(self, session: str) -> Path:
        """The file of a session that was written."""
        return self.chats / f"session-x-{session[:8]}.jsonl"

    async def load(self, *turns: Line, servers: list[Line] | None = None) -> str:
        """A session with these turns, loaded."""
        session = self.write(*turns)
        opened = await self.request("session/load", sessionId=session, cwd=str(self.cwd), mcpServers=servers or [])
        assert opened["result"].keys() == {"modes", "models"}
        return session

    async def ask(self, *turns: Line, servers: list[Line] | None = None, model: str = "") -> tuple[str, Line]:
        """The session of these turns, and what comes of it."""
        session = await self.load(*turns, servers=servers)
        if model:
            assert await self.request("session/set_model", sessionId=session, modelId=model) == {"result": {}}
        return session, await self.prompt(session)

    async def prompt(self, session: str, text: str = "") -> Line:
        """Ask the model."""
        return await self.request("session/prompt", sessionId=session, prompt=[{"type": "text", "text": text}])

    def told(self, session: str) -> list[Line]:
        """The updates of a session so far."""
        params = [line["params"] for line in self.lines if line.get("method") == "session/update"]
        updates = [each["update"] for each in params if each["sessionId"] == session]
        return [each for each in updates if each["sessionUpdate"] != "available_commands_update"]

    def texts(self, session: str) -> list[str]:
        """The pieces of text of an answer."""
        pieces = [each for each in self.told(session) if each["sessionUpdate"] == "agent_message_chunk"]
        return [each["content"]["text"] for each in pieces]

    def records(self, session: str) -> list[Line]:
        """What was added to a session's file by a turn."""
        return [row for row in self.rows(session) if "$set" not in row]

    def rows(self, session: str) -> list[Line]:
        """The same, with the changes of the whole file."""
        lines = self.file(session).read_text(encoding="utf-8").splitlines()
        at = next(n for n, line in enumerate(lines) if '"$set":{"sessionId"' in line)
        return [json.loads(line) for line in lines[at + 1 :]]


class MCPServer:
    """Tools over HTTP; `answers` may hold an answer back."""

    def __init__(self, tools: list[Line]) -> None:
        self.asked: list[Line] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.called = threading.Event()
        server = self
        results = {
            "initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {}},
            "tools/list": {"tools": tools},
            "tools/call": {"content": [{"type": "text", "text": "deferred"}]},
        }

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is given
                """Nothing is told."""

            def do_GET(self) -> None:
                """There is no stream."""
                self._send(405, b"")

            def do_POST(self) -> None:
                """One message."""
                message = json.loads(self.rfile.read(int(self.headers["content-length"])))
                server.asked.append(message)
                if message["method"] == "tools/call":
                    server.called.set()
                    server.may_answer.wait(LONG)
                result = results.get(message["method"])
                answer = {"jsonrpc": "2.0", "id": message.get("id"), "result": result}
                self._send(200, json.dumps(answer).encode()) if result else self._send(202, b"")

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.entry = {"type": "http", "name": "u", "url": f"http://127.0.0.1:{self.http.server_port}/x", "headers": []}


@contextmanager
def mcp_server(*tools: Line) -> Iterator[MCPServer]:
    """A server with these tools, by the name `u`."""
    server = MCPServer(list(tools))
    thread = threading.Thread(target=server.http.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.may_answer.set()
        server.http.shutdown()
        thread.join()
        server.http.server_close()


def user(text: str) -> Line:
    """A turn of the user."""
    return {"type": "user", "content": [KEPT, {"text": text}]}


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of the machine's own environment but PATH."""
    own = {"GEMINI_CLI_HOME": str(home), "GEMINI_CLI_NO_RELAUNCH": "true", "GEMINI_SYSTEM_MD": str(home / "sys.md")}
    return {"PATH": os.environ["PATH"], "TMPDIR": str(home), "GEMINI_API_KEY": "k", **own, **more}


def furnish(home: Path, settings: Line, *, hides: bool) -> Path:
    """A home with these settings over the usual ones; the folder to start in. `hides`: from the `.env` above it."""
    (home / ".gemini").mkdir(parents=True, exist_ok=True)
    (home / "w" / ".gemini").mkdir(parents=True, exist_ok=True)
    (home / "w" / ".gemini" / ".env").unlink(missing_ok=True)
    if hides:
        (home / "w" / ".gemini" / ".env").touch()
    (home / ".gemini" / "settings.json").write_text(json.dumps({**SETTINGS, **settings}), encoding="utf-8")
    (home / "sys.md").write_text("Be brief.", encoding="utf-8")
    return home / "w"


@asynccontextmanager
async def opened(home: Path, settings: Line | None = None, *, hides: bool = True, **more: str) -> AsyncIterator[Gemini]:
    """A fake to which nothing was said yet, and that is dead when the block ends."""
    cwd = furnish(home, settings or {}, hides=hides)
    with anyio.fail_after(LONG):
        command = [sys.executable, str(FAKE), "--acp", "-e", "none", "--allowed-mcp-server-names", "u"]
        process = await anyio.open_process(command, env=environment(home, **more), cwd=cwd)
        try:
            yield Gemini(process, home)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await process.aclose()


@asynccontextmanager
async def started(
    home: Path, settings: Line | None = None, *, hides: bool = True, **more: str
) -> AsyncIterator[Gemini]:
    """A fake that has been shaken hands with."""
    async with opened(home, settings, hides=hides, **more) as fake:
        await fake.request("initialize", protocolVersion=1, clientCapabilities={})
        yield fake


def log_of(path: Path) -> list[Line]:
    """The rows of a log."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def bare(value: Any) -> Any:
    """Without what differs from run to run: ids and times."""
    text = _TIME.sub("TIME", _ID.sub("ID", json.dumps(value)))
    return json.loads(re.sub(r"__\d{20}", "__NUMBER", re.sub(r"_17\d{11}_", "_TIME_", text)))


def run(home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [sys.executable, str(FAKE), *arguments],
        env=environment(home, **more),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
