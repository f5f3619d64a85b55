"""What of a session reaches the model: the rules by which `gemini` 0.61.0 makes `contents` of its history."""

from __future__ import annotations

import copy
import re
from typing import Any

Part = dict[str, Any]
Turn = dict[str, Any]

FIRST_ID = "d04923d38bb0f6017037e74183378ef4"
"""The id of the CLI's own first message; a conversation that begins with it gets no other."""
INTERRUPTED = "[The previous response was interrupted before it completed.]"
NO_SIGNATURE = "skip_thought_signature_validator"
MASKED = "<tool_output_masked>\n...\n</tool_output_masked>"
PROTECTED_TOKENS = 50_000
PRUNABLE_TOKENS = 30_000
_IGNORED = ("/", "?", "<session_context>", "<hook_context>")
_UNSAID = {"text", "thought"}
_OLD_MODEL = re.compile(r"gemini-(?!2(\.|$)|3(\.|-|$))")


def shown(content: Any) -> str:
    """A message as the CLI shows it."""
    if isinstance(content, list):
        return "".join(shown(part) for part in content)
    if isinstance(content, str) or not content:
        return content or ""
    if "thought" in content:
        return f"[Thought: {str(content['thought']).lower()}]"
    if "fileData" in content:
        return "[File Data]"
    for key, name in (("functionCall", "Function Call"), ("functionResponse", "Function Response")):
        if key in content:
            return f"[{name}: {content[key]['name']}]"
    return _shown_media(content["inlineData"]) if "inlineData" in content else content.get("text", "")


def _shown_media(data: Part) -> str:
    kind = data.get("mimeType", "unknown")
    size = -(-len(data.get("data", "")) * 3 // 4) / 1024
    word = {"audio": "Audio", "video": "Video", "image": "Image"}.get(kind.split("/")[0], "Media")
    return f"[{word}: {kind}, {size:.1f} KB]"


def loaded(messages: list[Turn]) -> list[Turn]:
    """The turns of a session file that count."""
    turns: list[Turn] = []
    for message in messages:
        if message["type"] == "user":
            text = shown(message["content"]).strip()
            if text and not text.startswith(_IGNORED):
                turns.append(_turn("user", message["content"], message["id"]))
        elif message["type"] == "gemini" and (parts := _said(message)):
            turns.append(_turn("model", parts, message["id"]))
            answers = [part for call in message.get("toolCalls") or [] for part in call.get("result") or []]
            if answers:
                turns.append(_turn("user", answers, message["id"]))
    return turns


def _said(message: Turn) -> list[Part]:
    parts = _parts(message["content"]) if message["content"] else []
    if any("functionCall" in part or part.get("thought") for part in parts):
        return parts
    thoughts = [
        {"text": f"**{each['subject']}** {each['description']}", "thought": True}
        for each in message.get("thoughts") or []
    ]
    calls = [{key: call[key] for key in ("id", "name", "args")} for call in message.get("toolCalls") or []]
    return [*thoughts, *parts, *({"functionCall": call} for call in calls)]


def _turn(role: str, content: Any, name: str) -> Turn:
    return {"id": name, "role": role, "parts": copy.deepcopy(_parts(content))}


def _parts(content: Any) -> list[Part]:
    content = content if isinstance(content, list) else [content]
    return [{"text": part} if isinstance(part, str) else part for part in content]


def said(parts: list[Part]) -> Turn:
    """A turn of the user."""
    return {"id": "", "role": "user", "parts": parts}


def is_results(turn: Turn) -> bool:
    """Whether a turn answers calls."""
    return any("functionResponse" in part for part in turn["parts"])


def close(turns: list[Turn]) -> None:
    """Where results came last and the user speaks now, say that the model was interrupted."""
    if turns and turns[-1]["role"] == "user" and is_results(turns[-1]):
        turns.append({"id": "", "role": "model", "parts": [{"text": INTERRUPTED}]})


def contents(turns: list[Turn], model: str) -> list[Part]:
    """What goes to the API."""
    turns = _curated(turns)
    modern = not _OLD_MODEL.match(model)
    if modern:
        turns = [_without_thoughts(turn) for turn in turns]
        turns = [turn for turn in turns if turn["parts"]]
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1]["role"] == turn["role"]:
            merged[-1] = {**merged[-1], "parts": [*merged[-1]["parts"], *turn["parts"]]}
        else:
            merged.append(turn)
    if modern:
        _sign(merged)
    return [{"role": turn["role"], "parts": [part for part in map(_bare, turn["parts"]) if part]} for turn in merged]


def _curated(turns: list[Turn]) -> list[Turn]:
    """Without those answers, one after another, of which one has an empty part."""
    kept: list[Turn] = []
    answers: list[Turn] = []
    for turn in [*turns, said([])]:
        if turn["role"] == "model":
            answers.append(turn)
            continue
        kept += answers if all(map(_valid, answers)) else []
        kept.append(turn)
        answers = []
    return kept[:-1]


def _valid(turn: Turn) -> bool:
    return not any(
        not part or (part.get("text") == "" and not part.get("thought") and not part.keys() - _UNSAID)
        for part in turn["parts"]
    )


def _without_thoughts(turn: Turn) -> Turn:
    kept = [part for part in turn["parts"] if not part.get("thought")]
    if len(kept) < len(turn["parts"]) and turn["role"] == "model":
        _sign_first(kept)
    return {**turn, "parts": kept}


def _sign(turns: list[Turn]) -> None:
    """Since the user's last word, the first call of each answer needs a signature."""
    asks = [at for at, turn in enumerate(turns) if turn["role"] == "user" and _asks(turn)]
    for at in range(asks[-1] if asks else len(turns), len(turns)):
        if turns[at]["role"] == "model":
            turns[at] = {**turns[at], "parts": list(turns[at]["parts"])}
            _sign_first(turns[at]["parts"])


def _asks(turn: Turn) -> bool:
    return any(part.get("text") for part in turn["parts"]) and not is_results(turn)


def _sign_first(parts: list[Part]) -> None:
    for at, part in enumerate(parts):
        if "functionCall" in part:
            parts[at] = {**part, "thoughtSignature": part.get("thoughtSignature") or NO_SIGNATURE}
            return


def _bare(part: Part) -> Part:
    """Without the CLI's own beginning of an id, and without a text that is empty; {}: nothing is left."""
    part = dict(part)
    for key in ("functionCall", "functionResponse"):
        if key in part:
            part[key] = dict(part[key])
            if "id" in part[key]:
                part[key]["id"] = part[key]["id"].removeprefix(f"{part[key]['name']}__")
    if part.get("text") == "":
        del part["text"]
        return part if part.keys() - _UNSAID else {}
    return part


def mask(turns: list[Turn], threshold: int) -> None:
    """Replace old results where they have come to be too long all together."""
    answers = [
        part["functionResponse"]
        for turn in reversed(turns)
        for part in reversed(turn["parts"])
        if "functionResponse" in part
    ]
    seen, old = 0, []
    for answer in answers:
        seen += len(str(answer["response"])) // 4
        if seen > PROTECTED_TOKENS:
            old.append(answer)
    if sum(len(str(answer["response"])) // 4 for answer in old) > threshold:
        for answer in old:
            answer["response"] = {"output": MASKED}
