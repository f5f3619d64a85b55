"""`uutel-bridge doctor`: how everything stands, for a person."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from uutel_bridge.core import loop, registry
from uutel_bridge.core.bridge import bridge
from uutel_bridge.core.doctor import Checkup, checkup
from uutel_bridge.core.settings import config_path


def run() -> bool:
    """Print a checkup of every provider; True if at least one can answer."""
    console = Console(highlight=False, soft_wrap=True)
    path = config_path()
    console.print(f"Config file: {escape(str(path))}{'' if path.is_file() else ' (not there: defaults)'}")
    ready = False
    for name in registry.provider_names():
        found = _look(name)
        ready = ready or not found.problem
        console.print(f"\n[bold]{found.title}[/bold] (uutel/{name}/<model>)")
        for label, text in _lines(found):
            console.print(f"  {label:<12}{escape(text)}")
        console.print(
            f"  [red]wrong       {escape(found.problem)}[/red]" if found.problem else "  [green]ready[/green]"
        )
    return ready


def _look(name: str) -> Checkup:
    return loop.run(lambda: checkup(bridge(name)))


def _lines(found: Checkup) -> Iterator[tuple[str, str]]:
    status = found.status
    if not status.executable:
        return
    yield "executable", status.executable
    if found.version:
        yield "version", f"{found.version} ({'tested' if found.tested else 'not tested with this bridge'})"
    if status.login:
        yield "login", f"{status.login.method}, from {status.login.source}"
        if status.login.problem and status.login.problem not in found.problem:
            yield "note", status.login.problem
    if found.account and (found.account.email or found.account.subscription):
        yield "account", " ".join(filter(None, (found.account.email, found.account.subscription)))
    if found.warm is not None:
        kept = "kept warm between requests" if found.warm else "one per request: this version cannot be reset"
        yield "processes", kept
