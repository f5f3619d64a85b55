"""The verdict on a CLI: asked once, remembered for that file and that bridge."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from uutel_bridge.core import probe
from uutel_bridge.core.cli_provider import AnyCLIParts
from uutel_bridge.core.errors import CLIExited, UUError
from uutel_bridge.core.settings import ProviderSettings


class ToyParts(SimpleNamespace):
    """A provider whose probe gives prepared verdicts."""

    def __init__(self, *verdicts: bool | UUError, name: str = "toy") -> None:
        super().__init__(name=name)
        self.verdicts = list(verdicts)
        self.asked: list[str] = []

    async def probe(self, executable: str, _environment: Mapping[str, str], _settings: ProviderSettings, /) -> bool:
        """The next one."""
        self.asked.append(executable)
        verdict = self.verdicts.pop(0)
        if isinstance(verdict, UUError):
            raise verdict
        return verdict


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bridge's cache folder, for this test alone."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(probe.locate, "cache_dir", lambda: folder)
    return folder


@pytest.fixture
def cli(tmp_path: Path) -> Path:
    """An executable."""
    path = tmp_path / "toy"
    path.write_text("1.0", encoding="utf-8")
    return path


def update(cli: Path) -> None:
    """A new version in the old place."""
    cli.write_text("2.0.0", encoding="utf-8")


def names_in(folder: Path) -> list[str]:
    """What a folder holds."""
    return [path.name for path in folder.iterdir()]


async def ask(parts: ToyParts, cli: Path) -> bool:
    """The verdict, wherever it comes from."""
    return await probe.is_warm(cast("AnyCLIParts", parts), str(cli), {}, ProviderSettings())


@pytest.mark.parametrize("verdict", [True, False])
async def test_a_verdict_is_asked_for_once(cli: Path, verdict: bool) -> None:
    """Also a no."""
    parts = ToyParts(verdict)
    assert [await ask(parts, cli), await ask(parts, cli)] == [verdict, verdict]
    assert parts.asked == [str(cli)]
    assert probe.remembered("toy", str(cli)) is verdict


def test_a_cli_that_was_never_asked_has_no_verdict(cli: Path) -> None:
    """Neither yes nor no."""
    assert probe.remembered("toy", str(cli)) is None


async def test_an_updated_cli_is_asked_again(cli: Path) -> None:
    """The file tells."""
    parts = ToyParts(True, False)
    assert await ask(parts, cli) is True
    update(cli)
    assert await ask(parts, cli) is False


async def test_a_file_of_the_same_size_but_newer_is_asked_again(cli: Path) -> None:
    """An update may well have the size of the old one."""
    parts = ToyParts(True, False)
    assert await ask(parts, cli) is True
    os.utime(cli, ns=(1, 1))
    assert await ask(parts, cli) is False


async def test_a_new_bridge_asks_again(cli: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its probe may look for something else."""
    parts = ToyParts(True, False)
    assert await ask(parts, cli) is True
    monkeypatch.setattr(probe, "__version__", "999")
    assert await ask(parts, cli) is False


async def test_a_link_and_its_target_are_one_cli(cli: Path, tmp_path: Path) -> None:
    """Installers link."""
    link = tmp_path / "link"
    link.symlink_to(cli)
    parts = ToyParts(True)
    assert await ask(parts, link) is True
    assert probe.remembered("toy", str(cli)) is True


async def test_verdicts_of_several_clis_stand_side_by_side(cli: Path, tmp_path: Path) -> None:
    """One does not push out another."""
    other = tmp_path / "other"
    other.write_text("1.0", encoding="utf-8")
    await ask(ToyParts(True), cli)
    await ask(ToyParts(False), other)
    await ask(ToyParts(False, name="second"), cli)
    assert probe.remembered("toy", str(cli)) is True
    assert probe.remembered("toy", str(other)) is False
    assert probe.remembered("second", str(cli)) is False


async def test_a_probe_without_a_verdict_is_a_no_for_now(cli: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Said in the log, and asked again."""
    parts = ToyParts(CLIExited("it is gone", returncode=1), True)
    with caplog.at_level(logging.WARNING, "uutel_bridge.probe"):
        assert await ask(parts, cli) is False
    assert "it is gone" in caplog.text
    assert probe.remembered("toy", str(cli)) is None
    assert await ask(parts, cli) is True


@pytest.mark.parametrize("content", ["", "{", "[]", "5", "null", '{"toy": "yes"}', "\udcff"])
async def test_a_spoilt_cache_is_no_verdict(cli: Path, cache: Path, content: str) -> None:
    """And is written anew."""
    (cache / "probes.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert probe.remembered("toy", str(cli)) is None
    assert await ask(ToyParts(True), cli) is True
    assert probe.remembered("toy", str(cli)) is True


async def test_a_remembered_word_that_is_no_verdict_is_asked_again(
    cli: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only yes and no count."""
    monkeypatch.setattr(probe, "_key", lambda *_: "key")
    (cache / "probes.json").write_text('{"key": "yes"}', encoding="utf-8")
    assert await ask(ToyParts(False), cli) is False
    assert probe.remembered("toy", str(cli)) is False


async def test_nothing_but_the_verdicts_is_left_in_the_cache(cli: Path, cache: Path) -> None:
    """A draft is moved into its place."""
    await ask(ToyParts(True), cli)
    assert names_in(cache) == ["probes.json"]
