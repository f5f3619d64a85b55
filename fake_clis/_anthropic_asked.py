"""What a Messages API body asks for: the scenario its user names, the tools it offers, the results it brings."""

from __future__ import annotations

from typing import Any

from _scenario_asked import Asked
from _scenario_words import MARKER

Block = dict[str, Any]


def text_of(content: Any) -> str:
    """The text blocks of a message, joined."""
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content or [] if block.get("type") == "text")


def blocks_of(content: Any) -> list[Block]:
    """The content of a message as blocks."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])


class Request(Asked):
    """A Messages API body."""

    def user_texts(self) -> list[str]:
        """Of user messages alone: other roles are the CLI's own notes."""
        return [text_of(message.get("content")) for message in self._said()]

    def tools(self) -> list[str]:
        """`tool_choice` may leave one of them, or none."""
        choice = self.body.get("tool_choice") or {}
        names = [tool["name"] for tool in self.body.get("tools") or []]
        if choice.get("type") == "none":
            return []
        return [name for name in names if choice.get("type") != "tool" or name == choice.get("name")]

    def one_call_only(self) -> bool:
        """A part of `tool_choice`."""
        return bool((self.body.get("tool_choice") or {}).get("disable_parallel_tool_use"))

    def results(self) -> list[tuple[str, str]]:
        """The tool results of the newest user message."""
        said = self._said()
        blocks = blocks_of(said[0].get("content")) if said else []
        told = [block for block in blocks if block.get("type") == "tool_result"]
        return [(block["tool_use_id"], text_of(block.get("content"))) for block in told]

    def steps_taken(self) -> int:
        """How many assistant messages have called tools since the message with the marker."""
        steps = 0
        for message in reversed(self.body.get("messages") or []):
            blocks = blocks_of(message.get("content"))
            if message.get("role") == "user" and MARKER.search(text_of(blocks)):
                break
            steps += message.get("role") == "assistant" and any(block.get("type") == "tool_use" for block in blocks)
        return steps

    def schema(self) -> Any:
        """That of `output_config`."""
        return ((self.body.get("output_config") or {}).get("format") or {}).get("schema")

    def _said(self) -> list[Block]:
        """The user messages, newest first."""
        return [message for message in reversed(self.body.get("messages") or []) if message.get("role") == "user"]
