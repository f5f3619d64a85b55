"""A scenario says the same in every API."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from tests.emulators import messages_api, responses_api

Body = dict[str, Any]
PLAYS = {**importlib.import_module("_scenario_texts").PLAYS, **importlib.import_module("_scenario_calls").PLAYS}
IN_ITS_OWN_WAY = {"thinking", "tool_noargs"}
"""Summaries come in parts; no arguments are an empty object."""


def asked_messages(text: str) -> Body:
    """A request of the Messages API with a tool."""
    return {"messages": [{"role": "user", "content": text}], "tools": [{"name": "alpha"}]}


def asked_responses(text: str) -> Body:
    """A request of the Responses API with a function."""
    return {"input": text, "tools": [{"type": "function", "name": "alpha"}]}


def said_in_messages(event: Body) -> str:
    """What a delta brings."""
    delta = event.get("delta", {})
    return "".join(delta.get(kind, "") for kind in ("text", "thinking", "partial_json"))


def said_in_responses(event: Body) -> str:
    """What a delta brings."""
    return event.get("delta", "")


APIS: dict[str, Any] = {
    "messages": (messages_api.scenarios, asked_messages, said_in_messages),
    "responses": (responses_api.scenarios, asked_responses, said_in_responses),
}


def told(api: str, name: str) -> list[str | float]:
    """Pieces and waits of an answer, and how it breaks off."""
    scenarios, asked, said = APIS[api]
    reply = scenarios.reply(asked(f"x [[scenario:{name} pause=0.25]]"))
    assert reply.status == 200, reply.error
    kinds = {"event": said, "sleep": float, "raw": lambda _: "no JSON", "drop": lambda: "drop"}
    steps = [kinds[kind](*value) for kind, *value in reply.steps]
    return [step for step in steps if step]


@pytest.mark.parametrize("name", sorted(PLAYS.keys() - IN_ITS_OWN_WAY))
def test_a_scenario_says_the_same_in_every_api(name: str):
    """Piece by piece, at the same pace."""
    first, *others = [told(api, name) for api in APIS]
    assert all(other == first for other in others)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("name", sorted(IN_ITS_OWN_WAY))
def test_every_api_has_what_it_says_in_its_own_way(api: str, name: str):
    """It is played, in other words."""
    assert told(api, name)
