"""The README says of settings what the models that read them say."""

from __future__ import annotations

from pathlib import Path

from tests.settings_table import MARKERS, NO_SECTION, sections, table, with_table

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_has_the_settings_of_today() -> None:
    """They are printed from the models, never written by hand."""
    text = README.read_text(encoding="utf-8")
    assert [text.count(marker) for marker in MARKERS] == [1, 1]
    assert text == with_table(text), "mend it: python -m tests.settings_table README.md"


def test_every_setting_has_a_line_that_says_all_of_it() -> None:
    """What it is, what it must be, and whose it is; a default only where there is one."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table().splitlines()[2:]]
    for section, model in sections().items():
        for name in model.model_fields:
            (line,) = [line for line in lines if line[0] == f"`{name.upper()}`"]
            assert f"`{section}`" in line[1] or line[1] in ("every provider", NO_SECTION)
            assert all(line[:4])
    assert {len(line) for line in lines} == {5}
