"""One model call: answered by the scenario table in this process, or by the server that ANTHROPIC_BASE_URL names.

Either way it is a stream of steps: first ("head", status, headers, error body or None), then ("event", SSE event),
("sleep", seconds), ("raw", data that is no JSON), ("message", whole message of a call without `stream`), ("drop",).
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

import _anthropic_scenarios as scenarios
import _claude_mischief as mischief
from _claude_login import Login

Step = tuple[Any, ...]
LOOK_AT_STDIN = 0.02
"""Seconds between two looks at stdin while the server says nothing."""

for _name in mischief.ANSWERING:  # the model itself has no part in them
    scenarios.SCENARIOS[_name] = scenarios.SCENARIOS["text"]


class Calls:
    """Makes model calls, logs them, and counts them: some scenarios fail a number of times, then answer."""

    def __init__(self) -> None:
        self._log = os.environ.get("FAKE_CLI_LOG")
        self._base = os.environ.get("ANTHROPIC_BASE_URL")
        self._counts: dict[str, int] = {}

    def ask(self, body: dict[str, Any], login: Login) -> Iterator[Step]:
        """The steps of one call's answer. Closing the iterator hangs up."""
        if self._base:
            self._record(body)
            return _over_http(self._base, body, login)
        marker = scenarios.marker(body)
        self._counts[marker] = self._earlier(marker) + 1
        self._record(body)
        return _in_process(body, self._counts[marker])

    def _earlier(self, marker: str) -> int:
        """How often this was asked before: by any process that shares the log, else by this one."""
        if not self._log or not marker:
            return self._counts.get(marker, 0)
        try:
            with open(self._log, encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
                asked = (json.loads(line)["body"] for line in file if marker in line)
                return sum(scenarios.marker(body) == marker for body in asked)
        except FileNotFoundError:
            return 0

    def _record(self, body: dict[str, Any]) -> None:
        if not self._log:
            return
        row = {"pid": os.getpid(), "time": time.time(), "path": "/v1/messages", "body": body}
        file = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(file, json.dumps(row).encode() + b"\n")  # one write: lines of several processes do not mix
        os.close(file)


def _in_process(body: dict[str, Any], call: int) -> Iterator[Step]:
    reply = scenarios.reply(body, call)
    if reply.status == 0:
        yield ("drop",)
        return
    yield ("head", reply.status, {name.lower(): value for name, value in reply.headers}, reply.error)
    if not body.get("stream"):
        yield ("message", _whole(body, reply.steps))
        return
    yield from reply.steps


def _whole(body: dict[str, Any], steps: Any) -> dict[str, Any]:
    """What the same call gives without `stream`: the text, also of a scenario that breaks off in mid-stream."""
    events = [step[1] for step in steps if step[0] == "event"]
    text = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    message = next(event["message"] for event in events if event["type"] == "message_start")
    return {**message, "model": body["model"], "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}


def _over_http(base: str, body: dict[str, Any], login: Login) -> Iterator[Step]:
    import http.client  # noqa: PLC0415 -- 20 ms that the in-process way does not need

    scheme, _, rest = base.partition("://")
    if scheme != "http":
        raise SystemExit("fake claude: ANTHROPIC_BASE_URL must be http://")
    host, _, path = rest.partition("/")
    connection = http.client.HTTPConnection(host)
    steps: SimpleQueue[Step] = SimpleQueue()
    sockets: list[Any] = []
    headers = {"Content-Type": "application/json", "anthropic-version": "2023-06-01", "User-Agent": "claude-cli (fake)"}
    if login.method == "api_key":
        headers["x-api-key"] = login.token
    else:
        headers["Authorization"] = f"Bearer {login.token}"
    oauth = "" if login.method == "api_key" else "oauth-2025-04-20"
    headers["anthropic-beta"] = ",".join(filter(None, [oauth, os.environ.get("ANTHROPIC_BETAS", "")]))
    target = f"/{path}".rstrip("/") + "/v1/messages?beta=true"

    def talk() -> None:
        try:
            connection.connect()
            sockets.append(connection.sock)
            connection.request("POST", target, json.dumps(body), headers)
            for step in _read(connection.getresponse()):
                steps.put(step)
        except (OSError, http.client.HTTPException):
            steps.put(("drop",))
        steps.put(("end",))

    threading.Thread(target=talk, daemon=True).start()
    try:
        yield from _until_end(steps)
    finally:
        for sock in sockets:  # close() alone would not wake a thread that reads
            _hang_up(sock)


def _hang_up(sock: Any) -> None:
    try:
        sock.shutdown(2)
    except OSError:  # the server was faster
        return


def _until_end(steps: SimpleQueue[Step]) -> Iterator[Step]:
    while True:
        try:
            step = steps.get(timeout=LOOK_AT_STDIN)
        except Empty:
            yield ("sleep", 0.0)
            continue
        if step == ("end",):
            return
        yield step


def _read(response: Any) -> Iterator[Step]:
    headers = {name.lower(): value for name, value in response.getheaders()}
    if response.status != 200:
        yield ("head", response.status, headers, _json(response.read()) or {})
        return
    yield ("head", 200, headers, None)
    if not headers.get("content-type", "").startswith("text/event-stream"):
        yield ("message", _json(response.read()) or {})
        return
    for line in _lines(response):
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        event = _json(data)
        yield ("raw", data) if event is None else ("event", event)


def _lines(response: Any) -> Iterator[bytes]:
    """Its lines. Its own iterator takes a connection that breaks off for the end."""
    rest = b""
    while data := response.read1(65536):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
