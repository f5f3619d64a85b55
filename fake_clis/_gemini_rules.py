"""What GenerateContent refuses with 400, as far as a caller's functions and history can bring it about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import _gemini_asked as asking
from _gemini_stream import is_gemini_3

Body = dict[str, Any]
Found = Iterator[str]
_NAME = re.compile(r"[a-zA-Z_][\w.:-]{0,63}", re.ASCII)
_FIELDS = {
    "model",
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
    "labels",
    "session_id",  # of a Google login alone
}
_PART = {"text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult"}
_RANGES = {"temperature": 2.0, "topP": 1.0}
_AT = "* GenerateContentRequest."


def violation(body: Body) -> str:
    """The first rule that the body breaks, in the vendor's words; empty: none."""
    return next((wrong for rule in _RULES for wrong in rule(body)), "")


def _fields(body: Body) -> Found:
    for name in body.keys() - _FIELDS:
        yield f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'


def _contents(body: Body) -> Found:
    contents = body.get("contents")
    if not contents:
        yield f"{_AT}contents: contents is not specified"
        return
    for at, content in enumerate(contents):
        if content.get("role", "user") not in {"user", "model", "function"}:
            yield "Please use a valid role: user, model."
        if not content.get("parts"):
            yield f"{_AT}contents[{at}].parts: contents.parts must not be empty."
        for number, part in enumerate(content.get("parts") or []):
            if not part.keys() & _PART:
                where = f"contents[{at}].parts[{number}].data"
                yield f"{_AT}{where}: required oneof field 'data' must have one initialized field"
    if asking.is_models(contents[-1]):
        yield "Please ensure that multiturn requests end with a user role or a function response."


def _objects(body: Body) -> Found:
    for at, content in enumerate(body["contents"]):
        for kind, field in (("functionCall", "args"), ("functionResponse", "response")):
            for each in asking.parts(content, kind):
                if not isinstance(each.get(field, {}), dict):
                    where = f"contents[{at}].parts"
                    yield f"Invalid value at '{where}' ({kind}.{field}, type.googleapis.com/google.protobuf.Struct)"


def _turns(body: Body) -> Found:
    contents = [{"parts": []}, *body["contents"], {"parts": []}]
    for before, content, after in zip(contents, contents[1:], contents[2:], strict=False):
        calls = len(asking.parts(content, "functionCall"))
        if calls and (asking.is_models(before) or before is contents[0]):
            yield (
                "Please ensure that function call turn comes immediately after a user turn or after a function response"
                " turn."
            )
        if calls and calls != len(asking.parts(after, "functionResponse")):
            yield (
                "Please ensure that the number of function response parts is equal to the number of function call parts"
                " of the function call turn."
            )
        if asking.parts(content, "functionResponse") and not asking.parts(before, "functionCall"):
            yield "Please ensure that function response turn comes immediately after a function call turn."


def _signatures(body: Body) -> Found:
    """A Gemini 3 wants the first call of each answer signed, back to what the user said last."""
    if not is_gemini_3(body.get("model", "")):
        return
    for content in reversed(body["contents"]):
        if not asking.is_models(content) and asking.parts(content, "text"):
            return
        first = next((part for part in content.get("parts") or [] if "functionCall" in part), None)
        if first is not None and not first.get("thoughtSignature"):
            yield (
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work"
                " correctly, and missing thought_signature may lead to degraded model performance. Additional data,"
                f" function call `default_api:{first['functionCall'].get('name')}`."
            )


def _declarations(body: Body) -> Found:
    names: set[str] = set()
    for at, each in enumerate(asking.declarations(body)):
        where, name = f"{_AT}tools[0].function_declarations[{at}]", each.get("name", "")
        if not _NAME.fullmatch(name):
            yield (
                f"{where}.name: Invalid function name. Must start with a letter or an underscore. Must be alphameric"
                " (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64."
            )
        if name in names:
            yield f"Duplicate function declaration found: {name}"
        names.add(name)
        if "parameters" in each and "parametersJsonSchema" in each:
            yield f"{where}: parameters and parameters_json_schema must not both be set"


def _choice(body: Body) -> Found:
    choice = asking.choice(body)
    mode = choice.get("mode", "AUTO")
    if choice.get("allowedFunctionNames") and mode not in {"ANY", "VALIDATED"}:
        yield (
            f"{_AT}tool_config.function_calling_config.allowed_function_names: allowed_function_names should be set"
            " only when function calling mode is ANY or VALIDATED."
        )
    if mode == "ANY" and not asking.declarations(body):
        yield "Function calling config is set without function_declarations."


def _generation(body: Body) -> Found:
    config = body.get("generationConfig") or {}
    thinking = config.get("thinkingConfig") or {}
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        yield "You can only set only one of thinking budget and thinking level."
    if "responseSchema" in config and "responseJsonSchema" in config:
        yield f"{_AT}generation_config: response_schema and response_json_schema must not both be set"
    for name, most in _RANGES.items():
        if not 0 <= config.get(name, 0) <= most:
            word = re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)
            yield f"{_AT}generation_config.{word}: {word} must be in the range [0.0, {most}]."
    wants_json = config.get("responseMimeType") == "application/json"
    if wants_json and asking.declarations(body) and not is_gemini_3(body.get("model", "")):
        yield "Function calling with a response mime type: 'application/json' is unsupported"


_RULES = (_fields, _contents, _objects, _turns, _signatures, _declarations, _choice, _generation)
