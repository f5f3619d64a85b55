"""What `codex` 0.169.0 makes of the items it is given, and the model request it sends."""

from __future__ import annotations

import binascii
import os
import time
from typing import Any

Item = dict[str, Any]

PREFIXES = {"message": "msg", "reasoning": "rs", "function_call": "fc", "function_call_output": "fco"}
OMITTED = {"type": "input_text", "text": "image content omitted because it could not be processed"}
ABORTED = (
    "<turn_aborted>\nThe user interrupted the previous turn on purpose. Any running unified exec processes may still be"
    " running in the background. If any tools/commands were aborted, they may have partially executed.\n</turn_aborted>"
)
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")


def new_id() -> str:
    """A UUID whose first digits are the time."""
    digits = f"{time.time_ns() // 1_000_000:012x}7{os.urandom(2).hex()[1:]}8{os.urandom(8).hex()[1:]}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def wrong_item(items: list[Any]) -> str:
    """Why these items are refused; empty: they are not."""
    for at, item in enumerate(items):
        wrong = ""
        if "type" not in item:
            wrong = "missing field `type`"
        elif item["type"] == "message" and isinstance(item.get("content"), str):
            wrong = f'invalid type: string "{item["content"]}", expected a sequence'
        if wrong:
            return f"items[{at}] is not a valid response item: {wrong}"
    return ""


def taken_in(items: list[Item], detail: str) -> list[Item]:
    """The items as the thread has them: each with an id, images checked, unknown ones emptied."""
    kept: list[Item] = []
    for item in items:
        if item["type"] not in PREFIXES:
            kept.append({"type": "other"})
            continue
        held = {"type": item["type"], "id": f"{PREFIXES[item['type']]}_{new_id()}", **item}
        if held["type"] == "reasoning":
            held.setdefault("content", None)
        for part in ("content", "output"):
            if isinstance(held.get(part), list):
                held[part] = [_checked(each, detail) for each in held[part]]
        if isinstance(held.get("output"), list):
            held["output"] = [each for each in held["output"] if each != {"type": "input_text", "text": ""}]
        kept.append(held)
    return kept


def is_sent(item: Item) -> bool:
    """Whether the model gets to see an item."""
    return item["type"] in PREFIXES and item.get("role") != "system"


def _checked(part: Item, detail: str) -> Item:
    if part.get("type") != "input_image":
        return part
    _, _, encoded = part["image_url"].partition(";base64,")
    try:
        data = binascii.a2b_base64(encoded)
    except binascii.Error:
        return OMITTED
    return {**part, "detail": detail} if data.startswith(_IMAGES) else OMITTED


def paired(items: list[Item]) -> list[Item]:
    """Every call with an output, and no output without its call."""
    calls = {item["call_id"] for item in items if item["type"] == "function_call"}
    outputs = {item["call_id"] for item in items if item["type"] == "function_call_output"}
    whole: list[Item] = []
    for item in items:
        if item["type"] != "function_call_output" or item["call_id"] in calls:
            whole.append(item)
        if item["type"] == "function_call" and item["call_id"] not in outputs:
            whole.append(output(item["call_id"], "aborted"))
    return whole


def output(call: str, said: Any) -> Item:
    """What a function said."""
    return {"type": "function_call_output", "id": f"fco_{new_id()}", "call_id": call, "output": said}


def message(role: str, text: str) -> Item:
    """A message of one text."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "id": f"msg_{new_id()}", "role": role, "content": content}


def said_last(items: list[Item]) -> str:
    """The text of the newest user message."""
    users = [item for item in items if item["type"] == "message" and item.get("role") == "user"]
    return "".join(part.get("text", "") for part in users[-1]["content"]) if users else ""


def body(thread: Any, turn: dict[str, Any], turn_id: str) -> dict[str, Any]:
    """The model request of a turn; `turn`: the parameters of `turn/start`."""
    model = turn.get("model") or thread.model
    known = thread.models.entry(model)
    request: dict[str, Any] = {"model": model, "stream": True}
    tier = thread.models.service_tier(known, turn.get("serviceTier") or thread.service_tier)
    if tier:
        request["service_tier"] = tier
    request |= {
        "input": [*thread.preamble, *paired(thread.items)],
        "tools": thread.tools,
        "tool_choice": "auto",
        "parallel_tool_calls": not known.get("use_responses_lite"),
        "reasoning": _reasoning(thread, turn, known),
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": thread.id,
    }
    text = _text(thread, turn, known)
    if text:
        request["text"] = text
    named = {"thread_id": thread.id, "session_id": thread.id, "turn_id": turn_id, "root_turn_id": turn_id}
    return {**request, "client_metadata": named}


def _reasoning(thread: Any, turn: dict[str, Any], known: dict[str, Any]) -> dict[str, str]:
    effort = turn.get("effort") or thread.config.get("model_reasoning_effort") or known.get("default_reasoning_level")
    summary = turn.get("summary") or thread.config.get("model_reasoning_summary")
    summary = summary or known.get("default_reasoning_summary", "auto")
    asked = {"effort": effort, "summary": None if summary == "none" else summary}
    return {name: value for name, value in asked.items() if value}


def _text(thread: Any, turn: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    text: dict[str, Any] = {}
    if known.get("support_verbosity"):
        verbosity = thread.config.get("model_verbosity") or known.get("default_verbosity")
        text |= {"verbosity": verbosity} if verbosity else {}
    if turn.get("outputSchema") is not None:
        schema = turn["outputSchema"]
        text["format"] = {"type": "json_schema", "strict": True, "schema": schema, "name": "codex_output_schema"}
    return text
