"""The conversation: OpenAI-shaped messages in, checked and vendor-free turns out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.events import ReasoningBlock
from uutel_bridge.core.media import Media, read_audio, read_file, read_image
from uutel_bridge.core.text import checked_name, checked_text

Role = Literal["system", "user", "assistant", "tool"]

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_MEDIA: Mapping[Role, frozenset[str]] = {
    "system": frozenset(),
    "user": frozenset({"image", "audio", "document"}),
    "assistant": frozenset(),
    "tool": frozenset({"image"}),
}


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text."""

    text: str


Part: TypeAlias = Text | Media


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one of the caller's functions."""

    id: str
    name: str
    arguments: str
    """As the model wrote them: JSON or not."""
    signature: str = ""
    """Google's seal on the thought that led to it, where LiteLLM keeps one beside the call."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation."""

    role: Role
    parts: tuple[Part, ...]
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant: the functions it called."""
    tool_call_id: str = ""
    """Of a tool: the call that this is the result of."""
    reasoning: tuple[ReasoningBlock, ...] = ()
    """Of an assistant: what the vendor takes back of its reasoning."""
    signature: str = ""
    """Of an assistant: Google's seal on the thoughts behind its text, where LiteLLM keeps one beside the message."""

    @property
    def text(self) -> str:
        """All its text, joined as it stands."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


def read_messages(raw: object) -> tuple[Message, ...]:
    """OpenAI's `messages` as typed turns, in their order, each call followed by its result.

    Of LiteLLM's `thinking_blocks`, one without a signature is left out, and so is `reasoning_content`: no vendor takes
    them back.

    Raises:
        BadRequest: `messages` is empty or something in it cannot be read; `param` says where.
        UnsupportedParam: A kind of message or part that exists, but not here.
    """
    if not isinstance(raw, Sequence) or isinstance(raw, str | bytes) or not raw:
        raise BadRequest("messages: a list of at least one message is needed.", param="messages")
    items = cast("Sequence[object]", raw)
    messages = tuple(_message(item, f"messages[{index}]") for index, item in enumerate(items))
    _check_results(messages)
    return messages


def _check_results(messages: Sequence[Message]) -> None:
    """Each call has one result, in any order but before anybody else speaks. System messages have no place in this."""
    asked_at = ""
    missing: list[str] = []
    answered: set[str] = set()
    for index, message in enumerate(messages):
        if message.role == "tool":
            at = f"messages[{index}].tool_call_id"
            if message.tool_call_id in answered:
                raise BadRequest(f"{at}: {message.tool_call_id!r} has a result already.", param=at)
            if message.tool_call_id not in missing:
                raise BadRequest(f"{at}: no call {message.tool_call_id!r} stands right before it.", param=at)
            missing.remove(message.tool_call_id)
            answered.add(message.tool_call_id)
        elif message.role != "system":
            _check_none_missing(missing, asked_at)
            asked_at = f"messages[{index}].tool_calls"
            missing = [call.id for call in message.tool_calls]
            answered.clear()
    _check_none_missing(missing, asked_at)


def _check_none_missing(ids: Sequence[str], at: str) -> None:
    if ids:
        listed = ", ".join(map(repr, ids))
        raise BadRequest(f"{at}: no result follows for {listed}.", param=at)


def _message(raw: object, at: str) -> Message:
    if not isinstance(raw, Mapping):
        raise BadRequest(f"{at}: a message is an object with role and content.", param=at)
    message = cast("Mapping[str, Any]", raw)
    name = message.get("role")
    if name == "function" or message.get("function_call"):
        raise UnsupportedParam(f"{at}: functions are the old form; use tools.", param=at)
    role = _ROLES.get(name) if isinstance(name, str) else None  # a member of a client's own enum, too
    if role is None:
        known = ", ".join(_ROLES)
        raise BadRequest(f"{at}.role: {name!r} is not one of {known}.", param=f"{at}.role")
    if role == "assistant":
        return _assistant(message, at)
    if message.get("tool_calls"):
        raise BadRequest(f"{at}.tool_calls: only an assistant calls.", param=f"{at}.tool_calls")
    parts = _parts(message.get("content"), role, f"{at}.content")
    if role == "tool":
        return Message(role, parts, tool_call_id=checked_name(message.get("tool_call_id"), f"{at}.tool_call_id"))
    return Message(role, parts)


def _assistant(message: Mapping[str, Any], at: str) -> Message:
    calls = _tool_calls(message.get("tool_calls"), f"{at}.tool_calls")
    content = message.get("content")
    # OpenAI writes null where an answer had no text; beside calls, others write an empty one.
    silent = content is None or (calls and content == "")
    return Message(
        "assistant",
        () if silent else _parts(content, "assistant", f"{at}.content"),
        tool_calls=calls,
        reasoning=tuple(_reasoning(message.get("thinking_blocks"), f"{at}.thinking_blocks")),
        signature=_signature(message.get("provider_specific_fields"), f"{at}.provider_specific_fields"),
    )


def _signature(raw: object, at: str) -> str:
    """The first one, as LiteLLM takes it: the text goes back as one piece, which has but one."""
    at = f"{at}.thought_signatures"
    signatures = _list_or_none(_object(raw).get("thought_signatures"), at)
    return checked_text(signatures[0], f"{at}[0]") if signatures else ""


def _tool_calls(raw: object, at: str) -> tuple[ToolCall, ...]:
    calls: dict[str, ToolCall] = {}
    for index, item in enumerate(_list_or_none(raw, at)):
        call = _tool_call(_object(item), f"{at}[{index}]")
        if calls.setdefault(call.id, call) is not call:
            place = f"{at}[{index}].id"
            raise BadRequest(f"{place}: there is a call {call.id!r} already.", param=place)
    return tuple(calls.values())


def _tool_call(call: Mapping[str, Any], at: str) -> ToolCall:
    if call.get("type") != "function":
        raise UnsupportedParam(f"{at}.type: {call.get('type')!r} is not supported; function is.", param=f"{at}.type")
    function = _object(call.get("function"))
    arguments = function.get("arguments")
    beside = _object(call.get("provider_specific_fields"))
    return ToolCall(
        id=checked_name(call.get("id"), f"{at}.id"),
        name=checked_name(function.get("name"), f"{at}.function.name"),
        arguments="" if arguments is None else checked_text(arguments, f"{at}.function.arguments"),
        signature=checked_text(
            beside.get("thought_signature") or "", f"{at}.provider_specific_fields.thought_signature"
        ),
    )


def _reasoning(raw: object, at: str) -> Iterator[ReasoningBlock]:
    for index, item in enumerate(_list_or_none(raw, at)):
        block, place = _object(item), f"{at}[{index}]"
        kind = block.get("type")
        if kind == "redacted_thinking":
            yield ReasoningBlock("", "", redacted=checked_name(block.get("data"), f"{place}.data"))
        elif kind != "thinking":
            place = f"{place}.type"
            raise BadRequest(f"{place}: {kind!r} is not one of thinking, redacted_thinking.", param=place)
        elif signature := checked_text(block.get("signature") or "", f"{place}.signature"):
            yield ReasoningBlock(checked_text(block.get("thinking"), f"{place}.thinking"), signature)


def _list_or_none(raw: object, at: str) -> Sequence[object]:
    if raw is None:
        return ()
    if not isinstance(raw, Sequence) or isinstance(raw, str | bytes):
        raise BadRequest(f"{at}: a list is needed, not {type(raw).__name__}.", param=at)
    return cast("Sequence[object]", raw)


def _parts(content: object, role: Role, at: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(checked_text(content, at)),)
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise BadRequest(f"{at}: text or a list of parts is needed, not {type(content).__name__}.", param=at)
    items = cast("Sequence[object]", content)
    if not items:
        raise BadRequest(f"{at}: the list of parts is empty.", param=at)
    parts = tuple(_part(item, f"{at}[{index}]") for index, item in enumerate(items))
    media = {part.kind for part in parts if isinstance(part, Media)}
    if forbidden := sorted(media - _MEDIA[role]):
        raise BadRequest(f"{at}: a message of role {role} holds no {forbidden[0]}.", param=at)
    return parts


def _part(raw: object, at: str) -> Part:
    if isinstance(raw, str):
        return Text(checked_text(raw, at))
    part = _object(raw)
    kind = part.get("type")
    if kind == "text":
        return Text(checked_text(part.get("text"), f"{at}.text"))
    if kind == "image_url":
        image = part.get("image_url")
        return read_image(image if isinstance(image, str) else _object(image).get("url"), f"{at}.image_url")
    if kind == "file":
        return read_file(_object(part.get("file")), f"{at}.file")
    if kind == "input_audio":
        return read_audio(_object(part.get("input_audio")), f"{at}.input_audio")
    raise BadRequest(f"{at}.type: {kind!r} is not one of text, image_url, input_audio, file.", param=f"{at}.type")


def _object(raw: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", raw) if isinstance(raw, Mapping) else {}
