"""Private folders for children, and those that killed programs left behind.

A folder is locked as long as its owner lives. The system gives the lock back however the owner ends, and it counts
between containers that share the folder for temporary files, where a pid says nothing; the pid in the name is for
people.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

_NAME = re.compile(r"uutel-[0-9]+-")
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_LOCK = fcntl.LOCK_EX | fcntl.LOCK_NB
_REMOVALS = 5
"""Tries to remove a folder, in which the dying may still be making files."""

_locks: dict[str, int] = {}
"""Every folder this process made and has not yet removed, with the descriptor that locks it."""


def make() -> str:
    """Make a private folder and return its path. The first one also sweeps away what killed programs left.

    Raises:
        OSError: As the system has it, such as no room or too many open files.
    """
    _sweep()
    while not _claim(folder := tempfile.mkdtemp(prefix=f"uutel-{os.getpid()}-")):
        pass
    return folder


def _claim(folder: str) -> bool:
    """Lock a new folder; False if another process was quicker and sweeps it away."""
    try:
        _locks[folder] = os.open(folder, _OPEN)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(_locks[folder], _LOCK)
    except BlockingIOError:
        claimed = False
    except OSError:
        claimed = True  # a file system without locks: no sweep gets one either
    else:
        claimed = Path(folder).is_dir()
    if not claimed:
        os.close(_locks.pop(folder))
    return claimed


def fill(folder: str, *, files: Iterable[tuple[str, bytes]], links: Iterable[tuple[str, str]]) -> None:
    """Put new files for their owner's eyes alone and symbolic links into a folder, by their paths from there.

    Raises:
        OSError: As the system has it, such as no room.
    """
    for path, content in files:
        file = _place(folder, path)
        file.touch(mode=0o600, exist_ok=False)
        file.write_bytes(content)
    for path, target in links:
        _place(folder, path).symlink_to(target)


def _place(folder: str, path: str) -> Path:
    place = Path(folder, path)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place


def remove(folder: str) -> None:
    """Remove a folder with all that is in it, and unlock it; blocks for milliseconds."""
    # Not in a thread: none can be started while the interpreter exits.
    for _ in range(_REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not Path(folder).exists():
            break
        time.sleep(0.005)
    if (lock := _locks.pop(folder, None)) is not None:
        os.close(lock)


@cache
def _sweep() -> None:
    """Remove this user's folders that no living process has locked, once per process; blocks for milliseconds."""
    found: list[str] = []
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        found.extend(entry.path for entry in entries if _NAME.match(entry.name))
    for folder in found:
        with suppress(OSError):  # locked, gone, a link, a file, or not to be opened
            _remove_unlocked(folder)


def _remove_unlocked(folder: str) -> None:
    if Path(folder).lstat().st_uid != os.geteuid():
        return
    lock = os.open(folder, _OPEN)
    try:
        fcntl.flock(lock, _LOCK)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _disown() -> None:
    """In a forked process: the folders are the parent's, and unlocked when the parent ends."""
    for lock in _locks.values():
        os.close(lock)
    _locks.clear()
    _sweep.cache_clear()


os.register_at_fork(after_in_child=_disown)
