"""What a Responses API body asks for: the scenario its user names, the tools it offers, the results it brings."""

from __future__ import annotations

from typing import Any

from _anthropic_asked import MARKER

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


def _newest(body: dict[str, Any]) -> list[Item]:
    """What came since the model's last word: user messages and results, in their order."""
    newest: list[Item] = []
    for item in reversed(items(body)):
        if not is_users(item) and item.get("type") != "function_call_output":
            break
        newest.insert(0, item)
    return newest


def last_user_text(body: dict[str, Any]) -> str:
    """The text that asks: that of the newest user message.

    Where the newest items are results alone, an agent is at work, and what it was asked stands in an earlier message:
    the newest one with a marker.
    """
    texts = [text_of(item.get("content")) for item in reversed(items(body)) if is_users(item)]
    newest = _newest(body)
    if any(is_users(item) for item in newest) or not newest:
        return texts[0] if texts else ""
    return next((text for text in texts if MARKER.search(text)), "")


def marker(body: dict[str, Any]) -> str:
    """The marker as it was written; by it, calls are counted. Empty: there is none."""
    found = list(MARKER.finditer(last_user_text(body)))
    return found[-1][0] if found else ""


def scenario_of(body: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Name and parameters of the scenario a Responses API body asks for; the last marker wins."""
    found = MARKER.fullmatch(marker(body))
    if not found:
        return "text", {}
    return found[1], dict(pair.split("=", 1) for pair in found[2].split())


def results(body: dict[str, Any]) -> list[Item]:
    """The function outputs since the model's last word."""
    return [item for item in _newest(body) if item.get("type") == "function_call_output"]


def steps_taken(body: dict[str, Any]) -> int:
    """How many responses have called functions since the message with the marker."""
    steps, calling = 0, False
    for item in reversed(items(body)):
        if is_users(item) and MARKER.search(text_of(item.get("content"))):
            break
        is_call = item.get("type") == "function_call"
        steps += is_call and not calling
        calling = is_call
    return steps


def tools(body: dict[str, Any]) -> list[str]:
    """Names of the functions that may be called, in their order."""
    if body.get("tool_choice") == "none":
        return []
    return [tool["name"] for tool in body.get("tools") or [] if tool.get("type") == "function"]
