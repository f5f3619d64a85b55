"""A conversation that `claude --resume=FILE` takes up. Measured on 2.1.330."""

from __future__ import annotations

import json

from _anthropic_asked import blocks_of
from _claude_conversation import Conversation

UNFINISHED = (
    "[Tool call interrupted: the session ended before this call's result was recorded, so its outcome is unknown. Check"
    " whether it took effect before relying on it or running it again.]"
)
NO_RESPONSE = "No response requested."


def load(path: str, conversation: Conversation) -> str:
    """Read a session file into an empty conversation; the session's id.

    What the file leaves open is closed with words of the CLI's own: a call without result, a user without answer.
    """
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
        rows = [json.loads(line) for line in file if line.strip()]
    for row in rows:
        message = row["message"]
        if row["type"] == "user":
            conversation.add_user(message["content"], row["uuid"], stops=True)
        else:
            conversation.add_assistant(message["content"], row["uuid"], message.get("model", ""))
    last = conversation.entries[-1] if rows else None
    open_calls = [block["id"] for block in blocks_of(last.content) if block.get("type") == "tool_use"] if last else []
    if open_calls:
        failed = {"type": "tool_result", "content": UNFINISHED, "is_error": True}
        conversation.add_user([{**failed, "tool_use_id": call} for call in open_calls])
    if open_calls or (last and last.role == "user"):
        conversation.add_assistant([{"type": "text", "text": NO_RESPONSE}])
    return rows[-1]["sessionId"] if rows else ""
