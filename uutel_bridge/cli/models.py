"""`uutel-bridge models`: what can be asked, by name."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from uutel_bridge.cli import tables
from uutel_bridge.cli.answers import write
from uutel_bridge.cli.failures import sentence
from uutel_bridge.core import loop, registry
from uutel_bridge.core.cli_provider import Offer, Processes
from uutel_bridge.core.errors import UUError
from uutel_bridge.core.provider import AnyParts, Model
from uutel_bridge.core.settings import load

_MILLION = 1_000_000
_LEGEND = (
    "* is the model where none is named. Prices are the vendor's, in dollars per million tokens; what a plan covers is "
    "not billed so. Other names are passed on."
)


@dataclass(frozen=True, slots=True)
class _Listing:
    """The models of a provider, and who says so."""

    parts: AnyParts
    offers: tuple[Offer, ...]
    source: str
    """`cli`, or `catalogue`: ours."""
    note: str = ""
    """Why it is the catalogue."""

    def rows(self) -> Iterator[tuple[Offer, Model | None]]:
        """Each model, with what is known of it."""
        known = {model.name: model for model in self.parts.models}
        for offer in self.offers:
            yield offer, known.get(offer.name)


def run(*, provider: str, as_json: bool) -> None:
    """Print the models of one provider, or of all.

    Raises:
        BadRequest: There is no such provider.
    """
    names = (provider,) if provider else registry.provider_names()
    found = [registry.parts(name) for name in names]
    listings = loop.run(lambda: _list(found))
    if as_json:
        shown = {listing.parts.name: _as_json(listing) for listing in listings}
        write(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    console = Console(highlight=False, soft_wrap=True)
    for listing in listings:
        _print(console, listing)
    console.print(f"[dim]{_LEGEND}[/dim]")


async def _list(found: list[AnyParts]) -> list[_Listing]:
    return await asyncio.gather(*map(_listing, found))


async def _listing(parts: AnyParts) -> _Listing:
    catalogue = tuple(Offer(model.name) for model in parts.models)
    try:
        backend = parts.backend(load(parts.settings, parts.name, os.environ))
        offers = await backend.offered(dict(os.environ)) if isinstance(backend, Processes) else None
    except UUError as error:
        return _Listing(parts, catalogue, "catalogue", sentence(error))
    if offers is None:
        return _Listing(parts, catalogue, "catalogue", f"{parts.title} cannot be asked what it offers.")
    return _Listing(parts, offers, "cli")


def _as_json(listing: _Listing) -> dict[str, Any]:
    models = [
        {
            "model": f"uutel/{listing.parts.name}/{offer.name}",
            "default": offer.name == listing.parts.default_model,
            "about": offer.about,
            **({} if model is None else _facts(model)),
        }
        for offer, model in listing.rows()
    ]
    return {"source": listing.source, "note": listing.note, "models": models}


def _facts(model: Model) -> dict[str, int | float]:
    """By LiteLLM's names."""
    return {
        "max_input_tokens": model.max_input_tokens,
        "max_output_tokens": model.max_output_tokens,
        "input_cost_per_token": model.input_cost,
        "output_cost_per_token": model.output_cost,
        "cache_read_input_token_cost": model.cache_read_cost,
        "cache_creation_input_token_cost": model.cache_creation_cost,
    }


def _print(console: Console, listing: _Listing) -> None:
    whose = "" if listing.source == "cli" else ", from the catalogue of the bridge"
    console.print(f"[bold]{escape(listing.parts.title)}[/bold]{whose}")
    if listing.note:
        console.print(f"  [dim]{escape(listing.note)}[/dim]")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("  model", no_wrap=True)
    for heading in ("context", "output", "$ in", "$ out"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column()
    for offer, model in listing.rows():
        mark = "*" if offer.name == listing.parts.default_model else " "
        about = Text(offer.about, no_wrap=True, overflow="ellipsis")
        table.add_row(escape(f"{mark} uutel/{listing.parts.name}/{offer.name}"), *_columns(model), about)
    tables.show(console, table)
    console.print()


def _columns(model: Model | None) -> tuple[str, ...]:
    """Limits in tokens and prices, as far as they are known."""
    if model is None:
        return "", "", "", ""
    prices = (f"{cost * _MILLION:.2f}" if cost else "" for cost in (model.input_cost, model.output_cost))
    return f"{model.max_input_tokens:,}", f"{model.max_output_tokens:,}", *prices
