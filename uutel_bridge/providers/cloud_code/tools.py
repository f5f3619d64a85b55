"""The caller's functions as Code Assist takes them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uutel_bridge.core.tools import Tool
from uutel_bridge.gemini_api.functions import alias, parameters

_LONGEST = 64


def declarations(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """`tools`, empty for none.

    Raises:
        BadRequest: A function's parameters are no object's schema, or no JSON; the message names the function.
    """
    return [{"functionDeclarations": [_declaration(tool) for tool in tools]}] if tools else []


def wire_names(tools: Sequence[Tool]) -> dict[str, str]:
    """The caller's name of each function by the one that the model sees."""
    return {wire_name(tool.name): tool.name for tool in tools}


def wire_name(name: str) -> str:
    """What the model sees a function as."""
    return alias(name, _LONGEST)


def _declaration(tool: Tool) -> dict[str, Any]:
    """Not with `parameters`: that is a dialect of its own, which refuses words that it does not know."""
    made: dict[str, Any] = {"name": wire_name(tool.name)}
    if tool.description:
        made["description"] = tool.description
    if tool.parameters is not None:
        made["parametersJsonSchema"] = parameters(tool)
    return made
