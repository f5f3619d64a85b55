"""What `claude` 2.1.330 makes of a tool's schema that has a choice at its top, which the Messages API would refuse."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_ALL = "all listed parameters apply together (flattened from a JSON Schema allOf)."
_GROUPS = "exactly one of the documented parameter groups (flattened from a JSON Schema {})."
_HOW_MANY = {"oneOf": "exactly", "anyOf": "at least"}


def flattened(description: str, schema: Schema) -> tuple[str, Schema]:
    """Description and schema as the model is told them: one open object in place of a choice among several."""
    choices = [key for key in ("oneOf", "anyOf", "allOf") if key in schema]
    if not choices:
        return description, _in_order(schema)
    properties, required = dict(schema.get("properties") or {}), list(schema.get("required") or [])
    for key in reversed(choices):
        branches = [_resolved(branch, schema) for branch in schema[key]]
        for branch in branches:
            properties |= branch.get("properties") or {}
        demanded = [set(branch.get("required") or []) for branch in branches]
        together = set.union if key == "allOf" else set.intersection
        required += sorted((together(*demanded) if demanded else set()) - set(required))
    rest = {key: value for key, value in schema.items() if key not in choices}
    rest |= {"properties": properties, "required": required}
    rest.setdefault("additionalProperties", True)
    return f"Input constraint: {_constraint(choices[0], schema)}\n\n{description}", _in_order(rest)


def _constraint(key: str, schema: Schema) -> str:
    if key == "allOf":
        return _ALL
    branches = [_resolved(branch, schema) for branch in schema[key]]
    groups = [", ".join(branch.get("required") or branch.get("properties") or []) for branch in branches]
    if not groups:
        return "Provide parameters for " + _GROUPS.format(key)
    named = " or ".join(dict.fromkeys(f"({group})" for group in groups))
    return f"Provide parameters for {_HOW_MANY[key]} one of: {named}."


def _in_order(schema: Schema) -> Schema:
    """The same schema, the keys that the CLI knows first."""
    known = {key: schema[key] for key in ("type", "properties", "required") if key in schema}
    return known | schema


def _resolved(branch: Schema, root: Schema) -> Schema:
    name = branch.get("$ref", "").removeprefix("#/$defs/")
    return (root.get("$defs") or {}).get(name, {}) if name else branch
