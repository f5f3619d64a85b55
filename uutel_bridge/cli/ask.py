"""`uutel-bridge ask`: one request, without LiteLLM."""

from __future__ import annotations

import sys

import orjson

from uutel_bridge.cli.answers import Answer, choose, ended, request, write
from uutel_bridge.core import loop
from uutel_bridge.core.errors import BadRequest


def run(*, prompt: str, model: str, system: str, whole: bool, as_json: bool) -> None:
    """Ask, and write the answer to standard output.

    Raises:
        UUError: What went wrong.
    """
    question = {"role": "user", "content": _question(prompt)}
    provider, vendor_model = choose(model)
    chat = request(provider, vendor_model, system, [question])
    streamed = not (whole or as_json)
    answer = Answer()
    try:
        answer.read(provider, chat, write if streamed else None)
    finally:
        if streamed and answer.text:
            write(ended(answer.text)[len(answer.text) :])
        loop.run(provider.aclose)
    if as_json:
        write(orjson.dumps(answer.as_json()).decode() + "\n")
    elif whole:
        write(ended(answer.text))
    if answer.reason != "stop":
        sys.stderr.write(f"uutel-bridge: the answer is not whole ({answer.reason}).\n")


def _question(prompt: str) -> str:
    if prompt == "-":
        if sys.stdin.isatty():
            sys.stderr.write("Type the question; Ctrl-D on an empty line ends it.\n")
        try:
            # Bytes: text mode would turn \r\n into \n, and guess the encoding.
            prompt = sys.stdin.buffer.read().decode()
        except UnicodeDecodeError as exc:
            raise BadRequest(f"Standard input is not UTF-8 text: {exc.reason} at byte {exc.start}.") from exc
    if not prompt.strip():
        raise BadRequest("There is no question. Give it as an argument, or on standard input.")
    return prompt
