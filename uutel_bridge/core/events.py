"""What a model says, in no vendor's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True)
class Started:
    """The vendor began to answer. Told once more at the end where it is only then known who did."""

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
class ReasoningBlock:
    """A finished stretch of reasoning, as the vendor wants it back in a later request.

    Of an answer it comes after the `ReasoningDelta`s that it sums up.
    """

    text: str
    signature: str
    """The vendor's seal on the text."""
    redacted: str = ""
    """The vendor's encrypted form, in place of text and signature."""


@dataclass(frozen=True, slots=True)
class TextSignature:
    """Google's seal on the thoughts behind a text, as it is wanted back with that text in a later request."""

    signature: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a call of one of the caller's functions."""

    index: int
    """Counts the calls of the answer from 0."""
    id: str = ""
    """In a call's first piece only, as is `name`."""
    name: str = ""
    arguments: str = ""
    """More of the arguments, as the model writes them: JSON or not."""
    signature: str = ""
    """Google's seal on the thought that led to the call, in its first piece only."""


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
class LimitWindow:
    """One of the limits of a plan."""

    name: str
    """The vendor's word: `five_hour`."""
    utilization: float | None
    """How much of it is used, from 0 to 1; None where the vendor does not say."""
    resets_at: float | None
    """Unix time at which it starts anew, where the vendor says so."""
    status: str
    """The vendor's word."""


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """Where the login stands in the limits of its plan."""

    windows: tuple[LimitWindow, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """How the bridge came to the answer; once, before the end. Times are seconds on its own clock."""

    request_id: str
    """As in the log."""
    process_uses: int
    """How many turns the process had served before; 0 for a fresh one, or where there is none."""
    queue_seconds: float
    """Waited for a process that is ready, over all attempts: in line, for a start, for a reset."""
    first_event_seconds: float | None
    """From the request to the first thing that the model said; None where it said nothing."""
    total_seconds: float
    """From the request to the end of the answer."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Always the last event of a turn."""

    reason: FinishReason


Event: TypeAlias = (
    Started
    | TextDelta
    | ReasoningDelta
    | ReasoningBlock
    | TextSignature
    | ToolCallDelta
    | UsageReport
    | PlanLimits
    | Served
    | Finished
)
"""Closed on purpose: adding a member makes every `assert_never` fail to type-check."""
