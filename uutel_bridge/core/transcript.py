"""What is asked and answered, in the log at DEBUG: only where the user has said so, see `GeneralSettings.log_content`.

Texts, calls of functions and their results; no key, no header and no signature comes this way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager

from uutel_bridge.core.events import Event, TextDelta, ToolCallDelta
from uutel_bridge.core.log import logger
from uutel_bridge.core.messages import Message, Text
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.core.turn import Emit

log = logger("transcript")

_LONGEST = 4000
"""Characters of a text that are told."""


def asked(chat: ChatRequest) -> None:
    """Tell the conversation of a request, a line for each message and each call in it."""
    for number, message in enumerate(chat.messages, 1):
        log.debug("message %d of %d, %s: %s", number, len(chat.messages), message.role, _said(message))
        for call in message.tool_calls:
            log.debug("message %d of %d calls %s(%s)", number, len(chat.messages), call.name, _shown(call.arguments))


@contextmanager
def answered(emit: Emit) -> Generator[Emit, None, None]:
    """Hear the events of an answer on their way to `emit`, and tell at the end what it was, or what there was of it."""
    texts: list[str] = []
    calls: defaultdict[int, list[ToolCallDelta]] = defaultdict(list)

    async def hear(event: Event) -> None:
        if isinstance(event, TextDelta):
            texts.append(event.text)
        elif isinstance(event, ToolCallDelta):
            calls[event.index].append(event)
        await emit(event)

    try:
        yield hear
    finally:
        log.debug("answer: %s", _shown("".join(texts)))
        for pieces in calls.values():
            log.debug("answer calls %s(%s)", pieces[0].name, _shown("".join(piece.arguments for piece in pieces)))


def _said(message: Message) -> str:
    media = [f"[{part.kind}]" for part in message.parts if not isinstance(part, Text)]
    return " ".join([_shown(message.text), *media])


def _shown(text: str) -> str:
    """On one line, and cut where it is long."""
    shown = repr(text[:_LONGEST])
    return shown if len(text) <= _LONGEST else f"{shown}... ({len(text)} characters)"
