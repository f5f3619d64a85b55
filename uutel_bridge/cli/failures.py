"""What went wrong, in one line for a person."""

from __future__ import annotations

from uutel_bridge.core.errors import UUError


def sentence(error: UUError) -> str:
    """The message, with the first line of what the vendor wrote."""
    lines = error.evidence.strip().splitlines()
    return f"{error.message} ({lines[0]})" if lines and lines[0] not in error.message else error.message
