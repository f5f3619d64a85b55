"""OpenAI's turns as Anthropic's messages. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, groupby
from typing import Any, cast

import orjson
from typing_extensions import assert_never

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.events import ReasoningBlock
from uutel_bridge.core.media import Media
from uutel_bridge.core.messages import Message, Part, Text, ToolCall
from uutel_bridge.providers.claude_code.tools import ToolServer, wire_name

_MEDIA_TYPES: Mapping[str, tuple[str, ...]] = {
    "image": ("image/jpeg", "image/png", "image/gif", "image/webp"),
    "document": ("application/pdf",),
}
"""What the Messages API takes as base64."""

_BREAKPOINT: Mapping[str, Any] = {"type": "ephemeral", "ttl": "1h"}
"""As the CLI marks its own."""

_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_-]")
_REPETITION = re.compile(r"_[0-9]+$")
_FOREIGN = ":"
"""In no signature of Anthropic's, which are base64: another vendor's reasoning is of no use to Claude."""


def messages(turns: Sequence[Message], *, model: str, server: ToolServer | None) -> tuple[Mapping[str, Any], ...]:
    """Anthropic's messages, the last with the prompt cache's breakpoint.

    Args:
        turns: All but the system's; the last is the user's or a function's.
        model: Full name of the model that is asked.
        server: The functions that can be called now.
    """
    return _with_breakpoint(list(_Conversation(model, server).messages(turns)))


class _Conversation:
    """Anthropic's form of one conversation; keeps the ids of calls apart as it goes along."""

    def __init__(self, model: str, server: ToolServer | None) -> None:
        self._model = model
        self._server = server
        self._used: set[str] = set()
        """Ids of calls, as sent."""
        self._stems: set[str] = set()
        """Of those ids."""
        self._ids: dict[str, str] = {}
        """Of the newest calls, by the caller's."""

    def messages(self, turns: Sequence[Message]) -> Iterator[Mapping[str, Any]]:
        """Neighbouring messages of the user and of functions become one with a block each, as the API reads them.

        The CLI would join them, too, but with a line break of its own between them.
        """
        for ours, group in groupby(turns, key=lambda message: message.role == "assistant"):
            if ours:
                yield from map(self._said, group)
            else:
                yield {"role": "user", "content": self._asked(list(group))}

    def _asked(self, group: Sequence[Message]) -> str | list[Mapping[str, Any]]:
        (first, *more) = group
        if first.role == "user" and not more:
            return _content(first.parts)
        return [block for message in group for block in self._blocks(message)]

    def _blocks(self, message: Message) -> list[Mapping[str, Any]]:
        if message.role != "tool":
            return [_block(part) for part in message.parts]
        content = message.text if _is_text(message.parts) else [_block(part) for part in message.parts]
        return [{"type": "tool_result", "tool_use_id": self._ids[message.tool_call_id], "content": content}]

    def _said(self, message: Message) -> Mapping[str, Any]:
        # The CLI drops a blank turn of the assistant and joins the user's around it. One without content stays a turn,
        # and reaches the model as "(no content)", words that the CLI takes for blank, too.
        blank = message.text.strip() in {"", "(no content)"}
        thoughts = [_thought(block) for block in message.reasoning if _FOREIGN not in block.signature]
        if not message.tool_calls and not thoughts:
            return {"role": "assistant", "content": [] if blank else _content(message.parts)}
        if not message.tool_calls and blank:
            return {"role": "assistant", "content": []}
        self._ids = {call.id: self._unused(call.id) for call in message.tool_calls}
        content = [
            *thoughts,
            *(_block(part) for part in message.parts if not blank),
            *(self._call(call) for call in message.tool_calls),
        ]
        # The CLI passes on only what it takes for this very model's reasoning.
        known = {"model": self._model} if thoughts else {}
        return {"role": "assistant", "content": content, **known}

    def _call(self, call: ToolCall) -> Mapping[str, Any]:
        name = wire_name(self._server, call.name)
        return {"type": "tool_use", "id": self._ids[call.id], "name": name, "input": _input(call.arguments)}

    def _unused(self, given: str) -> str:
        # Some callers count their ids anew in each answer.
        plain = _NOT_IN_AN_ID.sub("_", given)
        found = next(each for n in count(1) if not self._clashes(each := plain if n == 1 else f"{plain}-{n}"))
        self._used.add(found)
        self._stems.add(_stem(found))
        return found

    def _clashes(self, wanted: str) -> bool:
        """Whether the CLI would take two calls for one: it drops the results of a call whose id it has seen.

        To it `call_2` is a repetition of `call`, though not of `call_1` (2.1.330).
        """
        return not self._used.isdisjoint({wanted, _stem(wanted)}) or wanted in self._stems


def _stem(call_id: str) -> str:
    return _REPETITION.sub("", call_id)


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


def _is_text(parts: Sequence[Part]) -> bool:
    return len(parts) == 1 and isinstance(parts[0], Text)


def _block(part: Part) -> Mapping[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Media):
        if part.kind not in _MEDIA_TYPES:
            raise UnsupportedParam(f"messages: Claude takes no {part.kind}.", param="messages")
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


def _thought(block: ReasoningBlock) -> Mapping[str, Any]:
    if block.redacted:
        return {"type": "redacted_thinking", "data": block.redacted}
    return {"type": "thinking", "thinking": block.text, "signature": block.signature}


def _input(arguments: str) -> Mapping[str, Any]:
    """A call's arguments, which Anthropic takes as an object only.

    What is none goes into one under the key that Anthropic's documentation of tool streaming has for it.
    """
    try:
        value = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        value = None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"INVALID_JSON": arguments}
