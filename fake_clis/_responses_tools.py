"""Answers that call functions, tell what they said, or fit a schema; part of the table in `_responses_scenarios.py`.

Functions are called by the names that the request gives them, in its order. Where a request brings results of calls,
the scenarios that call tell those, as `results` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import _responses_asked as asking
from _anthropic_stream import Asked, Reply, Scenario, Step, ok
from _anthropic_tools import ARGUMENTS, BAD_ARGUMENTS, fitting
from _responses_stream import Answer, said

UNKNOWN = "mcp__nobody__nothing"
SCENARIOS: dict[str, Scenario] = {}


def _scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__.removesuffix("_")] = function
    return function


def _calling(function: Scenario) -> Scenario:
    """A scenario that calls functions as long as it has no results, and can call some."""

    def scenario(asked: Asked) -> Reply:
        if asking.results(asked.body):
            return results(asked)
        return function(asked) if asking.tools(asked.body) else _unable(asked)

    SCENARIOS[function.__name__] = scenario
    return function


def _unable(asked: Asked) -> Reply:
    return ok(said(asked, ["There is no tool ", "to call."]))


def _pieces(text: str, size: int = 6) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _calls(asked: Asked, *calls: tuple[str, str], text: tuple[str, ...] = (), thought: tuple[str, ...] = ()) -> Reply:
    """A response that ends in calls: (name, arguments)."""

    def steps() -> Iterator[Step]:
        answer = Answer(asked)
        yield from answer.start()
        if thought:
            yield from answer.reasoning(list(thought))
        if text:
            yield from answer.message(text)
        for name, arguments in calls:
            yield from answer.call(name, _pieces(arguments))
        yield answer.end(output_tokens=9)

    return ok(steps())


def _first(asked: Asked) -> str:
    """The first function, or the first whose name ends with what the parameter `name` says."""
    names = asking.tools(asked.body)
    return next((name for name in names if name.endswith(asked.params.get("name", ""))), names[0])


def _several(asked: Asked, count: int) -> list[tuple[str, str]]:
    """Calls of the functions in turn, each with arguments of its own."""
    names = asking.tools(asked.body)
    if asked.body.get("parallel_tool_calls") is False:
        count = 1
    return [(names[n % len(names)], json.dumps({"n": n})) for n in range(count)]


@_calling
def tool(asked: Asked) -> Reply:
    """One call of the first function (`name`: whose name ends so) with the arguments `args`, in several pieces."""
    return _calls(asked, (_first(asked), asked.params.get("args", ARGUMENTS)))


@_calling
def tools(asked: Asked) -> Reply:
    """A text, then `n` calls (2) of the functions in turn, with the arguments {"n": 0}, {"n": 1} and so on."""
    return _calls(asked, *_several(asked, int(asked.params.get("n", 2))), text=("Let me ", "look. "))


@_calling
def tool_noargs(asked: Asked) -> Reply:
    """A call without arguments, which this API writes as an empty object."""
    return _calls(asked, (_first(asked), "{}"))


@_calling
def tool_badargs(asked: Asked) -> Reply:
    """A call with arguments that are no JSON."""
    return _calls(asked, (_first(asked), BAD_ARGUMENTS))


@_calling
def tool_unknown(asked: Asked) -> Reply:
    """A call of a function that nobody declared."""
    return _calls(asked, (UNKNOWN, ARGUMENTS))


@_calling
def tool_cut(asked: Asked) -> Reply:
    """The token limit is reached amid the arguments of a call."""
    answer = Answer(asked)
    call = answer.call(_first(asked), [ARGUMENTS[:9]], cut=True)
    return ok(step for part in (answer.start(), call, _limit(answer)) for step in part)


def _limit(answer: Answer) -> Iterator[Step]:
    yield answer.incomplete("max_output_tokens")


@_calling
def tool_slow(asked: Asked) -> Reply:
    """A call whose arguments come in `n` pieces (10), with `delay` seconds (0.2) before each."""
    arguments = json.dumps({"text": "slowly" * int(asked.params.get("n", 10))})

    def steps() -> Iterator[Step]:
        for step in _calls(asked, (_first(asked), arguments)).steps:
            if step[1]["type"] == "response.function_call_arguments.delta":
                yield ("sleep", float(asked.params.get("delay", 0.2)))
            yield step

    return ok(steps())


@_calling
def tool_thinking(asked: Asked) -> Reply:
    """A reasoning summary, then a call."""
    return _calls(asked, (_first(asked), ARGUMENTS), thought=("A tool ", "will know."))


@_scenario
def loop(asked: Asked) -> Reply:
    """An agent: two calls a step, `n` steps (3), then a text."""
    steps = int(asked.params.get("n", 3))
    if asking.steps_taken(asked.body) >= steps:
        return ok(said(asked, ["done ", f"after {steps} steps"]))
    return _calls(asked, *_several(asked, 2)) if asking.tools(asked.body) else _unable(asked)


@_scenario
def results(asked: Asked) -> Reply:
    """What the functions said, as JSON: [{"tool_use_id": id, "text": text}, ...]."""
    told = [
        {"tool_use_id": item["call_id"], "text": asking.text_of(item.get("output"))}
        for item in asking.results(asked.body)
    ]
    return ok(said(asked, _pieces(json.dumps(told, ensure_ascii=False), 40)))


@_scenario
def json_(asked: Asked) -> Reply:
    """JSON that fits the request's schema, in pieces; without one, `{"answer": 42}`."""
    schema = ((asked.body.get("text") or {}).get("format") or {}).get("schema")
    value = {"answer": 42} if schema is None else fitting(schema, schema)
    return ok(said(asked, _pieces(json.dumps(value))))
