"""What value fits a JSON schema."""

from __future__ import annotations

from typing import Any


def fitting(schema: Any, root: Any) -> Any:
    """A value that fits a JSON schema; `root`: where `$ref` points into."""
    if not isinstance(schema, dict):
        return {}
    if "$ref" in schema:
        return fitting(_resolved(schema["$ref"], root), root)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return fitting(schema[choice][0], root)
    return _of_type(schema, root)


def _of_type(schema: dict[str, Any], root: Any) -> Any:
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: fitting(each, root) for name, each in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [fitting(schema.get("items"), root)]
    return {"string": "s", "integer": 1, "number": 1.5, "boolean": True}.get(kind)


def _resolved(pointer: str, root: Any) -> Any:
    for key in pointer.removeprefix("#").strip("/").split("/"):
        root = root[key.replace("~1", "/").replace("~0", "~")] if key else root
    return root
