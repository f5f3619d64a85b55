"""Which providers exist: found by looking, never listed."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from uutel_bridge.core.errors import BadRequest

if TYPE_CHECKING:
    from uutel_bridge.core.provider import AnyParts

ENTRY_POINTS = "uutel_bridge.providers"
"""Other packages add a provider with an entry point: its name, and a package laid out as ours are."""


@cache
def _found() -> dict[str, str]:
    """Provider name to the package that holds it; our own first, then other people's."""
    home = import_module("uutel_bridge.providers")
    found = {
        info.name.replace("_", "-"): f"{home.__name__}.{info.name}" for info in pkgutil.iter_modules(home.__path__)
    }
    for entry in entry_points(group=ENTRY_POINTS):
        found.setdefault(entry.name, entry.value)
    return found


def provider_names() -> tuple[str, ...]:
    """Names usable as `uutel/<name>/<model>`, in alphabetical order."""
    return tuple(sorted(_found()))


def parts(name: str) -> AnyParts:
    """What makes a provider, put together without LiteLLM.

    Raises:
        BadRequest: There is no provider of this name.
    """
    package = _found().get(name)
    if package is None:
        known = ", ".join(f"uutel/{known}/<model>" for known in provider_names())
        raise BadRequest(f"There is no provider {name!r}. Known: {known}.", param="model")
    return import_module(f"{package}.parts").PARTS


def face(name: str) -> Any:
    """A new instance of the provider's LiteLLM class (`ClaudeCodeUU`)."""
    package = import_module(_found()[name])
    return getattr(package, package.PROVIDER_CLASS)()


def register() -> None:
    """Make every provider known to LiteLLM, as `uutel/<provider>/<model>` and as `<provider>/<model>`.

    Safe to call twice, and beside other custom providers. Costs what `import litellm` costs.
    """
    import litellm  # here, not above: it costs seconds
    from litellm.utils import custom_llm_setup

    import uutel_bridge

    known = {entry["provider"] for entry in litellm.custom_provider_map}
    for name in {"uutel", *provider_names()} - known:
        handler = uutel_bridge.handler if name == "uutel" else face(name)
        litellm.custom_provider_map.append({"provider": name, "custom_handler": handler})
    custom_llm_setup()
