"""OpenAI's words to Codex's. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from typing_extensions import assert_never

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.events import ReasoningBlock
from uutel_bridge.core.media import Media
from uutel_bridge.core.messages import Message, Part, Text
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.core.tools import ResponseFormat, as_json
from uutel_bridge.providers.codex.catalog import DEFAULT, DEFAULT_MODEL, EFFORTS, SERVICE_TIERS, VERBOSITIES
from uutel_bridge.providers.codex.models import SEAL, CodexRequest
from uutel_bridge.providers.codex.tools import dynamic_tool, wire_name, wire_names
from uutel_bridge.providers.codex.translator import CodexTranslator

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
"""What OpenAI takes."""
_KNOWN = {"reasoning_effort": EFFORTS, "verbosity": VERBOSITIES, "service_tier": SERVICE_TIERS}
_CALL_ID = 64
"""Characters of a call's id that the Responses API takes."""


class CodexTransform:
    """Both directions."""

    supported = frozenset({
        "parallel_tool_calls",
        "reasoning_effort",
        "response_format",
        "service_tier",
        "tool_choice",
        "tools",
        "verbosity",
    })

    def request(self, chat: ChatRequest, /) -> CodexRequest:
        """Codex's form of a chat request. System messages become the instructions, in their order.

        Raises:
            BadRequest: The conversation does not end with the user or a function's result, an unknown effort, verbosity
                or service tier was asked for, an image is of a kind that OpenAI does not take, or a function's
                parameters cannot be declared.
            UnsupportedParam: A forced call, calls one at a time, or a document.
        """
        turns = [message for message in chat.messages if message.role != "system"]
        if not turns or turns[-1].role == "assistant":
            raise BadRequest("messages: the last message must be the user's or a function's result.", param="messages")
        for name, known in _KNOWN.items():
            value = getattr(chat, name)
            if value is not None and value not in known:
                raise BadRequest(f"{name}: {value!r} is not one of {', '.join(known)}.", param=name)
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
            verbosity=chat.verbosity,
            service_tier=chat.service_tier,
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
        for block in message.reasoning:
            if block.signature.startswith(SEAL):
                yield _thought(block)
        if message.parts or not message.tool_calls:
            text = [part.text for part in message.parts if isinstance(part, Text)] or [""]
            content = [{"type": "output_text", "text": each} for each in text]
            yield {"type": "message", "role": "assistant", "content": content}
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


def _thought(block: ReasoningBlock) -> Mapping[str, Any]:
    summary = [{"type": "summary_text", "text": block.text}] if block.text else []
    return {"type": "reasoning", "summary": summary, "encrypted_content": block.signature[len(SEAL) :]}


def _input(part: Part) -> Mapping[str, Any]:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Media):
        return _image(part)
    assert_never(part)


def _image(media: Media) -> Mapping[str, Any]:
    if media.kind != "image":
        raise UnsupportedParam(f"messages: Codex takes no {media.kind}.", param="messages")
    if media.media_type and media.media_type not in _IMAGES:
        raise BadRequest(f"messages: OpenAI takes no {media.media_type} as image.", param="messages")
    # The bridge fetches links; one that slipped through would be refused by the app-server, not read as text.
    url = media.url or f"data:{media.media_type};base64,{media.data}"
    # With another detail the CLI makes a large image smaller.
    return {"type": "input_image", "image_url": url, "detail": "original"}
