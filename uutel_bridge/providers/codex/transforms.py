"""OpenAI's words to Codex's. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from typing_extensions import assert_never

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.media import Media
from uutel_bridge.core.messages import Message, Part, Text
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.core.tools import ResponseFormat, as_json
from uutel_bridge.providers.codex.catalog import DEFAULT, DEFAULT_MODEL, EFFORTS
from uutel_bridge.providers.codex.models import CodexRequest
from uutel_bridge.providers.codex.tools import dynamic_tool, wire_name, wire_names
from uutel_bridge.providers.codex.translator import CodexTranslator

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
"""What OpenAI takes."""
_CALL_ID = 64
"""Characters of a call's id that the Responses API takes."""


class CodexTransform:
    """Both directions."""

    supported = frozenset({"parallel_tool_calls", "reasoning_effort", "response_format", "tool_choice", "tools"})

    def request(self, chat: ChatRequest, /) -> CodexRequest:
        """Codex's form of a chat request. System messages become the instructions, in their order.

        Raises:
            BadRequest: The conversation does not end with the user or a function's result, an unknown effort was asked
                for, an image is of a kind that OpenAI does not take, or a function's parameters cannot be declared.
            UnsupportedParam: A forced call, calls one at a time, a link to an image, or a document.
        """
        turns = [message for message in chat.messages if message.role != "system"]
        if not turns or turns[-1].role == "assistant":
            raise BadRequest("messages: the last message must be the user's or a function's result.", param="messages")
        if chat.reasoning_effort is not None and chat.reasoning_effort not in EFFORTS:
            raise BadRequest(
                f"reasoning_effort: {chat.reasoning_effort!r} is not one of {', '.join(EFFORTS)}.",
                param="reasoning_effort",
            )
        _refuse_tool_choice(chat)
        tools = () if chat.tool_choice.mode == "none" else chat.tools
        return CodexRequest(
            model=None if chat.model == DEFAULT else chat.model,
            instructions=chat.instructions,
            items=tuple(_Conversation().items(turns)),
            tools=tuple(map(dynamic_tool, tools)),
            names=wire_names(tools),
            effort=chat.reasoning_effort,
            output_schema=_output_schema(chat.response_format),
        )

    def translator(self, request: CodexRequest, /) -> CodexTranslator:
        """A fresh translator for one turn."""
        return CodexTranslator(request.model or DEFAULT_MODEL, request.names)


def _refuse_tool_choice(chat: ChatRequest) -> None:
    if chat.tool_choice.mode in {"required", "named"}:
        raise UnsupportedParam(
            "tool_choice: Codex cannot make the model call a function; leave it out.", param="tool_choice"
        )
    if not chat.parallel_tool_calls:
        raise UnsupportedParam(
            "parallel_tool_calls: Codex cannot keep the model to one call at a time; leave it out.",
            param="parallel_tool_calls",
        )


def _output_schema(wanted: ResponseFormat | None) -> Mapping[str, Any] | None:
    if wanted is None or wanted.schema is None:
        return None
    at = "response_format.json_schema.schema"
    return as_json(dict(wanted.schema), at, param=at)


class _Conversation:
    """Input items of one conversation; keeps the ids of calls apart as it goes along."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._ids: dict[str, str] = {}
        """Of the newest calls, by the caller's."""

    def items(self, turns: Sequence[Message]) -> Iterator[Mapping[str, Any]]:
        for message in turns:
            if message.role == "tool":
                yield self._result(message)
            elif message.role == "assistant":
                yield from self._said(message)
            else:
                yield {"type": "message", "role": "user", "content": [_input(part) for part in message.parts]}

    def _said(self, message: Message) -> Iterator[Mapping[str, Any]]:
        if message.parts:
            text = [{"type": "output_text", "text": part.text} for part in message.parts if isinstance(part, Text)]
            yield {"type": "message", "role": "assistant", "content": text}
        self._ids = {call.id: self._unused(call.id) for call in message.tool_calls}
        for call in message.tool_calls:
            yield {
                "type": "function_call",
                "call_id": self._ids[call.id],
                "name": wire_name(call.name),
                "arguments": call.arguments,
            }

    def _result(self, message: Message) -> Mapping[str, Any]:
        only_text = all(isinstance(part, Text) for part in message.parts)
        output = message.text if only_text else [_input(part) for part in message.parts]
        return {"type": "function_call_output", "call_id": self._ids[message.tool_call_id], "output": output}

    def _unused(self, given: str) -> str:
        # Some callers count their ids anew in each answer; to Codex and OpenAI an id is one call's.
        plain = given if len(given) <= _CALL_ID else f"call_{hashlib.sha256(given.encode()).hexdigest()[:32]}"
        found = next(each for n in count(1) if (each := plain if n == 1 else f"{plain[:48]}-{n}") not in self._used)
        self._used.add(found)
        return found


def _input(part: Part) -> Mapping[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Media):
        return _image(part)
    assert_never(part)


def _image(media: Media) -> Mapping[str, Any]:
    if media.kind != "image":
        raise UnsupportedParam("messages: Codex takes no documents.", param="messages")
    if media.url:
        raise UnsupportedParam("messages: Codex takes no links to images; give it as a data URL.", param="messages")
    if media.media_type not in _IMAGES:
        raise BadRequest(f"messages: OpenAI takes no {media.media_type} as image.", param="messages")
    # With another detail the CLI makes a large image smaller.
    url = f"data:{media.media_type};base64,{media.data}"
    return {"type": "input_image", "image_url": url, "detail": "original"}
