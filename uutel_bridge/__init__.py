"""The vendor CLI you are logged in to, as a LiteLLM model.

    import litellm, uutel_bridge
    uutel_bridge.register()
    litellm.completion(model="uutel/claude-code/sonnet", messages=[...])

Importing this package costs milliseconds: LiteLLM is imported by `register()`, or by reading `handler`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uutel_bridge.core.base import UutelUU
    from uutel_bridge.core.bridge import aclose, close, status, warm
    from uutel_bridge.core.errors import UUError
    from uutel_bridge.core.registry import provider_names, register
    from uutel_bridge.core.retry import RetryConfig

    handler: UutelUU

__version__ = "0.1.0"

__all__ = [
    "RetryConfig",
    "UUError",
    "__version__",
    "aclose",
    "close",
    "handler",
    "provider_names",
    "register",
    "status",
    "warm",
]

_HOMES = {
    "RetryConfig": "retry",
    "UUError": "errors",
    "aclose": "bridge",
    "close": "bridge",
    "provider_names": "registry",
    "register": "registry",
    "status": "bridge",
    "warm": "bridge",
}


def __getattr__(name: str) -> Any:
    if name == "handler":
        return import_module("uutel_bridge.core.base").shared_handler()
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"uutel_bridge.core.{home}"), name)
