"""The README's table of settings, printed from the models that read them.

`python -m tests.settings_table` prints it; with a file's name it is put into the file.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from pydantic import BaseModel

from uutel_bridge.core import registry
from uutel_bridge.core.retry import RetryConfig
from uutel_bridge.core.settings import GeneralSettings

MARKERS = ("<!-- settings -->", "<!-- /settings -->")
NO_SECTION = "no section"
_HEAD = ("setting", "of", "", "must be", "default")


def sections() -> Mapping[str, type[BaseModel]]:
    """All sections of the config file, and what may stand in them; last, what stands above them."""
    providers = {name: registry.parts(name).settings for name in registry.provider_names()}
    return {**providers, "retry": RetryConfig, NO_SECTION: GeneralSettings}


def table() -> str:
    """A line for each setting, where it was declared first: those of all providers, of the CLIs, of one section."""
    models = sections()
    declared: dict[type[BaseModel], None] = {}
    for model in models.values():
        parents = model.__mro__[: model.__mro__.index(BaseModel)]
        declared.update(dict.fromkeys(reversed(parents)))
    widest_first = sorted(declared, key=lambda model: -len(_owners(model, models)))
    lines = [_HEAD, ["---"] * len(_HEAD), *(line for model in widest_first for line in _lines(model, models))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def with_table(text: str) -> str:
    """The text with the table of today between the markers."""
    begin, end = MARKERS
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{table()}{end}{rest.partition(end)[2]}"


def _owners(model: type[BaseModel], models: Mapping[str, type[BaseModel]]) -> list[str]:
    return [name for name, each in models.items() if issubclass(each, model)]


def _lines(model: type[BaseModel], models: Mapping[str, type[BaseModel]]) -> list[tuple[str, ...]]:
    owners = _owners(model, models)
    whose = ", ".join(f"`{name}`" for name in owners)
    if owners == list(registry.provider_names()):
        whose = "every provider"
    elif owners == [NO_SECTION]:
        whose = NO_SECTION
    return [
        (
            f"`{name.upper()}`",
            whose,
            meaning.rstrip("."),
            model.model_fields[name].description or "",
            _written(model.model_fields[name].default),
        )
        for name, meaning in _meanings(model).items()
    ]


def _meanings(model: type[BaseModel]) -> Mapping[str, str]:
    """The docstring below each field that a model itself declares."""
    (declared,) = ast.parse(dedent(inspect.getsource(model))).body
    assert isinstance(declared, ast.ClassDef)
    found: dict[str, str] = {}
    for field, after in zip(declared.body, declared.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(after, ast.Expr)
            assert isinstance(after.value, ast.Constant)
            found[field.target.id] = " ".join(str(after.value.value).split())
    return found


def _written(value: object) -> str:
    """A default as it would be written in a variable; empty for none."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        file.write_text(with_table(file.read_text(encoding="utf-8")), encoding="utf-8")
    if not sys.argv[1:]:
        sys.stdout.write(table())
