"""What the Responses API's answers are made of: SSE events, and failures."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from _scenario_answers import PLAIN, Answer, Counts, Reply, Step, number
from _scenario_asked import Asked

Item = dict[str, Any]


class Response(Answer):
    """One response; each of its events is numbered as it is made."""

    NO_JSON = b"event: response.output_text.delta\ndata: {this is not json\n\n"

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._number = -1
        self._output: list[Item] = []
        self._response: dict[str, Any] = {
            "id": f"resp_{number()}",
            "object": "response",
            "created_at": int(time.time()),
            "status": "in_progress",
            "error": None,
            "incomplete_details": None,
            "model": asked.body.get("model", ""),
            "output": [],
            "usage": None,
        }

    def start(self, counts: Counts = PLAIN) -> Iterator[Step]:
        """Two events, the same but for their type."""
        yield self._event("response.created", response=dict(self._response))
        yield self._event("response.in_progress", response=dict(self._response))

    def text(self, pieces: Iterable[str]) -> Iterator[Step]:
        """A message."""
        return self._message(pieces, "output_text", "text")

    def refusal(self, pieces: Iterable[str]) -> Iterator[Step]:
        """A message that is a refusal."""
        return self._message(pieces, "refusal", "refusal")

    def thought(self, *summaries: Iterable[str]) -> Iterator[Step]:
        """A reasoning item; each summary is a part of its own."""
        yield self._added({"id": f"rs_{number()}", "type": "reasoning", "summary": []})
        summary: list[Item] = []
        for index, pieces in enumerate(map(list, summaries)):
            where = {**self._item(), "summary_index": index}
            text = "".join(pieces)
            summary.append({"type": "summary_text", "text": text})
            yield self._event(
                "response.reasoning_summary_part.added", **where, part={"type": "summary_text", "text": ""}
            )
            for piece in pieces:
                yield self._event("response.reasoning_summary_text.delta", **where, delta=piece)
            yield self._event("response.reasoning_summary_text.done", **where, text=text)
            yield self._event("response.reasoning_summary_part.done", **where, part=summary[-1])
        yield self._done(summary=summary, encrypted_content="ZW5jcnlwdGVk")

    def call(self, name: str, pieces: Iterable[str], *, cut: bool = False) -> Iterator[Step]:
        """A function call; one without arguments has an empty object, one that is cut no end."""
        item = {"id": f"fc_{number()}", "type": "function_call", "status": "in_progress"}
        yield self._added({**item, "arguments": "", "call_id": f"call_{number()}", "name": name})
        said = list(pieces) or ["{}"]
        for piece in said:
            yield self._event("response.function_call_arguments.delta", **self._item(), delta=piece)
        if not cut:
            arguments = "".join(said)
            yield self._event("response.function_call_arguments.done", **self._item(), arguments=arguments)
            yield self._done(arguments=arguments)

    def end(self, reason: str = "stop", counts: Counts = PLAIN) -> Iterator[Step]:
        """Well, or incomplete."""
        if reason == "length":
            yield self._ended("incomplete", counts, incomplete_details={"reason": "max_output_tokens"})
        else:
            yield self._ended("completed", counts)

    def failure(self, code: str = "server_error", message: str = "The model had a problem.") -> Iterator[Step]:
        """With this error."""
        yield self._ended("failed", None, error={"code": code, "message": message})

    def is_piece(self, event: dict[str, Any]) -> bool:
        """Whether it is any delta."""
        return event["type"].endswith(".delta")

    def _event(self, kind: str, **fields: Any) -> Step:
        self._number += 1
        return ("event", {"type": kind, "sequence_number": self._number, **fields})

    def _message(self, pieces: Iterable[str], kind: str, key: str) -> Iterator[Step]:
        """A message of one part."""
        item = {"id": f"msg_{number()}", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
        yield self._added(item)
        where, said = {**self._item(), "content_index": 0}, list(pieces)
        more = {} if kind == "refusal" else {"annotations": []}
        yield self._event("response.content_part.added", **where, part={"type": kind, key: "", **more})
        for piece in said:
            yield self._event(f"response.{kind}.delta", **where, delta=piece)
        whole = {"type": kind, key: "".join(said), **more}
        yield self._event(f"response.{kind}.done", **where, **{key: whole[key]})
        yield self._event("response.content_part.done", **where, part=whole)
        yield self._done(content=[whole])

    def _ended(self, status: str, counts: Counts | None, **fields: Any) -> Step:
        usage = None if counts is None else _usage(counts)
        whole = {**self._response, "status": status, "output": self._output, "usage": usage, **fields}
        return self._event(f"response.{status}", response=whole)

    def _added(self, item: Item) -> Step:
        self._output.append(item)
        return self._event("response.output_item.added", output_index=len(self._output) - 1, item=dict(item))

    def _done(self, **fields: Any) -> Step:
        item = self._output[-1]
        item.update(fields)
        if "status" in item:
            item["status"] = "completed"
        return self._event("response.output_item.done", output_index=len(self._output) - 1, item=dict(item))

    def _item(self) -> dict[str, Any]:
        return {"item_id": self._output[-1]["id"], "output_index": len(self._output) - 1}


def _usage(counts: Counts) -> dict[str, Any]:
    asked = counts.fresh + counts.cache_read + counts.cache_written
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": counts.cache_read, "cache_write_tokens": counts.cache_written},
        "output_tokens": counts.said,
        "output_tokens_details": {"reasoning_tokens": counts.thought},
        "total_tokens": asked + counts.said,
    }


def failure(status: int, **error: Any) -> Reply:
    """A refusal, in the API's shape."""
    error = {"message": "", "type": "invalid_request_error", "param": None, "code": None, **error}
    return Reply(status=status, error={"error": error})
