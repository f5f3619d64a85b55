"""The caller's functions as Gemini takes them: their names, and the schemas of their arguments. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, cast

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.tools import Tool, as_json

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.:-]")


def alias(name: str, longest: int, *, prefix: str = "") -> str:
    """A function's name, where Gemini leaves that as it is; else one of its own, the same each time.

    Args:
        name: The caller's.
        longest: Characters of a whole name.
        prefix: What will stand before it.
    """
    if _NAME.fullmatch(prefix + name) and len(prefix + name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    start = _NOT_IN_A_NAME.sub("_", name)[: longest - len(f"{prefix}f__{digest}")]
    return f"f_{start}_{digest}"


def parameters(tool: Tool) -> dict[str, Any]:
    """JSON Schema of a function's arguments, which are always an object's.

    Raises:
        BadRequest: Its parameters are no object's schema, or no JSON; the message names the function.
    """
    where = f"tools: the parameters of {tool.name!r}"
    schema = as_json({"type": "object", **(tool.parameters or {})}, where, param="tools")
    if schema["type"] != "object":
        raise BadRequest(f'{where} must be of type "object", not {schema["type"]!r}.', param="tools")
    _check_properties(schema.get("properties", {}), where)
    if not _are_texts(schema.get("required", [])):
        raise BadRequest(f"{where}: `required` must be a list of names.", param="tools")
    return schema


def _check_properties(given: object, where: str) -> None:
    if not isinstance(given, Mapping):
        raise BadRequest(f"{where}: `properties` must be an object of schemas.", param="tools")
    schemas = cast("Mapping[str, object]", given)
    if wrong := next((name for name, schema in schemas.items() if not isinstance(schema, Mapping | bool)), None):
        raise BadRequest(f"{where}: the schema of {wrong!r} must be an object.", param="tools")


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in cast("list[object]", value))
