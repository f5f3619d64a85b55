"""A conversation as a session file that the CLI resumes from. Pure.

Measured on 2.1.330. A turn of the user's that is told over stdin takes 4 ms, and 13 where the machine is busy; a new
process that reads all of a file's turns takes as long as a hundred of them. And an image over stdin is made smaller, or
another one, if it is large; one in a file is left alone.

A file that ends with the user makes the CLI add an answer of its own. So the last line of ours is a placeholder, and
the session has the CLI go back to before it, and then ask with a line that says nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import orjson

from uutel_bridge.core.media import Media
from uutel_bridge.core.messages import Message

_LONG = 100
"""Turns of the user's, each of one or more messages."""
_LARGE_PIXELS = 2000
_LARGE_BYTES = 500_000
"""The CLI leaves images of up to 512,000 bytes alone; their base64 is looked at here."""

PLACEHOLDER = "ffffffff-ffff-4fff-bfff-ffffffffffff"
"""Id of the file's last line."""


def is_better_in_a_file(turns: Sequence[Message]) -> bool:
    """Whether the conversation is too long, or an image in it too large, to be told over stdin."""
    asked = sum(not answered for answered, _ in groupby(turns, key=lambda message: message.role == "assistant"))
    shown = (part for message in turns if message.role == "user" for part in message.parts if isinstance(part, Media))
    return asked >= _LONG or any(map(_is_large, shown))


def _is_large(media: Media) -> bool:
    return media.kind == "image" and (max(media.size) > _LARGE_PIXELS or len(media.data) * 3 // 4 > _LARGE_BYTES)


def session_file(messages: Sequence[Mapping[str, Any]]) -> bytes:
    """The file's content: JSON lines, a message each, and the placeholder."""
    told = [*messages, {"role": "user", "content": "-"}]
    return b"".join(orjson.dumps(line) + b"\n" for line in _lines(told))


def _lines(messages: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    # Ids that follow from the content: the same conversation makes the same file, another one is another session.
    session = _uuid(hashlib.sha256(orjson.dumps(messages)).hexdigest())
    before = None
    for at, message in enumerate(messages, 1):
        uuid = PLACEHOLDER if at == len(messages) else _uuid(f"{at:032x}")
        yield {
            "parentUuid": before,
            "type": message["role"],
            "message": message,
            "uuid": uuid,
            "sessionId": session,
            "timestamp": "2000-01-01T00:00:00.000Z",
        }
        before = uuid


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
