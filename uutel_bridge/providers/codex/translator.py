"""A turn of the app-server's notices to events. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from uutel_bridge.core.errors import ProtocolError, VendorUnavailable
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
from uutel_bridge.providers.codex.failures import cut_short, failure
from uutel_bridge.providers.codex.models import SEAL, CodexResponse

_WINDOWS: Mapping[int, str] = {300: "five_hour", 10_080: "seven_day"}
"""Names of a plan's limits by their minutes; the vendor gives them none."""


class CodexTranslator:
    """One turn.

    Only the first answer counts: a call that the CLI cannot hand out it answers by itself, and then asks the model
    again.
    """

    def __init__(self, model: str, names: Mapping[str, str]) -> None:
        """`names`: the caller's name of each function by the one on the wire."""
        self._model = model
        self._names = names
        self._started = False
        self._answered = False
        self._calls = 0
        self._reasoned = False
        self._new_part = False
        self._usage: Mapping[str, Any] | None = None
        self._limits: PlanLimits | None = None
        self._read: Mapping[str, Callable[[Mapping[str, Any]], Sequence[Event]]] = {
            "item/agentMessage/delta": self._text,
            "item/reasoning/summaryTextDelta": self._reasoning,
            "item/reasoning/summaryPartAdded": self._part,
            "rawResponseItem/completed": self._item,
            "rawResponse/completed": self._response,
        }

    def feed(self, message: CodexResponse, /) -> Sequence[Event]:
        """Events this notice amounts to.

        Raises:
            UUError: The turn failed.
        """
        try:
            return self._notice(message)
        except (KeyError, TypeError, AttributeError) as exc:
            raise ProtocolError(f"codex sent {message.method} without what belongs in it.") from exc

    def _notice(self, message: CodexResponse) -> Sequence[Event]:
        if message.method == "turn/completed":
            return self._ended(message.params["turn"])
        if message.method == "account/rateLimits/updated":
            self._limits = _plan_limits(message.params["rateLimits"]) or self._limits
        elif message.method == "thread/tokenUsage/updated":
            # An answer that was cut short is counted nowhere else. The thread is this turn's alone.
            self._usage = self._usage or message.params["tokenUsage"]["total"]
        elif message.method in self._read and not self._answered:
            events = self._read[message.method](message.params)
            return (*self._start(message.params), *events) if events or self._answered else ()
        return ()

    def _start(self, params: Mapping[str, Any]) -> Sequence[Event]:
        # The response's own id comes with its end only.
        started, self._started = self._started, True
        return () if started else (Started(params["turnId"], self._model),)

    def _text(self, params: Mapping[str, Any]) -> Sequence[Event]:
        return (TextDelta(params["delta"]),)

    def _part(self, _: Mapping[str, Any]) -> Sequence[Event]:
        self._new_part = self._reasoned
        return ()

    def _reasoning(self, params: Mapping[str, Any]) -> Sequence[Event]:
        gap = "\n\n" if self._new_part else ""
        self._reasoned, self._new_part = True, False
        return (ReasoningDelta(gap + params["delta"]),)

    def _item(self, params: Mapping[str, Any]) -> Sequence[Event]:
        item = params["item"]
        if item["type"] == "reasoning":
            return _kept(item)
        if item["type"] != "function_call":
            return ()
        index, self._calls = self._calls, self._calls + 1
        name: str = item["name"]
        # A function without parameters is called with nothing; OpenAI's clients read JSON.
        return (ToolCallDelta(index, item["call_id"], self._names.get(name, name), item["arguments"] or "{}"),)

    def _response(self, params: Mapping[str, Any]) -> Sequence[Event]:
        self._answered = True
        self._usage = params.get("usage") or self._usage
        return ()

    def _ended(self, turn: Mapping[str, Any]) -> Sequence[Event]:
        # An answer that came to its end is an answer, even if the turn was then interrupted.
        if self._answered:
            return self._finish("tool_calls" if self._calls else "stop")
        error = turn.get("error")
        reason = cut_short(error) if error else None
        if reason:
            return (*self._start({"turnId": turn["id"]}), *self._finish(reason))
        if error:
            raise failure(error, self._limits)
        raise VendorUnavailable("The answer ended before the model had finished it.")

    def _finish(self, reason: FinishReason) -> Sequence[Event]:
        limits = (self._limits,) if self._limits else ()
        usage = (_report(self._usage),) if self._usage else ()
        return (*limits, *usage, Finished(reason))


def _kept(item: Mapping[str, Any]) -> Sequence[Event]:
    sealed = item.get("encrypted_content")
    summary = "\n\n".join(part["text"] for part in item.get("summary") or ())
    return (ReasoningBlock(summary, f"{SEAL}{sealed}"),) if sealed else ()


def _report(usage: Mapping[str, Any]) -> UsageReport:
    return UsageReport(
        input=usage["inputTokens"],
        output=usage["outputTokens"],
        cached=usage.get("cachedInputTokens", 0),
        cache_creation=usage.get("cacheWriteInputTokens", 0),
        reasoning=usage.get("reasoningOutputTokens", 0),
    )


def _plan_limits(snapshot: Mapping[str, Any]) -> PlanLimits | None:
    status = snapshot.get("rateLimitReachedType") or ""
    windows = [_window(each, status) for each in (snapshot.get("primary"), snapshot.get("secondary")) if each]
    return PlanLimits(tuple(windows)) if windows else None


def _window(window: Mapping[str, Any], status: str) -> LimitWindow:
    minutes: int = window.get("windowDurationMins") or 0
    name = _WINDOWS.get(minutes, f"{minutes}_minutes")
    return LimitWindow(name, window["usedPercent"] / 100, window.get("resetsAt"), status)
