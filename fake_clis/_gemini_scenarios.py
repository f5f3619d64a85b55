"""What "the model" answers in Google's GenerateContent: `_scenario_table.py`'s table, and what this API has besides.

A body's `model` says what the URL says: who asks by URL puts it there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import _gemini_refusals as refusals
import _gemini_rules as rules
from _gemini_asked import Request, declarations
from _gemini_stream import Content, failure, sse
from _scenario_answers import Counts, Reply, Step
from _scenario_calls import ARGUMENTS
from _scenario_table import RESETS_AT, Scenario, Table
from _scenario_texts import AFTER_THOUGHT, THOUGHT

__all__ = ["RESETS_AT", "SCENARIOS", "marker", "reply", "sse"]

TABLE = Table(Request, Content, rules.violation, lambda wrong: failure(400, wrong))
SCENARIOS = TABLE.scenarios
marker = TABLE.marker
reply = TABLE.reply

HEADED = ("**Weighing it**\n\n" + "".join(THOUGHT), "**Checking**\n\nIt is done.")
"""Thoughts as Google words them: each comes whole, below a heading."""


# Answers


@TABLE.play
def thinking(_asked: Request, content: Content) -> Iterator[Step]:
    """Two thoughts, then text."""
    yield from content.thought(HEADED)
    yield from content.text(AFTER_THOUGHT)
    yield from content.end("stop", Counts(said=7, thought=4))


@TABLE.play
def thoughts_only(_asked: Request, content: Content) -> Iterator[Step]:
    """A thought, and a proper end."""
    yield from content.thought(HEADED[:1])
    yield from content.end("stop", Counts(said=4, thought=4))


# Ends that are no plain end


@TABLE.play
def max_tokens0(_asked: Request, content: Content) -> Iterator[Step]:
    """The token limit is reached amid the thoughts."""
    yield from content.thought(HEADED[:1])
    yield from content.end("length", Counts(said=4, thought=4))


@TABLE.play
def refusal(_asked: Request, content: Content) -> Iterable[Step]:
    """Stopped by the safety settings after the first word."""
    return content.said(["I "], "SAFETY")


@TABLE.play
def refusal0(_asked: Request, content: Content) -> Iterable[Step]:
    """Stopped by the safety settings without a word."""
    return content.end("SAFETY", Counts(said=0))


@TABLE.play
def recitation(_asked: Request, content: Content) -> Iterable[Step]:
    """Stopped as a recitation, without a word."""
    return content.end("RECITATION", Counts(said=0))


@TABLE.play
def malformed_function_call(_asked: Request, content: Content) -> Iterable[Step]:
    """The model's call was no proper call."""
    return content.end("MALFORMED_FUNCTION_CALL", Counts(said=0))


@TABLE.play
def ended(asked: Request, content: Content) -> Iterable[Step]:
    """After `n` pieces (0), for Google's `reason` (OTHER)."""
    yield from content.text([f"part{n} " for n in range(int(asked.params.get("n", 0)))])
    yield from content.end(asked.params.get("reason", "OTHER"), Counts(said=0))


@TABLE.play
def nothing(_asked: Request, _content: Content) -> Iterable[Step]:
    """Not a byte, and a clean end."""
    return []


@TABLE.play
def nobody(_asked: Request, content: Content) -> Iterable[Step]:
    """No candidate, and not a word why."""
    return content.nobody()


@TABLE.play
def blocked(_asked: Request, content: Content) -> Iterable[Step]:
    """What was asked is blocked."""
    return content.blocked("PROHIBITED_CONTENT")


@TABLE.play
def error_body(_asked: Request, content: Content) -> Iterator[Step]:
    """The server fails after two pieces, and says so in no event but in plain JSON."""
    yield from content.text(["p0 ", "p1 "])
    yield ("sleep", 0.1)  # sent at once it would stand in one piece with an event
    yield ("raw", json.dumps(failure(503, "The model is overloaded. Please try again later.").error).encode())


# Calls


def _calling(
    asked: Request, content: Content, call: Callable[[str], str], thought: Iterable[str] = ()
) -> Iterable[Step]:
    """What `tool` says, with the arguments that `call` has for the name of the function, and a thought before it."""
    names = [name for name in asked.tools() if name.endswith(asked.params.get("name", ""))] or asked.tools()
    if asked.results() or not names:
        yield from SCENARIOS["tool"](asked).steps
        return
    yield from content.thought(thought)
    yield from content.call(names[0], [call(names[0])])
    yield from content.end("calls", Counts(said=9, thought=4 if thought else 0))


@TABLE.play
def tool_thinking(asked: Request, content: Content) -> Iterable[Step]:
    """A thought, then a call."""
    return _calling(asked, content, lambda _: ARGUMENTS, HEADED[:1])


@TABLE.play
def tool_badargs(asked: Request, content: Content) -> Iterable[Step]:
    """A call whose arguments break the schema: there is no property whose value is of the right type."""

    def breaking(name: str) -> str:
        (schema,) = [
            each.get("parametersJsonSchema") or each.get("parameters") or {}
            for each in declarations(asked.body)
            if each["name"] == name
        ]
        known = schema.get("properties") or {"city": {}}
        return json.dumps({each: 1 if how.get("type") == "object" else {"no": True} for each, how in known.items()})

    return _calling(asked, content, breaking)


@TABLE.play
def sealed(_asked: Request, content: Content) -> Iterator[Step]:
    """A text, and what signs it."""
    yield from content.text(["signed ", "text"])
    yield from content.seal()
    yield from content.end()


# Streams written in another way


def _written(name: str, form: str) -> Scenario:
    """A scenario with each of its events in this form."""

    def scenario(asked: Any) -> Reply:
        return Reply(steps=((*step, form) if step[0] == "event" else step for step in SCENARIOS[name](asked).steps))

    return scenario


SCENARIOS["unescaped"] = _written("unicode", "unescaped")
for _form in ("lines", "noise", "lf"):
    SCENARIOS[f"sse_{_form}"] = _written("text", _form)


# Refused requests


def _rate_limited(asked: Request) -> Reply:
    """So many requests a minute. The body alone says for how long: `retry_after` seconds, if not given 1.5."""
    return _limited(asked, refusals.rate_limited)


def _rate_limited_login(asked: Request) -> Reply:
    """The same, as a Google login is told."""
    return _limited(asked, refusals.rate_limited_login)


def _limited(asked: Request, refused: Callable[[str], Reply]) -> Reply:
    if asked.call > int(asked.params.get("times", asked.call)):
        return SCENARIOS["text"](asked)
    return refused(asked.params.get("retry_after", "1.5"))


SCENARIOS["e429"] = _rate_limited
SCENARIOS["e429_rate"] = _rate_limited_login
for _name, _refused in (refusals.ALL | refusals.LOGIN_ALONE).items():
    TABLE.answering(_name, _refused)
TABLE.answering("flaky_e529", refusals.ALL["e503"], times=1)
