"""JSON-RPC 2.0 between two peers, a message a line: bytes in, messages out, and back. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import orjson

from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.core.ndjson import LineFramer

_EVIDENCE = 500


@dataclass(frozen=True, slots=True)
class RPCError:
    """Why the other side refused a request, in its own words."""

    code: int
    message: str
    data: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request of ours: a result, or an error and no result."""

    id: int
    result: Any
    error: RPCError | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request of the other side's, to be answered under its own id."""

    id: int | str
    method: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Notification:
    """News from the other side; nobody waits for an answer."""

    method: str
    params: dict[str, Any]


Incoming: TypeAlias = Reply | Call | Notification


class Peer:
    """One side of a dialogue: numbers its own requests from 1, and knows which are still to be answered.

    What it makes is one line each, to be written as it is. Parameters are named, or absent; batches are not spoken.
    """

    __slots__ = ("_framer", "_ids", "_lines", "_waiting")

    def __init__(self) -> None:
        self._framer = LineFramer()
        self._ids = count(1)
        self._lines: deque[bytes] = deque()
        self._waiting: set[int] = set()

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        """A request that waits for its reply from now on: its id, and its line."""
        request_id = next(self._ids)
        line = _line({"id": request_id, "method": method}, params)
        self._waiting.add(request_id)
        return request_id, line

    def notify(self, method: str, params: Mapping[str, Any] | None = None) -> bytes:
        """The line of a notification."""
        return _line({"method": method}, params)

    def reply(self, call_id: int | str, result: Any) -> bytes:
        """The line that answers a call."""
        return _line({"id": call_id, "result": result})

    def refuse(self, call_id: int | str, code: int, message: str) -> bytes:
        """The line that answers a call with an error."""
        return _line({"id": call_id, "error": {"code": code, "message": message}})

    def feed(self, data: bytes) -> list[Incoming]:
        """Take a chunk; return the messages that it completed, in order.

        A wrong line raises in its turn: what stood before it is returned first, what stands after it comes later.
        So feed `b""` until nothing comes, and only then wait for more.

        Raises:
            ProtocolError: The next line is no JSON-RPC message, or too long, or a reply that no request waits for:
                the one it was meant for would wait for ever.
        """
        self._lines.extend(self._framer.feed(data))
        messages: list[Incoming] = []
        while self._lines:
            line = self._lines.popleft()
            try:
                messages += [self._read(line)] if line else []
            except (ValueError, TypeError, KeyError) as exc:
                if messages:
                    self._lines.appendleft(line)
                    break
                evidence = line[: 4 * _EVIDENCE].decode("utf-8", "replace")[:_EVIDENCE]
                raise ProtocolError("The CLI wrote a line that is no JSON-RPC message.", evidence=evidence) from exc
        return messages

    def eof(self) -> list[int]:
        """The other side is gone: the ids that will have no reply, oldest first. They wait no more."""
        left = sorted(self._waiting)
        self._waiting.clear()
        return left

    def _read(self, line: bytes) -> Incoming:
        raw: dict[str, Any] = _checked(orjson.loads(line), dict)
        if "method" not in raw:
            return self._answer(raw)
        method, params = _checked(raw["method"], str), raw.get("params")
        named: dict[str, Any] = {} if params is None else _checked(params, dict)
        return Call(_checked(raw["id"], int, str), method, named) if "id" in raw else Notification(method, named)

    def _answer(self, raw: dict[str, Any]) -> Reply:
        known, refused = _checked(raw["id"], int), raw.get("error")
        if known not in self._waiting:
            raise ValueError("no request waits for it")
        reply = Reply(known, raw["result"]) if refused is None else Reply(known, None, _error(refused))
        self._waiting.remove(known)
        return reply


def _line(message: Mapping[str, Any], params: Mapping[str, Any] | None = None) -> bytes:
    named = {} if params is None else {"params": params}
    return orjson.dumps({"jsonrpc": "2.0", **message, **named}) + b"\n"


def _error(value: Any) -> RPCError:
    raw: dict[str, Any] = _checked(value, dict)
    return RPCError(_checked(raw["code"], int), _checked(raw["message"], str), raw.get("data"))


def _checked(value: Any, *kinds: type[object]) -> Any:
    if type(value) not in kinds:  # isinstance would take true for 1
        raise TypeError(f"unexpected {type(value).__name__}")
    return value
