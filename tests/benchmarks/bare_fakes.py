"""The fakes without the bridge: told by a bare loop what the bridge tells them between a request and its answer."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from uutel_bridge.core import registry, scratch
from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.settings import CLISettings
from uutel_bridge.providers.gemini_cli import session_file
from uutel_bridge.providers.gemini_cli.launch import CHATS, CWD
from uutel_bridge.testing import fakes_folder

_WORDS = "Hello"


class Fake:
    """A running fake, started as the bridge starts it."""

    def __init__(self, name: str) -> None:
        parts: Any = registry.parts(name)
        executable = str(fakes_folder() / parts.executable)
        log = {"FAKE_CLI_LOG": str(Path(os.environ["HOME"], "asked-bare"))}  # as those of `serve` have one
        self._plan = parts.plan(
            Launch(
                executable=executable,
                request=parts.typical_requests[0],
                environment={**os.environ, **log},
                settings=CLISettings(pass_env=tuple(log)),
                cwd=empty_cwd(),
                warm=True,
            )
        )
        self.home = Path(scratch.make())
        self._number = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Until the block ends."""
        plan = self._plan
        scratch.fill(str(self.home), files=plan.files, links=plan.links)
        arguments = (each.replace("{scratch}", str(self.home)) for each in plan.scratch_argv)
        with subprocess.Popen(
            [*plan.argv, *arguments],
            env=dict(plan.env) | {name: str(self.home / path) for name, path in plan.scratch_env},
            cwd=self.home / plan.scratch_cwd if plan.scratch_cwd else plan.cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as self._process:
            try:
                self.begin()
                yield
            finally:
                self._process.kill()
                scratch.remove(str(self.home))

    def send(self, line: dict[str, Any]) -> None:
        """Say something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        self._process.stdin.flush()

    def until(self, **facts: Any) -> dict[str, Any]:
        """The next line in which these stand."""
        assert self._process.stdout is not None
        for line in map(json.loads, self._process.stdout):
            if line.items() >= facts.items():
                return line
        raise AssertionError("it ended")

    def ask(self, method: str, **params: Any) -> Any:
        """A request in JSON-RPC, and its result."""
        self._number += 1
        self.send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        return self.until(id=self._number)["result"]

    def begin(self) -> None:
        """What is said once."""

    def turn(self) -> None:
        """What is said between a request and its answer."""
        raise NotImplementedError

    def prepare(self) -> None:
        """What is said between a turn and the next."""

    def took(self) -> float:
        """Milliseconds for one answer."""
        began = time.perf_counter()
        self.turn()
        ended = time.perf_counter()
        self.prepare()
        return (ended - began) * 1000


class _Claude(Fake):
    def begin(self) -> None:
        self._control({"subtype": "initialize"})

    def turn(self) -> None:
        self._control(
            {"subtype": "set_model", "model": "default"},
            {"subtype": "apply_flag_settings", "settings": {"model": "sonnet", "env": {}}},
        )
        self._said = str(uuid4())
        message = {"role": "user", "content": _WORDS}
        self.send({"type": "user", "message": message, "uuid": self._said, "client_composed": True})
        self.until(type="result")

    def prepare(self) -> None:
        said = {"target_message_uuid": self._said, "last_seen_user_message_uuid": self._said}
        self._control({"subtype": "rewind_conversation", **said})

    def _control(self, *requests: dict[str, Any]) -> None:
        for request in requests:
            self.send({"type": "control_request", "request_id": str(uuid4()), "request": request})
        for _ in requests:
            assert self.until(type="control_response")["response"]["subtype"] == "success"


class _Codex(Fake):
    def begin(self) -> None:
        client = {"name": "bare", "title": "bare", "version": "1"}
        self.ask("initialize", clientInfo=client, capabilities={"experimentalApi": True})
        self.send({"jsonrpc": "2.0", "method": "initialized", "params": {}})
        self._open()

    def turn(self) -> None:
        self.ask("turn/start", threadId=self._thread, input=[{"type": "text", "text": _WORDS}], summary="auto")
        self.until(method="turn/completed")

    def prepare(self) -> None:
        self.ask("thread/unsubscribe", threadId=self._thread)
        self._open()

    def _open(self) -> None:
        given = {"cwd": empty_cwd(), "ephemeral": True, "approvalPolicy": "never", "sandbox": "read-only"}
        opened = self.ask("thread/start", **given, baseInstructions="", environments=[], experimentalRawEvents=True)
        self._thread = opened["thread"]["id"]


class _Gemini(Fake):
    def begin(self) -> None:
        self.ask("initialize", protocolVersion=1, clientCapabilities={})
        (self.home / CHATS).mkdir(parents=True, exist_ok=True)

    def turn(self) -> None:
        session = str(uuid4())
        said = [{"type": "user", "content": [{"text": _WORDS}]}]
        (self.home / CHATS / session_file.name(session)).write_bytes(session_file.written(session, said))
        self.ask("session/load", sessionId=session, cwd=str(self.home / CWD), mcpServers=[])
        self.ask("session/set_model", sessionId=session, modelId="gemini-2.5-flash")
        self.ask("session/prompt", sessionId=session, prompt=[{"type": "text", "text": ""}])

    def prepare(self) -> None:
        for file in (self.home / CHATS).iterdir():
            file.unlink()


_FAKES = {"claude-code": _Claude, "codex": _Codex, "gemini-cli": _Gemini}


@contextmanager
def all_running() -> Iterator[dict[str, Fake]]:
    """Every fake, by its provider's name."""
    with ExitStack() as stack:
        fakes: dict[str, Fake] = {name: made(name) for name, made in _FAKES.items()}
        for fake in fakes.values():
            stack.enter_context(fake.running())
        yield fakes
