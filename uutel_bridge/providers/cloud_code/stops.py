"""Accounts that Google has stopped: nothing more is asked with them, in this program or in a later one."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import orjson
from platformdirs import user_state_path
from pydantic import TypeAdapter, ValidationError

from uutel_bridge.providers.cloud_code.failures import AccountStopped

_log = logging.getLogger("uutel_bridge.cloud_code")
_Stopped = TypeAdapter(dict[str, str])
"""A login's identity to where one can appeal."""


class Stops:
    """What is known of them; kept in a file of the bridge's own."""

    def __init__(self) -> None:
        self._here: dict[str, str] = {}
        """Those that could not be written down."""

    def check(self, identity: str) -> None:
        """Let only a login pass that was not stopped.

        Raises:
            AccountStopped: It was, and when; the message says what lifts that.
        """
        stopped = {**_read(), **self._here}
        if identity in stopped:
            raise AccountStopped(
                "Google has stopped this account for a violation of its terms, so nothing more is asked with it."
                f" {_appeal(stopped[identity])}Once Google has lifted that, remove {path()}.",
                appeal_url=stopped[identity],
            )

    def remember(self, identity: str, error: AccountStopped) -> None:
        """Note that Google has stopped it."""
        known, draft = {**_read(), identity: error.appeal_url}, path().with_suffix(f".{os.getpid()}")
        try:
            path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_bytes(orjson.dumps(known, option=orjson.OPT_INDENT_2))
            draft.replace(path())
        except OSError as exc:
            self._here[identity] = error.appeal_url
            _log.warning("%s cannot be written, so only this program will know: %s", path(), exc.strerror)


def path() -> Path:
    """The file."""
    return user_state_path("uutel-bridge") / "cloud-code-stopped.json"


def _read() -> dict[str, str]:
    try:
        return _Stopped.validate_json(path().read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as exc:
        _log.warning("%s cannot be read: %s", path(), type(exc).__name__)
        return {}


def _appeal(url: str) -> str:
    return f"Appeal at {url}. " if url else ""
