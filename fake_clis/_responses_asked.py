"""What a Responses API body asks for: the scenario its user names, the tools it offers, the results it brings."""

from __future__ import annotations

from typing import Any

from _scenario_asked import Asked
from _scenario_words import MARKER

Item = dict[str, Any]


def text_of(content: Any) -> str:
    """The text parts of a message's content or of a function's output, joined."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [])


def items(body: dict[str, Any]) -> list[Item]:
    """The input as items."""
    given = body.get("input") or []
    return [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given


def is_users(item: Item) -> bool:
    """Whether an item is a message of the user's."""
    return item.get("type", "message") == "message" and item.get("role") == "user"


class Request(Asked):
    """A Responses API body."""

    def user_texts(self) -> list[str]:
        """Of user items alone."""
        texts = [text_of(item.get("content")) for item in reversed(items(self.body)) if is_users(item)]
        newest = self._newest()
        return texts if any(is_users(item) for item in newest) or not newest else ["", *texts]

    def tools(self) -> list[str]:
        """Functions alone."""
        if self.body.get("tool_choice") == "none":
            return []
        return [tool["name"] for tool in self.body.get("tools") or [] if tool.get("type") == "function"]

    def one_call_only(self) -> bool:
        """Where the request says so."""
        return self.body.get("parallel_tool_calls") is False

    def results(self) -> list[tuple[str, str]]:
        """The function outputs since the model's last word."""
        outputs = [item for item in self._newest() if item.get("type") == "function_call_output"]
        return [(item["call_id"], text_of(item.get("output"))) for item in outputs]

    def steps_taken(self) -> int:
        """How many responses have called functions since the message with the marker."""
        steps, calling = 0, False
        for item in reversed(items(self.body)):
            if is_users(item) and MARKER.search(text_of(item.get("content"))):
                break
            is_call = item.get("type") == "function_call"
            steps += is_call and not calling
            calling = is_call
        return steps

    def schema(self) -> Any:
        """That of `text.format`."""
        return ((self.body.get("text") or {}).get("format") or {}).get("schema")

    def _newest(self) -> list[Item]:
        """What came since the model's last word: user messages and results, in their order."""
        newest: list[Item] = []
        for item in reversed(items(self.body)):
            if not is_users(item) and item.get("type") != "function_call_output":
                break
            newest.insert(0, item)
        return newest
