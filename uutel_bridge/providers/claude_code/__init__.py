"""Claude Code: the official `claude` CLI as a model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uutel_bridge.providers.claude_code.auth import ClaudeCodeAuth
    from uutel_bridge.providers.claude_code.provider import ClaudeCodeUU

__all__ = ["PROVIDER_CLASS", "ClaudeCodeAuth", "ClaudeCodeUU"]

PROVIDER_CLASS = "ClaudeCodeUU"


def __getattr__(name: str) -> Any:
    # Late: the provider's class needs LiteLLM, which costs seconds, and not every user of this package does.
    homes = {"ClaudeCodeUU": "provider", "ClaudeCodeAuth": "auth"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{homes[name]}"), name)
