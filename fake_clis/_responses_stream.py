"""What the Responses API's answers are made of: SSE events as steps, as in `_anthropic_stream.py`, and failures."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from _anthropic_stream import Asked, Reply, Step, number

Item = dict[str, Any]


class Answer:
    """One response, event by event; each is numbered as it is made."""

    def __init__(self, asked: Asked) -> None:
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

    def event(self, kind: str, **fields: Any) -> Step:
        """The next event of the stream."""
        self._number += 1
        return ("event", {"type": kind, "sequence_number": self._number, **fields})

    def start(self) -> Iterator[Step]:
        """The events that open a response."""
        yield self.event("response.created", response=dict(self._response))
        yield self.event("response.in_progress", response=dict(self._response))

    def open_message(self, kind: str = "output_text") -> Iterator[Step]:
        """The beginning of a message with one part."""
        item = {"id": f"msg_{number()}", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
        yield self._added(item)
        yield self.event("response.content_part.added", **self._part(), part=_content(kind, ""))

    def delta(self, text: str, kind: str = "output_text") -> Step:
        """A piece of the open message's part."""
        return self.event(f"response.{kind}.delta", **self._part(), delta=text)

    def close_message(self, text: str, kind: str = "output_text") -> Iterator[Step]:
        """The end of the open message, with all it says."""
        whole = {"text" if kind == "output_text" else "refusal": text}
        yield self.event(f"response.{kind}.done", **self._part(), **whole)
        yield self.event("response.content_part.done", **self._part(), part=_content(kind, text))
        yield self._done(content=[_content(kind, text)])

    def message(self, parts: Iterable[str], kind: str = "output_text") -> Iterator[Step]:
        """A whole message."""
        said: list[str] = []
        yield from self.open_message(kind)
        for part in parts:
            said.append(part)
            yield self.delta(part, kind)
        yield from self.close_message("".join(said), kind)

    def reasoning(self, *summaries: list[str]) -> Iterator[Step]:
        """A reasoning item; each summary is a part of its own, in pieces."""
        yield self._added({"id": f"rs_{number()}", "type": "reasoning", "summary": []})
        summary: list[Item] = []
        for index, pieces in enumerate(summaries):
            where = {**self._item(), "summary_index": index}
            text = "".join(pieces)
            summary.append({"type": "summary_text", "text": text})
            yield self.event(
                "response.reasoning_summary_part.added", **where, part={"type": "summary_text", "text": ""}
            )
            for piece in pieces:
                yield self.event("response.reasoning_summary_text.delta", **where, delta=piece)
            yield self.event("response.reasoning_summary_text.done", **where, text=text)
            yield self.event("response.reasoning_summary_part.done", **where, part=summary[-1])
        yield self._done(summary=summary, encrypted_content="ZW5jcnlwdGVk")

    def call(self, name: str, pieces: Iterable[str], *, cut: bool = False) -> Iterator[Step]:
        """A function call, its arguments in pieces; `cut`: it is not ended."""
        item = {"id": f"fc_{number()}", "type": "function_call", "status": "in_progress"}
        yield self._added({**item, "arguments": "", "call_id": f"call_{number()}", "name": name})
        said: list[str] = []
        for piece in pieces:
            said.append(piece)
            yield self.event("response.function_call_arguments.delta", **self._item(), delta=piece)
        if not cut:
            arguments = "".join(said)
            yield self.event("response.function_call_arguments.done", **self._item(), arguments=arguments)
            yield self._done(arguments=arguments)

    def end(self, **counts: int) -> Step:
        """The event that ends a response well."""
        return self._ended("completed", counts)

    def incomplete(self, reason: str) -> Step:
        """The event that ends a response that was cut off."""
        return self._ended("incomplete", {}, incomplete_details={"reason": reason})

    def failed(self, code: str, message: str) -> Step:
        """The event that ends a response that failed."""
        return self._ended("failed", None, error={"code": code, "message": message})

    def _ended(self, status: str, counts: dict[str, int] | None, **fields: Any) -> Step:
        usage = None if counts is None else _usage(**counts)
        whole = {**self._response, "status": status, "output": self._output, "usage": usage, **fields}
        return self.event(f"response.{status}", response=whole)

    def _added(self, item: Item) -> Step:
        self._output.append(item)
        return self.event("response.output_item.added", output_index=len(self._output) - 1, item=dict(item))

    def _done(self, **fields: Any) -> Step:
        item = self._output[-1]
        item.update(fields)
        if "status" in item:
            item["status"] = "completed"
        return self.event("response.output_item.done", output_index=len(self._output) - 1, item=dict(item))

    def _item(self) -> dict[str, Any]:
        return {"item_id": self._output[-1]["id"], "output_index": len(self._output) - 1}

    def _part(self) -> dict[str, Any]:
        return {**self._item(), "content_index": 0}


def _content(kind: str, text: str) -> Item:
    if kind == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": []}


def _usage(
    *, input_tokens: int = 18, cached: int = 7, cache_write: int = 0, output_tokens: int = 1, reasoning: int = 0
) -> dict[str, Any]:
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": cache_write},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": input_tokens + output_tokens,
    }


def said(asked: Asked, parts: list[str]) -> Iterator[Step]:
    """A response that is one message."""
    answer = Answer(asked)
    yield from answer.start()
    yield from answer.message(parts)
    yield answer.end(output_tokens=max(1, len(parts)))


def begun(answer: Answer, count: int) -> Iterator[Step]:
    """The beginning of a response: `count` pieces of an open message."""
    yield from answer.start()
    yield from answer.open_message()
    for n in range(count):
        yield answer.delta(f"p{n} ")


def failure(status: int, headers: dict[str, str] | None = None, **error: Any) -> Reply:
    """A refusal, in the API's shape."""
    error = {"message": "", "type": "invalid_request_error", "param": None, "code": None, **error}
    return Reply(status=status, headers=tuple((headers or {}).items()), error={"error": error})
