"""A turn of the CLI's messages to events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import assert_never

from uutel_bridge.core.errors import BadRequest, ProtocolError, VendorUnavailable
from uutel_bridge.core.events import (
    Event,
    Finished,
    FinishReason,
    LimitWindow,
    PlanLimits,
    ReasoningBlock,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from uutel_bridge.providers.claude_code.failures import failure
from uutel_bridge.providers.claude_code.models import (
    AssistantMessage,
    ClaudeCodeResponse,
    ControlRequest,
    ControlResponse,
    RateLimitEvent,
    RateLimitInfo,
    RateLimitWindow,
    Result,
    StreamEvent,
    System,
)

_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "tool_use": "tool_calls",
}

_GUARDED_ENDS = frozenset({"blocking_limit", "aborted_streaming"})
"""How a turn ends that was cut off and then kept from asking the model to go on (see `guard`)."""


class ClaudeCodeTranslator:
    """One turn.

    Only the first answer counts: after some stop reasons the CLI asks the model again by itself, and what comes of
    that is not an answer to the caller.
    """

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        """`names`: the caller's name of each function by the one on the wire."""
        self._names = names or {}
        self._block = _Block()
        self._calls: list[_Call] = []
        self._usage: dict[str, Any] = {}
        self._stop_reason: str | None = None
        self._started = False
        self._answered = False
        self._error: str | None = None
        self._limits: RateLimitInfo | None = None

    def feed(self, message: ClaudeCodeResponse, /) -> Sequence[Event]:
        """Events this message amounts to.

        Raises:
            UUError: The turn failed.
        """
        if isinstance(message, StreamEvent):
            return () if self._answered else self._checked_event(message.event)
        if isinstance(message, Result):
            return self._result(message)
        if isinstance(message, AssistantMessage):
            self._error = message.error or self._error
        elif isinstance(message, RateLimitEvent):
            self._limits = message.rate_limit_info
        elif not isinstance(message, ControlRequest | ControlResponse | System):
            assert_never(message)
        return ()

    def _checked_event(self, event: Mapping[str, Any]) -> Sequence[Event]:
        try:
            return self._event(event)
        except (KeyError, TypeError, AttributeError) as exc:
            raise ProtocolError(f"claude sent a {event['type']} event without what belongs in it.") from exc

    def _event(self, event: Mapping[str, Any]) -> Sequence[Event]:
        kind = event["type"]
        if kind == "content_block_delta":
            return self._block.delta(event["delta"])
        if kind == "content_block_start":
            return self._open(event["content_block"])
        if kind == "content_block_stop":
            block, self._block = self._block, _Block()
            return block.end()
        if kind == "message_delta":
            return self._ended(event)
        if kind == "message_start":
            self._started = True
            message = event["message"]
            self._count(message.get("usage"))
            return (Started(message["id"], message["model"]),)
        if kind == "message_stop":
            self._answered = True
        return ()

    def _ended(self, event: Mapping[str, Any]) -> Sequence[Event]:
        self._count(event.get("usage"))
        self._stop_reason = event["delta"].get("stop_reason")
        self._answered = self._stop_reason is not None  # an interrupt may put a second, empty end after this one
        if self._stop_reason != "tool_use":
            return ()
        # A function without parameters is called with nothing; OpenAI's clients read JSON.
        return [ToolCallDelta(call.index, arguments="{}") for call in self._calls if call.empty]

    def _open(self, content: Mapping[str, Any]) -> Sequence[Event]:
        kind = content["type"]
        if kind == "tool_use":
            self._block = call = _Call(len(self._calls))
            self._calls.append(call)
            name: str = content["name"]
            return (ToolCallDelta(call.index, id=content["id"], name=self._names.get(name, name)),)
        if kind == "thinking":
            self._block = _Thought()
        elif kind == "redacted_thinking":
            return (ReasoningBlock("", "", redacted=content["data"]),)
        return ()

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        # The last number counts; a null takes nothing back.
        self._usage.update({name: value for name, value in (usage or {}).items() if value is not None})

    def _result(self, result: Result) -> Sequence[Event]:
        # An answer that came to its end is an answer, even if the CLI was then interrupted and calls that an error.
        if self._stop_reason is not None:
            finished = Finished(_FINISH.get(self._stop_reason, "stop"))
            return (*_plan_limits(self._limits), self._report(result), finished)
        kept_from_going_on = self._started and result.terminal_reason in _GUARDED_ENDS
        if result.is_error and not kept_from_going_on:
            raise failure(result, self._error, self._limits)
        if result.num_turns == 0:
            raise BadRequest("Claude Code did not pass the last message on.", param="messages", evidence=result.text)
        # No evidence: the result's text is what the model said, perhaps when asked again.
        raise VendorUnavailable("The answer ended before the model had finished it.")

    def _report(self, result: Result) -> UsageReport:
        counts: dict[str, int] = {name: value for name, value in self._usage.items() if isinstance(value, int)}
        cached = counts.get("cache_read_input_tokens", 0)
        created = counts.get("cache_creation_input_tokens", 0)
        details: Mapping[str, int] = self._usage.get("output_tokens_details") or {}
        costs = result.model_usage_since_last_result
        return UsageReport(
            input=counts.get("input_tokens", 0) + cached + created,
            output=counts.get("output_tokens", 0),
            cached=cached,
            cache_creation=created,
            reasoning=details.get("thinking_tokens", 0),
            cost=sum(model.costUSD for model in costs.values()) if costs else None,
        )


class _Block:
    """A content block of text, or of a kind that says nothing to the caller."""

    def delta(self, delta: Mapping[str, Any]) -> Sequence[Event]:
        """More of it."""
        return (TextDelta(delta["text"]),) if delta["type"] == "text_delta" else ()

    def end(self) -> Sequence[Event]:
        """What its end adds."""
        return ()


class _Thought(_Block):
    """Reasoning, and at its end the whole of it with the vendor's signature."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._signature: list[str] = []

    def delta(self, delta: Mapping[str, Any]) -> Sequence[Event]:
        if delta["type"] == "signature_delta":
            self._signature.append(delta["signature"])
        elif delta["type"] == "thinking_delta":
            self._text.append(delta["thinking"])
            return (ReasoningDelta(delta["thinking"]),)
        return ()

    def end(self) -> Sequence[Event]:
        signature = "".join(self._signature)
        return (ReasoningBlock("".join(self._text), signature),) if signature else ()


class _Call(_Block):
    """A call of one of the caller's functions."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.empty = True

    def delta(self, delta: Mapping[str, Any]) -> Sequence[Event]:
        if delta["type"] != "input_json_delta" or not delta["partial_json"]:
            return ()
        self.empty = False
        return (ToolCallDelta(self.index, arguments=delta["partial_json"]),)


def _plan_limits(info: RateLimitInfo | None) -> Sequence[PlanLimits]:
    if info is None:
        return ()
    found: dict[str, RateLimitWindow] = {info.rateLimitType: info} if info.rateLimitType else {}
    found |= info.unifiedWindows
    windows = [LimitWindow(name, each.utilization, each.resetsAt, each.status) for name, each in found.items()]
    return (PlanLimits(tuple(windows)),) if windows else ()
