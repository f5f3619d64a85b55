"""What a GenerateContent body asks for: the scenario its user names, the functions it offers, the results it brings."""

from __future__ import annotations

import itertools
import json
from typing import Any

from _scenario_asked import Asked
from _scenario_words import MARKER

Content = dict[str, Any]
Part = dict[str, Any]


def parts(content: Content, kind: str) -> list[Any]:
    """Of a content's parts those of a kind, such as `functionCall`: what stands under that word."""
    return [part[kind] for part in content.get("parts") or [] if kind in part]


def is_models(content: Content) -> bool:
    """Whether the model said it."""
    return content.get("role") == "model"


def declarations(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The functions of all tools."""
    return [each for tool in body.get("tools") or [] for each in tool.get("functionDeclarations") or []]


def choice(body: dict[str, Any]) -> dict[str, Any]:
    """What the body says of calling functions."""
    return (body.get("toolConfig") or {}).get("functionCallingConfig") or {}


class Request(Asked):
    """A GenerateContent body; its `model` says what the URL says."""

    def user_texts(self) -> list[str]:
        """Contents in a row are one message; what functions answered is no text."""
        turns = [list(turn) for is_model, turn in itertools.groupby(self._contents(), is_models) if not is_model]
        texts = ["".join(text for content in turn for text in parts(content, "text")) for turn in reversed(turns)]
        brought = [any(parts(content, "functionResponse") for content in turn) for turn in reversed(turns)]
        newest, *older = zip(texts, brought, strict=True) if turns else [("", False)]
        return [newest[0], *(text for text, results in older if text or not results)]

    def tools(self) -> list[str]:
        """Functions alone."""
        wanted = choice(self.body)
        if wanted.get("mode") == "NONE":
            return []
        names = [each["name"] for each in declarations(self.body)]
        return [name for name in names if name in (wanted.get("allowedFunctionNames") or names)]

    def one_call_only(self) -> bool:
        """Never: no request can say so."""
        return False

    def results(self) -> list[tuple[str, str]]:
        """The function responses since the model's last word; one without an id goes by its name."""
        newest: list[dict[str, Any]] = []
        for content in reversed(self._contents()):
            if is_models(content):
                break
            newest = [*parts(content, "functionResponse"), *newest]
        return [(each.get("id") or each["name"], _told(each["response"])) for each in newest]

    def steps_taken(self) -> int:
        """How many of the model's contents have called functions since the message with the marker."""
        steps = 0
        for content in reversed(self._contents()):
            if is_models(content):
                steps += bool(parts(content, "functionCall"))
            elif MARKER.search("".join(parts(content, "text"))):
                break
        return steps

    def schema(self) -> Any:
        """That of the generation config, with types in lower case."""
        config = self.body.get("generationConfig") or {}
        return _lowered(config.get("responseJsonSchema") or config.get("responseSchema"))

    def _contents(self) -> list[Content]:
        return self.body.get("contents") or []


def _told(response: dict[str, Any]) -> str:
    """The text of a function's answer; JSON where it is none."""
    said = response.get("output", response.get("error", response))
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def _lowered(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_lowered(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    lowered = {name: _lowered(each) for name, each in schema.items()}
    return {**lowered, "type": lowered["type"].lower()} if isinstance(lowered.get("type"), str) else lowered
