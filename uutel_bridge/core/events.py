"""What a model says, in no vendor's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class Started:
    """The vendor began to answer."""

    response_id: str
    """The vendor's id of the answer."""
    model: str
    """The model that really answers, which an alias does not tell."""
    attempts: int = 1
    """How many requests it took, the failed ones included."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More visible text."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of the model's reasoning, as far as the vendor shows it."""

    text: str


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What this one request used, as the vendor counted it. Tokens; cost in US dollars."""

    input: int
    """All prompt tokens, cached ones included (OpenAI's `prompt_tokens`)."""
    output: int
    """All completion tokens, reasoning included (OpenAI's `completion_tokens`)."""
    cached: int = 0
    """Prompt tokens read from the vendor's cache."""
    cache_creation: int = 0
    """Prompt tokens written to the vendor's cache."""
    reasoning: int = 0
    """Completion tokens spent on reasoning."""
    cost: float | None = None
    """The vendor's own price of the request, or None where it names none."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Always the last event of a turn."""

    reason: FinishReason


Event: TypeAlias = Started | TextDelta | ReasoningDelta | UsageReport | Finished
"""Closed on purpose: adding a member makes every `assert_never` fail to type-check."""
