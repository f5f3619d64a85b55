"""`uutel-bridge demo`: the main job, through LiteLLM, on fakes."""

from __future__ import annotations

import os
from typing import Any

from rich.console import Console

from uutel_bridge import testing
from uutel_bridge.core.cli_provider import CLIParts
from uutel_bridge.core.registry import parts, provider_names, register

_TURNS = (
    ("Say something.", "text"),
    ("And now say this, with the first turn before it.", "echo"),
)
"""What the user says, and the scenario that the fake then plays."""


def run() -> None:
    """Stream two turns of a conversation from the fake of every provider that is a CLI."""
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold]These answers come from fake CLIs that ship with uutel-bridge: no login, no network.[/bold]")
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else LiteLLM asks the network for prices
    with console.status("Importing LiteLLM ..."):
        register()
    with testing.fake_clis():
        for name in provider_names():
            provider = parts(name)
            if isinstance(provider, CLIParts):  # of a service there is no fake to start
                _converse(console, f"uutel/{name}/{provider.default_model}")


def _converse(console: Console, model: str) -> None:
    console.print(f"\n[bold]{model}[/bold]")
    messages: list[dict[str, str]] = []
    for text, scenario in _TURNS:
        console.print(f"[dim]user[/dim]      {text}")
        messages.append({"role": "user", "content": f"{text} [[scenario:{scenario}]]"})
        messages.append({"role": "assistant", "content": _stream(console, model, messages)})


def _stream(console: Console, model: str, messages: list[dict[str, str]]) -> str:
    import litellm

    console.print("[dim]assistant[/dim] ", end="")
    answer, usage = "", ""
    stream: Any = litellm.completion(
        model=model, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        if chunk.choices and (text := chunk.choices[0].delta.content):
            console.print(text, end="", markup=False)
            answer += text
        if reported := getattr(chunk, "usage", None):
            usage = f"{reported.prompt_tokens} tokens in, {reported.completion_tokens} out"
    console.print(f"\n[dim]          {usage}[/dim]")
    return answer
