"""What `gemini` 0.61.0 is told by its options, its settings files and `.env`. Any other option is refused as there."""

from __future__ import annotations

import json
import os
import re
from typing import Any, NamedTuple

FLAGS = {"--acp", "--experimental-acp", "--skip-trust", "-d", "--debug"}
VALUES = {"-e", "--extensions", "-m", "--model", "--allowed-mcp-server-names"}
HEADLESS = {"-p", "--prompt"}
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_VARIABLE = re.compile(r"\s*(?:export\s+)?([\w.-]+)\s*=\s*(.*?)\s*")

Settings = dict[str, Any]


class Refused(Exception):
    """A command line that `gemini` does not take."""


class Options(NamedTuple):
    """What of the command line counts."""

    acp: bool
    model: str
    servers: tuple[str, ...]
    """The MCP servers that may be used; none: all of them."""


def parse(arguments: list[str]) -> Options:
    """The options of a command line."""
    acp, model, servers = False, "", ()
    given = iter(arguments)
    for argument in given:
        name, equals, value = argument.partition("=")
        if argument in FLAGS:
            acp = acp or argument.endswith("acp")
        elif argument in HEADLESS:
            return Options(acp=False, model="", servers=())
        elif name in VALUES:
            value = value if equals else next(given, None)
            if value is None:
                raise Refused(f"Not enough arguments following: {name.lstrip('-')}")
            model = value if name in {"-m", "--model"} else model
            servers = (*servers, value) if name == "--allowed-mcp-server-names" else servers
        else:
            raise Refused(f"Unknown argument: {name.lstrip('-')}\nUsage: gemini [options] [command]")
    return Options(acp, model, servers)


def home() -> str:
    """Where `.gemini` lies."""
    return os.environ.get("GEMINI_CLI_HOME") or os.environ.get("HOME", "")


def settings(cwd: str) -> Settings:
    """The user's settings, and over them those of the folder where it is trusted."""
    merged = _read(f"{home()}/.gemini/settings.json")
    if os.environ.get("GEMINI_CLI_TRUST_WORKSPACE") == "true" and cwd != home():
        _merge(merged, _read(f"{cwd}/.gemini/settings.json"))
    return merged


def at(found: Any, path: str, default: Any = None) -> Any:
    """A setting by its dotted name."""
    for key in path.split("."):
        if not isinstance(found, dict) or key not in found:
            return default
        found = found[key]
    return found


def load_env(cwd: str) -> None:
    """Take in the nearest `.env` from this folder upward, at last the one at home; what is set already stays."""
    folder = cwd
    places = [folder]
    while os.path.dirname(folder) != folder:  # noqa: PTH120 -- pathlib costs start-up time
        folder = os.path.dirname(folder)  # noqa: PTH120 -- pathlib costs start-up time
        places.append(folder)
    for name in (f"{place}/{file}" for place in [*places, home()] for file in (".gemini/.env", ".env")):
        if os.path.isfile(name):  # noqa: PTH113 -- pathlib costs start-up time
            _take_env(name)
            return


def _take_env(name: str) -> None:
    with open(name, encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
        for line in file:
            found = _VARIABLE.fullmatch(line)
            if found:
                os.environ.setdefault(found[1], found[2].strip("'\""))


def _read(name: str) -> Settings:
    try:
        with open(name, encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
            return dict(json.loads(_COMMENT.sub(lambda found: found[1] or "", file.read())))
    except OSError:
        return {}


def _merge(into: Settings, other: Settings) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
