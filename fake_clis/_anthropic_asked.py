"""What a Messages API body asks for: the scenario its user names, the tools it offers, the results it brings."""

from __future__ import annotations

import re
from typing import Any

Block = dict[str, Any]

MARKER = re.compile(r"\[\[scenario:(\w+)((?:\s+\w+=[^\s\]]+)*)\s*\]\]")


def text_of(content: Any) -> str:
    """The text blocks of a message, joined."""
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content or [] if block.get("type") == "text")


def blocks_of(content: Any) -> list[Block]:
    """The content of a message as blocks."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])


def last_user_text(body: dict[str, Any]) -> str:
    """The text that asks: that of the newest user message; other roles are the CLI's own notes.

    Where that holds nothing but tool results, an agent is at work, and what it was asked stands in an earlier message:
    the newest one with a marker.
    """
    said = [message for message in reversed(body.get("messages") or []) if message.get("role") == "user"]
    if not said or text_of(said[0].get("content")) or not results(body):
        return text_of(said[0].get("content")) if said else ""
    texts = [text_of(message.get("content")) for message in said]
    return next((text for text in texts if MARKER.search(text)), "")


def marker(body: dict[str, Any]) -> str:
    """The marker as it was written; by it, calls are counted. Empty: there is none."""
    found = list(MARKER.finditer(last_user_text(body)))
    return found[-1][0] if found else ""


def scenario_of(body: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Name and parameters of the scenario a Messages API body asks for; the last marker wins."""
    found = MARKER.fullmatch(marker(body))
    if not found:
        return "text", {}
    return found[1], dict(pair.split("=", 1) for pair in found[2].split())


def results(body: dict[str, Any]) -> list[Block]:
    """The tool results of the newest user message."""
    said = [message for message in body.get("messages") or [] if message.get("role") == "user"]
    blocks = blocks_of(said[-1].get("content")) if said else []
    return [block for block in blocks if block.get("type") == "tool_result"]


def steps_taken(body: dict[str, Any]) -> int:
    """How many assistant messages have called tools since the message with the marker."""
    steps = 0
    for message in reversed(body.get("messages") or []):
        blocks = blocks_of(message.get("content"))
        if message.get("role") == "user" and MARKER.search(text_of(blocks)):
            break
        steps += message.get("role") == "assistant" and any(block.get("type") == "tool_use" for block in blocks)
    return steps


def tools(body: dict[str, Any]) -> list[str]:
    """Names of the tools that may be called, in their order; `tool_choice` may leave one of them, or none."""
    choice = body.get("tool_choice") or {}
    names = [tool["name"] for tool in body.get("tools") or []]
    if choice.get("type") == "none":
        return []
    return [name for name in names if choice.get("type") != "tool" or name == choice.get("name")]
