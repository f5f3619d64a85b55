"""`uutel-bridge ask`."""

from __future__ import annotations

import json
import os
import pty
import signal

import pytest

from tests.cli.conftest import LITELLM, Command
from tests.conformance.world import claude_code

_ENDLESS = "[[scenario:slow n=100000 delay=0.05]]"


def test_the_answer_is_printed_and_ends_with_a_line_break(uutel: Command) -> None:
    """Nothing but the answer on standard output, nothing at all on standard error."""
    done = uutel("ask", "[[scenario:text]]")
    assert (done.returncode, done.stdout, done.stderr) == (0, "part0 part1 part2 part3 \n", "")


@pytest.mark.parametrize("kind", ["fake", pytest.param("real", marks=pytest.mark.real_cli)])
def test_the_model_is_sent_the_question_and_the_system_prompt(kind: str) -> None:
    """The same on the fake and on the real CLI: one request, with the words as they were typed."""
    with claude_code(kind) as world:
        marker = world.marker("text")
        done = Command(world.home)("ask", "--system", "Be exact.", f"/help @/etc/hostname {marker}")
        assert (done.stderr, done.stdout) == ("", "part0 part1 part2 part3 \n")
        body = world.body(marker)
    assert body.system == ["Be exact."]
    assert body.turns == [("user", [f"/help @/etc/hostname {marker}"])]


def test_the_answer_is_printed_as_it_comes(uutel: Command) -> None:
    """The first words can be read while the model still speaks."""
    with uutel.start("ask", _ENDLESS) as process:
        assert process.stdout.read(3) == b"s0 "
        assert process.poll() is None
        process.send_signal(signal.SIGINT)


@pytest.mark.parametrize("arguments", [("ask",), ("ask", "-")])
def test_the_question_may_come_on_standard_input(uutel: Command, arguments: tuple[str, ...]) -> None:
    """Byte for byte, foreign line ends and all."""
    done = uutel(*arguments, stdin="one\r\ntwo \u2028 três\n[[scenario:echo]]")
    assert (done.stderr, done.stdout) == ("", "one\r\ntwo \u2028 três\n")


def test_a_person_at_a_terminal_is_told_how_to_end_the_question(uutel: Command) -> None:
    """Without a question, and without a pipe, it says that it waits for one."""
    terminal, stdin = pty.openpty()
    try:
        with uutel.start("ask", stdin=stdin) as process:
            os.write(terminal, b"[[scenario:text]]\n\x04")
            out, err = process.communicate(timeout=60)
    finally:
        os.close(terminal)
        os.close(stdin)
    assert (process.returncode, out) == (0, b"part0 part1 part2 part3 \n")
    assert b"Ctrl-D" in err


def test_a_question_may_begin_with_a_dash(uutel: Command) -> None:
    """Behind the two that end the options, as everywhere; the help says so."""
    assert uutel("ask", "--", "-v means [[scenario:echo]]").stdout == "-v means \n"
    assert "Behind --" in " ".join(uutel("ask", "--help", COLUMNS="200").stdout.split())


def test_no_stream_prints_the_same_answer(uutel: Command) -> None:
    """Whole, at the end."""
    assert uutel("ask", "--no-stream", "[[scenario:text]]").stdout == "part0 part1 part2 part3 \n"


def test_json_is_one_chat_completion(uutel: Command) -> None:
    """Answer, reasoning, usage and cost where OpenAI's clients look for them."""
    done = uutel("ask", "--json", "[[scenario:thinking]]")
    answer = json.loads(done.stdout)
    (choice,) = answer["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": "After thought: 42.",
        "reasoning_content": "Let me think this over.",
    }
    assert choice["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
    assert answer["usage"]["cost"] > 0
    assert answer["model"].startswith("claude-sonnet")


def test_json_tells_how_long_it_took(uutel: Command) -> None:
    """Seconds: until a process was ready, until the first word, until the end."""
    timing = json.loads(uutel("ask", "--json", "[[scenario:slow n=3 delay=0.05]]").stdout)["timing"]
    assert 0 < timing["queue"] < timing["first_event"] < timing["first_event"] + 0.1 <= timing["total"]
    assert json.loads(uutel("ask", "--json", "[[scenario:empty]]").stdout)["timing"]["first_event"] is None


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("uutel/claude-code/haiku", "claude-haiku"),
        ("claude-code/haiku", "claude-haiku"),
        ("uutel/claude-code", "claude-sonnet"),
        ("claude-code", "claude-sonnet"),
        ("claude-code/", "claude-sonnet"),
        ("uutel/codex/gpt-5.5", "gpt-5.5"),
        ("codex", "gpt-6.1-sol"),
    ],
)
def test_a_model_may_be_named_in_full_or_in_short(uutel: Command, name: str, model: str) -> None:
    """Without the vendor's part it is the provider's default model."""
    done = uutel("ask", "-m", name, "--json", "[[scenario:text]]")
    assert json.loads(done.stdout)["model"].startswith(model)


@pytest.mark.parametrize("name", ["gpt-4", "sonnet", "uutel/", "uutel/nobody/x"])
def test_an_unknown_provider_is_answered_with_those_that_exist(uutel: Command, name: str) -> None:
    """In one sentence."""
    done = uutel("ask", "-m", name, "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Known are claude-code, " in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("limit", "usage limit"),
        ("e401", "claude auth login"),
        ("e404", "no such model"),
        ("too_long", "context window"),
        ("drop", "connection"),
        ("truncated", "before the model had finished"),
    ],
)
def test_a_failure_is_one_plain_sentence(uutel: Command, scenario: str, words: str) -> None:
    """No traceback, exit status 1, and what was already said keeps its own line."""
    done = uutel("ask", f"[[scenario:{scenario}]]", UUTEL_RETRY__MAX_RETRIES="0")
    assert done.returncode == 1
    assert done.stdout == "" or done.stdout.endswith("\n")
    (line,) = done.stderr.splitlines()
    assert line.startswith("uutel-bridge: ")
    assert words in line


@pytest.mark.parametrize(("scenario", "said"), [("max_tokens", "cut off\n"), ("refusal", "I \n"), ("refusal0", "")])
def test_an_answer_that_is_not_whole_is_marked(uutel: Command, scenario: str, said: str) -> None:
    """On standard error, so that the text stays the model's own."""
    done = uutel("ask", f"[[scenario:{scenario}]]")
    assert (done.returncode, done.stdout) == (0, said)
    assert "not whole" in done.stderr


def test_an_empty_answer_is_an_empty_output(uutel: Command) -> None:
    """Not even a line break: the model said nothing."""
    done = uutel("ask", "[[scenario:empty]]")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("arguments", "stdin"), [(("",), ""), ((" \n",), ""), (("-",), ""), ((), " \n")])
def test_an_empty_question_is_refused(uutel: Command, arguments: tuple[str, ...], stdin: str) -> None:
    """Before anything is started."""
    done = uutel("ask", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no question" in done.stderr


def test_a_question_that_is_no_text_is_refused(uutel: Command) -> None:
    """From standard input and from the command line alike."""
    piped = uutel("ask", stdin=b"good \xff bad")
    typed = uutel("ask", os.fsdecode(b"good \xff bad"))
    assert (piped.returncode, typed.returncode) == (1, 1)
    assert "UTF-8" in piped.stderr
    assert "Unicode" in typed.stderr


def test_the_answer_is_utf_8_whatever_the_locale_says(uutel: Command) -> None:
    """A model's words fit no smaller alphabet."""
    done = uutel("ask", "[[scenario:unicode]]", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "漢字" in done.stdout


def test_a_reader_that_leaves_ends_it_quietly(uutel: Command) -> None:
    """As `| head -1` does, in the middle of an answer."""
    with uutel.start("ask", "[[scenario:long]]") as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) != 0


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_in_mid_answer_ends_it_and_the_cli(uutel: Command, name: str) -> None:
    """The exit status that shells expect, no traceback, and no process left behind."""
    number = signal.Signals[name]
    heeding = (  # the tests themselves may run under `nohup`
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); from uutel_bridge.cli.main import main; main()"
    )
    with uutel.start("ask", _ENDLESS, code=heeding) as process:
        process.stdout.read(3)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, b"")
    assert uutel.nothing_left()


def test_a_hang_up_that_the_parent_ignores_stays_ignored(uutel: Command) -> None:
    """As under `nohup`."""
    ignoring = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); from uutel_bridge.cli.main import main; main()"
    )
    with uutel.start("ask", "[[scenario:slow n=20 delay=0.05]]", code=ignoring) as process:
        said = process.stdout.read(3)
        process.send_signal(signal.SIGHUP)
        said += process.stdout.read()
        assert process.wait(60) == 0
    assert said.endswith(b"s19 \n")


def test_nobody_logged_in_is_said_with_what_mends_it(uutel: Command) -> None:
    """By default of every provider, a line for each, and for a named model of its own."""
    uutel.log_out()
    commands = {"claude-code": "claude auth login", "codex": "codex login", "gemini-cli": "Log in with: gemini"}
    for model in ("", *commands):
        done = uutel("ask", "-m", model, "x")
        assert (done.returncode, done.stdout) == (1, "")
        told = {name for name, command in commands.items() if command in done.stderr}
        assert told == ({model} if model else set(commands))
        headline, *lines = done.stderr.splitlines()
        assert headline.startswith("uutel-bridge: ")
        assert len(lines) == (0 if model else 1 + len(commands))  # Cloud Code has no such command


def test_without_a_model_the_provider_that_is_logged_in_answers(uutel: Command) -> None:
    """The first of them by its name."""
    assert json.loads(uutel("ask", "--json", "x").stdout)["model"].startswith("claude")
    (uutel.home / ".claude" / ".credentials.json").unlink()
    assert json.loads(uutel("ask", "--json", "x").stdout)["model"].startswith("gpt")
    (uutel.home / ".codex" / "auth.json").unlink()
    assert json.loads(uutel("ask", "--json", "x").stdout)["model"].startswith("gemini")


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        ("[claude-code]\nspare = 2\n", 0, ["uutel-bridge: claude-code is left out. config.toml: claude-code.spare "]),
        ("spare = 2\n", 1, ["uutel-bridge: No provider is ready.", "  config.toml: spare is not a setting."]),
    ],
    ids=["of one", "of all"],
)
def test_a_provider_with_wrong_settings_is_not_passed_over_in_silence(
    uutel: Command, text: str, status: int, told: list[str]
) -> None:
    """Another vendor's model may answer in its place. What is wrong with all is said once."""
    (uutel.config / "config.toml").write_text(text, encoding="utf-8")
    done = uutel("ask", "[[scenario:text]]")
    assert done.returncode == status
    for line, beginning in zip(done.stderr.splitlines(), told, strict=True):
        assert line.startswith(beginning)


def test_litellm_is_not_imported(uutel: Command) -> None:
    """It takes seconds."""
    done = uutel("ask", "[[scenario:text]]", code=LITELLM)
    assert (done.returncode, done.stderr) == (0, "False\n")


@pytest.mark.parametrize("arguments", [("ask", "--frobnicate", "x"), ("ask", "two", "questions"), ("frobnicate",)])
def test_a_wrong_command_line_is_a_usage_error(uutel: Command, arguments: tuple[str, ...]) -> None:
    """Exit status 2, as everywhere."""
    done = uutel(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
