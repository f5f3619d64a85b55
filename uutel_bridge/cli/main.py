"""Which commands there are, and what they take."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer

from uutel_bridge import __version__
from uutel_bridge.cli.failures import sentence
from uutel_bridge.core.errors import UUError

if TYPE_CHECKING:
    from io import TextIOWrapper

app = typer.Typer(
    name="uutel-bridge",
    help="The vendor CLI you are logged in to, as a LiteLLM model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_UNWRITTEN = frozenset((errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC))
"""Why output cannot be written, by no fault of ours."""


def main() -> NoReturn:
    """The console script: no traceback for what a person can mend. Typer makes 130 of Ctrl-C."""
    # A short life: looking for garbage, above all at its end, is a tenth of its own start.
    gc.disable()
    atexit.register(gc.freeze)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # else somebody wants it ignored, as nohup does
            signal.signal(number, _leave)
    _prepare_streams()
    try:
        app()
    except UUError as error:
        sys.exit(f"uutel-bridge: {sentence(error)}")
    except KeyboardInterrupt:  # too early for Typer
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        if not error.filename and error.errno not in _UNWRITTEN:
            raise
        sys.exit(f"uutel-bridge: {error.filename or 'The output cannot be written'}: {error.strerror}.")
    sys.exit(0)


def _prepare_streams() -> None:
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed, as `<&-` does: without it a file of ours would get its number
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as we live
    # What its alphabet has no letter for is written as an escape.
    cast("TextIOWrapper[Any]", sys.stdout).reconfigure(errors="backslashreplace")


def _leave(number: int, _: FrameType | None) -> NoReturn:
    # Without it the interpreter would end at once, and leave a running child behind.
    raise SystemExit(128 + number)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


def _providers() -> list[str]:
    from uutel_bridge.core.registry import provider_names

    return list(provider_names())


def _models() -> list[str]:
    from uutel_bridge.core.registry import parts, provider_names

    return [f"uutel/{name}/{model.name}" for name in provider_names() for model in parts(name).models]


Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", help="uutel/<provider>/<model>; else the first provider logged in.", autocompletion=_models
    ),
]


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """The vendor CLI you are logged in to, as a LiteLLM model."""


@app.command()
def ask(
    prompt: Annotated[
        str,
        typer.Argument(help="The question; - or nothing reads it from standard input. Behind -- it may begin with -."),
    ] = "-",
    *,
    model: Model = "",
    system: Annotated[str, typer.Option("--system", help="The system prompt.")] = "",
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Print the answer when it is whole.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object: answer, usage, cost, timing.")] = False,
) -> None:
    """Ask a model, and print its answer as it comes."""
    from uutel_bridge.cli.ask import run

    run(prompt=prompt, model=model, system=system, whole=no_stream, as_json=json)


@app.command()
def chat(
    *,
    model: Model = "",
    system: Annotated[str, typer.Option("--system", help="The system prompt.")] = "",
) -> None:
    """Talk with a model, turn by turn."""
    from uutel_bridge.cli.chat import run

    run(model=model, system=system)


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


@app.command()
def models(
    provider: Annotated[
        str, typer.Argument(help="As in uutel/<provider>/<model>; else all of them.", autocompletion=_providers)
    ] = "",
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the models of each provider: what its CLI offers, where it can be asked, without a model call."""
    from uutel_bridge.cli.models import run

    run(provider=provider, as_json=json)


@app.command()
def login(
    provider: Annotated[str, typer.Argument(help="As in uutel/<provider>/<model>.", autocompletion=_providers)],
) -> None:
    """Log in to a provider, by its CLI's own sign-in."""
    from uutel_bridge.cli.login import run

    if not run(provider):
        raise typer.Exit(1)


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any that is free.")] = 4000,
    key: Annotated[
        str, typer.Option("--key", envvar="LITELLM_MASTER_KEY", help="What clients must bring; else one is made.")
    ] = "",
    config: Annotated[
        Path | None, typer.Option("--config", help="Serve this LiteLLM config; write it first if it is not there.")
    ] = None,
) -> None:
    """Serve every provider that is logged in to clients of OpenAI's and Anthropic's APIs, by LiteLLM's proxy."""
    from uutel_bridge.cli.serve import run

    run(host=host, port=port, key=key, config=config)


@app.command()
def status(
    *,
    url: Annotated[str, typer.Option("--url", help="Where the server is; else every one that you have running.")] = "",
    key: Annotated[str, typer.Option("--key", envvar="LITELLM_MASTER_KEY", help="The server's, with --url.")] = "",
) -> None:
    """Show what the processes of a running server are doing."""
    from uutel_bridge.cli.status import run

    run(url=url, key=key)
