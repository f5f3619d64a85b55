"""The CLI's own file of a session: written with a conversation, read for what it noted of the answer. Pure.

The form is that of gemini 0.61.0: a line of facts about the session, then a line for each message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import orjson

from uutel_bridge.core.errors import ProtocolError

_CONTEXT_ID = "d04923d38bb0f6017037e74183378ef4"
"""What the CLI calls a first message that sets the scene; where there is one, it adds none of its own."""
_TIME = "2026-01-01T00:00:00.000Z"
_EVIDENCE = 500


def name(session: str) -> str:
    """The file's name; the CLI looks for a session by the beginning of its id."""
    return f"session-0-{short(session)}.jsonl"


def short(session: str) -> str:
    """The part of a session's id that stands in file names."""
    return session[:8]


def written(session: str, turns: Sequence[Mapping[str, Any]]) -> bytes:
    """A file with this conversation; `session` is a UUID."""
    head = {"sessionId": session, "projectHash": "0" * 64, "startTime": _TIME, "lastUpdated": _TIME, "kind": "main"}
    ids = (_CONTEXT_ID, *(f"m{n}" for n in range(1, len(turns))))
    messages = ({"id": each, "timestamp": _TIME, **turn} for each, turn in zip(ids, turns, strict=False))
    return b"".join(orjson.dumps(line) + b"\n" for line in (head, *messages))


def record(added: bytes) -> Mapping[str, Any] | None:
    """What the CLI noted of the model's answer, from what it added to the file; None where there was no answer.

    Raises:
        ProtocolError: It added something else than lines of JSON.
    """
    noted = [line for line in _lines(added.split(b"\n")) if line.get("type") == "gemini"]
    return noted[-1] if noted else None


def _lines(raw: Iterable[bytes]) -> Iterable[Mapping[str, Any]]:
    for line in filter(None, raw):
        try:
            noted: object = orjson.loads(line)
        except orjson.JSONDecodeError as exc:
            evidence = line[:_EVIDENCE].decode("utf-8", "replace")
            raise ProtocolError(
                "gemini wrote a line into its session file that is no JSON.", evidence=evidence
            ) from exc
        if isinstance(noted, dict):
            yield cast("dict[str, Any]", noted)
