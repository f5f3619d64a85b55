"""Codex: the official `codex` CLI as a model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uutel_bridge.providers.codex.auth import CodexAuth
    from uutel_bridge.providers.codex.provider import CodexUU

__all__ = ["PROVIDER_CLASS", "CodexAuth", "CodexUU"]

PROVIDER_CLASS = "CodexUU"


def __getattr__(name: str) -> Any:
    # Late: the provider's class needs LiteLLM, which costs seconds, and not every user of this package does.
    homes = {"CodexUU": "provider", "CodexAuth": "auth"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{homes[name]}"), name)
