"""Gemini CLI: the official `gemini` CLI as a model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uutel_bridge.providers.gemini_cli.auth import GeminiCLIAuth
    from uutel_bridge.providers.gemini_cli.provider import GeminiCLIUU

__all__ = ["PROVIDER_CLASS", "GeminiCLIAuth", "GeminiCLIUU"]

PROVIDER_CLASS = "GeminiCLIUU"


def __getattr__(name: str) -> Any:
    # Late: the provider's class needs LiteLLM, which costs seconds, and not every user of this package does.
    homes = {"GeminiCLIUU": "provider", "GeminiCLIAuth": "auth"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{homes[name]}"), name)
