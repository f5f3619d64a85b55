"""What the CLI tells of a turn, to events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from uutel_bridge.core.errors import ContextTooLong, ProtocolError, VendorUnavailable
from uutel_bridge.core.events import (
    Event,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from uutel_bridge.providers.gemini_cli.failures import failure
from uutel_bridge.providers.gemini_cli.models import GeminiCLIRequest, Update
from uutel_bridge.providers.gemini_cli.tools import WAIT

_NO_SUBJECT = "****\n"
"""What the CLI puts before a thought that has no heading."""


class GeminiCLITranslator:
    """One turn.

    Calls are known at its end only, from the record. How the answer ended is told nowhere: that it was cut short shows
    in the number of its tokens.
    """

    def __init__(self, response_id: str, request: GeminiCLIRequest) -> None:
        """`response_id`: the vendor's own is told nowhere."""
        self._id = response_id
        self._model = request.model
        self._names = request.names
        self._max_tokens: int | None = request.generation.get("maxOutputTokens")
        self._started = ""
        """The model that was last told of."""
        self._spoke = False
        self._reasoned = False
        self._record: Mapping[str, Any] = {}

    def feed(self, message: Update, /) -> Sequence[Event]:
        """Events this update amounts to.

        Raises:
            UUError: The turn failed.
        """
        try:
            return self._update(message)
        except (KeyError, TypeError, AttributeError) as exc:
            raise ProtocolError(f"gemini sent {message.kind} without what belongs in it.") from exc

    def _update(self, message: Update) -> Sequence[Event]:
        if message.kind == "agent_message_chunk":
            return self._text(message.data["content"]["text"])
        if message.kind == "agent_thought_chunk":
            return self._thought(message.data["content"]["text"])
        if message.kind == "record":
            self._record = message.data
            return ()
        if message.kind == "failed":
            raise failure(message.data)
        return self._answered(message.data)

    def _start(self, model: str) -> Sequence[Event]:
        told, self._started = self._started, model
        return () if told == model else (Started(self._id, model),)

    def _text(self, text: str) -> Sequence[Event]:
        if not text:
            return ()
        self._spoke = True
        return (*self._start(self._model), TextDelta(text))

    def _thought(self, text: str) -> Sequence[Event]:
        gap, self._reasoned = "\n\n" if self._reasoned else "", True
        return (*self._start(self._model), ReasoningDelta(gap + text.removeprefix(_NO_SUBJECT).rstrip("\n")))

    def _answered(self, result: Mapping[str, Any]) -> Sequence[Event]:
        calls = [self._call(index, call) for index, call in enumerate(self._record.get("toolCalls") or ())]
        usage = _usage(self._record, result)
        reason = "tool_calls" if calls else self._reason(result["stopReason"], usage, whole=_is_whole(result))
        model = self._record.get("model") or self._started or self._model
        return (*self._start(model), *calls, *((usage,) if usage else ()), Finished(reason))

    def _call(self, index: int, call: Mapping[str, Any]) -> ToolCallDelta:
        name: str = call["name"]
        args = {key: value for key, value in call["args"].items() if key != WAIT}
        call_id: str = call["id"].removeprefix(f"{name}__")
        return ToolCallDelta(index, call_id, self._names.get(name, name), orjson.dumps(args).decode())

    def _reason(self, said: str, usage: UsageReport | None, *, whole: bool) -> FinishReason:
        """How an answer without calls ended; `whole`: whether it counts as an answer to the CLI.

        Raises:
            UUError: There is none.
        """
        if said == "max_tokens":
            raise ContextTooLong("The conversation does not fit the model's context window.")
        if said == "max_turn_requests":
            raise VendorUnavailable("The model called a function that it was not given.")
        if said != "end_turn":
            raise VendorUnavailable(f"Gemini CLI broke the turn off ({said}).")
        if self._spoke and not whole:
            raise VendorUnavailable("The answer ended before the model had finished it.")
        if usage and self._max_tokens is not None and usage.output >= self._max_tokens:
            return "length"
        if not self._spoke:
            raise VendorUnavailable(
                "Gemini ended without an answer: the content was refused, a call was malformed, or max_tokens was used"
                " up by thinking. Gemini CLI does not tell which."
            )
        return "stop"


def _is_whole(result: Mapping[str, Any]) -> bool:
    # Of an answer without a finish reason the CLI counts nothing.
    return bool(result.get("_meta", {}).get("quota", {}).get("model_usage"))


def _usage(record: Mapping[str, Any], result: Mapping[str, Any]) -> UsageReport | None:
    """From the record; without one, from the result, which does not count thoughts."""
    tokens: Mapping[str, Any] | None = record.get("tokens")
    if tokens:
        return UsageReport(
            input=tokens["input"] + tokens["tool"],
            output=tokens["output"] + tokens["thoughts"],
            cached=tokens["cached"],
            reasoning=tokens["thoughts"],
        )
    count: Mapping[str, int] = result.get("_meta", {}).get("quota", {}).get("token_count", {})
    return UsageReport(count["input_tokens"], count["output_tokens"]) if any(count.values()) else None
