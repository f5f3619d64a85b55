"""How a text names a scenario: `[[scenario:NAME key=value ...]]`; the last one counts."""

from __future__ import annotations

import re

MARKER = re.compile(r"\[\[scenario:(\w+)((?:\s+\w+=[^\s\]]+)*)\s*\]\]")


def marker_in(text: str) -> str:
    """The marker as it was written; by it, calls are counted. Empty: there is none."""
    found = list(MARKER.finditer(text))
    return found[-1][0] if found else ""


def named_in(text: str) -> tuple[str, dict[str, str]]:
    """Name and parameters of the scenario that a text asks for; `text`, if it names none."""
    found = MARKER.fullmatch(marker_in(text))
    if not found:
        return "text", {}
    return found[1], dict(pair.split("=", 1) for pair in found[2].split())
