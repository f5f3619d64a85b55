"""What a CLI keeps in files of its own: read, never written."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError

StoreT = TypeVar("StoreT", bound=BaseModel)


class UnreadableStoreError(Exception):
    """A file is there, but cannot be understood; the message says why and quotes nothing of it."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} {why}.")
        self.path = path


def content(path: Path) -> bytes | None:
    """What is in a file; None where there is none. Read anew each time: the CLI may be writing it.

    Raises:
        UnreadableStoreError: It may not be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise UnreadableStoreError(path, f"cannot be read: {exc.strerror}") from exc


def parsed(path: Path, raw: bytes, model: type[StoreT], writer: str) -> StoreT:
    """JSON as `writer`, a CLI, writes it.

    Raises:
        UnreadableStoreError: It is none, or another's.
    """
    try:
        return model.model_validate(orjson.loads(raw))
    except orjson.JSONDecodeError:
        raise UnreadableStoreError(path, "is broken or only half written") from None
    except ValidationError:
        raise UnreadableStoreError(path, f"does not hold what {writer} writes there") from None


def store(path: Path, model: type[StoreT], writer: str) -> StoreT | None:
    """Both at once; None where there is no such file.

    Raises:
        UnreadableStoreError: It cannot be understood.
    """
    raw = content(path)
    return None if raw is None else parsed(path, raw, model, writer)
