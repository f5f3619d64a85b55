"""The conversation: OpenAI-shaped messages in, checked and vendor-free turns out. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from uutel_bridge.core.errors import BadRequest, UnsupportedParam

Role = Literal["system", "user", "assistant"]

_ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;[\w.+=-]+)*;base64,(?P<data>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text."""

    text: str


@dataclass(frozen=True, slots=True)
class Media:
    """An image or a document: either its bytes or where they are."""

    kind: Literal["image", "document"]
    media_type: str
    """MIME type; empty where only the URL is known."""
    data: str
    """Base64, checked; empty for a URL."""
    url: str
    """http or https; empty for inline data."""


Part: TypeAlias = Text | Media


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All its text, joined as it stands."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


def read_messages(raw: object) -> tuple[Message, ...]:
    """OpenAI's `messages` as typed turns, in their order.

    Raises:
        BadRequest: `messages` is empty or something in it cannot be read; `param` says where.
        UnsupportedParam: A kind of message or part that exists, but not here.
    """
    if not isinstance(raw, Sequence) or isinstance(raw, str | bytes) or not raw:
        raise BadRequest("messages: a list of at least one message is needed.", param="messages")
    items = cast("Sequence[object]", raw)
    return tuple(_message(item, f"messages[{index}]") for index, item in enumerate(items))


def _message(raw: object, at: str) -> Message:
    if not isinstance(raw, Mapping):
        raise BadRequest(f"{at}: a message is an object with role and content.", param=at)
    message = cast("Mapping[str, Any]", raw)
    name = message.get("role")
    if name in ("tool", "function") or message.get("tool_calls") or message.get("function_call"):
        raise UnsupportedParam(f"{at}: function calls are not supported by this version.", param=at)
    role = _ROLES.get(str(name))
    if role is None:
        known = ", ".join(_ROLES)
        raise BadRequest(f"{at}.role: {name!r} is not one of {known}.", param=f"{at}.role")
    content = message.get("content")
    if content is None and role == "assistant":
        return Message(role, ())  # OpenAI writes null where an answer had no text
    return Message(role, _parts(content, role, f"{at}.content"))


def _parts(content: object, role: Role, at: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (_text(content, at),)
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise BadRequest(f"{at}: text or a list of parts is needed, not {type(content).__name__}.", param=at)
    items = cast("Sequence[object]", content)
    if not items:
        raise BadRequest(f"{at}: the list of parts is empty.", param=at)
    parts = tuple(_part(item, f"{at}[{index}]") for index, item in enumerate(items))
    if role != "user" and not all(isinstance(part, Text) for part in parts):
        raise BadRequest(f"{at}: a message of role {role} holds text only.", param=at)
    return parts


def _part(raw: object, at: str) -> Part:
    if isinstance(raw, str):
        return _text(raw, at)
    part = _object(raw)
    kind = part.get("type")
    if kind == "text":
        return _text(part.get("text"), f"{at}.text")
    if kind == "image_url":
        image = part.get("image_url")
        return _image(image if isinstance(image, str) else _object(image).get("url"), f"{at}.image_url")
    if kind == "file":
        return _file(part.get("file"), f"{at}.file")
    raise BadRequest(f"{at}.type: {kind!r} is not one of text, image_url, file.", param=f"{at}.type")


def _object(raw: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", raw) if isinstance(raw, Mapping) else {}


def _text(value: object, at: str) -> Text:
    if not isinstance(value, str):
        raise BadRequest(f"{at}: text is needed, not {type(value).__name__}.", param=at)
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        # Half of a surrogate pair: no UTF-8, so no vendor could be sent it.
        raise BadRequest(f"{at}: not valid Unicode at character {exc.start}.", param=at) from exc
    return Text(value)


def _image(url: object, at: str) -> Media:
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        return Media("image", "", "", _text(url, at).text)
    media_type, data = _data_url(url, at)
    if not media_type.startswith("image/"):
        raise BadRequest(f"{at}: {media_type} is not an image.", param=at)
    return Media("image", media_type, data, "")


def _file(raw: object, at: str) -> Media:
    file = _object(raw)
    where = "file_data" if file.get("file_data") is not None else "file_id"
    value = file.get(where)
    if where == "file_id" and isinstance(value, str) and value.startswith(("http://", "https://")):
        media_type, data, url = str(file.get("format") or ""), "", _text(value, f"{at}.{where}").text
    else:
        (media_type, data), url = _data_url(value, f"{at}.{where}"), ""
    return Media("image" if media_type.startswith("image/") else "document", media_type, data, url)


def _data_url(value: object, at: str) -> tuple[str, str]:
    match = _DATA_URL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadRequest(f"{at}: an http(s) URL or data:<type>;base64,<data> is needed.", param=at)
    try:
        decoded = base64.b64decode(match["data"], validate=True)
    except ValueError as exc:
        raise BadRequest(f"{at}: the data URL is not valid base64 ({exc}).", param=at) from exc
    if not decoded:
        raise BadRequest(f"{at}: the data URL holds no data.", param=at)
    return match["type"], match["data"]
