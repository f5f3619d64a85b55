"""What differs from provider to provider, as data; and what an answer is wherever the scenario means the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NUMBERED = "part0 part1 part2 part3 "
ANSWERS = {
    "text": (NUMBERED, "", "stop"),
    "unicode": ("emoji \U0001f469\u200d\U0001f680 line\u2028para\u2029nel\x85 漢字 e\u0301\r\n", "", "stop"),
    "max_tokens": ("cut off", "", "length"),
    "empty": ("", "", "stop"),
    "rate_warning": (NUMBERED, "", "stop"),
}
_WHERE = '{"city": "Oslo"}'
CALLED = {
    "tools": ("Let me look. ", [("alpha", '{"n": 0}'), ("beta", '{"n": 1}')], "tool_calls"),
    "tools n=5": ("Let me look. ", [(("alpha", "beta")[n % 2], f'{{"n": {n}}}') for n in range(5)], "tool_calls"),
    "tool": (None, [("alpha", _WHERE)], "tool_calls"),
    "tool_noargs": (None, [("alpha", "{}")], "tool_calls"),
    "tool_badargs": (None, [("alpha", '{"city": Oslo, ')], "tool_calls"),
    "tool_unknown": (None, [("mcp__nobody__nothing", _WHERE)], "tool_calls"),
    "text": (NUMBERED, [], "stop"),
}


@dataclass(frozen=True)
class Tables:
    """What differs from provider to provider in rows that are written once."""

    models: Mapping[str, str]
    """Names of models, and what the API is asked for by them."""
    answers: Mapping[str, tuple[str, str, str]]
    """Of each scenario: text, reasoning and finish reason."""
    called: Mapping[str, tuple[str | None, list[tuple[str, str]], str]]
    """Of each scenario with functions: text, calls and finish reason."""
    failures: Mapping[str, tuple[type[Exception], str, int]]
    """Of each scenario that fails: class, the vendor's words, and requests that the CLI itself makes for it."""
    begun: Mapping[str, str]
    """What the model had said when it failed, by scenario."""
    given: Mapping[str, tuple[dict[str, Any], dict[str, Any]]]
    """Parameters, and the fields of the vendor's request that they come to."""
    ids: Mapping[str, list[str]]
    """What becomes of the ids that callers give to calls: those of test_tools.py."""
    windows: Mapping[str, dict[str, Any]]
    """What the scenario `rate_warning` tells of a plan."""
    hostile: Mapping[str, str]
    """Variables that would change what the CLI does; they hold `hostile`, or are switches."""
    refused: Mapping[str, dict[str, Any]]
    """How to ask for what the provider refuses, by requirement."""
    lacking: Mapping[str, str] = field(default_factory=dict)
    """What a version may lack so that its processes cannot be used again, as the fake calls it and in words."""
    lasting: tuple[str, ...] = ("limit", "e500", "e403", "e400", "e404")
    """Of the scenarios that fail, some that fail for good."""
    odd: Mapping[str, Any] = field(default_factory=dict)
    """Parameters beside functions and effort that this provider takes; texts in them hold `secret`."""
