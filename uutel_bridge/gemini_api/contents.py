"""OpenAI's turns as GenerateContent's: parts, calls and their results, signatures. Pure."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, groupby
from typing import Any, Literal, TypeAlias, cast

import orjson
from typing_extensions import assert_never

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.media import Media
from uutel_bridge.core.messages import Message, Part, Text, ToolCall

WirePart: TypeAlias = Mapping[str, Any]
"""A part of a `Content`, in Google's JSON."""

_SIGNATURE = "__thought__"
"""In a call's id, before the thought signature: LiteLLM's way to hand one to clients that keep nothing else of it."""
_CUT = frozenset({40, 64})
"""Characters that some clients keep of an id. Of one that is just as long and holds a signature, more stood there: what
is left can be valid base64 for all that, and Gemini refuses it."""
_UNSIGNED = "skip_thought_signature_validator"
"""What Google documents in place of one that is lost; the CLI puts it there, too, but not for every model's name."""
_NOTHING: WirePart = {"text": " "}
"""A turn without content: Gemini takes no less."""


def spoken(messages: Sequence[Message]) -> list[Message]:
    """All messages but the system's.

    Raises:
        BadRequest: The last is neither the user's nor a function's, as Gemini wants it.
    """
    said = [message for message in messages if message.role != "system"]
    if not said or said[-1].role == "assistant":
        raise BadRequest("messages: the last message must be the user's or a function's result.", param="messages")
    return said


class Conversation:
    """One conversation; knows the newest calls as it goes along."""

    def __init__(self, wire_name: Callable[[str], str]) -> None:
        """`wire_name`: what the model sees a function as."""
        self._wire_name = wire_name
        self._calls: dict[str, ToolCall] = {}
        """By the caller's id."""
        self._ids: dict[str, str] = {}
        """Of the newest calls, by the caller's."""
        self._used: set[str] = set()
        self._newest: Counter[str] = Counter()
        """Of each id that a caller gave: the number of the last call that had it."""

    def turns(self, messages: Sequence[Message]) -> Iterator[tuple[Literal["user", "model"], Sequence[WirePart]]]:
        """Who said what.

        Neighbours of one role become one turn with a part each, as the CLI and Gemini would read them. Reasoning is
        left out: Gemini takes none back.

        Args:
            messages: All but the system's.
        """
        for models, group in groupby(messages, key=lambda message: message.role == "assistant"):
            parts = [part for message in group for part in self._parts(message)]
            yield "model" if models else "user", parts or [_NOTHING]

    def _parts(self, message: Message) -> Iterator[WirePart]:
        if message.role == "tool":
            yield from self._result(message)
            return
        yield from self._said(message)
        if message.role == "assistant":
            self._calls = {call.id: call for call in message.tool_calls}
            self._ids = {call.id: self._unused(_split(call.id)[0]) for call in message.tool_calls}
            yield from (self._call(call, first=call is message.tool_calls[0]) for call in message.tool_calls)

    def _said(self, message: Message) -> Sequence[WirePart]:
        return [wire_part(part) for part in message.parts if part != Text("")]

    def _call(self, call: ToolCall, *, first: bool) -> WirePart:
        signature = signature_of(call)
        told = {"id": self._ids[call.id], "name": self._wire_name(call.name), "args": _args(call.arguments)}
        if first:  # Gemini wants one of the first call of each answer, and of no other
            signature = signature or _UNSIGNED
        return {"functionCall": told, **({"thoughtSignature": signature} if signature else {})}

    def _result(self, message: Message) -> Sequence[WirePart]:
        """Images stand after the result that they belong to, as the CLI has its own."""
        return [self._response(message), *(wire_part(part) for part in message.parts if isinstance(part, Media))]

    def _response(self, message: Message) -> WirePart:
        call = self._calls[message.tool_call_id]
        told = {"id": self._ids[call.id], "name": self._wire_name(call.name), "response": {"output": message.text}}
        return {"functionResponse": told}

    def _unused(self, given: str) -> str:
        # Some callers count their ids anew in each answer; to Gemini and its CLI an id is one call's.
        n = next(n for n in count(self._newest[given] + 1) if _numbered(given, n) not in self._used)
        self._newest[given] = n
        self._used.add(_numbered(given, n))
        return _numbered(given, n)


def wire_part(part: Part) -> WirePart:
    """A text, or what is to be seen or heard."""
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Media):
        if part.url:  # the bridge fetches links; one that slipped through would be refused, not read as text
            return {"fileData": {"fileUri": part.url}}
        return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
    assert_never(part)


def signature_of(call: ToolCall) -> str:
    """The thought signature that came with a call; empty where it had none, or a client lost it."""
    return call.signature or _split(call.id)[1]


def _numbered(given: str, n: int) -> str:
    return given if n == 1 else f"{given}-{n}"


def _split(call_id: str) -> tuple[str, str]:
    """A call's own id, and the thought signature at its end, empty for none."""
    plain, _, signature = call_id.partition(_SIGNATURE)
    try:
        base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        signature = ""
    return plain or call_id, "" if len(call_id) in _CUT else signature


def _args(arguments: str) -> Mapping[str, Any]:
    """A call's arguments, which Gemini takes as an object only; what is none goes into one."""
    try:
        value = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        value = None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"INVALID_JSON": arguments}
