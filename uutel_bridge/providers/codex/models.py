"""Codex's own words, typed: what is asked of `codex app-server` for a turn, and what it tells of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

SEAL = "codex:"
"""Before the `encrypted_content` of reasoning, as its signature: OpenAI takes back no other vendor's."""


@dataclass(frozen=True, slots=True)
class CodexRequest:
    """One turn, on a thread of its own."""

    model: str | None
    """None for the CLI's default."""
    instructions: str
    """`baseInstructions`; empty for none at all."""
    items: tuple[Mapping[str, Any], ...]
    """The conversation as input items of the Responses API, in order, without the system's."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """The caller's functions, as `dynamicTools` has them."""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """The caller's name of each function by the one on the wire."""
    effort: str | None = None
    output_schema: Mapping[str, Any] | None = None
    verbosity: str | None = None
    """How much the model says: `low`, `medium` or `high`."""
    service_tier: str | None = None
    """Which of OpenAI's queues it waits in."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What the app-server tells of one turn: a notification, or its request `item/tool/call`.

    Not validated: there may be ten thousand a second.
    """

    method: str
    params: Mapping[str, Any]


CodexResponse: TypeAlias = Notice
