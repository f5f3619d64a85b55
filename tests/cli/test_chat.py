"""`uutel-bridge chat`."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pexpect
import pytest

from tests.cli.conftest import LITELLM, Command, terminal
from tests.conformance.world import claude_code
from uutel_bridge.cli.screen import finished

_ENDLESS = "[[scenario:slow n=100000 delay=0.05]]"


def talk(*lines: str) -> str:
    """What a person types."""
    return "".join(f"{line}\n" for line in lines)


def test_from_a_program_the_answers_alone_are_on_standard_output(uutel: Command) -> None:
    """As they stand; who answers, tokens and cost are told on standard error."""
    done = uutel("chat", stdin=talk("one [[scenario:text]]", "", "two [[scenario:echo]]"))
    assert (done.returncode, done.stdout) == (0, "part0 part1 part2 part3 \ntwo \n")
    model, first, second = done.stderr.splitlines()
    assert model == "uutel/claude-code/sonnet. /help lists the commands."
    for line in (first, second):
        assert re.fullmatch(r"claude-sonnet-5-5: \d+ tokens in, \d+ out, \$0\.\d{4}", line)


@pytest.mark.parametrize("kind", ["fake", pytest.param("real", marks=pytest.mark.real_cli)])
def test_each_question_is_asked_with_what_was_said_before(kind: str) -> None:
    """The same on the fake and on the real CLI, and on one process."""
    with claude_code(kind) as world:
        first, second, third = (world.marker("text") for _ in range(3))
        told = talk(first, second, "/system Be exact.", "/clear", third)
        done = Command(world.home)("chat", "--system", "Be brief.", stdin=told)
        assert done.returncode == 0
        bodies = [world.bodies(marker)[0] for marker in (first, second, third)]  # later ones hold it as well
    answer = ("assistant", ["part0 part1 part2 part3 "])
    turns = [("user", [first]), answer, ("user", [second])]
    assert [body.turns for body in bodies] == [turns[:1], turns, [("user", [third])]]
    assert [body.system for body in bodies] == [["Be brief."], ["Be brief."], ["Be exact."]]


def test_the_conversation_goes_on_with_another_model(uutel: Command) -> None:
    """Of another provider, which is sent what the first one said; without a name it is told which one it is."""
    said = talk("one [[scenario:text]]", "/model codex/gpt-5.5", "/model", "two [[scenario:usage]]")
    done = uutel("chat", "-m", "claude-code/haiku", stdin=said)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert [line.partition(":")[0].rstrip(".") for line in lines if "lists" not in line] == [
        "claude-haiku-5-5",
        "uutel/codex/gpt-5.5",
        "uutel/codex/gpt-5.5",
        "gpt-5.5",
    ]
    assert "$" not in lines[-1]


def test_a_failure_does_not_end_it_and_is_no_part_of_the_conversation(uutel: Command) -> None:
    """One sentence each; the next question is answered."""
    said = talk("[[scenario:limit]]", "/model nobody/x", "[[scenario:drop]]", "again [[scenario:echo]]")
    done = uutel("chat", stdin=said, UUTEL_RETRY__MAX_RETRIES="0")
    assert done.returncode == 0
    assert done.stdout.endswith("again \n")
    for words in ("usage limit", "There is no provider 'nobody'", "connection"):
        assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_are_listed_and_an_unknown_one_is_said(uutel: Command) -> None:
    """In one line. What begins with a blank is a question, whatever follows."""
    said = talk("/help", "/frobnicate x", "/", " /not a command [[scenario:echo]]", "/exit now", "lost")
    done = uutel("chat", stdin=said)
    assert (done.returncode, done.stdout) == (0, " /not a command \n")
    assert "\nThere is no command /frobnicate. /help lists them.\n" in done.stderr
    assert "\nThere is no command /. /help lists them.\n" in done.stderr
    assert done.stderr.count("/model NAME") == 1


@pytest.mark.parametrize("line", ["/model codex", "/model\tcodex", "/ model  codex  "])
def test_any_blank_parts_a_command_from_its_words(uutel: Command, line: str) -> None:
    """As in a shell."""
    assert uutel("chat", stdin=talk(line)).stderr.endswith("\nuutel/codex/default.\n")


def test_an_answer_that_is_not_whole_is_marked(uutel: Command) -> None:
    """It is part of the conversation all the same."""
    done = uutel("chat", stdin=talk("[[scenario:max_tokens]]"))
    assert (done.returncode, done.stdout) == (0, "cut off\n")
    assert "not whole (length)" in done.stderr


def test_what_is_no_text_is_refused(uutel: Command) -> None:
    """In one sentence."""
    done = uutel("chat", stdin=b"good \xff bad\n")
    assert done.returncode == 1
    assert "UTF-8" in done.stderr


def test_without_a_login_there_is_nobody_to_talk_to(uutel: Command) -> None:
    """It is said with what mends it."""
    uutel.log_out()
    done = uutel("chat", stdin=talk("hello"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "claude auth login" in done.stderr


def test_litellm_is_not_imported(uutel: Command) -> None:
    """It takes seconds."""
    done = uutel("chat", stdin=talk("[[scenario:text]]"), code=LITELLM)
    assert done.stderr.endswith("\nFalse\n")


# On a terminal


def screen(text: str) -> str:
    """The same without what steers a terminal."""
    return re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]|\r", "", text)


@pytest.fixture
def person(uutel: Command) -> Iterator[pexpect.spawn]:
    """A conversation that a person has begun."""
    with terminal(uutel, "chat") as child:
        child.expect_exact("/help lists the commands.")
        child.expect_exact("> ")
        yield child


def test_on_a_terminal_an_answer_is_drawn_as_markdown(person: pexpect.spawn) -> None:
    """Once: what was drawn anew is not left behind. The lines typed before can be called back."""
    person.sendline("# Title, and **strong** words, in a [[scenario:echo]]")
    person.expect_exact("tokens in")
    drawn = screen(person.before)
    assert "# Title" in drawn.partition("\n")[0]
    assert "Title, and strong words" in drawn.partition("\n")[2]
    person.expect_exact("> ")
    person.sendline("\x1b[A")
    person.expect_exact("tokens in")
    assert "Title, and strong words" in screen(person.before)


def test_a_block_that_is_longer_than_the_screen_goes_on_being_drawn(person: pexpect.spawn) -> None:
    """Its end is seen as it comes; when it is over, all of it stands there, once."""
    person.setwinsize(6, 40)
    person.sendline("[[scenario:slow n=100000 delay=0.01]]")
    person.expect(r"s100\b")
    person.sendintr()
    person.expect_exact("Stopped.")
    words = screen(person.before.rpartition("\x1b[1A\x1b[2K")[2]).replace("^C", "").split()
    assert words == [f"s{number}" for number in range(len(words))]
    assert len(words) > 100


def test_ctrl_c_ends_the_answer_and_ctrl_d_the_conversation(person: pexpect.spawn, uutel: Command) -> None:
    """What was said until then is kept."""
    person.sendline(_ENDLESS)
    person.expect_exact("s3 ")
    person.sendintr()
    person.expect_exact("Stopped.")
    person.expect_exact("> ")
    person.sendline("[[scenario:text]]")
    person.expect_exact("part3")
    person.expect_exact("> ")
    person.sendintr()
    person.expect_exact("> ")
    person.sendeof()
    person.expect(pexpect.EOF)
    person.wait()
    assert person.exitstatus == 0
    assert uutel.nothing_left()


def test_a_signal_in_mid_answer_ends_it_and_the_cli(person: pexpect.spawn, uutel: Command) -> None:
    """The exit status that shells expect, and no process left behind."""
    person.sendline(_ENDLESS)
    person.expect_exact("s3 ")
    person.kill(signal.SIGTERM)
    person.expect(pexpect.EOF)
    person.wait()
    assert person.exitstatus == 128 + signal.SIGTERM
    assert uutel.nothing_left()


@pytest.mark.parametrize(
    ("text", "done"),
    [
        ("one", ""),
        ("one\n", ""),
        ("one\n\ntwo", "one\n\n"),
        ("one\n\ntwo\n \nthree", "one\n\ntwo\n \n"),
        ("```py\na\n\nb", ""),
        ("one\n\n```py\na\n\nb", "one\n\n"),
        ("```py\na\n\nb\n```\n\n", "```py\na\n\nb\n```\n\n"),
        ("one\u2028\u2028two", ""),
    ],
)
def test_a_block_is_finished_at_an_empty_line_outside_of_code(text: str, done: str) -> None:
    """Nothing that comes later changes it, so it is drawn once."""
    assert finished(text) == (done, text[len(done) :])
