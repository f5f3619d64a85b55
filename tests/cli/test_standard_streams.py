"""The command line where its streams are not what they mostly are: closed, full, or of another alphabet."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.conftest import Command

_MAIN = "from uutel_bridge.cli.main import main; main()"
_CLOSED = "import os, sys; os.close({}); os.execv(sys.executable, [sys.executable, '-c', {!r}, *sys.argv[1:]])"
"""The same command, as a shell starts it with `<&-` and the like."""
_FULL = Path("/dev/full")


@pytest.mark.parametrize(
    ("stream", "arguments", "status", "said"),
    [
        (0, ("ask",), 1, "There is no question"),
        (0, ("chat",), 0, "/help"),
        (0, ("ask", "[[scenario:text]]"), 0, ""),
        (1, ("ask", "[[scenario:text]]"), 0, ""),
        (1, ("models", "codex", "--json"), 0, ""),
        (2, ("ask", "-m", "nobody", "x"), 1, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_closed_stream_is_an_empty_one(
    uutel: Command, stream: int, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """Nothing comes from it, and what goes to it is lost, as the caller wanted."""
    done = uutel(*arguments, code=_CLOSED.format(stream, _MAIN))
    assert done.returncode == status
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == bool(said)


@pytest.mark.skipif(not _FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize(
    ("arguments", "before"),
    [
        (("ask", "[[scenario:text]]"), 0),
        (("models", "codex"), 0),
        (("doctor",), 0),
        (("--version",), 0),
        (("chat",), 1),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_a_full_disk_is_one_plain_sentence(uutel: Command, arguments: tuple[str, ...], before: int) -> None:
    """No traceback for what a person can mend; and no further question, for its answer would be lost as well."""
    questions = uutel.home / "questions"
    questions.write_text("one\ntwo\n", encoding="utf-8")
    with _FULL.open("wb") as full, questions.open("rb") as stdin:
        process = uutel.start(*arguments, stdin=stdin, stdout=full)
        _, err = process.communicate(timeout=60)
    *told, last = err.decode().splitlines()
    assert (process.returncode, len(told)) == (1, before)
    assert last == "uutel-bridge: The output cannot be written: No space left on device."


def test_a_file_that_cannot_be_written_is_named(uutel: Command) -> None:
    """Whoever wanted to write it: here a folder is where a file of the shell's should be."""
    (uutel.home / ".bashrc").mkdir()
    done = uutel("--install-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"uutel-bridge: {uutel.home / '.bashrc'}: Is a directory.\n"


def test_what_the_alphabet_has_no_letter_for_is_escaped(uutel: Command) -> None:
    """As in a terminal of the last century, or with a folder's name that is no text."""
    done = uutel("doctor", PYTHONIOENCODING="latin-1", UUTEL_CODEX__EXECUTABLE="漢")
    assert (done.returncode, done.stderr) == (0, "")
    assert "'\\u6f22'" in done.stdout


def test_ctrl_c_before_the_command_has_begun_is_no_traceback(uutel: Command) -> None:
    """Here while Typer puts its commands together."""
    early = (
        "import signal, typer.main; from uutel_bridge.cli.main import main; build = typer.main.get_command\n"
        "typer.main.get_command = lambda app: signal.raise_signal(signal.SIGINT) or build(app)\n"
        "main()"
    )
    done = uutel("--version", code=early)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGINT, "", "")
