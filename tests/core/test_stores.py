"""Reading what a CLI keeps in its files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from uutel_bridge.core.stores import UnreadableStoreError, store


class Login(BaseModel):
    """What a toy keeps."""

    token: str


def test_what_is_there_is_read_anew_each_time(tmp_path: Path) -> None:
    """The CLI may have written it meanwhile."""
    path = tmp_path / "login.json"
    for token in ("one", "two"):
        path.write_text(f'{{"token": "{token}"}}', encoding="utf-8")
        assert store(path, Login, "toy") == Login(token=token)


@pytest.mark.parametrize("name", ["missing.json", "file/missing.json"])
def test_a_file_that_is_not_there_is_none(tmp_path: Path, name: str) -> None:
    """Nor is one below a file."""
    (tmp_path / "file").touch()
    assert store(tmp_path / name, Login, "toy") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "broken or only half written"), ('{"token": "sec', "broken"), ('{"token": 1}', "what toy writes there")],
)
def test_what_cannot_be_understood_is_told_without_quoting_it(tmp_path: Path, text: str, why: str) -> None:
    """It may hold secrets."""
    path = tmp_path / "login.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableStoreError, match=why) as caught:
        store(path, Login, "toy")
    assert caught.value.path == path
    assert "sec" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    """In the system's words."""
    path = tmp_path / "login.json"
    path.touch(mode=0)
    with pytest.raises(UnreadableStoreError, match="cannot be read"):
        store(path, Login, "toy")
