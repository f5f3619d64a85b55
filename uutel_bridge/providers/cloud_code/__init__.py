"""Cloud Code: Google's Code Assist endpoint as a model; off until its user says so."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uutel_bridge.providers.cloud_code.auth import CloudCodeAuth
    from uutel_bridge.providers.cloud_code.provider import CloudCodeUU

__all__ = ["PROVIDER_CLASS", "CloudCodeAuth", "CloudCodeUU"]

PROVIDER_CLASS = "CloudCodeUU"


def __getattr__(name: str) -> Any:
    # Late: the provider's class needs LiteLLM, which costs seconds, and not every user of this package does.
    homes = {"CloudCodeUU": "provider", "CloudCodeAuth": "auth"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{homes[name]}"), name)
