"""`uutel-bridge status`: what a running server is doing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from http import HTTPStatus
from typing import Any

import httpx
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from uutel_bridge.cli import running, tables
from uutel_bridge.core.errors import UUError
from uutel_bridge.core.pool import Snapshot

_SECONDS = 10.0


def run(*, url: str, key: str) -> None:
    """Print the pools of the server at `url`, or of every one that this user has running.

    Raises:
        UUError: There is none, or it does not let us in.
    """
    if url:
        where = url if "://" in url else f"http://{url}"
        reports = {where: _ask(running.Server(where.rstrip("/"), key))}
    else:
        answers = {server.url: _ask_noted(server) for server in running.found()}
        reports = {where: report for where, report in answers.items() if report is not None}
    if not any(report is not None for report in reports.values()):
        raise UUError(f"No server answers at {url}." if url else "No server is running. Start one: uutel-bridge serve")
    console = Console(highlight=False, soft_wrap=True)
    for where, report in reports.items():
        _show(console, where, report or [])


def _ask_noted(server: running.Server) -> list[dict[str, Any]] | None:
    try:
        return _ask(server)
    except UUError:  # one was killed, and something else has its port
        return None


def _ask(server: running.Server) -> list[dict[str, Any]] | None:
    """What it says of its providers; None if nobody answers there."""
    headers = {b"authorization": f"Bearer {server.key}".encode()} if server.key else {}
    try:
        # Not through a proxy: a key is sent along.
        with httpx.Client(trust_env=False, timeout=_SECONDS) as client:
            answer = client.get(server.url + running.STATUS_PATH, headers=headers)
    except (httpx.TransportError, httpx.InvalidURL, UnicodeError):  # the last two are of what is no address
        return None
    if answer.status_code == HTTPStatus.OK:
        with suppress(orjson.JSONDecodeError):  # a page for people
            return orjson.loads(answer.content)
    if answer.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise UUError(f"The server at {server.url} wants another key. Give it with --key or LITELLM_MASTER_KEY.")
    raise UUError(f"What answers at {server.url} is no `uutel-bridge serve` (HTTP status {answer.status_code}).")


def _show(console: Console, url: str, report: list[dict[str, Any]]) -> None:
    console.print(f"[bold]{escape(url)}[/bold]")
    counts = [field.name for field in fields(Snapshot)]
    table = Table(*(Column(name.replace("_", " "), no_wrap=True) for name in ("processes", *counts)), box=None)
    for provider in report:
        table.add_row(provider["name"], *(str(provider["processes"][name]) for name in counts))
    tables.show(console, table)
    for provider in report:
        if provider["problem"]:
            console.print(f"[yellow]{provider['name']}: {escape(provider['problem'])}[/yellow]")
