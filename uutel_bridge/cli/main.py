"""Which commands there are, and what they take."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from uutel_bridge import __version__
from uutel_bridge.core.errors import UUError

app = typer.Typer(
    name="uutel-bridge",
    help="The vendor CLI you are logged in to, as a LiteLLM model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> NoReturn:
    """The console script: no traceback for what a person can mend. Typer makes 130 of Ctrl-C."""
    # A short life: looking for garbage, above all at its end, is a tenth of its own start.
    gc.disable()
    atexit.register(gc.freeze)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # else somebody wants it ignored, as nohup does
            signal.signal(number, _leave)
    try:
        app()
    except UUError as error:
        sys.stderr.write(f"uutel-bridge: {_sentence(error)}\n")
        sys.exit(1)
    sys.exit(0)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    # Without it the interpreter would end at once, and leave a running child behind.
    raise SystemExit(128 + number)


def _sentence(error: UUError) -> str:
    lines = error.evidence.strip().splitlines()
    return f"{error.message} ({lines[0]})" if lines and lines[0] not in error.message else error.message


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """The vendor CLI you are logged in to, as a LiteLLM model."""


@app.command()
def ask(
    prompt: Annotated[str, typer.Argument(help="The question; - or nothing reads it from standard input.")] = "-",
    *,
    model: Annotated[
        str, typer.Option("--model", "-m", help="uutel/<provider>/<model>; else the first provider logged in.")
    ] = "",
    system: Annotated[str, typer.Option("--system", help="The system prompt.")] = "",
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Print the answer when it is whole.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object: answer, usage, cost.")] = False,
) -> None:
    """Ask a model, and print its answer as it comes."""
    from uutel_bridge.cli.ask import run

    run(prompt=prompt, model=model, system=system, whole=no_stream, as_json=json)


@app.command()
def demo() -> None:
    """Show the main job on a machine without any CLI, on the bundled fakes."""
    from uutel_bridge.cli.demo import run

    run()


@app.command()
def doctor() -> None:
    """Say what works, what does not, and what mends it. Calls no model and shows no secret."""
    from uutel_bridge.cli.doctor import run

    if not run():
        raise typer.Exit(1)
