"""One model request: answered by the scenario table in this process, or by the server of the configured provider.

Either way it is a stream of steps: first ("head", status, headers, body where it was refused), then ("event", SSE
event), ("sleep", seconds); last ("refused",), ("unsent",), ("drop",) or ("end",): how the connection came to its end.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import _codex_login as login
import _responses_scenarios as scenarios
import _server_mischief as mischief

Step = tuple[Any, ...]

for _name in mischief.ANSWERING:  # the model itself has no part in them
    scenarios.SCENARIOS[_name] = scenarios.SCENARIOS["text"]


class MissingKey(Exception):
    """The provider wants a key from a variable that is not set."""


class API:
    """Makes model requests, logs them, and counts them: some scenarios fail a number of times, then answer."""

    def __init__(self, provider: dict[str, Any]) -> None:
        self.provider = provider
        self.url = f"{provider.get('base_url', '')}/responses"
        self._log = os.environ.get("FAKE_CLI_LOG")
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def ask(self, body: dict[str, Any], headers: dict[str, str]) -> Call:
        """One request; nothing is sent before its steps are walked."""
        self._record(body)
        if self.url.startswith("http://"):
            return OverHTTP(self.url, body, {**self._authorization(), **headers})
        return InProcess(body, self._count(scenarios.marker(body)))

    def _authorization(self) -> dict[str, str]:
        name = self.provider.get("env_key")
        if self.provider.get("requires_openai_auth") or not name:
            return login.headers()
        if not os.environ.get(name):
            raise MissingKey(name)
        return {"authorization": f"Bearer {os.environ[name]}"}

    def _count(self, marker: str) -> int:
        with self._lock:
            self._counts[marker] = self._counts.get(marker, 0) + 1
            return self._counts[marker]

    def _record(self, body: dict[str, Any]) -> None:
        if not self._log:
            return
        row = {"pid": os.getpid(), "time": time.time(), "path": "/responses", "body": body}
        file = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, json.dumps(row).encode() + b"\n")  # one write: lines of several processes do not mix
        os.close(file)


class Call:
    """One request on its way; `hang_up` may come from another thread."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.over = threading.Event()

    def steps(self) -> Iterator[Step]:
        """What comes back."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Nothing more is wanted."""
        self.over.set()


class InProcess(Call):
    """Answered here."""

    def __init__(self, body: dict[str, Any], call: int) -> None:
        super().__init__(body)
        self._reply = scenarios.reply(body, call)

    def steps(self) -> Iterator[Step]:
        """What the scenario says."""
        reply = self._reply
        if reply.status == 0:
            yield ("unsent",)
            return
        headers = {name.lower(): value for name, value in reply.headers}
        yield ("head", reply.status, headers, "" if reply.error is None else json.dumps(reply.error))
        for step in reply.steps:
            if step[0] == "sleep":
                self.over.wait(step[1])
            elif step[0] != "raw":  # data that is no JSON is skipped
                yield step
            if self.over.is_set() or step[0] == "drop":
                return
        yield ("end",)


class OverHTTP(Call):
    """Answered by a server."""

    def __init__(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> None:
        super().__init__(body)
        import http.client  # noqa: PLC0415 -- 20 ms that a start does not need

        host, _, self._path = url.removeprefix("http://").partition("/")
        self._failures = (OSError, http.client.HTTPException)
        self._connection = http.client.HTTPConnection(host)
        self._headers = {"content-type": "application/json", "accept": "text/event-stream", **headers}

    def steps(self) -> Iterator[Step]:
        """What the server says."""
        try:
            self._connection.connect()
        except OSError:
            yield ("refused",)
            return
        try:
            self._connection.request("POST", f"/{self._path}", json.dumps(self.body), self._headers)
            response = self._connection.getresponse()
        except self._failures:
            yield ("unsent",)
            return
        headers = {name.lower(): value for name, value in response.getheaders()}
        try:
            refused = "" if response.status == 200 else response.read().decode()
            yield ("head", response.status, headers, refused)
            yield from _events(response)
            yield ("end",)
        except self._failures:
            yield ("drop",)
        finally:
            self._connection.close()

    def hang_up(self) -> None:
        """Wakes the thread that reads."""
        super().hang_up()
        sock: Any = self._connection.sock
        try:
            if sock:
                sock.shutdown(2)
        except OSError:  # the server was faster
            return


def _events(response: Any) -> Iterator[Step]:
    for line in _lines(response):
        if not line.startswith(b"data:"):
            continue
        try:
            event = json.loads(line[5:])
        except ValueError:  # skipped, as the real one does
            continue
        yield ("event", event)


def _lines(response: Any) -> Iterator[bytes]:
    """Its lines. Its own iterator takes a connection that breaks off for the end."""
    rest = b""
    while data := response.read1(65536):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
