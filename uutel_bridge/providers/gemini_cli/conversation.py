"""OpenAI's turns as a session file has them. Pure.

The model sees exactly these parts, measured on gemini 0.61.0, but for two that the CLI drops on its way: an empty text,
and a turn with an empty text in it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, groupby
from typing import Any, cast

import orjson
from typing_extensions import assert_never

from uutel_bridge.core.media import Media
from uutel_bridge.core.messages import Message, Part, Text, ToolCall
from uutel_bridge.providers.gemini_cli.tools import wire_name

_SIGNATURE = "__thought__"
"""In a call's id, before the thought signature: LiteLLM's way to hand one to clients that keep nothing else of it."""
_UNSIGNED = "skip_thought_signature_validator"
"""What Google documents in place of one that is lost; the CLI puts it there, too, but not for every model's name."""
_NOTHING: Mapping[str, Any] = {"text": " "}
"""A turn without content: Gemini takes no less."""
_FIRST: Mapping[str, Any] = {"text": "", "thought": False}
"""Before a user's turn: the CLI leaves out one that begins with `/`, `?` or a mark of its own."""
_LAST: Mapping[str, Any] = {"type": "gemini", "content": [{"text": ".", "thought": True}, {"text": ""}]}
"""After results: without a turn of the model's, the CLI tells the model that it was interrupted.

It drops this one for the empty text; thoughts alone it keeps for models whose names it does not know.
"""


def turns(messages: Sequence[Message]) -> tuple[Mapping[str, Any], ...]:
    """The turns of a session file.

    Neighbours of one role become one turn with a part each, as the CLI and Gemini would read them. Reasoning is left
    out: Gemini takes none back.

    Args:
        messages: All but the system's; the last is the user's or a function's.
    """
    made = tuple(_Conversation().turns(messages))
    answers = any("functionResponse" in part for part in made[-1]["content"])
    return (*made, _LAST) if answers else made


class _Conversation:
    """One conversation; knows the newest calls as it goes along."""

    def __init__(self) -> None:
        self._calls: dict[str, ToolCall] = {}
        """By the caller's id."""
        self._ids: dict[str, str] = {}
        """Of the newest calls, by the caller's."""
        self._used: set[str] = set()

    def turns(self, messages: Sequence[Message]) -> Iterator[Mapping[str, Any]]:
        for ours, group in groupby(messages, key=lambda message: message.role == "assistant"):
            parts = [part for message in group for part in self._parts(message)] or [_NOTHING]
            if ours:
                yield {"type": "gemini", "content": _told_of(parts)}
            else:
                yield {"type": "user", "content": parts if "functionResponse" in parts[0] else [_FIRST, *parts]}

    def _parts(self, message: Message) -> Iterator[Mapping[str, Any]]:
        if message.role == "tool":
            # Images stand after the result that they belong to, as the CLI has its own.
            yield self._result(message)
            yield from (_part(part) for part in message.parts if isinstance(part, Media))
            return
        yield from (_part(part) for part in message.parts if part != Text(""))
        if message.role == "assistant":
            self._calls = {call.id: call for call in message.tool_calls}
            self._ids = {call.id: self._unused(_split(call.id)[0]) for call in message.tool_calls}
            yield from (
                _call(call, self._ids[call.id], first=call is message.tool_calls[0]) for call in message.tool_calls
            )

    def _result(self, message: Message) -> Mapping[str, Any]:
        call = self._calls[message.tool_call_id]
        told = {"id": self._ids[call.id], "name": wire_name(call.name), "response": {"output": message.text}}
        return {"functionResponse": told}

    def _unused(self, given: str) -> str:
        # Some callers count their ids anew in each answer; to the CLI an id is one call's.
        found = next(each for n in count(1) if (each := given if n == 1 else f"{given}-{n}") not in self._used)
        self._used.add(found)
        return found


def _told_of(parts: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """A turn of the model's that the CLI tells of when it loads the session, as it does of all but blank ones.

    `"thought": false` is what Gemini takes a part for that does not say.
    """
    text = "".join(part.get("text", "x") for part in parts)
    return parts if text.replace("\ufeff", "").strip() else [{**parts[0], "thought": False}, *parts[1:]]


def _call(call: ToolCall, call_id: str, *, first: bool) -> Mapping[str, Any]:
    signature = call.signature or _split(call.id)[1]
    part = {"functionCall": {"id": call_id, "name": wire_name(call.name), "args": _args(call.arguments)}}
    if first:  # Gemini wants one of the first call of each answer, and of no other
        signature = signature or _UNSIGNED
    return {**part, "thoughtSignature": signature} if signature else part


def _split(call_id: str) -> tuple[str, str]:
    """A call's own id, and the thought signature at its end, empty for none: some clients cut long ids."""
    plain, _, signature = call_id.partition(_SIGNATURE)
    try:
        base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        signature = ""
    return plain or call_id, signature


def _part(part: Part) -> Mapping[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Media):
        if part.url:  # the bridge fetches links; one that slipped through would be refused, not read as text
            return {"fileData": {"fileUri": part.url}}
        return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
    assert_never(part)


def _args(arguments: str) -> Mapping[str, Any]:
    """A call's arguments, which Gemini takes as an object only; what is none goes into one."""
    try:
        value = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        value = None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"INVALID_JSON": arguments}
