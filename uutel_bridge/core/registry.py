"""Which providers exist: found by looking, never listed."""

from __future__ import annotations

import logging
import pkgutil
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, cast

from uutel_bridge.core.errors import BadRequest, UUError

if TYPE_CHECKING:
    from uutel_bridge.core.provider import AnyParts

ENTRY_POINTS = "uutel_bridge.providers"
"""Other packages add a provider with an entry point: its name, and a package laid out as ours are."""

_log = logging.getLogger(__name__)
_registering = threading.RLock()


@cache
def _ours() -> Mapping[str, str]:
    """Provider name to the package that holds it."""
    home = import_module("uutel_bridge.providers")
    return {info.name.replace("_", "-"): f"{home.__name__}.{info.name}" for info in pkgutil.iter_modules(home.__path__)}


@cache
def _theirs() -> Mapping[str, str]:
    """The same of other people's, who cannot take the place of ours."""
    return {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS) if entry.name not in _ours()}


def installed_names() -> tuple[str, ...]:
    """Names of all providers that are there, those that cannot be loaded as well."""
    return tuple(sorted({*_ours(), *_theirs()}))


@cache
def broken() -> Mapping[str, str]:
    """Providers of other packages that cannot be loaded, and what mends it; the log has it as well, once."""
    found: dict[str, str] = {}
    for name in _theirs():
        try:
            parts(name)
        except UUError as error:
            found[name] = error.message
            _log.warning("%s", error.message)
    return found


def provider_names() -> tuple[str, ...]:
    """Names usable as `uutel/<name>/<model>`, in alphabetical order."""
    return tuple(name for name in installed_names() if name not in broken())


def parts(name: str) -> AnyParts:
    """What makes a provider, put together without LiteLLM.

    Raises:
        BadRequest: There is no provider of this name.
        UUError: There is one, of another package, and it cannot be loaded.
    """
    if name not in installed_names():
        nearest = get_close_matches(name, known := provider_names(), n=1)
        hint = f"Did you mean {nearest[0]}? " if nearest else ""
        form = "a model of theirs is uutel/<provider>/<model>"
        raise BadRequest(f"There is no provider {name!r}. {hint}Known are {', '.join(known)}; {form}.", param="model")
    with _package(name) as package:
        return _checked(import_module(f"{package}.parts").PARTS)


def face(name: str) -> Any:
    """A new instance of the provider's LiteLLM class (`ClaudeCodeUU`).

    Raises:
        UUError: It is of another package, and cannot be loaded.
    """
    with _package(name) as home:
        package = import_module(home)
        return getattr(package, package.PROVIDER_CLASS)()


@contextmanager
def _package(name: str) -> Generator[str, None, None]:
    """A provider's package. What goes wrong in somebody else's is said of it, and stops nobody but its callers."""
    if name in _ours():
        yield _ours()[name]
        return
    package = _theirs()[name]
    try:
        yield package
    except Exception as exc:
        reason = f"{type(exc).__name__}: {exc}"
        raise UUError(
            f"The provider {name}, of the package {package}, cannot be loaded: {reason}. Update or uninstall it.",
            provider=name,
        ) from exc


def _checked(found: object) -> AnyParts:
    from uutel_bridge.core.provider import Parts

    if not isinstance(found, Parts):
        raise TypeError(f"PARTS is no {Parts.__module__}.Parts")
    return cast("AnyParts", found)


def register() -> None:
    """Make every provider known to LiteLLM, as `uutel/<provider>/<model>` and as `<provider>/<model>`, with its models.

    Safe to call twice, and beside other custom providers: who has one of these names keeps it. Costs what
    `import litellm` costs.
    """
    import litellm  # here, not above: it costs seconds
    from litellm.utils import custom_llm_setup

    import uutel_bridge
    from uutel_bridge.core.prices import register_prices

    with _registering:
        taken = {entry["provider"] for entry in litellm.custom_provider_map}
        for name in ("uutel", *provider_names()):
            if name in taken:
                continue
            try:
                handler = uutel_bridge.handler if name == "uutel" else face(name)
            except UUError as error:  # somebody else's; the others are none the worse for it
                _log.warning("%s", error.message)
            else:
                litellm.custom_provider_map.append({"provider": name, "custom_handler": handler})
        register_prices()
        custom_llm_setup()
