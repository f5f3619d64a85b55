"""What went wrong, in words for a person."""

from __future__ import annotations

from collections.abc import Iterable

from uutel_bridge.core.errors import UUError


def sentence(error: UUError) -> str:
    """The message, with the first line of what the vendor wrote."""
    lines = error.evidence.strip().splitlines()
    return f"{error.message} ({lines[0]})" if lines and lines[0] not in error.message else error.message


def nobody_ready(problems: Iterable[str]) -> UUError:
    """What to do where no provider can be asked: a line for each that is in the way."""
    return UUError("\n  ".join(("No provider is ready. One of these, mended, is enough:", *dict.fromkeys(problems))))
