"""The HTTP status of a stream that fails before its first word.

LiteLLM's proxy answers 200 where it knows too late: in Anthropic's form each stream begins before the model is asked,
and in the form of OpenAI's Responses API a failure is an event like others. Clients then neither raise nor ask again.
So the beginning is held back here until something has come of it. Nothing is delayed but what says nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

import orjson

_Message: TypeAlias = MutableMapping[str, Any]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]
_App: TypeAlias = Callable[[Any, Any, _Send], Awaitable[None]]

_BEGINNING = b"event: message_start"
_FAILURES = (b"event: error", b"event: response.failed")
_DATA = b"data: "
_JSON = b"application/json"
_LONGEST_WAIT = 60
"""Seconds that the clients of OpenAI and Anthropic wait; told of more they ask again at once, unless told not to."""
_OF_THE_STREAM = frozenset({b"content-type", b"content-length", b"cache-control", b"x-accel-buffering"})
"""Headers that an answer in one piece has other values for, or none."""


def failed(status: int, retry_after: str) -> None:
    """Note what the request comes to that is being answered; for whoever knows it."""
    answer = _being_sent.get()
    if answer is not None:
        answer.failure = _Failure(status, retry_after)


class StreamStatus:
    """An ASGI application with this put right."""

    def __init__(self, app: _App) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: _Send) -> None:
        """ASGI's call."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        answer = _Answer(send)
        token = _being_sent.set(answer)
        try:
            await self._app(scope, receive, answer.send)
        finally:
            _being_sent.reset(token)


@dataclass(frozen=True, slots=True)
class _Failure:
    status: int
    retry_after: str
    """Seconds; empty where nobody knows."""


class _Answer:
    """One answer on its way, held back until it is known whether it is a failure."""

    def __init__(self, send: _Send) -> None:
        self.failure: _Failure | None = None
        self._send = send
        self._held: list[_Message] = []
        self._has_begun = False
        self._is_replaced = False

    async def send(self, message: _Message) -> None:
        """ASGI's `send`."""
        if self._is_replaced:
            return
        if self._has_begun:
            await self._send(message)
            return
        body = bytes(message.get("body", b""))
        if message["type"] == "http.response.start" or body.startswith(_BEGINNING):
            self._held.append(message)
            return
        self._has_begun = True
        held, self._held = self._held, []
        if self.failure is not None:
            held, message = self._told(self.failure, held, message, body)
        for each in (*held, message):
            await self._send(each)

    def _told(
        self, failure: _Failure, held: list[_Message], message: _Message, body: bytes
    ) -> tuple[list[_Message], _Message]:
        """The beginning of an answer, as that of the failure that it is."""
        start: _Message = held[0]
        if start["status"] == HTTPStatus.OK and body.startswith(_FAILURES):
            self._is_replaced = True
            body = orjson.dumps(_error(body, failure.status))
            length = (b"content-length", str(len(body)).encode())
            kept = [header for header in start["headers"] if header[0].lower() not in _OF_THE_STREAM]
            start = {**start, "status": failure.status, "headers": [*kept, (b"content-type", _JSON), length]}
            held, message = [start], {"type": message["type"], "body": body}
        if failure.retry_after:
            start["headers"] = [*start["headers"], *_patience(failure.retry_after)]
        return held, message


def _patience(retry_after: str) -> list[tuple[bytes, bytes]]:
    """How a client learns when to ask again, and that it need not before."""
    headers = [(b"retry-after", retry_after.encode())]
    if retry_after.isdigit() and int(retry_after) > _LONGEST_WAIT:
        headers.append((b"x-should-retry", b"false"))
    return headers


_being_sent: ContextVar[_Answer | None] = ContextVar("being_sent", default=None)


def _error(event: bytes, status: int) -> Any:
    """The body that an event stands for."""
    told = orjson.loads(next(line.removeprefix(_DATA) for line in event.splitlines() if line.startswith(_DATA)))
    if told["type"] == "error":
        return told
    error = told["response"]["error"]
    return {"error": {"message": error["message"], "type": error["code"], "param": None, "code": str(status)}}
