"""One answer of the model: Anthropic SSE events in, stream-json lines out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import _claude_lines as lines
from _claude_tool_calls import ToolCalls, arguments

Emit = Callable[[dict[str, Any]], None]


class Answer:
    """Passes events on as they are, and writes each finished block as an `assistant` line."""

    def __init__(self, emit: Emit, about: dict[str, Any], ttft: Callable[[], int], calls: ToolCalls) -> None:
        self._emit = emit
        self._about = about
        """Fields that name the user lines which are answered."""
        self._ttft = ttft
        self._calls = calls
        self.message: dict[str, Any] = {}
        """As in `message_start`; empty until it came."""
        self.blocks: list[dict[str, Any]] = []
        """Finished content blocks."""
        self.usage: dict[str, Any] = {}
        self.stop_reason: str | None = None
        self.complete = False
        self._open: dict[str, Any] | None = None
        self._json = ""
        self._estimate = 0

    @property
    def text(self) -> str:
        """The visible text of the finished blocks."""
        return "".join(block.get("text", "") for block in self.blocks)

    def feed(self, event: dict[str, Any]) -> None:
        """Take the next event; `ping` and unknown ones are not passed on."""
        handle = getattr(self, f"_{event['type']}", None)
        if handle:
            handle(event)

    def _message_start(self, event: dict[str, Any]) -> None:
        self.message = event["message"]
        self.usage = dict(self.message["usage"])
        marks = {**self._about, "owed_rows": []} if self._about else {}
        self._pass_on(event, ttft_ms=self._ttft(), thinking_display="updates", **marks)

    def _content_block_start(self, event: dict[str, Any]) -> None:
        self._open = dict(event["content_block"])
        self._json = ""
        self._pass_on(event, **self._thinking_field())

    def _content_block_delta(self, event: dict[str, Any]) -> None:
        delta, block = event["delta"], self._open or {}
        kind = delta["type"].removesuffix("_delta")
        if kind == "input_json":
            self._json += delta["partial_json"]
        else:
            block[kind] = block.get(kind, "") + delta[kind]
        self.usage["output_tokens"] = len(block.get("text", "")) // 3 or 1
        if kind == "thinking":
            self._count_thinking(delta["thinking"])
        self._pass_on(event, **(self._thinking_field() if kind == "thinking" else {}))

    def _count_thinking(self, text: str) -> None:
        tokens = -(-len(text) // 4)
        self._estimate += tokens
        line = {"estimated_tokens": self._estimate, "estimated_tokens_delta": tokens}
        self._emit({"type": "system", "subtype": "thinking_tokens", **line})

    def _content_block_stop(self, event: dict[str, Any]) -> None:
        self.finish_block()
        self._calls.notice(self.blocks[-1])
        self._pass_on(event)
        self._calls.start()

    def _message_delta(self, event: dict[str, Any]) -> None:
        self.stop_reason = event["delta"]["stop_reason"]
        self.usage |= event.get("usage") or {}
        self._pass_on(event)

    def _message_stop(self, event: dict[str, Any]) -> None:
        self.complete = True
        self._pass_on(event)

    def finish_block(self, **fields: Any) -> None:
        """Write the open block as an `assistant` line."""
        block = self._open or {}
        if block.get("type") == "tool_use":
            block["input"] = arguments(self._json)
        shown = self._thinking_field()
        self._open = None
        self.blocks.append(block)
        message = {**self.message, "content": [block], "context_management": None}
        thought = {"thinking_duration_ms": 1, **shown} if shown else {}
        about, self._about = self._about, {}  # only the first line of a turn names them
        self._emit(_assistant(message, request_id="req_fake", **thought, **fields, **self._calls.meta(block), **about))

    @property
    def is_open(self) -> bool:
        """Whether a content block has begun and not ended."""
        return self._open is not None

    def write_partial(self) -> None:
        """Write what there is of an open block, as when the user interrupts."""
        if self._open and any(self._open.get(kind) for kind in ("text", "thinking")):
            self.finish_block(aborted=True)

    def abandon(self, *, was_open: bool, delta: bool) -> None:
        """End the event stream of a message that will not be finished."""
        if not self.message:
            return
        if was_open:
            self._pass_on({"type": "content_block_stop", "index": max(0, len(self.blocks) - (self._open is None))})
        if delta:
            self._pass_on(lines.stopped_delta(self.usage))
        mark = {"api_message_id": self.message["id"], "from_block_index": len(self.blocks)}
        self._pass_on({"type": "message_stop"}, abandoned_blocks=mark)

    def _thinking_field(self) -> dict[str, str]:
        return {"thinking_display": "updates"} if (self._open or {}).get("type") == "thinking" else {}

    def _pass_on(self, event: dict[str, Any], **fields: Any) -> None:
        known = {"api_message_id": self.message["id"]}
        self._emit({"type": "stream_event", "event": event, "parent_tool_use_id": None, **fields, **known})


def _assistant(message: dict[str, Any], **fields: Any) -> dict[str, Any]:
    stamp = {"parent_tool_use_id": None, "timestamp": lines.timestamp()}
    return {"type": "assistant", "message": message, **stamp, **fields}


def whole_message(message: dict[str, Any]) -> dict[str, Any]:
    """The `assistant` line of a call that was made without `stream`."""
    return _assistant({**message, "context_management": None}, request_id="req_fake")


def synthetic(text: str, stop_reason: str, **fields: Any) -> dict[str, Any]:
    """The `assistant` line of a message that the CLI made up."""
    return _assistant(lines.synthetic_message(text, stop_reason), **fields)
