"""What the emulators of the vendors' APIs share: a server on a thread of its own that records what it is asked."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import Self

from uutel_bridge.core.loopback import Cut, LoopbackServer, Request, Response

FAKES = Path(__file__).parents[2] / "fake_clis"
"""Where the scenarios are."""


@dataclass
class Recorded:
    """One request, as it came; times are `time.monotonic()`."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    body: dict[str, Any]
    arrived: float
    first_byte: float | None = None
    finished: float | None = None
    """None while it is being answered; set as well when the client left."""
    cut: bool = False
    """The client left, or the scenario cut the connection, before the answer was whole."""

    @property
    def token(self) -> str:
        """The bearer token; empty: there is none."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    @property
    def text(self) -> str:
        """The body, characters instead of escapes: what a search looks into."""
        return json.dumps(self.body, ensure_ascii=False)


@dataclass
class Emulator(ABC):
    """An emulator on a thread of its own: usable beside any test, sync or async.

    A scenario's calls are counted by its marker text, so that a scenario can fail first and then succeed: give the
    marker a parameter of your own (`[[scenario:flaky_e529 id=a]]`) to count apart from others.
    """

    scenarios: ClassVar[Any]
    """The module that answers: its `marker`, `reply` and `sse`."""

    requests: list[Recorded] = field(default_factory=list)
    """What was asked of the model, in order of arrival."""
    other: list[Recorded] = field(default_factory=list)
    """Everything else that was asked."""
    url: str = ""

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: Counter[str] = Counter()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def of(self, marker: str) -> list[Recorded]:
        """The model requests whose body holds `marker`."""
        with self._changed:
            return [each for each in self.requests if marker in each.text]

    def clear(self) -> None:
        """Forget everything recorded and every count."""
        with self._changed:
            self.requests.clear()
            self.other.clear()
            self._calls.clear()

    def wait_for(self, predicate: Callable[[Self], bool], timeout: float = 20) -> None:
        """Block until `predicate(self)` holds; it is asked again at every change.

        Raises:
            TimeoutError: It did not hold in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: predicate(self), timeout):
                raise TimeoutError(f"not within {timeout} s; {len(self.requests)} requests came")

    @abstractmethod
    def is_model_request(self, method: str, path: str) -> bool:
        """Whether this asks the model."""

    def read(self, request: Request) -> dict[str, Any]:
        """The body of a request: JSON, or nothing."""
        return json.loads(request.body) if request.method == "POST" and request.body else {}

    def reply(self, recorded: Recorded, call: int) -> Any:
        """The answer to a model request, as the scenarios have it."""
        return self.scenarios.reply(recorded.body, call)

    @abstractmethod
    def plain_answer(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        """Status and JSON body of the answer to anything else."""

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = LoopbackServer(self._answer)
        await server.start()
        self.url = server.url
        self._ready.set()
        await self._stop.wait()
        await server.aclose()

    async def _answer(self, request: Request) -> Response:
        path = request.target.split("?")[0]
        recorded = Recorded(request.method, path, request.headers, request.body, self.read(request), time.monotonic())
        is_model_request = self.is_model_request(request.method, path)
        call = self._record(recorded, is_model_request=is_model_request)
        return self._model_answer(recorded, call) if is_model_request else self._plain_answer(recorded)

    def _record(self, recorded: Recorded, *, is_model_request: bool) -> int:
        with self._changed:
            (self.requests if is_model_request else self.other).append(recorded)
            marker = self.scenarios.marker(recorded.body)
            self._calls[marker] += is_model_request
            self._changed.notify_all()
            return self._calls[marker]

    def _finish(self, recorded: Recorded, *, cut: bool = False) -> None:
        with self._changed:
            recorded.finished, recorded.cut = time.monotonic(), cut
            self._changed.notify_all()

    def _plain_answer(self, recorded: Recorded) -> Response:
        self._finish(recorded)
        status, answer = self.plain_answer(recorded)
        return Response(status, {"content-type": "application/json"}, json.dumps(answer).encode())

    def _model_answer(self, recorded: Recorded, call: int) -> Response:
        reply = self.reply(recorded, call)
        headers = {"request-id": f"req_{len(self.requests):08d}", **dict(reply.headers)}
        if reply.status == 0:
            self._finish(recorded, cut=True)
            raise Cut
        if reply.status != 200:
            self._finish(recorded)
            return Response(
                reply.status, headers | {"content-type": "application/json"}, json.dumps(reply.error).encode()
            )
        headers["content-type"] = "text/event-stream; charset=utf-8"
        return Response(200, headers, self._stream(recorded, reply.steps))

    async def _stream(self, recorded: Recorded, steps: Any) -> AsyncGenerator[bytes, None]:
        whole = False
        try:
            for kind, *value in steps:
                if kind == "sleep":
                    await asyncio.sleep(value[0])
                    continue
                if kind == "drop":
                    raise Cut
                recorded.first_byte = recorded.first_byte or time.monotonic()
                yield self.scenarios.sse(*value) if kind == "event" else value[0]
            whole = True
        finally:
            self._finish(recorded, cut=not whole)


def serve(emulator: Emulator) -> None:
    """Run it until stdin ends; the first line of output is its URL."""
    with emulator:
        print(emulator.url, flush=True)  # noqa: T201 -- the one thing this program says
        sys.stdin.read()
