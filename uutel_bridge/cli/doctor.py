"""`uutel-bridge doctor`: how everything stands, for a person."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from uutel_bridge.core import loop, registry
from uutel_bridge.core.bridge import bridge
from uutel_bridge.core.errors import UUError
from uutel_bridge.core.provider import Checkup
from uutel_bridge.core.settings import config_path


def run() -> bool:
    """Print a checkup of every provider; True if at least one can answer."""
    console = Console(highlight=False, soft_wrap=True)
    path = config_path()
    console.print(f"Config file: {escape(str(path))}{'' if path.is_file() else ' (not there: defaults)'}")
    reports = [report(console, name) for name in registry.provider_names()]
    for name, problem in registry.broken().items():
        console.print(f"\n[bold]{escape(name)}[/bold] (uutel/{escape(name)}/<model>)")
        _verdict(console, Checkup((), problem))
    return any(reports)


def report(console: Console, name: str) -> bool:
    """Print the checkup of one provider; True if it can answer."""
    console.print(f"\n[bold]{registry.parts(name).title}[/bold] (uutel/{name}/<model>)")
    try:
        found = loop.run(bridge(name).checkup)
    except UUError as error:  # its settings are wrong, or nothing can be kept here
        found = Checkup((), error.message)
    for label, text in found.facts:
        console.print(f"  {label:<12}{escape(text)}")
    return _verdict(console, found)


def _verdict(console: Console, found: Checkup) -> bool:
    if found.off:
        console.print(f"  [yellow]off         {escape(found.problem)}[/yellow]")
    elif found.problem:
        console.print(f"  [red]wrong       {escape(found.problem)}[/red]")
    else:
        console.print("  [green]ready[/green]")
    return not found.problem
