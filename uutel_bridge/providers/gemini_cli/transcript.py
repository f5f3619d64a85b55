"""A conversation in words, for a version of the CLI that takes it from no session file. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

_SPEAKERS = {"user": "User", "gemini": "Assistant"}


def transcript(turns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """ACP's parts of one prompt: who said what, in order, and media where they were.

    Every text stands behind a label, so that none begins the prompt: some beginnings are commands to the CLI.
    """
    return [each for turn in turns for each in _said(turn)]


def _said(turn: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield _text(f"{_SPEAKERS[turn['type']]}:\n")
    for part in turn["content"]:
        if "inlineData" in part:
            data = part["inlineData"]
            kind = "audio" if data["mimeType"].startswith("audio/") else "image"
            yield {"type": kind, "mimeType": data["mimeType"], "data": data["data"]}
        elif "functionCall" in part or "functionResponse" in part:
            yield _text(orjson.dumps(part).decode() + "\n")
        elif part.get("text") and not part.get("thought"):
            yield _text(part["text"] + "\n")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}
