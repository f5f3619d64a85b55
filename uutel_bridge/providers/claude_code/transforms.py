"""OpenAI's words to Claude Code's and back. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from typing_extensions import assert_never

from uutel_bridge.core.errors import BadRequest, ProtocolError, VendorUnavailable
from uutel_bridge.core.events import (
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    TextDelta,
    UsageReport,
)
from uutel_bridge.core.messages import Media, Message, Part, Text
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.providers.claude_code.failures import failure
from uutel_bridge.providers.claude_code.models import (
    AssistantMessage,
    ClaudeCodeRequest,
    ClaudeCodeResponse,
    ControlResponse,
    RateLimitEvent,
    RateLimitInfo,
    Result,
    Status,
    StreamEvent,
)

EFFORTS = ("low", "medium", "high", "xhigh", "max")
"""What `claude --effort` takes; it passes any other word over with a warning that nobody would see."""

_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}

_MEDIA_TYPES: Mapping[str, tuple[str, ...]] = {
    "image": ("image/jpeg", "image/png", "image/gif", "image/webp"),
    "document": ("application/pdf",),
}
"""What the Messages API takes as base64."""

_BREAKPOINT: Mapping[str, Any] = {"type": "ephemeral", "ttl": "1h"}
"""As the CLI marks its own."""

_GUARDED_ENDS = frozenset({"blocking_limit", "aborted_streaming"})
"""How a turn ends that was cut off and then kept from asking the model to go on (see `guard`)."""


class ClaudeCodeTransform:
    """Both directions."""

    supported = frozenset({"max_tokens", "temperature", "top_p", "stop", "reasoning_effort"})

    def request(self, chat: ChatRequest, /) -> ClaudeCodeRequest:
        """Anthropic's form of a chat request. System messages become the system prompt, in their order.

        Raises:
            BadRequest: The conversation does not end with the user, or an unknown effort was asked for.
        """
        turns = [message for message in chat.messages if message.role != "system"]
        if not turns or turns[-1].role != "user":
            raise BadRequest("messages: the last message must be the user's.", param="messages")
        if chat.reasoning_effort is not None and chat.reasoning_effort not in EFFORTS:
            raise BadRequest(
                f"reasoning_effort: {chat.reasoning_effort!r} is not one of {', '.join(EFFORTS)}.",
                param="reasoning_effort",
            )
        asked = {"temperature": chat.temperature, "top_p": chat.top_p, "stop_sequences": list(chat.stop) or None}
        return ClaudeCodeRequest(
            model=chat.model,
            system_prompt="\n\n".join(message.text for message in chat.messages if message.role == "system"),
            messages=_with_breakpoint(list(_messages(turns))),
            max_tokens=chat.max_tokens,
            effort=chat.reasoning_effort,
            body={name: value for name, value in asked.items() if value is not None},
        )

    def translator(self) -> ClaudeCodeTranslator:
        """A fresh translator for one turn."""
        return ClaudeCodeTranslator()


def _messages(turns: Sequence[Message]) -> Iterator[Mapping[str, Any]]:
    """Anthropic's messages. Neighbouring ones of the user become one with a block each, as the API itself reads them.

    The CLI would join them, too, but with a line break of its own between them.
    """
    for role, group in groupby(turns, key=lambda message: message.role):
        if role == "user":
            yield {"role": role, "content": _content([part for message in group for part in message.parts])}
        else:
            yield from ({"role": role, "content": _said(message)} for message in group)


def _with_breakpoint(messages: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """The messages with the prompt cache's breakpoint on the newest one.

    The CLI's own ends up behind what it adds to a replayed conversation, at a place that moves with each turn: all of
    the conversation would be written to the cache, and paid for, each time. The API takes four, the CLI sets three.
    """
    *earlier, newest = messages
    content = newest["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    marked = [*blocks[:-1], {**blocks[-1], "cache_control": _BREAKPOINT}]
    return (*earlier, {**newest, "content": marked})


def _content(parts: Sequence[Part]) -> str | list[Mapping[str, Any]]:
    # Anthropic takes no blank text. The CLI sends "(no content)" in place of a blank block; a blank string it answers
    # by itself.
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].text.strip():
        return parts[0].text
    return [_block(part) for part in parts]


def _said(message: Message) -> str | list[Mapping[str, Any]]:
    # The CLI drops a blank turn of the assistant and joins the user's around it. One without content stays a turn,
    # and reaches the model as "(no content)", words that the CLI takes for blank, too.
    blank = message.text.strip() in {"", "(no content)"}
    return [] if blank else _content(message.parts)


def _block(part: Part) -> Mapping[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Media):
        if part.data and part.media_type not in _MEDIA_TYPES[part.kind]:
            # The CLI would put a text in place of an image that it cannot read.
            raise BadRequest(f"messages: Claude takes no {part.media_type} as {part.kind}.", param="messages")
        source = (
            {"type": "url", "url": part.url}
            if part.url
            else {"type": "base64", "media_type": part.media_type, "data": part.data}
        )
        return {"type": part.kind, "source": source}
    assert_never(part)


class ClaudeCodeTranslator:
    """One turn of the CLI's messages to events.

    Only the first answer counts: after some stop reasons the CLI asks the model again by itself, and what comes of
    that is not an answer to the caller.
    """

    def __init__(self) -> None:
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
        elif not isinstance(message, ControlResponse | Status):
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
            return _delta(event["delta"])
        if kind == "message_start":
            self._started = True
            message = event["message"]
            self._count(message.get("usage"))
            return (Started(message["id"], message["model"]),)
        if kind == "message_delta":
            self._count(event.get("usage"))
            self._stop_reason = event["delta"].get("stop_reason")
            self._answered = self._stop_reason is not None  # an interrupt may put a second, empty end after this one
        elif kind == "message_stop":
            self._answered = True
        return ()

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        # The last number counts; a null takes nothing back.
        self._usage.update({name: value for name, value in (usage or {}).items() if value is not None})

    def _result(self, result: Result) -> Sequence[Event]:
        # An answer that came to its end is an answer, even if the CLI was then interrupted and calls that an error.
        if self._stop_reason is not None:
            return (self._report(result), Finished(_FINISH.get(self._stop_reason, "stop")))
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


def _delta(delta: Mapping[str, Any]) -> Sequence[Event]:
    kind = delta["type"]
    if kind == "text_delta":
        return (TextDelta(delta["text"]),)
    if kind == "thinking_delta":
        return (ReasoningDelta(delta["thinking"]),)
    return ()
