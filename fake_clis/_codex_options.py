"""The options of `codex app-server` 0.169.0 and the configuration they make. Any other option is refused as there."""

from __future__ import annotations

import json
import re
from typing import Any

FLAGS = {"--strict-config", "--stdio", "--analytics-default-enabled"}
VALUES = {"-c", "--config", "--enable", "--disable", "--listen"}
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}\s]+")


class Refused(Exception):
    """A command line that `codex` does not take."""

    def __init__(self, said: str, status: int) -> None:
        super().__init__(said)
        self.status = status


def parse(arguments: list[str]) -> dict[str, Any]:
    """The configuration that `-c`, `--enable` and `--disable` make."""
    config: dict[str, Any] = {}
    given = iter(arguments)
    for argument in given:
        name, equals, value = argument.partition("=")
        if argument in FLAGS:
            continue
        if name not in VALUES or (equals and not name.startswith("--")):
            raise Refused(f"error: unexpected argument '{argument}' found\n\nUsage: codex app-server [OPTIONS]", 2)
        value = value if equals else next(given, None)
        if value is None:
            raise Refused(f"error: a value is required for '{argument}' but none was supplied", 2)
        _take(config, name, value)
    return config


def _take(config: dict[str, Any], name: str, value: str) -> None:
    if name == "--listen":
        if value != "stdio://":
            raise Refused("fake codex: only stdio is played here", 1)
    elif name in {"--enable", "--disable"}:
        put(config, f"features.{value}", name == "--enable")
    else:
        key, equals, text = value.partition("=")
        if not equals:
            raise Refused(f"Error: error parsing -c overrides: Invalid override (missing '='): {value}", 1)
        put(config, key.strip(), toml_value(text.strip()))


def put(config: dict[str, Any], dotted: str, value: Any) -> None:
    """Set a value under a dotted key; tables are merged, as `codex` does."""
    *tables, last = dotted.split(".")
    for table in tables:
        config = config.setdefault(table, {})
    if isinstance(value, dict) and isinstance(config.get(last), dict):
        config[last].update(value)
    else:
        config[last] = value


def toml_value(text: str) -> Any:
    """A TOML value; what is none is taken as a string."""
    try:
        value, rest = _value(text)
    except (ValueError, IndexError):
        return text
    return text if rest.strip() else value


def _value(text: str) -> tuple[Any, str]:
    text = text.lstrip()
    if text[0] == '"':
        value, end = json.JSONDecoder().raw_decode(text)
        return value, text[end:]
    if text[0] == "'":
        value, _, rest = text[1:].partition("'")
        return value, rest
    if text[0] == "[":
        return _array(text[1:])
    if text[0] == "{":
        return _table(text[1:])
    found = _SCALAR.match(text)
    if not found:
        raise ValueError(text)
    return json.loads(found[0].replace("_", "")), text[found.end() :]


def _array(text: str) -> tuple[list[Any], str]:
    values: list[Any] = []
    while not (text := text.lstrip()).startswith("]"):
        value, text = _value(text)
        values.append(value)
        text = text.lstrip().removeprefix(",")
    return values, text[1:]


def _table(text: str) -> tuple[dict[str, Any], str]:
    table: dict[str, Any] = {}
    while not (text := text.lstrip()).startswith("}"):
        keys: list[str] = []
        while not keys or text.lstrip().startswith("."):
            text = text.lstrip().removeprefix(".").lstrip()
            key, text = _key(text)
            keys.append(key)
        value, text = _value(text.lstrip().removeprefix("="))
        put(table, ".".join(keys), value)
        text = text.lstrip().removeprefix(",")
    return table, text[1:]


def _key(text: str) -> tuple[str, str]:
    if text[0] in "\"'":
        return _value(text)
    found = _BARE.match(text)
    if not found:
        raise ValueError(text)
    return found[0], text[found.end() :]
