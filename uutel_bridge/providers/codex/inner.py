"""The program behind npm's wrapper, which would stay as a parent process of 42 MB on older versions of Node."""

from __future__ import annotations

import os
from pathlib import Path

_WRAPPER = "codex.js"
_PROGRAM = "codex-*/vendor/*/bin/codex"
"""Below `@openai`, in the package for this platform, which is the only one that npm installs (0.169.0)."""


def inner(executable: str) -> str:
    """What the wrapper would start; the executable itself, if it is no wrapper or what it would start is not found."""
    real = Path(executable).resolve()
    if real.name != _WRAPPER:
        return executable
    package = real.parent.parent
    for packages in (package.parent, package / "node_modules" / "@openai"):
        for found in packages.glob(_PROGRAM):
            if os.access(found, os.X_OK):
                return str(found)
    return executable
