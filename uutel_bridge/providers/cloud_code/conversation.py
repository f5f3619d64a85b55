"""OpenAI's turns as `contents`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.media import Media
from uutel_bridge.core.messages import Message
from uutel_bridge.gemini_api.contents import Conversation, WirePart, signature_of, spoken, wire_part
from uutel_bridge.providers.cloud_code.tools import wire_name

_NESTS_MEDIA = re.compile(r"gemini-(?:[3-9]|\d\d)\b")
"""Models that take an image as a part of a function's result; the CLI puts it beside the result for all others."""


def contents(messages: Sequence[Message], model: str) -> list[Mapping[str, Any]]:
    """All messages but the system's, as `{"role": "user" | "model", "parts"}` in turn.

    Args:
        messages: The caller's.
        model: By its full name.

    Raises:
        BadRequest: The last message is the assistant's, or the first call has nothing of the user's before it.
    """
    said = spoken(messages)
    _check_first_call(messages)
    turns = _Conversation(nests_media=_NESTS_MEDIA.match(model) is not None).turns(said)
    return [{"role": role, "parts": parts} for role, parts in turns]


def _check_first_call(messages: Sequence[Message]) -> None:
    """Gemini takes a call only after a turn of the user's."""
    for index, message in enumerate(messages):
        if message.role == "user":
            return
        if message.tool_calls:
            at = f"messages[{index}].tool_calls"
            raise BadRequest(f"{at}: Gemini takes no call before the user's first message; put one there.", param=at)


class _Conversation(Conversation):
    def __init__(self, *, nests_media: bool) -> None:
        super().__init__(wire_name)
        self._nests_media = nests_media

    def _said(self, message: Message) -> Sequence[WirePart]:
        """With the seal on its text, unless a call has the same: Google counts the thoughts behind each one again."""
        parts = super()._said(message)
        if not parts or not message.signature or message.signature in map(signature_of, message.tool_calls):
            return parts
        return [*parts[:-1], {**parts[-1], "thoughtSignature": message.signature}]

    def _result(self, message: Message) -> Sequence[WirePart]:
        media = [wire_part(part) for part in message.parts if isinstance(part, Media)]
        if not media or not self._nests_media:
            return super()._result(message)
        return [{"functionResponse": {**self._response(message)["functionResponse"], "parts": media}}]
