"""Model requests of the fakes that serve many turns side by side, and what comes back of one, from here or over HTTP.

That is a stream of steps: the head that the API makes, then ("event", event); last ("unsent",), ("drop",) or ("end",):
how it came to its end. An API may have further steps.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

Step = tuple[Any, ...]
Body = dict[str, Any]


class Requests:
    """Logs them, and counts them: some scenarios fail a number of times, then answer."""

    def __init__(self) -> None:
        self._log = os.environ.get("FAKE_CLI_LOG")
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def record(self, path: str, body: Body) -> None:
        """A row of the log; what is no model request has a path that is none."""
        if not self._log:
            return
        row = {"pid": os.getpid(), "time": time.time(), "path": path, "body": body}
        file = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, json.dumps(row).encode() + b"\n")  # one write: lines of several processes do not mix
        os.close(file)

    def count(self, marker: str) -> int:
        """How often this was asked, with this time."""
        with self._lock:
            self._counts[marker] = self._counts.get(marker, 0) + 1
            return self._counts[marker]


class Call:
    """One request on its way; `hang_up` may come from another thread."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.over = threading.Event()

    def steps(self) -> Iterator[Step]:
        """What comes back. Nothing is sent before they are walked."""
        raise NotImplementedError

    def head(self, status: int, headers: Iterable[tuple[str, str]], refused: str) -> Step:
        """The first step; `refused` is the body where that is no answer."""
        return ("head", status, {name.lower(): value for name, value in headers}, refused)

    def hang_up(self) -> None:
        """Nothing more is wanted."""
        self.over.set()


class InProcess(Call):
    """Answered here."""

    def __init__(self, body: Body, reply: Any) -> None:
        """`reply`: what the table of scenarios says."""
        super().__init__(body)
        self._reply = reply

    def steps(self) -> Iterator[Step]:
        """What the scenario says."""
        reply = self._reply
        if reply.status == 0:
            yield ("unsent",)
            return
        yield self.head(reply.status, reply.headers, "" if reply.error is None else json.dumps(reply.error))
        for step in reply.steps:
            if step[0] == "sleep":
                self.over.wait(step[1])
            elif step[0] != "raw":
                yield step
            elif last := self.last(step[1]):
                yield last
                return
            if self.over.is_set() or step[0] == "drop":
                return
        yield ("end",)

    def last(self, raw: Any) -> Step | None:
        """What data that is no event ends the answer with; None: it is skipped."""
        raise NotImplementedError


class OverHTTP(Call):
    """Answered by a server."""

    unreachable: Step = ("unsent",)
    """The one step where there is none."""

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
            self._connection.connect()
        except OSError:
            yield self.unreachable
            return
        try:
            self._connection.request("POST", f"/{self._path}", json.dumps(self.body), self._headers)
            response = self._connection.getresponse()
        except self._failures:
            yield ("unsent",)
            return
        try:
            refused = "" if response.status == 200 else response.read().decode()
            yield self.head(response.status, response.getheaders(), refused)
            yield from self.events(response)
            yield ("end",)
        except self._failures:
            yield ("drop",)
        finally:
            self._connection.close()

    def events(self, response: Any) -> Iterator[Step]:
        """The steps in its body. Its own iterator takes a connection that breaks off for the end."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Wakes the thread that reads."""
        super().hang_up()
        sock: Any = self._connection.sock
        try:
            if sock:
                sock.shutdown(2)
        except OSError:  # the server was faster
            return
