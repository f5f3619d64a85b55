"""How a server on the real CLIs ends."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import pytest

from tests.clients.places import end, served

pytest.importorskip("fastapi", reason="the extra `proxy` is not installed")
pytestmark = pytest.mark.real_cli


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_every_cli(number: signal.Signals) -> None:
    """In the midst of an answer of each; the models are told no more of them."""
    path = "/v1/chat/completions"
    with served("real") as (server, worlds), server.client() as client, ExitStack() as stack:
        markers = {name: world.marker("slow", n=1000) for name, world in worlds.items()}
        answers = []  # which hang up when they are dropped
        for name, world in worlds.items():
            messages = [{"role": "user", "content": markers[name]}]
            body = {"model": world.model, "messages": messages, "stream": True}
            answers.append(stack.enter_context(client.stream("POST", path, json=body)).iter_lines())
            next(answers[-1])
        assert not [name for name, world in worlds.items() if world.api.of(markers[name])[0].cut]
        assert end(server, number) == 128 + number
        for name, world in worlds.items():
            world.breaks_off(markers[name])
