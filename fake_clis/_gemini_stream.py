"""What the answers of Google's GenerateContent are made of: chunks, and failures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from _scenario_answers import PLAIN, Answer, Counts, Reply, Step, number
from _scenario_asked import Asked

Chunk = dict[str, Any]
SIGNATURE = "bWFkZS11cC1zaWduYXR1cmU="
_ESCAPED = re.compile("[<>\x7f-\x9f\u200b-\u200f\u2028-\u202e]")
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


def is_gemini_3(model: str) -> bool:
    """Whether a model of this name signs its calls, and wants the signatures back."""
    return "gemini-3" in model


class Content(Answer):
    """One answer."""

    NO_JSON = b"data: {this is not json\r\n\r\n"

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._model: str = asked.body.get("model", "")
        self._id = number()
        self._calls = 0

    def start(self, counts: Counts = PLAIN) -> Iterable[Step]:
        """Not an event: an answer opens with its first piece."""
        del counts
        return [("sleep", 0.0)]

    def text(self, pieces: Iterable[str]) -> Iterator[Step]:
        """A chunk for each piece."""
        for piece in pieces:
            yield self._part({"text": piece})

    def thought(self, pieces: Iterable[str]) -> Iterator[Step]:
        """A chunk for each piece."""
        for piece in pieces:
            yield self._part({"text": piece, "thought": True})

    def call(self, name: str, pieces: Iterable[str], *, cut: bool = False) -> Iterator[Step]:
        """A call in one chunk; one that is cut never comes. Of the calls of a Gemini 3 the first is signed."""
        if cut:
            return
        call: dict[str, Any] = {"name": name, "args": json.loads("".join(pieces) or "{}")}
        signed = is_gemini_3(self._model)
        part = {"functionCall": {**call, "id": number()} if signed else call}
        yield self._part({**part, "thoughtSignature": SIGNATURE} if signed and not self._calls else part)
        self._calls += 1

    def end(self, reason: str = "stop", counts: Counts = PLAIN) -> Iterator[Step]:
        """`reason` may also be one of Google's own."""
        own = {"stop": "STOP", "calls": "STOP", "length": "MAX_TOKENS"}.get(reason, reason)
        yield self._chunk({"content": {"role": "model"}, "finishReason": own, "index": 0}, usageMetadata=_usage(counts))

    def blocked(self, reason: str) -> Iterator[Step]:
        """No answer: what was asked is not answered at all."""
        yield self._chunk(promptFeedback={"blockReason": reason}, usageMetadata=_usage(Counts(said=0)))

    def seal(self) -> Iterator[Step]:
        """What signs an answer without a call: it comes beside an empty text."""
        yield self._part({"text": "", "thoughtSignature": SIGNATURE})

    def nobody(self) -> Iterator[Step]:
        """A chunk without a candidate, and without a reason why there is none."""
        yield self._chunk(usageMetadata=_usage(Counts(said=0)))

    def failure(self) -> Iterator[Step]:
        """An event that is an error."""
        yield ("event", failure(503, "The service is currently unavailable.").error)

    def is_piece(self, event: Chunk) -> bool:
        """Whether there is any content in it."""
        return any(each.get("content", {}).get("parts") for each in event.get("candidates", []))

    def _part(self, part: dict[str, Any]) -> Step:
        return self._chunk({"content": {"role": "model", "parts": [part]}, "index": 0})

    def _chunk(self, *candidates: Chunk, **fields: Any) -> Step:
        told = {"candidates": list(candidates)} if candidates else {}
        return ("event", {**told, **fields, "modelVersion": self._model, "responseId": self._id})


def _usage(counts: Counts) -> dict[str, int]:
    asked = counts.fresh + counts.cache_read + counts.cache_written
    usage = {
        "promptTokenCount": asked,
        "candidatesTokenCount": counts.said - counts.thought,
        "totalTokenCount": asked + counts.said,
        "cachedContentTokenCount": counts.cache_read,
        "thoughtsTokenCount": counts.thought,
    }
    return {name: count for name, count in usage.items() if count}


def failure(status: int, message: str, *details: dict[str, Any]) -> Reply:
    """A refusal, in the API's shape."""
    error: dict[str, Any] = {"code": status, "message": message, "status": _STATUSES[status]}
    return Reply(status=status, error={"error": {**error, "details": list(details)} if details else error})


def sse(event: Chunk, form: str = "") -> bytes:
    """A chunk as it stands in the stream; `form`: in another way that the format of such streams allows."""
    return _FORMS[form](event)


def _escaped(event: Chunk) -> bytes:
    line = _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(event, ensure_ascii=False))
    return f"data: {line}\r\n\r\n".encode()


def _unescaped(event: Chunk) -> bytes:
    return f"data: {json.dumps(event, ensure_ascii=False)}\r\n\r\n".encode()


def _over_lines(event: Chunk) -> bytes:
    lines = json.dumps(event, indent=1).splitlines()
    return "".join([*(f"data: {line}\r\n" for line in lines), "\r\n"]).encode()


def _amid_noise(event: Chunk) -> bytes:
    """A comment, an event without data, and other fields."""
    return f": made up\r\n\r\nevent: ping\r\n\r\nid: 1\r\nretry: 9\r\ndata: {json.dumps(event)}\r\n\r\n".encode()


def _without_returns(event: Chunk) -> bytes:
    return _escaped(event).replace(b"\r", b"")


_FORMS = {
    "": _escaped,
    "unescaped": _unescaped,
    "lines": _over_lines,
    "noise": _amid_noise,
    "lf": _without_returns,
}
