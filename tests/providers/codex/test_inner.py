"""The program behind npm's wrapper."""

from __future__ import annotations

from pathlib import Path

import pytest

from uutel_bridge.providers.codex.inner import inner


def file(path: Path, mode: int = 0o755) -> Path:
    """A file that can be run, with the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(mode)
    return path


def installed(packages: Path) -> Path:
    """Npm's link to the wrapper."""
    wrapper = file(packages / "@openai" / "codex" / "bin" / "codex.js")
    link = packages / ".bin" / "codex"
    link.parent.mkdir()
    link.symlink_to(wrapper)
    return link


@pytest.mark.parametrize("where", ["@openai", "@openai/codex/node_modules/@openai"], ids=["beside", "below"])
def test_the_program_is_found_behind_the_wrapper(tmp_path: Path, where: str) -> None:
    """Wherever npm has put the package for this platform."""
    link = installed(tmp_path)
    program = file(tmp_path / where / "codex-linux-x64" / "vendor" / "x86_64-unknown-linux-musl" / "bin" / "codex")
    assert inner(str(link)) == str(program)


def test_what_is_no_wrapper_is_run_itself(tmp_path: Path) -> None:
    """A program installed in another way."""
    program = file(tmp_path / "codex")
    file(tmp_path / "codex-linux-x64" / "vendor" / "x" / "bin" / "codex")
    assert inner(str(program)) == str(program)


@pytest.mark.parametrize("mode", [None, 0o644], ids=["missing", "not-to-be-run"])
def test_a_wrapper_without_its_program_is_run_itself(tmp_path: Path, mode: int | None) -> None:
    """It says best what is wrong."""
    link = installed(tmp_path)
    if mode is not None:
        file(tmp_path / "@openai" / "codex-linux-x64" / "vendor" / "x" / "bin" / "codex", mode)
    assert inner(str(link)) == str(link)
