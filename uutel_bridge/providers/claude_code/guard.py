"""How the CLI is kept from asking the model a second time. Pure.

After an answer that ran into `max_tokens`, came empty or was cut off, the CLI tells the model to go on, by itself: a
second request that the caller pays for and whose answer is not to the caller's question (measured on 2.1.330).

Nor is it to run the functions that the model calls: they are the caller's.

Two fences. As soon as the CLI says that it is sending its request, a setting makes it take its context window for
full, which it looks at before each request: the next one is not sent, and the turn ends by itself. And where the
stream shows that it is about to go on, it is interrupted, for with an answer that comes in one piece the setting
may be too late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uutel_bridge.providers.claude_code.models import ClaudeCodeResponse, Result, StreamEvent, System

_VARIABLE = "CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE"
"""Read anew before each request of a turn. Internal: a version that does not know it leaves the second fence."""

OPEN: Mapping[str, str] = {_VARIABLE: ""}
CLOSED: Mapping[str, str] = {_VARIABLE: "1"}

_GOES_ON_AFTER = ("max_tokens", "model_context_window_exceeded", "refusal", "tool_use")


class Guard:
    """Watches one turn's messages and says when to act."""

    def __init__(self, *, early: bool) -> None:
        """`early`: the first fence goes up with the request; else with the answer, when it cannot be too early."""
        self._early = early
        self._begun = False
        self._content = False
        self._stop_reason: object = None
        self.too_early = False
        """The turn ended before its own request: the setting came too early, or the prompt really is too long."""

    def must_close(self, message: ClaudeCodeResponse) -> bool:
        """Whether now is the time for `CLOSED`."""
        if self._early:
            return isinstance(message, System) and message.status == "requesting"
        return isinstance(message, StreamEvent) and message.event.get("type") == "message_start"

    def must_interrupt(self, message: ClaudeCodeResponse) -> bool:
        """Whether the CLI is about to go on."""
        if isinstance(message, StreamEvent):
            return self._about_to_go_on(message.event)
        if isinstance(message, Result):
            self.too_early = self._early and message.terminal_reason == "blocking_limit" and not self._begun
        return False

    def _about_to_go_on(self, event: Mapping[str, Any]) -> bool:
        kind = event.get("type")
        self._begun = True
        if kind == "content_block_start":
            self._content = True
        elif kind == "message_delta":
            delta: Mapping[str, Any] = event.get("delta") or {}
            self._stop_reason = delta.get("stop_reason")
            return self._stop_reason in _GOES_ON_AFTER
        return kind == "message_stop" and (not self._content or self._stop_reason is None)
