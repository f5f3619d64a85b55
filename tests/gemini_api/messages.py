"""Messages as callers write them, and the parts that some of them come to."""

from __future__ import annotations

import base64
from typing import Any

Message = dict[str, Any]

UNSIGNED = "skip_thought_signature_validator"
SEAL = base64.b64encode(b"what Google thought of it").decode()
GIF = base64.b64encode(b"GIF89a\x01\x00\x01\x00" + bytes(10)).decode()
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{GIF}"}}
IMAGE_PART = {"inlineData": {"mimeType": "image/gif", "data": GIF}}


def user(content: Any) -> Message:
    """What the user said."""
    return {"role": "user", "content": content}


def assistant(content: Any, *calls: Message, **beside: Any) -> Message:
    """What the model said."""
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {}), **beside}


def call(call_id: str, arguments: str = "{}", *, name: str = "look", **beside: Any) -> Message:
    """A call in what the model said."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **beside}


def result(call_id: str, content: Any = "r") -> Message:
    """What a function said."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def calling(call_id: str, *, name: str = "look", signature: str | None = UNSIGNED, **args: Any) -> Message:
    """The part of a call."""
    part = {"functionCall": {"id": call_id, "name": name, "args": args}}
    return {**part, "thoughtSignature": signature} if signature else part


def output(call_id: str, text: str = "r", *, name: str = "look", **beside: Any) -> Message:
    """The part of a result."""
    return {"functionResponse": {"id": call_id, "name": name, "response": {"output": text}, **beside}}
