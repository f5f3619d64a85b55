"""What the Messages API's answers are made of: SSE events, and failures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from _scenario_answers import PLAIN, Answer, Counts, Reply, Step, number
from _scenario_asked import Asked

_REASONS = {"stop": "end_turn", "calls": "tool_use", "length": "max_tokens"}


class Message(Answer):
    """One message; each of its blocks is numbered as it is made."""

    NO_JSON = b"event: content_block_delta\ndata: {this is not json\n\n"

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._index = -1

    def start(self, counts: Counts = PLAIN) -> Iterator[Step]:
        """With the counts of what it was asked."""
        message = {
            "id": f"msg_{number()}",
            "type": "message",
            "role": "assistant",
            "model": self.asked.body.get("model", ""),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {
                **_input(counts),
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 0,
                    "ephemeral_1h_input_tokens": counts.cache_written,
                },
                "service_tier": "standard",
                "output_tokens": 1,
            },
        }
        yield _event("message_start", message=message)

    def text(self, pieces: Iterable[str]) -> Iterator[Step]:
        """A text block."""
        return self._block({"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))

    def thought(self, pieces: Iterable[str]) -> Iterator[Step]:
        """A signed thinking block."""
        deltas = ({"type": "thinking_delta", "thinking": piece} for piece in pieces)
        signature = {"type": "signature_delta", "signature": "c2lnbmF0dXJl"}
        return self._block({"type": "thinking", "thinking": "", "signature": ""}, *deltas, signature)

    def redacted(self) -> Iterator[Step]:
        """A block of redacted thinking."""
        return self._block({"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="})

    def call(self, name: str, pieces: Iterable[str], *, cut: bool = False) -> Iterator[Step]:
        """A tool_use block; it is ended also where it is cut."""
        deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
        return self._block({"type": "tool_use", "id": f"toolu_{number()}", "name": name, "input": {}}, *deltas)

    def end(self, reason: str = "stop", counts: Counts = PLAIN, sequence: str | None = None) -> Iterator[Step]:
        """With the reason in this API's words, or one that it alone has, and the stop sequence."""
        said = {"stop_reason": _REASONS.get(reason, reason), "stop_sequence": sequence}
        yield _event("message_delta", delta=said, usage={"output_tokens": counts.said, **_input(counts)})
        yield _event("message_stop")

    def failure(self) -> Iterator[Step]:
        """An error event."""
        yield _event("error", error={"type": "overloaded_error", "message": "Overloaded"})

    def is_piece(self, event: dict[str, Any]) -> bool:
        """Whether it is a block's delta."""
        return event["type"] == "content_block_delta"

    def _block(self, block: dict[str, Any], *deltas: dict[str, Any]) -> Iterator[Step]:
        self._index += 1
        index = self._index
        yield _event("content_block_start", index=index, content_block=block)
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)


def _event(kind: str, **fields: Any) -> Step:
    return ("event", {"type": kind, **fields})


def _input(counts: Counts) -> dict[str, int]:
    return {
        "input_tokens": counts.fresh,
        "cache_creation_input_tokens": counts.cache_written,
        "cache_read_input_tokens": counts.cache_read,
    }


def failure(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Reply:
    """A refusal, in the API's shape."""
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"}
    return Reply(status=status, headers=tuple((headers or {}).items()), error=error)
