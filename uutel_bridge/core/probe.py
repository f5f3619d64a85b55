"""Whether an installed CLI's processes can be used again: asked once per CLI version, remembered on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from uutel_bridge import __version__
from uutel_bridge.core import locate
from uutel_bridge.core.errors import CLINotFound, UUError
from uutel_bridge.core.log import logger
from uutel_bridge.core.settings import ProviderSettings

if TYPE_CHECKING:
    from uutel_bridge.core.cli_provider import AnyCLIParts

_log = logger("probe")
_FILE = "probes.json"


async def is_warm(
    parts: AnyCLIParts, executable: str, environment: Mapping[str, str], settings: ProviderSettings
) -> bool:
    """The verdict for this executable, from the cache or by running the provider's probe.

    A probe that fails to come to a verdict counts as no for now, and is asked again by the next process.
    """
    key = _key(parts.name, executable)
    verdict = remembered(parts.name, executable)
    if verdict is None:
        try:
            verdict = await parts.probe(executable, environment, settings)
        except UUError as error:
            _log.warning("%s: the start-up probe came to no verdict: %s", parts.name, error)
            return False
        _remember(key, verdict)
    return verdict


def remembered(name: str, executable: str) -> bool | None:
    """The verdict on disk, or None where this executable was never probed."""
    verdict = _read().get(_key(name, executable))
    return verdict if isinstance(verdict, bool) else None


def _key(name: str, executable: str) -> str:
    # The file's identity stands for its version: asking the CLI itself costs a start.
    real = Path(executable).resolve()
    try:
        facts = real.stat()
    except OSError as exc:
        raise CLINotFound(f"{executable} cannot be run: {exc.strerror}.", provider=name) from exc
    return f"{name} {real} {facts.st_size} {facts.st_mtime_ns} {__version__}"


def _path() -> Path:
    return locate.cache_dir() / _FILE


def _read() -> dict[str, object]:
    try:
        found = orjson.loads(_path().read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}  # then it is asked again
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _remember(key: str, verdict: bool) -> None:
    path = _path()
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        draft.write_bytes(orjson.dumps(_read() | {key: verdict}, option=orjson.OPT_INDENT_2))
        draft.replace(path)
    except OSError as exc:
        _log.warning("%s cannot be written, so the next process will probe again: %s", path, exc.strerror)
