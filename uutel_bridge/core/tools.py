"""The caller's functions, and the form the caller wants the answer in. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.text import checked_name, checked_text

_MODES: Mapping[str, Literal["auto", "none", "required"]] = {"auto": "auto", "none": "none", "required": "required"}


@dataclass(frozen=True, slots=True)
class Tool:
    """A function of the caller's, which the model may call."""

    name: str
    description: str
    """Empty where none was given."""
    parameters: Mapping[str, Any] | None
    """JSON Schema of the arguments; None where none was given."""


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether the model may, must or must not call a function."""

    mode: Literal["auto", "none", "required", "named"]
    name: str = ""
    """The function that must be called, of mode `named`."""


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The answer's text is to be JSON."""

    schema: Mapping[str, Any] | None
    """What it must look like; None for any JSON object."""
    name: str = ""


def read_tools(raw: object) -> tuple[Tool, ...]:
    """OpenAI's `tools`, in their order. `strict` has no effect: no provider has a switch for it.

    Raises:
        BadRequest: Something in it cannot be read; `param` says where.
        UnsupportedParam: A kind of tool that exists, but not here.
    """
    if not isinstance(raw, Sequence) or isinstance(raw, str | bytes):
        raise BadRequest(f"tools: a list is needed, not {type(raw).__name__}.", param="tools")
    tools: dict[str, Tool] = {}
    for index, item in enumerate(cast("Sequence[object]", raw)):
        tool = _tool(item, f"tools[{index}]")
        if tools.setdefault(tool.name, tool) is not tool:
            at = f"tools[{index}].function.name"
            raise BadRequest(f"{at}: there is a function {tool.name!r} already.", param=at)
    return tuple(tools.values())


def _tool(raw: object, at: str) -> Tool:
    tool = _object(raw, at)
    if tool.get("type") != "function":
        at = f"{at}.type"
        raise UnsupportedParam(f"{at}: {tool.get('type')!r} is not supported; function is.", param=at)
    at = f"{at}.function"
    function = _object(tool.get("function"), at)
    parameters = function.get("parameters")
    return Tool(
        name=checked_name(function.get("name"), f"{at}.name"),
        description=checked_text(function.get("description") or "", f"{at}.description"),
        parameters=None if parameters is None else _object(parameters, f"{at}.parameters"),
    )


def read_tool_choice(raw: object, tools: Sequence[Tool]) -> ToolChoice:
    """OpenAI's `tool_choice`.

    Raises:
        BadRequest: It is none, or asks for a function that is not among the tools.
    """
    mode = _MODES.get(raw) if isinstance(raw, str) else None
    choice = ToolChoice(mode) if mode else ToolChoice("named", _chosen(raw))
    if choice.mode == "required" and not tools:
        raise BadRequest("tool_choice: there are no tools to choose from.", param="tool_choice")
    if choice.mode == "named" and choice.name not in {tool.name for tool in tools}:
        raise BadRequest(f"tool_choice: {choice.name!r} is not among the tools.", param="tool_choice")
    return choice


def _chosen(raw: object) -> str:
    """The function's name, in OpenAI's form or in the shorter one of its newer interface."""
    choice: Mapping[str, Any] = cast("Mapping[str, Any]", raw) if isinstance(raw, Mapping) else {}
    function: object = choice.get("function", choice)
    name = cast("Mapping[str, Any]", function).get("name") if isinstance(function, Mapping) else None
    if choice.get("type") != "function" or not isinstance(name, str):
        raise BadRequest(
            "tool_choice: auto, none, required, or an object of type function that names one is needed.",
            param="tool_choice",
        )
    return name


def read_response_format(raw: object) -> ResponseFormat | None:
    """OpenAI's `response_format`; None for text. `strict` has no effect.

    Raises:
        BadRequest: Something in it cannot be read; `param` says where.
    """
    at = "response_format"
    form = _object(raw, at)
    kind = form.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return ResponseFormat(None)
    if kind != "json_schema":
        at = f"{at}.type"
        raise BadRequest(f"{at}: {kind!r} is not one of text, json_object, json_schema.", param=at)
    at = f"{at}.json_schema"
    wrapped = _object(form.get("json_schema"), at)
    schema = _object(wrapped.get("schema"), f"{at}.schema")
    return ResponseFormat(schema, checked_text(wrapped.get("name") or "", f"{at}.name"))


def _object(raw: object, at: str) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise BadRequest(f"{at}: an object is needed, not {type(raw).__name__}.", param=at)
    return cast("Mapping[str, Any]", raw)


def as_json(schema: dict[str, Any], where: str, *, param: str) -> dict[str, Any]:
    """The schema, if it can be sent.

    Raises:
        BadRequest: It holds something that JSON does not, or an integer of more than 64 bits.
    """
    try:
        orjson.dumps(schema)
    except TypeError as exc:
        raise BadRequest(f"{where}: this cannot be sent as JSON ({exc}).", param=param) from exc
    return schema
