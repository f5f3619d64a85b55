"""`uutel-bridge chat`: a conversation in the terminal, without LiteLLM."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.markup import escape

from uutel_bridge.cli.answers import Answer, choose, ended, request, write
from uutel_bridge.cli.failures import sentence
from uutel_bridge.cli.screen import Screen
from uutel_bridge.core import loop
from uutel_bridge.core.bridge import Bridge
from uutel_bridge.core.errors import BadRequest, UUError

_PROMPT = "> "
_HELP = """\
/model NAME    another model: uutel/<provider>/<model>; without a name, which one it is
/system TEXT   another system prompt; without a text, none
/clear         forget the conversation
/exit          leave, as Ctrl-D does; Ctrl-C ends an answer
What begins with a blank is no command, whatever follows."""


def run(*, model: str, system: str) -> None:
    """Talk until the user leaves.

    Raises:
        UUError: There is no model to talk to.
    """
    chat = _Chat(model, system)
    try:
        for line in _lines():
            with suppress(KeyboardInterrupt):  # too late for the answer that it was meant for
                if not chat.take(line):
                    break
    finally:
        chat.close()


def _lines() -> Iterator[str]:
    """What the user types, line by line; from a program, as it comes."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield from _piped()
        return
    with suppress(ImportError):  # then without editing and history
        import readline  # noqa: F401  # pyright: ignore[reportUnusedImport]  # input() uses it where it is loaded
    while True:
        try:
            line = input(_PROMPT)
        except KeyboardInterrupt:
            line = ""
            sys.stdout.write("\n")
        except EOFError:
            sys.stdout.write("\n")
            return
        yield line


def _piped() -> Iterator[str]:
    for line in sys.stdin.buffer:
        try:
            yield line.decode().rstrip("\r\n")
        except UnicodeDecodeError as exc:
            raise BadRequest(f"Standard input is not UTF-8 text: {exc.reason} at byte {exc.start} of a line.") from exc


@contextmanager
def _shown(console: Console, answer: Answer) -> Generator[Callable[[str], None], None, None]:
    """Where the text of an answer goes: drawn as Markdown on a terminal, else as it stands."""
    if console.is_terminal:
        with Screen(console) as screen:
            yield screen.write
        return
    try:
        yield write
    finally:
        if answer.text:
            write(ended(answer.text)[len(answer.text) :])


class _Chat:
    """The conversation, and who is asked. Whatever is no answer goes to standard error."""

    def __init__(self, model: str, system: str) -> None:
        self._system = system
        self._messages: list[dict[str, str]] = []
        self._bridges: list[Bridge] = []
        self._notes = Console(stderr=True, highlight=False, soft_wrap=True)
        self._screen = Console(highlight=False)
        self._choose(model)
        self._note(f"{self._name}. /help lists the commands.")

    @property
    def _name(self) -> str:
        return f"uutel/{self._provider.parts.name}/{self._model}"

    def close(self) -> None:
        """Stop what was started."""
        for each in self._bridges:
            loop.run(each.aclose)

    def take(self, line: str) -> bool:
        """Carry out what the user typed; False if it is to leave."""
        if line.startswith("/"):
            name, words, *_ = *line[1:].split(maxsplit=1), "", ""
            return self._command(name, words.strip())
        if line.strip():
            self._ask(line)
        return True

    def _command(self, name: str, words: str) -> bool:
        if name == "exit":
            return False
        commands: Mapping[str, Callable[[str], None]] = {
            "model": self._change_model,
            "system": self._change_system,
            "clear": self._clear,
            "help": lambda _: self._note(_HELP),
        }
        command = commands.get(name, lambda _: self._note(f"There is no command /{name}. /help lists them."))
        command(words)
        return True

    def _change_model(self, name: str) -> None:
        try:
            if name:
                self._choose(name)
        except UUError as error:
            self._complain(error)
        self._note(f"{self._name}.")

    def _choose(self, name: str) -> None:
        self._provider, self._model = choose(name, self._bridges)
        if self._provider not in self._bridges:
            self._bridges.append(self._provider)

    def _change_system(self, text: str) -> None:
        self._system = text
        self._note("The system prompt is another one." if text else "There is no system prompt.")

    def _clear(self, _: str) -> None:
        self._messages.clear()
        self._note("The conversation is forgotten.")

    def _ask(self, text: str) -> None:
        """Answer a question. One that failed is no part of the conversation, so that it can be asked again."""
        asked = [*self._messages, {"role": "user", "content": text}]
        answer, kept = Answer(), False
        try:
            chat = request(self._provider, self._model, self._system, asked)
            with _shown(self._screen, answer) as show:
                answer.read(self._provider, chat, show)
            kept = True
        except KeyboardInterrupt:
            kept = bool(answer.text)
            self._note("Stopped.")
        except UUError as error:
            self._complain(error)
        if kept:
            self._messages = [*asked, {"role": "assistant", "content": answer.text}]
        self._tell(answer)

    def _tell(self, answer: Answer) -> None:
        """What it took."""
        if answer.reason not in {"", "stop"}:
            self._note(f"The answer is not whole ({answer.reason}).")
        if used := answer.usage:
            cost = "" if used.cost is None else f", ${used.cost:.4f}"
            self._note(f"{answer.model}: {used.input} tokens in, {used.output} out{cost}")

    def _note(self, text: str) -> None:
        self._notes.print(f"[dim]{escape(text)}[/dim]")

    def _complain(self, error: UUError) -> None:
        self._notes.print(f"[red]{escape(sentence(error))}[/red]")
