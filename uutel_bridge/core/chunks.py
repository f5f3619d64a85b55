"""Events to OpenAI-shaped chunks, and their fold into one response."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from litellm.types.utils import (
    Choices,
    CompletionTokensDetailsWrapper,
    Delta,
    Message,
    ModelResponse,
    ModelResponseStream,
    PromptTokensDetailsWrapper,
    StreamingChoices,
    Usage,
)
from typing_extensions import assert_never

from uutel_bridge.core.events import Event, Finished, ReasoningDelta, Started, TextDelta, UsageReport

_MERGE_LIMIT = 4096
"""Characters. Deltas that already wait are sent as one chunk, for LiteLLM spends far more on a chunk than we do."""


def to_usage(report: UsageReport) -> Usage:
    """OpenAI's usage, with LiteLLM's names for cached tokens and the vendor's own price in `cost`."""
    usage = Usage(
        prompt_tokens=report.input,
        completion_tokens=report.output,
        total_tokens=report.input + report.output,
        prompt_tokens_details=PromptTokensDetailsWrapper(
            cached_tokens=report.cached, cache_creation_tokens=report.cache_creation
        ),
        completion_tokens_details=CompletionTokensDetailsWrapper(reasoning_tokens=report.reasoning),
        cache_read_input_tokens=report.cached,
        cache_creation_input_tokens=report.cache_creation,
    )
    if report.cost is not None:
        usage.cost = report.cost
    return usage


def hidden(started: Started) -> dict[str, Any]:
    """What a caller may want to know of the answer that OpenAI's shape has no place for."""
    return {"uutel_model": started.model, "uutel_attempts": started.attempts}


class ChunkStream:
    """One stream's events as LiteLLM chunks. `model` is the name that LiteLLM handed us."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._id: str | None = None
        self._created = 0
        self._role: str | None = "assistant"
        self._hidden: dict[str, Any] = {}

    def feed(self, events: Sequence[Event]) -> Iterator[ModelResponseStream]:
        """The chunks for events that arrived together."""
        for event in _merged(events):
            if isinstance(event, Started):
                self._id = event.response_id
                self._hidden = hidden(event)
            elif isinstance(event, TextDelta):
                yield self._chunk(Delta(role=self._take_role(), content=event.text))
            elif isinstance(event, ReasoningDelta):
                yield self._chunk(Delta(role=self._take_role(), content=None, reasoning_content=event.text))
            elif isinstance(event, UsageReport):
                # A chunk of its own, before the finish: LiteLLM loses usage anywhere else.
                yield self._chunk(Delta(role=self._take_role(), content=None), usage=to_usage(event))
            elif isinstance(event, Finished):
                yield self._chunk(Delta(role=self._take_role(), content=None), finish_reason=event.reason)
            else:
                assert_never(event)

    def _take_role(self) -> str | None:
        role, self._role = self._role, None
        return role

    def _chunk(
        self, delta: Delta, *, usage: Usage | None = None, finish_reason: str | None = None
    ) -> ModelResponseStream:
        # Stamped with the first chunk, as LiteLLM stamps its own last one: all chunks then agree.
        self._created = self._created or int(time.time())
        choice = StreamingChoices(index=0, delta=delta, finish_reason=finish_reason)
        facts: dict[str, Any] = {"usage": usage} if usage else {}
        chunk = ModelResponseStream(id=self._id, created=self._created, model=self._model, choices=[choice], **facts)
        chunk._hidden_params = {**self._hidden}  # noqa: SLF001  # LiteLLM's own name for it  # pyright: ignore[reportPrivateUsage]
        return chunk


def _merged(events: Iterable[Event]) -> Iterator[Event]:
    """Neighbouring deltas of one kind as one delta; order and text unchanged."""
    waiting: list[str] = []
    kind: type[TextDelta | ReasoningDelta] = TextDelta
    size = 0
    for event in events:
        added = len(event.text) if isinstance(event, TextDelta | ReasoningDelta) else 0
        if waiting and (type(event) is not kind or size + added > _MERGE_LIMIT):
            yield kind("".join(waiting))
            waiting, size = [], 0
        if isinstance(event, TextDelta | ReasoningDelta):
            kind = type(event)
            waiting.append(event.text)
            size += added
        else:
            yield event
    if waiting:
        yield kind("".join(waiting))


def fold(response: ModelResponse, model: str, turns: Sequence[Sequence[Event]]) -> ModelResponse:
    """Whole turns as one response: a choice for each turn, their usage summed.

    Args:
        response: The empty one that LiteLLM made; it is filled in and returned.
        model: The name that LiteLLM handed us.
        turns: The events of each turn.
    """
    response.model = model
    response.choices = [_choice(index, events) for index, events in enumerate(turns)]
    facts: dict[str, Any] = {}
    reports = [event for events in turns for event in events if isinstance(event, UsageReport)]
    if reports:
        total = _sum(reports)
        response.usage = to_usage(total)  # pyright: ignore[reportAttributeAccessIssue]
        if total.cost is not None:
            facts["response_cost"] = total.cost  # for LiteLLM before 1.109, which passes over `usage.cost`
    for started in (event for event in turns[0] if isinstance(event, Started)):
        response.id = started.response_id
        facts |= hidden(started)
    response._hidden_params.update(facts)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]
    return response


def _choice(index: int, events: Sequence[Event]) -> Choices:
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    reasoning = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    reason = next(event.reason for event in events if isinstance(event, Finished))
    message = Message(role="assistant", content=text, reasoning_content=reasoning or None)
    return Choices(index=index, finish_reason=reason, message=message)


def _sum(reports: Sequence[UsageReport]) -> UsageReport:
    costs = [report.cost for report in reports if report.cost is not None]
    return UsageReport(
        input=sum(report.input for report in reports),
        output=sum(report.output for report in reports),
        cached=sum(report.cached for report in reports),
        cache_creation=sum(report.cache_creation for report in reports),
        reasoning=sum(report.reasoning for report in reports),
        cost=sum(costs) if costs else None,
    )
