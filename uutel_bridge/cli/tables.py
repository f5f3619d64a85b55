"""Tables, where there may be little room."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

_NO_LIMIT = 10_000
"""Columns of what is no terminal: nothing is cut there."""


def show(console: Console, table: Table) -> None:
    """Print a table. Half a name or half a number is worse than none: columns with `no_wrap` are whole or left out."""
    for column in table.columns:
        if column.no_wrap:
            column.min_width = max(len(str(text)) for text in (column.header, *column.cells))
    if not console.is_terminal:
        console.width = _NO_LIMIT
    console.print(table)
