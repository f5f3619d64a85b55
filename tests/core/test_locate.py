"""Finding a CLI, asking for its version, and what it gets to see."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import anyio
import pytest
from pytest_subprocess import FakeProcess

from uutel_bridge.core import locate
from uutel_bridge.core.errors import CLINotFound, CLIVersion, PermissionDenied
from uutel_bridge.core.locate import COMMON, cache_dir, child_environment, empty_cwd, find, version


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of our own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = cache_dir()
    assert folder.is_relative_to(tmp_path)
    return folder


def executable(path: Path, text: str = "#!/bin/sh\n") -> str:
    """A file that may be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o700)
    return str(path)


def found(setting: str | None, environment: dict[str, str]) -> str:
    """What is found of `claude`."""
    return find(setting, "claude", environment=environment, install_command="get claude", provider="claude-code")


def test_a_setting_wins_over_path(tmp_path: Path) -> None:
    """Also as a name on PATH, or relative to the home folder."""
    on_path = executable(tmp_path / "bin/claude")
    other = executable(tmp_path / "other/claude-next")
    environment = {"PATH": f"{tmp_path / 'bin'}:{tmp_path / 'other'}", "HOME": str(tmp_path)}
    assert found(None, environment) == on_path
    assert found(other, environment) == other
    assert found("claude-next", environment) == other
    assert found("~/other/claude-next", environment) == other


def test_the_path_is_that_of_the_given_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of this process."""
    executable(tmp_path / "bin/claude")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(locate, "_USUAL_FOLDERS", ("~/.local/bin",))
    for environment in ({}, {"PATH": ""}, {"PATH": str(tmp_path / "nowhere")}):
        with pytest.raises(CLINotFound):
            found(None, {**environment, "HOME": str(tmp_path)})


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Children run in another folder."""
    expected = executable(tmp_path / "bin/claude")
    monkeypatch.chdir(tmp_path)
    assert found(None, {"PATH": "bin"}) == expected
    assert found("bin/claude", {}) == expected


def test_the_usual_places_help_programs_without_a_login_shell(tmp_path: Path) -> None:
    """The home folder is the given environment's."""
    expected = executable(tmp_path / "me/.local/bin/claude")
    assert found(None, {"HOME": str(tmp_path / "me"), "PATH": str(tmp_path / "nowhere")}) == expected


@pytest.mark.parametrize("kind", ["missing", "folder", "not executable"])
def test_a_setting_that_cannot_be_run_is_an_error_even_if_path_has_one(tmp_path: Path, kind: str) -> None:
    """No other CLI runs in place of the chosen one."""
    executable(tmp_path / "bin/claude")
    chosen = tmp_path / "chosen"
    if kind == "folder":
        chosen.mkdir()
    elif kind == "not executable":
        chosen.write_text("", encoding="utf-8")
    with pytest.raises(CLINotFound, match="get claude") as caught:
        found(str(chosen), {"PATH": str(tmp_path / "bin")})
    assert str(chosen) in caught.value.message
    assert caught.value.provider == "claude-code"


def test_a_missing_cli_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command to type is in the message."""
    monkeypatch.setattr(locate, "_USUAL_FOLDERS", ("~/.local/bin",))
    with pytest.raises(CLINotFound, match="get claude"):
        found(None, {"HOME": str(tmp_path), "PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        ("2.1.330 (Claude Code)\n", "2.1.330"),
        ("codex-cli 0.169.0\n", "0.169.0"),
        ("0.61.0-nightly.20260801\n", "0.61.0-nightly.20260801"),
    ],
)
async def test_the_version_is_asked_once_for_each_file(
    tmp_path: Path, fp: FakeProcess, printed: str, number: str
) -> None:
    """And again once the file has changed."""
    path = executable(tmp_path / "claude")
    fp.register([path, "--version"], stdout=printed, occurrences=2)
    with anyio.fail_after(60):
        assert [await version(path, {}) for _ in range(3)] == [number] * 3
        assert fp.call_count([path, "--version"]) == 1
        executable(tmp_path / "claude", "#!/bin/sh\n# updated\n")
        assert await version(path, {}) == number
    assert fp.call_count([path, "--version"]) == 2


@pytest.mark.parametrize(("printed", "returncode"), [("hello", 0), ("needs Node.js 20.0.0", 1), ("", 0)])
async def test_without_a_version_the_output_is_the_evidence(
    tmp_path: Path, fp: FakeProcess, printed: str, returncode: int
) -> None:
    """A number in an error message is no version."""
    path = executable(tmp_path / "claude")
    fp.register([path, "--version"], stdout=printed, returncode=returncode)
    with anyio.fail_after(60), pytest.raises(CLIVersion) as caught:
        await version(path, {})
    assert caught.value.evidence == printed


async def test_the_version_command_sees_only_the_allowed_environment(tmp_path: Path) -> None:
    """It is a child like any other: its folder is the empty one."""
    path = executable(tmp_path / "claude", '#!/bin/sh\necho "1.2.3 $PASSED $SECRET $(pwd)" | tee "$HOME/seen"\n')
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PASSED": "passed", "SECRET": "secret"}
    with anyio.fail_after(60):
        assert await version(path, environment, pass_env=["PASSED"]) == "1.2.3"
    assert (tmp_path / "seen").read_text(encoding="utf-8").split() == ["1.2.3", "passed", empty_cwd()]


async def test_a_vanished_executable_is_not_found(tmp_path: Path) -> None:
    """It was there when it was looked for."""
    with pytest.raises(CLINotFound):
        await version(str(tmp_path / "gone"), {})


def test_a_child_gets_an_allow_list_only() -> None:
    """Names, prefixes, the user's own additions and ours, sorted so that equal environments are equal."""
    environment = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LC_ALL": "C",
        "LC_TIME": "",
        "https_proxy": "http://proxy",
        "ANTHROPIC_API_KEY": "secret",
        "MINE": "mine",
        "CLAUDECODE": "1",
    }
    assert child_environment(
        environment, allow=COMMON, pass_env=["MINE", "ABSENT"], extra={"EMPTY": "", "PATH": "/x"}
    ) == (
        ("EMPTY", ""),
        ("HOME", "/home/me"),
        ("LC_ALL", "C"),
        ("MINE", "mine"),
        ("PATH", "/x"),
        ("https_proxy", "http://proxy"),
    )


def test_nothing_allowed_means_an_empty_environment() -> None:
    """No prefix is not every prefix."""
    assert child_environment({"PATH": "/bin"}, allow=()) == ()


def test_children_share_one_empty_read_only_folder(cache: Path) -> None:
    """It is made once, also if it was left writable."""
    path = Path(empty_cwd())
    assert path == cache / "cwd"
    path.chmod(0o777)
    assert empty_cwd() == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o500
    assert list(path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "link", "filled", "foreign"])
def test_a_working_folder_that_is_not_empty_and_ours_is_refused(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Its files would be the CLI's to read."""
    path = cache / "cwd"
    if kind == "file":
        path.write_text("", encoding="utf-8")
    elif kind == "link":
        path.symlink_to(tmp_path)
    elif kind == "filled":
        path.mkdir()
        (path / "CLAUDE.md").write_text("", encoding="utf-8")
    else:
        path.mkdir()
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(PermissionDenied, match="remove what is there"):
        empty_cwd()


@pytest.mark.parametrize(
    ("name", "message"), [("file", "/file must be a folder"), ("x" * 300, "cannot be made: .* Set XDG_CACHE")]
)
def test_a_cache_folder_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    """A file where a folder should be, or a name that the disk does not take."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path / name))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
    with pytest.raises(PermissionDenied, match=message):
        cache_dir()
