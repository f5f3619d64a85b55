"""What the scenarios say that call tools, tell what tools said, or fit a schema; part of `_scenario_table.py`'s table.

Tools are called by the names that the request gives them, in its order. Where a request brings results of calls,
the scenarios that call tell those, as `results` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from _scenario_answers import Answer, Counts, Step, in_pieces
from _scenario_asked import Asked
from _scenario_schemas import fitting
from _scenario_texts import Play

ARGUMENTS = '{"city": "Oslo"}'
BAD_ARGUMENTS = '{"city": Oslo, '
UNKNOWN = "mcp__nobody__nothing"
PLAYS: dict[str, Play] = {}


def _play(function: Play) -> Play:
    PLAYS[function.__name__.removesuffix("_")] = function
    return function


def _calling(function: Play) -> Play:
    """A scenario that calls tools as long as it has no results, and can call some."""

    def play(asked: Asked, answer: Answer) -> Iterable[Step]:
        if asked.results():
            return results(asked, answer)
        return function(asked, answer) if asked.tools() else _unable(answer)

    PLAYS[function.__name__] = play
    return function


def _unable(answer: Answer) -> Iterable[Step]:
    return answer.said(["There is no tool ", "to call."])


def _calls(
    answer: Answer, *calls: tuple[str, str], thought: Iterable[str] = (), text: Iterable[str] = (), cut: bool = False
) -> Iterator[Step]:
    """An answer that ends in calls: (name, arguments)."""
    yield from answer.start()
    if thought:
        yield from answer.thought(thought)
    if text:
        yield from answer.text(text)
    for name, arguments in calls:
        yield from answer.call(name, in_pieces(arguments), cut=cut)
    yield from answer.end("length" if cut else "calls", Counts(said=9))


def _first(asked: Asked) -> str:
    """The first tool, or the first whose name ends with what the parameter `name` says."""
    names = asked.tools()
    return next((name for name in names if name.endswith(asked.params.get("name", ""))), names[0])


def _several(asked: Asked, count: int) -> list[tuple[str, str]]:
    """Calls of the tools in turn, each with arguments of its own."""
    names = asked.tools()
    return [(names[n % len(names)], json.dumps({"n": n})) for n in range(1 if asked.one_call_only() else count)]


@_calling
def tool(asked: Asked, answer: Answer) -> Iterable[Step]:
    """One call of the first tool (`name`: whose name ends so) with the arguments `args`, in several pieces."""
    return _calls(answer, (_first(asked), asked.params.get("args", ARGUMENTS)))


@_calling
def tools(asked: Asked, answer: Answer) -> Iterable[Step]:
    """A text, then `n` calls (2) of the tools in turn, with the arguments {"n": 0}, {"n": 1} and so on."""
    return _calls(answer, *_several(asked, int(asked.params.get("n", 2))), text=["Let me ", "look. "])


@_calling
def tool_noargs(asked: Asked, answer: Answer) -> Iterable[Step]:
    """A call without arguments."""
    return _calls(answer, (_first(asked), ""))


@_calling
def tool_badargs(asked: Asked, answer: Answer) -> Iterable[Step]:
    """A call with arguments that are no JSON."""
    return _calls(answer, (_first(asked), BAD_ARGUMENTS))


@_calling
def tool_unknown(_asked: Asked, answer: Answer) -> Iterable[Step]:
    """A call of a tool that nobody declared."""
    return _calls(answer, (UNKNOWN, ARGUMENTS))


@_calling
def tool_cut(asked: Asked, answer: Answer) -> Iterable[Step]:
    """The token limit is reached amid the arguments of a call."""
    return _calls(answer, (_first(asked), ARGUMENTS[:9]), cut=True)


@_calling
def tool_slow(asked: Asked, answer: Answer) -> Iterable[Step]:
    """A call whose arguments, `n` (10) words long, come with `delay` seconds (0.2) before each piece."""
    arguments = json.dumps({"text": "slowly" * int(asked.params.get("n", 10))})
    return answer.slowly(_calls(answer, (_first(asked), arguments)))


@_calling
def tool_thinking(asked: Asked, answer: Answer) -> Iterable[Step]:
    """A thought, then a call."""
    return _calls(answer, (_first(asked), ARGUMENTS), thought=["A tool ", "will know."])


@_play
def loop(asked: Asked, answer: Answer) -> Iterable[Step]:
    """An agent: two calls a step, `n` steps (3), then a text."""
    steps = int(asked.params.get("n", 3))
    if asked.steps_taken() >= steps:
        return answer.said(["done ", f"after {steps} steps"])
    return _calls(answer, *_several(asked, 2)) if asked.tools() else _unable(answer)


@_play
def results(asked: Asked, answer: Answer) -> Iterable[Step]:
    """What the tools said, as JSON: [{"tool_use_id": id, "text": text}, ...]."""
    told = [{"tool_use_id": call, "text": text} for call, text in asked.results()]
    return answer.said(in_pieces(json.dumps(told, ensure_ascii=False), 40))


@_play
def json_(asked: Asked, answer: Answer) -> Iterable[Step]:
    """JSON that fits the request's schema, in pieces; without one, `{"answer": 42}`."""
    schema = asked.schema()
    value = {"answer": 42} if schema is None else fitting(schema, schema)
    return answer.said(in_pieces(json.dumps(value)))
