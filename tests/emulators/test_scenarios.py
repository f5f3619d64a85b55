"""A scenario says the same in every API."""

from __future__ import annotations

import importlib
import itertools
import json
from typing import Any

import pytest

from tests.emulators import gemini_api, messages_api, responses_api

Body = dict[str, Any]
PLAYS = {**importlib.import_module("_scenario_texts").PLAYS, **importlib.import_module("_scenario_calls").PLAYS}
CALLING = {"tool", "tools", "tool_unknown", "loop"}
IN_ITS_OWN_WAY = {"thinking", "tool_badargs", "tool_cut", "tool_noargs", "tool_slow", "tool_thinking"}
"""Thoughts come in parts, or below a heading; no arguments are an empty object. Google's come whole, as an object."""


def asked_messages(text: str) -> Body:
    """A request of the Messages API with a tool."""
    return {"messages": [{"role": "user", "content": text}], "tools": [{"name": "alpha"}]}


def asked_responses(text: str) -> Body:
    """A request of the Responses API with a function."""
    return {"input": text, "tools": [{"type": "function", "name": "alpha"}]}


def asked_gemini(text: str) -> Body:
    """A request of GenerateContent with a function."""
    return {
        "contents": [{"role": "user", "parts": [{"text": text}]}],
        "tools": [{"functionDeclarations": [{"name": "alpha"}]}],
    }


def said_in_messages(event: Body) -> str:
    """What a delta brings."""
    delta = event.get("delta", {})
    return "".join(delta.get(kind, "") for kind in ("text", "thinking", "partial_json"))


def said_in_responses(event: Body) -> str:
    """What a delta brings."""
    return event.get("delta", "")


def said_in_gemini(event: Body) -> str:
    """What a chunk brings; arguments as JSON."""
    parts = [part for each in event.get("candidates", []) for part in each["content"].get("parts", [])]
    return "".join(part["text"] if "text" in part else json.dumps(part["functionCall"]["args"]) for part in parts)


APIS: dict[str, Any] = {
    "messages": (messages_api.scenarios, asked_messages, said_in_messages),
    "responses": (responses_api.scenarios, asked_responses, said_in_responses),
    "gemini": (gemini_api.scenarios, asked_gemini, said_in_gemini),
}


def told(api: str, name: str) -> list[str | float]:
    """Pieces and waits of an answer, and how it breaks off."""
    scenarios, asked, said = APIS[api]
    reply = scenarios.reply(asked(f"x [[scenario:{name} pause=0.25]]"))
    assert reply.status == 200, reply.error
    kinds = {"event": said, "sleep": float, "raw": lambda _: "no JSON", "drop": lambda: "drop"}
    steps = [step for step in (kinds[kind](*value) for kind, *value in reply.steps) if step]
    return _joined(steps) if name in CALLING else steps


def _joined(steps: list[str | float]) -> list[str | float]:
    """What is said between two waits as one: not every API has arguments in pieces."""
    runs = [(kind, list(run)) for kind, run in itertools.groupby(steps, key=type)]
    return [each for kind, run in runs for each in (["".join(run)] if kind is str else run)]


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
