"""What `claude` 2.1.330 does to an image in a line of the user's on stdin. One in a session file is left alone."""

from __future__ import annotations

import base64
from typing import Any

MOST_BYTES = 512_000
MOST_PIXELS = 2000
UNREADABLE = (
    "[Image could not be processed: Unable to resize image \u2014 image processing is unavailable and dimensions could"
    " not be read from the file header. Please convert the image to PNG, JPEG, GIF, or WebP.]"
)
_PNG = b"\x89PNG\r\n\x1a\n"


def taken_in(content: Any) -> Any:
    """The content with each large image as another, smaller one; of PNG, and of no other format, the size is read."""
    return [_block(block) for block in content] if isinstance(content, list) else content


def _block(block: dict[str, Any]) -> dict[str, Any]:
    source = block.get("source") or {}
    if block.get("type") != "image" or source.get("type") != "base64":
        return block
    data = base64.b64decode(source.get("data", ""))
    if not data.startswith((_PNG, b"GIF8", b"\xff\xd8\xff\xe0\x00\x10", b"RIFF")):
        return {"type": "text", "text": UNREADABLE}
    pixels = [int.from_bytes(data[at : at + 4], "big") for at in (16, 20)] if data.startswith(_PNG) else [0]
    if len(data) <= MOST_BYTES and max(pixels) <= MOST_PIXELS:
        return block
    return {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "bWFkZSBzbWFsbGVy"}}
