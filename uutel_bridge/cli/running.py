"""Which servers of this user are running: each leaves a note as long as it does."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson
from platformdirs import user_runtime_path

STATUS_PATH = "/uutel/status"
"""Where a server tells of its pools, behind its key."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, and what opens it."""

    url: str
    key: str = field(repr=False)


@contextmanager
def noted(server: Server) -> Generator[None, None, None]:
    """Let this user's other programs find it.

    Raises:
        OSError: As the system has it; nothing is noted then.
    """
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = folder / f"{server.url.rpartition('/')[2]}.json"
    descriptor, draft = tempfile.mkstemp(dir=folder)  # for its owner's eyes alone
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(asdict(server)))
    Path(draft).replace(note)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def found() -> list[Server]:
    """Every server with a note; one that was killed may still have its own."""
    servers: list[Server] = []
    for note in sorted(_folder().glob("*.json")):
        with suppress(FileNotFoundError):  # it has ended meanwhile
            servers.append(Server(**orjson.loads(note.read_bytes())))
    return servers


def _folder() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is no folder for it, as without a login session, another serves
        return user_runtime_path("uutel-bridge")
