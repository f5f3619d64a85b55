"""Images and documents that a caller gave: whether they are what they are said to be. Pure."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import imagesize

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.text import checked_text

_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;[\w.+=-]+)*;base64,(?P<data>.*)", re.DOTALL)
_SOUNDS: Mapping[str, str] = {"wav": "audio/wav", "mp3": "audio/mp3"}
"""OpenAI's names of formats."""
_PDF_HEADER = 1024
"""Bytes within which readers of PDF look for its mark."""
_MARKS = {
    "image/png": re.compile(rb"\x89PNG\r\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "application/pdf": re.compile(rb"%PDF-"),
}
"""What a file of each type begins with."""


@dataclass(frozen=True, slots=True)
class Media:
    """An image or a document: either its bytes or where they are."""

    kind: Literal["image", "audio", "document"]
    media_type: str
    """MIME type; empty where only the URL is known."""
    data: str
    """Base64, checked; empty for a URL."""
    url: str
    """http or https; empty for inline data."""
    size: tuple[int, int] = (0, 0)
    """Width and height in pixels, of an inline image."""
    at: str = field(default="", compare=False)
    """Where in the request a link stands: `messages[0].content[1].image_url`."""


def read_image(url: object, at: str) -> Media:
    """OpenAI's `image_url`: a link, or a data URL with an image in it.

    Raises:
        BadRequest: It is neither, or the image is broken; `param` is `at`.
    """
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        return Media("image", "", "", checked_text(url, at), at=at)
    media = _inline(url, at)
    if media.kind != "image":
        raise BadRequest(f"{at}: {media.media_type} is not an image.", param=at)
    return media


def read_file(file: Mapping[str, Any], at: str) -> Media:
    """OpenAI's `file`: a data URL, or a link in place of the id.

    Raises:
        BadRequest: It is neither, or broken; `param` says where.
    """
    where = "file_data" if file.get("file_data") is not None else "file_id"
    value, at = file.get(where), f"{at}.{where}"
    if where == "file_id" and isinstance(value, str) and value.startswith(("http://", "https://")):
        media_type = str(file.get("format") or "")
        return Media(_kind(media_type), media_type, "", checked_text(value, at), at=at)
    return _inline(value, at)


def read_fetched(link: Media, content: bytes, said_type: str) -> Media:
    """What a link led to, with the type that its first bytes tell, else the one its server gave.

    Raises:
        BadRequest: It is broken, or not of the link's kind; `param` says where the link stands.
    """
    media_type = next((name for name, mark in _MARKS.items() if mark.match(content)), said_type)
    if _kind(media_type) != link.kind:
        raise BadRequest(f"{link.at}: what the link leads to is no {link.kind} ({media_type}).", param=link.at)
    size = _checked_size(content, media_type, link.at)
    return Media(link.kind, media_type, base64.b64encode(content).decode("ascii"), "", size)


def read_audio(audio: Mapping[str, Any], at: str) -> Media:
    """OpenAI's `input_audio`: base64 and the name of a format.

    Raises:
        BadRequest: One of them is missing or broken; `param` says where.
    """
    sound, data = str(audio.get("format")), audio.get("data")
    if sound not in _SOUNDS:
        raise BadRequest(f"{at}.format: {sound!r} is not one of {', '.join(_SOUNDS)}.", param=f"{at}.format")
    return replace(
        _inline(f"data:{_SOUNDS[sound]};base64,{data if isinstance(data, str) else ''}", f"{at}.data"), at=at
    )


def _inline(value: object, at: str) -> Media:
    match = _DATA_URL.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise BadRequest(f"{at}: an http(s) URL or data:<type>;base64,<data> is needed.", param=at)
    try:
        content = base64.b64decode(match["data"], validate=True)
    except ValueError as exc:
        raise BadRequest(f"{at}: the data URL is not valid base64 ({exc}).", param=at) from exc
    if not content:
        raise BadRequest(f"{at}: the data URL holds no data.", param=at)
    media_type = match["type"]
    return Media(_kind(media_type), media_type, match["data"], "", _checked_size(content, media_type, at))


def _checked_size(content: bytes, media_type: str, at: str) -> tuple[int, int]:
    if _kind(media_type) == "image":
        return _size(content, media_type, at)
    if media_type == "application/pdf" and b"%PDF-" not in content[:_PDF_HEADER]:
        raise BadRequest(f"{at}: this is no PDF.", param=at)
    return 0, 0


def _kind(media_type: str) -> Literal["image", "audio", "document"]:
    if media_type.startswith("image/"):
        return "image"
    return "audio" if media_type.startswith("audio/") else "document"


def _size(content: bytes, media_type: str, at: str) -> tuple[int, int]:
    # Some CLIs put a text of theirs in place of an image that they cannot read.
    width, height = imagesize.get(io.BytesIO(content))  # pyright: ignore[reportUnknownMemberType]  # PathLike of what, it does not say
    if width < 1 or height < 1:
        raise BadRequest(f"{at}: this {media_type} is broken, or no image.", param=at)
    return int(width), int(height)
