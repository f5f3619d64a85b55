"""OpenAI's turns as a session file has them. Pure.

The model sees exactly these parts, measured on gemini 0.61.0, but for two that the CLI drops on its way: an empty text,
and a turn with an empty text in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uutel_bridge.core.messages import Message
from uutel_bridge.gemini_api.contents import Conversation
from uutel_bridge.providers.gemini_cli.tools import wire_name

_FIRST: Mapping[str, Any] = {"text": "", "thought": False}
"""Before a user's turn: the CLI leaves out one that begins with `/`, `?` or a mark of its own."""
_LAST: Mapping[str, Any] = {"type": "gemini", "content": [{"text": ".", "thought": True}, {"text": ""}]}
"""After results: without a turn of the model's, the CLI tells the model that it was interrupted.

It drops this one for the empty text; thoughts alone it keeps for models whose names it does not know.
"""


def turns(messages: Sequence[Message]) -> tuple[Mapping[str, Any], ...]:
    """The turns of a session file.

    Args:
        messages: All but the system's; the last is the user's or a function's.
    """
    said = Conversation(wire_name).turns(messages)
    made = tuple(_of_the_model(parts) if role == "model" else _of_the_user(parts) for role, parts in said)
    answers = any("functionResponse" in part for part in made[-1]["content"])
    return (*made, _LAST) if answers else made


def _of_the_user(parts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"type": "user", "content": parts if "functionResponse" in parts[0] else [_FIRST, *parts]}


def _of_the_model(parts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """One that the CLI tells of when it loads the session, as it does of all but blank ones.

    `"thought": false` is what Gemini takes a part for that does not say.
    """
    text = "".join(part.get("text", "x") for part in parts)
    blank = not text.replace("\ufeff", "").strip()
    return {"type": "gemini", "content": [{**parts[0], "thought": False}, *parts[1:]] if blank else parts}
