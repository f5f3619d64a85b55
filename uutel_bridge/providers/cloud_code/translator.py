"""The events of a stream, as the endpoint sends them, to events of ours. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from uutel_bridge.core.errors import ProtocolError, VendorUnavailable
from uutel_bridge.core.events import (
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    TextDelta,
    TextSignature,
    ToolCallDelta,
    UsageReport,
)
from uutel_bridge.providers.cloud_code.models import CloudCodeRequest, CloudCodeResponse

_REASONS: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "LANGUAGE": "content_filter",
    "OTHER": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
}
"""Any other means that the answer broke: `MALFORMED_FUNCTION_CALL`, `UNEXPECTED_TOOL_CALL`."""
_NOT_TOLD = frozenset({"", "FINISH_REASON_UNSPECIFIED"})


class CloudCodeTranslator:
    """One turn."""

    def __init__(self, request: CloudCodeRequest) -> None:
        self._names = request.names
        self._model = request.model
        """The model that answers, as far as is known."""
        self._told: str | None = None
        """The one that was last told of."""
        self._id = ""
        self._call_ids: list[str] = []
        self._reason = ""
        self._reason_text = ""
        self._blocked = False
        self._usage: Mapping[str, Any] = {}

    def feed(self, message: CloudCodeResponse, /) -> Sequence[Event]:
        """Events this message amounts to.

        Raises:
            UUError: The turn failed.
        """
        try:
            return self._end() if message.kind == "end" else tuple(self._chunk(message.data))
        except (KeyError, TypeError, AttributeError) as exc:
            raise ProtocolError("Google sent an answer without what belongs in it.") from exc

    def _chunk(self, data: Mapping[str, Any]) -> Iterator[Event]:
        response: Mapping[str, Any] = data.get("response") or {}
        self._id = self._id or _text(data, "traceId") or _text(response, "responseId")
        self._model = _text(response, "modelVersion") or self._model
        self._usage = response.get("usageMetadata") or self._usage
        candidates = response.get("candidates")
        if not candidates:
            feedback: Mapping[str, Any] = response.get("promptFeedback") or {}
            self._blocked = self._blocked or bool(feedback.get("blockReason"))
            return
        candidate: Mapping[str, Any] = candidates[0]
        content: Mapping[str, Any] = candidate.get("content") or {}
        parts: Sequence[Mapping[str, Any]] = content.get("parts") or ()
        for part in parts:
            yield from self._part(part)
        if (reason := _text(candidate, "finishReason")) not in _NOT_TOLD:
            self._reason, self._reason_text = reason, _text(candidate, "finishMessage")

    def _part(self, part: Mapping[str, Any]) -> Iterator[Event]:
        call, text, signature = part.get("functionCall"), _text(part, "text"), _text(part, "thoughtSignature")
        if (call is not None or text or signature) and self._told is None:
            yield self._start()
        if text:
            yield ReasoningDelta(text) if part.get("thought") else TextDelta(text)
        if call is not None:
            yield self._call(call, signature)
        elif signature:
            yield TextSignature(signature)

    def _start(self) -> Started:
        self._id = self._id or f"cloud-code-{uuid.uuid4()}"
        self._told = self._model
        return Started(self._id, self._model)

    def _call(self, call: Mapping[str, Any], signature: str) -> ToolCallDelta:
        call_id, name = _text(call, "id"), _text(call, "name")
        if not call_id or call_id in self._call_ids:
            call_id = f"call_{uuid.uuid4().hex}"
        args: object = call.get("args")
        if not name or not isinstance(args, Mapping | None):
            raise TypeError("functionCall")
        arguments = "{}" if args is None else orjson.dumps(args).decode()
        self._call_ids.append(call_id)
        return ToolCallDelta(len(self._call_ids) - 1, call_id, self._names.get(name, name), arguments, signature)

    def _end(self) -> Sequence[Event]:
        reason = self._finish()
        usage = (_usage(self._usage),) if self._usage else ()
        started = (self._start(),) if self._told != self._model else ()
        return (*started, *usage, Finished(reason))

    def _finish(self) -> FinishReason:
        """How the answer ended.

        Raises:
            VendorUnavailable: It broke off.
        """
        if self._reason in _REASONS:
            reason = _REASONS[self._reason]
            # Google has no word of its own for an end at calls.
            return "tool_calls" if self._call_ids and reason == "stop" else reason
        if self._reason:
            raise VendorUnavailable(f"Google broke the answer off ({self._reason}).", evidence=self._reason_text)
        if self._blocked:
            return "content_filter"
        raise VendorUnavailable("The answer ended before the model had finished it.")


def _text(of: Mapping[str, Any], name: str) -> str:
    """What stands there under that name; empty for nothing."""
    value = of.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _usage(counted: Mapping[str, Any]) -> UsageReport:
    thoughts = _count(counted, "thoughtsTokenCount")
    return UsageReport(
        input=_count(counted, "promptTokenCount") + _count(counted, "toolUsePromptTokenCount"),
        output=_count(counted, "candidatesTokenCount") + thoughts,
        cached=_count(counted, "cachedContentTokenCount"),
        reasoning=thoughts,
    )


def _count(counted: Mapping[str, Any], name: str) -> int:
    value = counted.get(name) or 0
    if not isinstance(value, int):
        raise TypeError(name)
    return value
