"""Answers that call tools, tell what tools said, or fit a schema; part of the table in `_anthropic_scenarios.py`.

Tools are called by the names that the request gives them, in its order. Where a request brings results of calls,
the scenarios that call tell those, as `results` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import _anthropic_asked as asking
from _anthropic_stream import (
    Asked,
    Reply,
    Scenario,
    Step,
    answer,
    delta,
    end,
    event,
    json_delta,
    number,
    ok,
    open_block,
    start,
    text_block,
)

ARGUMENTS = '{"city": "Oslo"}'
BAD_ARGUMENTS = '{"city": Oslo, '
UNKNOWN = "mcp__nobody__nothing"
SCENARIOS: dict[str, Scenario] = {}


def _scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__.removesuffix("_")] = function
    return function


def _calling(function: Scenario) -> Scenario:
    """A scenario that calls tools as long as it has no results, and can call some."""

    def scenario(asked: Asked) -> Reply:
        if asking.results(asked.body):
            return results(asked)
        return function(asked) if asking.tools(asked.body) else _unable(asked)

    SCENARIOS[function.__name__] = scenario
    return function


def _unable(asked: Asked) -> Reply:
    return ok(answer(asked, ["There is no tool ", "to call."]))


def _pieces(text: str, size: int = 6) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _call(name: str, arguments: str, index: int = 0) -> Iterator[Step]:
    yield open_block({"type": "tool_use", "id": f"toolu_{number()}", "name": name, "input": {}}, index)
    for part in _pieces(arguments):
        yield json_delta(part, index)
    yield event("content_block_stop", index=index)


def _calls(asked: Asked, blocks: Iterable[Step], reason: str = "tool_use") -> Reply:
    """A message that ends in calls."""
    return ok([start(asked), *blocks, *end(reason, output_tokens=9)])


def _first(asked: Asked) -> str:
    """The first tool, or the first whose name ends with what the parameter `name` says."""
    names = asking.tools(asked.body)
    return next((name for name in names if name.endswith(asked.params.get("name", ""))), names[0])


def _several(asked: Asked, count: int, index: int = 0) -> Iterator[Step]:
    """Calls of the tools in turn, each with arguments of its own."""
    names = asking.tools(asked.body)
    if (asked.body.get("tool_choice") or {}).get("disable_parallel_tool_use"):
        count = 1
    for n in range(count):
        yield from _call(names[n % len(names)], json.dumps({"n": n}), index + n)


@_calling
def tool(asked: Asked) -> Reply:
    """One call of the first tool (`name`: whose name ends so) with the arguments `args`, in several pieces."""
    return _calls(asked, _call(_first(asked), asked.params.get("args", ARGUMENTS)))


@_calling
def tools(asked: Asked) -> Reply:
    """A text, then `n` calls (2) of the tools in turn, with the arguments {"n": 0}, {"n": 1} and so on."""
    calls = _several(asked, int(asked.params.get("n", 2)), index=1)
    return _calls(asked, [*text_block(["Let me ", "look. "]), *calls])


@_calling
def tool_noargs(asked: Asked) -> Reply:
    """A call without a single piece of arguments."""
    return _calls(asked, _call(_first(asked), ""))


@_calling
def tool_badargs(asked: Asked) -> Reply:
    """A call with arguments that are no JSON."""
    return _calls(asked, _call(_first(asked), BAD_ARGUMENTS))


@_calling
def tool_unknown(asked: Asked) -> Reply:
    """A call of a tool that nobody declared."""
    return _calls(asked, _call(UNKNOWN, ARGUMENTS))


@_calling
def tool_cut(asked: Asked) -> Reply:
    """The token limit is reached amid the arguments of a call."""
    return _calls(asked, _call(_first(asked), ARGUMENTS[:9]), "max_tokens")


@_calling
def tool_slow(asked: Asked) -> Reply:
    """A call whose arguments come in `n` pieces (10), with `delay` seconds (0.2) before each."""

    def steps() -> Iterator[Step]:
        for step in _call(_first(asked), json.dumps({"text": "slowly" * int(asked.params.get("n", 10))})):
            if step[1]["type"] == "content_block_delta":
                yield ("sleep", float(asked.params.get("delay", 0.2)))
            yield step

    return _calls(asked, steps())


@_calling
def tool_thinking(asked: Asked) -> Reply:
    """A signed thinking block, then a call."""
    thought = thinking_block(["A tool ", "will know."])
    return _calls(asked, [*thought, *_call(_first(asked), ARGUMENTS, index=1)])


@_scenario
def loop(asked: Asked) -> Reply:
    """An agent: two calls a step, `n` steps (3), then a text."""
    steps = int(asked.params.get("n", 3))
    if asking.steps_taken(asked.body) >= steps:
        return ok(answer(asked, ["done ", f"after {steps} steps"]))
    return _calls(asked, _several(asked, 2)) if asking.tools(asked.body) else _unable(asked)


@_scenario
def results(asked: Asked) -> Reply:
    """What the tools said, as JSON: [{"tool_use_id": id, "text": text}, ...]."""
    said = [
        {"tool_use_id": block["tool_use_id"], "text": asking.text_of(block.get("content"))}
        for block in asking.results(asked.body)
    ]
    return ok(answer(asked, _pieces(json.dumps(said, ensure_ascii=False), 40)))


@_scenario
def redacted(asked: Asked) -> Reply:
    """A block of redacted thinking, then text."""
    block = open_block({"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="})
    text = text_block(["After ", "a secret thought."], index=1)
    return ok([start(asked), block, event("content_block_stop", index=0), *text, *end(output_tokens=7)])


@_scenario
def json_(asked: Asked) -> Reply:
    """JSON that fits the request's schema, in pieces; without one, `{"answer": 42}`."""
    schema = ((asked.body.get("output_config") or {}).get("format") or {}).get("schema")
    value = {"answer": 42} if schema is None else fitting(schema, schema)
    return ok(answer(asked, _pieces(json.dumps(value))))


def thinking_block(parts: Iterable[str]) -> Iterator[Step]:
    """A signed thinking block, the first of its message."""
    yield open_block({"type": "thinking", "thinking": "", "signature": ""})
    for part in parts:
        yield delta("thinking", part)
    yield delta("signature", "c2lnbmF0dXJl")
    yield event("content_block_stop", index=0)


def fitting(schema: Any, root: Any) -> Any:
    """A value that fits a JSON schema; `root`: where `$ref` points into."""
    if not isinstance(schema, dict):
        return {}
    if "$ref" in schema:
        return fitting(_resolved(schema["$ref"], root), root)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return fitting(schema[choice][0], root)
    return _of_type(schema, root)


def _of_type(schema: dict[str, Any], root: Any) -> Any:
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: fitting(each, root) for name, each in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [fitting(schema.get("items"), root)]
    return {"string": "s", "integer": 1, "number": 1.5, "boolean": True}.get(kind)


def _resolved(pointer: str, root: Any) -> Any:
    for key in pointer.removeprefix("#").strip("/").split("/"):
        root = root[key.replace("~1", "/").replace("~0", "~")] if key else root
    return root
