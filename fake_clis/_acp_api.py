"""One model request: answered by the scenario table in this process, or by the server that the login names.

Either way it is a stream of steps: first ("head", status, body where it was refused), then ("event", chunk) and
("sleep", seconds); last ("error", body), ("unsent",), ("drop",), ("no_json",) or ("end",): how it came to its end.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import _acp_login as login
import _gemini_scenarios as scenarios
import _server_mischief as mischief
from _acp_options import Settings

Step = tuple[Any, ...]
Body = dict[str, Any]

for _name in mischief.ANSWERING:  # the model itself has no part in them
    scenarios.SCENARIOS[_name] = scenarios.SCENARIOS["text"]


class API:
    """Makes model requests, logs them, and counts them: some scenarios fail a number of times, then answer."""

    def __init__(self) -> None:
        self._log = os.environ.get("FAKE_CLI_LOG")
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def ask(self, settings: Settings, model: str, body: Body, method: str = "streamGenerateContent") -> Call:
        """One request; nothing is sent before its steps are walked."""
        url = login.url(settings, model, method)
        sent = body
        if login.kind(settings) in login.CODE_ASSIST:
            request = {**body, "session_id": ""}
            sent = {"model": model, "project": "fake-project", "user_prompt_id": "fake", "request": request}
        self.record("/" + url.partition("://")[2].partition("/")[2], {**body, "model": model})
        if url.startswith("http://"):
            return OverHTTP(f"{url}?alt=sse", sent, login.headers(settings))
        return InProcess({**body, "model": model}, self._count(scenarios.marker(body)))

    def record(self, path: str, body: Body) -> None:
        """A row of the log; what is no model request has a path that is none."""
        if not self._log:
            return
        row = {"pid": os.getpid(), "time": time.time(), "path": path, "body": body}
        file = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, json.dumps(row).encode() + b"\n")  # one write: lines of several processes do not mix
        os.close(file)

    def _count(self, marker: str) -> int:
        with self._lock:
            self._counts[marker] = self._counts.get(marker, 0) + 1
            return self._counts[marker]


class Call:
    """One request on its way; `hang_up` may come from another thread."""

    def __init__(self, body: Body) -> None:
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

    def __init__(self, body: Body, call: int) -> None:
        super().__init__(body)
        self._reply = scenarios.reply(body, call)

    def steps(self) -> Iterator[Step]:
        """What the scenario says."""
        reply = self._reply
        if reply.status == 0:
            yield ("unsent",)
            return
        yield ("head", reply.status, "" if reply.error is None else json.dumps(reply.error))
        for step in reply.steps:
            if step[0] == "sleep":
                self.over.wait(step[1])
            elif step[0] == "raw":
                yield _unnamed(step[1]) or ("no_json",)
                return
            else:
                yield step
            if self.over.is_set() or step[0] == "drop":
                return
        yield ("end",)


class OverHTTP(Call):
    """Answered by a server."""

    def __init__(self, url: str, body: Body, headers: dict[str, str]) -> None:
        super().__init__(body)
        import http.client  # noqa: PLC0415 -- 20 ms that a start does not need

        host, _, self._path = url.removeprefix("http://").partition("/")
        self._failures = (OSError, http.client.HTTPException)
        self._connection = http.client.HTTPConnection(host)
        self._headers = {"content-type": "application/json", **headers}

    def steps(self) -> Iterator[Step]:
        """What the server says."""
        try:
            self._connection.request("POST", f"/{self._path}", json.dumps(self.body), self._headers)
            response = self._connection.getresponse()
        except self._failures:
            yield ("unsent",)
            return
        try:
            yield ("head", response.status, "" if response.status == 200 else response.read().decode())
            yield from _events(response)
            yield ("end",)
        except self._failures:
            yield ("drop",)
        except ValueError:
            yield ("no_json",)
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
    rest = b""
    while data := response.read1(65536):  # its own iterator takes a connection that breaks off for the end
        unnamed = _unnamed(data)
        if unnamed:
            yield unnamed
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                event = json.loads(line[5:])
                yield ("event", event.get("response", event))


def _unnamed(data: bytes) -> Step | None:
    """The step of an error that is no event; it is seen where it came by itself."""
    try:
        return ("error", json.loads(data))
    except ValueError:
        return None
