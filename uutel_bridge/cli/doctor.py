"""`uutel-bridge doctor`: how everything stands, for a person."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from uutel_bridge.core import loop, registry
from uutel_bridge.core.bridge import bridge
from uutel_bridge.core.doctor import Checkup, checkup
from uutel_bridge.core.errors import UUError
from uutel_bridge.core.settings import config_path


def run() -> bool:
    """Print a checkup of every provider; True if at least one can answer."""
    console = Console(highlight=False, soft_wrap=True)
    path = config_path()
    console.print(f"Config file: {escape(str(path))}{'' if path.is_file() else ' (not there: defaults)'}")
    reports = [_report(console, name) for name in registry.provider_names()]
    return any(reports)


def _report(console: Console, name: str) -> bool:
    console.print(f"\n[bold]{registry.parts(name).title}[/bold] (uutel/{name}/<model>)")
    try:
        provider = bridge(name)
    except UUError as error:  # its settings are wrong
        return _verdict(console, error.message)
    found = loop.run(lambda: checkup(provider))
    for label, text in _lines(found, key_set=provider.settings.api_key is not None):
        console.print(f"  {label:<12}{escape(text)}")
    return _verdict(console, found.problem)


def _verdict(console: Console, problem: str) -> bool:
    console.print(f"  [red]wrong       {escape(problem)}[/red]" if problem else "  [green]ready[/green]")
    return not problem


def _lines(found: Checkup, *, key_set: bool) -> Iterator[tuple[str, str]]:
    status = found.status
    if not status.executable:
        return
    yield "executable", status.executable
    if found.version:
        yield "version", f"{found.version} ({'tested' if found.tested else 'not tested with this bridge'})"
    if key_set:
        yield "login", "not used: the API key in the settings takes its place"
    elif status.login:
        yield "login", f"{status.login.method}, from {status.login.source}"
        if status.login.problem and status.login.problem not in found.problem:
            yield "note", status.login.problem
    if account := _account(found):
        yield "account", account
    if found.warm is not None:
        unproven = f"this version did not pass the start-up probe; it does {found.unproven}"
        yield "processes", "kept warm between requests" if found.warm else unproven


def _account(found: Checkup) -> str:
    """Whom the CLI names, else whom its login names."""
    told = (found.account.email, found.account.subscription) if found.account else ()
    return " ".join(filter(None, told)) or (found.status.login.account if found.status.login else "")
