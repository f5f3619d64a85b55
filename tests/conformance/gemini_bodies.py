"""A GenerateContent request as the caller put it, and what a conversation comes to in one, whoever sends it.

The tables hold what both providers have that speak it; each adds what is its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, ClassVar

from litellm import exceptions as lite

from tests.conformance.bodies import Body, Tool
from tests.conformance.conversations import Call, Media, Result, Text, Thought, Turn, said
from tests.conformance.tables import ANSWERS

Part = dict[str, Any]

BLANK = Text(" ")
"""What stands where nobody said a word."""

_WHERE = '{"city":"Oslo"}'
CALLED = {
    "tools": ("Let me look. ", [("alpha", '{"n":0}'), ("beta", '{"n":1}')], "tool_calls"),
    "tools n=5": ("Let me look. ", [(("alpha", "beta")[n % 2], f'{{"n":{n}}}') for n in range(5)], "tool_calls"),
    "tool": (None, [("alpha", _WHERE)], "tool_calls"),
    "tool_noargs": (None, [("alpha", "{}")], "tool_calls"),
    "tool_badargs": (None, [("alpha", '{"n":{"no":true}}')], "tool_calls"),
    "text": (ANSWERS["text"][0], [], "stop"),
}
"""As `Tables.called`: arguments come as an object, and are written by the bridge."""

IDS = {
    "as they are": ["c1", "c2", "call_3"],
    "used before": ["c1", "c1-2"],
    "counted": ["c", "c_1", "c_2"],
    "that look like commands": ["/clear", "@/etc/hosts", "a b"],
}
"""As `Tables.ids`."""

FAILURES = {
    "e400": (lite.BadRequestError, "Request contains an invalid argument.", 1),
    "e401": (lite.AuthenticationError, "invalid authentication credentials", 1),
    "e403": (lite.PermissionDeniedError, "The caller does not have permission", 1),
    "e404": (lite.NotFoundError, "models/made-up is not found", 1),
    "e413": (lite.BadRequestError, "Request payload size exceeds the limit", 1),
    "too_long": (lite.ContextWindowExceededError, "exceeds the maximum number of tokens", 1),
    "e429": (lite.RateLimitError, "Please retry in 1.5s.", 1),
    "e500": (lite.InternalServerError, "An internal error has occurred.", 1),
    "e503": (lite.ServiceUnavailableError, "The model is overloaded.", 1),
    "error_body": (lite.ServiceUnavailableError, "The model is overloaded.", 1),
}
"""As `Tables.failures`: what Google says as it is."""

BEGUN = {
    "drop": "p0 p1 p2 ",
    "sse_error": "p0 p1 ",
    "error_body": "p0 p1 ",
    "badsse": "p0 p1 ",
    "truncated": "p0 p1 p2 p3 p4 p5 ",
}
"""As `Tables.begun`."""

_LEVEL = {"includeThoughts": True, "thinkingLevel": "LOW"}
GIVEN = {
    "max_tokens": ({"max_tokens": 321}, {"maxOutputTokens": 321}),
    "temperature 0": ({"temperature": 0}, {"temperature": 0}),
    "stop": ({"stop": "END \u2028"}, {"stopSequences": ["END \u2028"]}),
    "reasoning_effort": (
        {"reasoning_effort": "low", "allowed_openai_params": ["reasoning_effort"]},
        {"thinkingConfig": _LEVEL},
    ),
    "extra_body": ({"extra_body": {"reasoning_effort": "low", "seed": 0}}, {"thinkingConfig": _LEVEL, "seed": 0}),
    "all": (
        {
            "max_tokens": 5,
            "temperature": 0.25,
            "top_p": 0.5,
            "top_k": 7,
            "stop": ["a", "b"],
            "seed": 7,
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
            "effort": "low",
        },
        {
            "maxOutputTokens": 5,
            "temperature": 0.25,
            "topP": 0.5,
            "topK": 7,
            "stopSequences": ["a", "b"],
            "seed": 7,
            "presencePenalty": 0.5,
            "frequencyPenalty": -0.5,
            "thinkingConfig": _LEVEL,
        },
    ),
}
"""As `Tables.given`."""


class GenerateContentBody(Body):
    """A request; who sends it may add to the caller's functions."""

    prefix: ClassVar[str] = ""
    """Before their names."""

    @property
    def model(self) -> str:
        """The model's full name, which stands beside the request itself."""
        return self.raw["model"]

    @property
    def system(self) -> list[str]:
        """The caller's instructions."""
        return [part["text"] for part in self.raw.get("systemInstruction", {"parts": []})["parts"]]

    @property
    def conversation(self) -> list[Turn]:
        """Who said what: calls and results are parts of contents."""
        return [
            (
                {"model": "assistant"}.get(content["role"], content["role"]),
                [_item(part, self.prefix) for part in content["parts"]],
            )
            for content in self.raw["contents"]
        ]

    @property
    def tools(self) -> dict[str, Tool]:
        """The functions that the model may call, by the caller's names of them."""
        return {
            each["name"].removeprefix(self.prefix): self.function(each)
            for tool in self.raw.get("tools", [])
            for each in tool["functionDeclarations"]
        }

    def function(self, declared: dict[str, Any]) -> Tool:
        """The caller's function, as it is declared; one without parameters may be declared without."""
        schema = declared.get("parametersJsonSchema", {"type": "object", "properties": {}})
        return Tool(declared.get("description", ""), schema)

    @property
    def config(self) -> dict[str, Any]:
        """The generation's configuration."""
        return self.raw.get("generationConfig", {})

    @property
    def parameters(self) -> dict[str, Any]:
        """All but the conversation; what is in the generation's configuration stands beside the rest."""
        aside = {"contents", "systemInstruction", "generationConfig"}
        return {**{name: value for name, value in self.raw.items() if name not in aside}, **self.config}

    @property
    def effort(self) -> str | None:
        """A level of thinking, in capitals; older models have a budget."""
        level = self.config["thinkingConfig"].get("thinkingLevel")
        return level and level.lower()

    @property
    def schema(self) -> dict[str, Any] | None:
        """That of the generation's configuration."""
        assert ("responseJsonSchema" in self.config) <= (self.config.get("responseMimeType") == "application/json")
        return self.config.get("responseJsonSchema")

    @property
    def cached(self) -> list[str]:
        """All of it."""
        tools, system = json.dumps(self.raw.get("tools")), json.dumps(self.system)
        return [tools, system, *map(json.dumps, self.raw["contents"])]


def _item(part: Part, prefix: str) -> Any:
    (kind, *_) = part
    given = part[kind]
    if kind == "functionCall" and given.keys() == {"id", "name", "args"} and part.keys() <= {kind, "thoughtSignature"}:
        args = given["args"]
        written = args["INVALID_JSON"] if args.keys() == {"INVALID_JSON"} else json.dumps(args, ensure_ascii=False)
        return Call(given["id"], given["name"].removeprefix(prefix), written)
    if kind == "functionResponse" and given.keys() - {"parts"} == {"id", "name", "response"} and part.keys() == {kind}:
        assert given["response"].keys() == {"output"}
        shown = [_item(each, prefix) for each in given.get("parts", ())]
        return Result(given["id"], [Text(given["response"]["output"]), *shown])
    if part in ({"text": part.get("text")}, {"text": part.get("text"), "thought": False}):
        return Text(part["text"])
    if part == {"inlineData": {"mimeType": given.get("mimeType"), "data": given.get("data")}}:
        return Media(given["mimeType"], given["data"])
    return part


def seen(messages: Iterable[Any], *, nests_media: bool) -> list[Turn]:
    """The conversation that the model is to see for a caller's messages.

    Empty texts vanish, neighbours of one role are one turn, and reasoning never goes back.

    Args:
        messages: The caller's.
        nests_media: Whether images are in the result that they are of, and not after it.
    """
    turns: list[Turn] = []
    for role, group in groupby(said(messages), key=lambda turn: turn[0]):
        items = [each for _, told in group for item in told for each in _seen(item, nests_media=nests_media)]
        turns.append((role, items or [BLANK]))
    return turns


def _seen(item: Any, *, nests_media: bool) -> Iterator[Any]:
    if isinstance(item, Result):
        text = Text("".join(part.text for part in item.parts if isinstance(part, Text)))
        media = [part for part in item.parts if isinstance(part, Media)]
        yield item._replace(parts=[text, *(media if nests_media else [])])
        yield from [] if nests_media else media
    elif isinstance(item, Call):
        yield _rewritten(item)
    elif not isinstance(item, Thought) and item != Text(""):
        yield item


def _rewritten(item: Call) -> Call:
    """Arguments that are an object are seen as such, however they were written."""
    try:
        given = json.loads(item.arguments or "{}")
    except ValueError:
        return item
    return item._replace(arguments=json.dumps(given, ensure_ascii=False)) if isinstance(given, dict) else item
