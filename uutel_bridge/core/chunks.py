"""Events to OpenAI-shaped chunks, and their fold into one response."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeAlias

from litellm.types.llms.openai import ChatCompletionRedactedThinkingBlock, ChatCompletionThinkingBlock
from litellm.types.utils import (
    ChatCompletionDeltaToolCall,
    ChatCompletionMessageToolCall,
    Choices,
    CompletionTokensDetailsWrapper,
    Delta,
    Function,
    Message,
    ModelResponse,
    ModelResponseStream,
    PromptTokensDetailsWrapper,
    StreamingChoices,
    Usage,
)
from typing_extensions import assert_never

from uutel_bridge.core.events import (
    Event,
    Finished,
    PlanLimits,
    ReasoningBlock,
    ReasoningDelta,
    Served,
    Started,
    TextDelta,
    TextSignature,
    ToolCallDelta,
    UsageReport,
)

_Piece: TypeAlias = TextDelta | ReasoningDelta | ToolCallDelta
_MERGE_LIMIT = 4096
"""Characters. Deltas that already wait are sent as one chunk, for LiteLLM spends far more on a chunk than we do."""
_SIGNATURE = "__thought__"
"""In a call's id, before the signature: LiteLLM's way to hand one to clients that keep nothing else of a call."""


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


def tell(event: Started | PlanLimits | Served, facts: dict[str, Any]) -> None:
    """Add what OpenAI's shape has no place for and a caller may want to the `facts` of an answer."""
    if isinstance(event, Started):
        facts.update(model=event.model, attempts=event.attempts)
    elif isinstance(event, Served):
        facts.update(asdict(event))
    else:
        facts.setdefault("limits", {}).update(
            (window.name, {"utilization": window.utilization, "resets_at": window.resets_at, "status": window.status})
            for window in event.windows
        )


class ChunkStream:
    """One stream's events as LiteLLM chunks. `model` is the name that LiteLLM handed us."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._id: str | None = None
        self._created = 0
        self._role: str | None = "assistant"
        self.facts: dict[str, Any] = {}
        """The `uutel` of the chunks' hidden parameters: one dictionary for all of them, whole at the end.

        LiteLLM hides the parameters of the usage and of the finish; what is known last would not get to the caller.
        """

    def feed(self, events: Sequence[Event]) -> Iterator[ModelResponseStream]:
        """The chunks for events that arrived together."""
        for event in _merged(events):
            if isinstance(event, Started | PlanLimits | Served):
                tell(event, self.facts)
                if isinstance(event, Started):
                    self._id = event.response_id
            elif isinstance(event, UsageReport):
                # A chunk of its own, before the finish: LiteLLM loses usage anywhere else.
                yield self._chunk(self._delta(), usage=to_usage(event))
            elif isinstance(event, Finished):
                yield self._chunk(self._delta(), finish_reason=event.reason)
            else:
                yield self._chunk(self._content(event))

    def _content(self, event: TextDelta | ReasoningDelta | ReasoningBlock | TextSignature | ToolCallDelta) -> Delta:
        if isinstance(event, TextDelta):
            return self._delta(content=event.text)
        if isinstance(event, ReasoningDelta):
            return self._delta(reasoning_content=event.text)
        if isinstance(event, ReasoningBlock):
            return self._delta(thinking_blocks=[_thinking_block(event)])
        if isinstance(event, TextSignature):
            return self._delta(provider_specific_fields=_signatures([event]))
        if isinstance(event, ToolCallDelta):
            return self._delta(tool_calls=[_tool_call_delta(event)])
        assert_never(event)

    def _delta(self, **facts: Any) -> Delta:
        role, self._role = self._role, None
        return Delta(role=role, **facts)

    def _chunk(
        self, delta: Delta, *, usage: Usage | None = None, finish_reason: str | None = None
    ) -> ModelResponseStream:
        # Stamped with the first chunk, as LiteLLM stamps its own last one: all chunks then agree.
        self._created = self._created or int(time.time())
        choice = StreamingChoices(index=0, delta=delta, finish_reason=finish_reason)
        facts: dict[str, Any] = {"usage": usage} if usage else {}
        chunk = ModelResponseStream(id=self._id, created=self._created, model=self._model, choices=[choice], **facts)
        chunk._hidden_params = {"uutel": self.facts}  # noqa: SLF001  # LiteLLM's own name for it  # pyright: ignore[reportPrivateUsage]
        return chunk


def _thinking_block(block: ReasoningBlock) -> ChatCompletionThinkingBlock | ChatCompletionRedactedThinkingBlock:
    if block.redacted:
        return {"type": "redacted_thinking", "data": block.redacted}
    return {"type": "thinking", "thinking": block.text, "signature": block.signature}


def _signatures(seals: Sequence[TextSignature]) -> dict[str, Any]:
    return {"thought_signatures": [seal.signature for seal in seals]}


def _sealed(piece: ToolCallDelta) -> Mapping[str, Any]:
    """A call's id and its signature, where LiteLLM's own Gemini has them and clients look for them."""
    if not piece.signature:
        return {"id": piece.id or None}
    beside = {"thought_signature": piece.signature}
    return {"id": f"{piece.id}{_SIGNATURE}{piece.signature}", "provider_specific_fields": beside}


def _tool_call_delta(piece: ToolCallDelta) -> ChatCompletionDeltaToolCall:
    function = Function(name=piece.name or None, arguments=piece.arguments)
    return ChatCompletionDeltaToolCall(index=piece.index, type="function", function=function, **_sealed(piece))


def _merged(events: Iterable[Event]) -> Iterator[Event]:
    """Neighbouring deltas of one kind, and of one call, as one delta; order and text unchanged."""
    waiting: list[_Piece] = []
    size = 0
    for event in events:
        piece = event if isinstance(event, TextDelta | ReasoningDelta | ToolCallDelta) else None
        added = len(_text(piece)) if piece else 0
        if waiting and (piece is None or not _continues(piece, waiting[0]) or size + added > _MERGE_LIMIT):
            yield _joined(waiting)
            waiting, size = [], 0
        if piece is None:
            yield event
        else:
            waiting.append(piece)
            size += added
    if waiting:
        yield _joined(waiting)


def _text(piece: _Piece) -> str:
    return piece.arguments if isinstance(piece, ToolCallDelta) else piece.text


def _continues(piece: _Piece, first: _Piece) -> bool:
    if isinstance(piece, ToolCallDelta):
        return isinstance(first, ToolCallDelta) and piece.index == first.index
    return type(piece) is type(first)


def _joined(pieces: Sequence[_Piece]) -> _Piece:
    text = "".join(map(_text, pieces))
    first = pieces[0]
    return replace(first, arguments=text) if isinstance(first, ToolCallDelta) else replace(first, text=text)


def fold(response: ModelResponse, model: str, turns: Sequence[Sequence[Event]]) -> ModelResponse:
    """Whole turns as one response: a choice for each turn, their usage summed.

    Args:
        response: The empty one that LiteLLM made; it is filled in and returned.
        model: The name that LiteLLM handed us.
        turns: The events of each turn.
    """
    response.model = model
    response.choices = [_choice(index, events) for index, events in enumerate(turns)]
    hidden: dict[str, Any] = {"uutel": _facts(turns)}
    reports = [event for events in turns for event in events if isinstance(event, UsageReport)]
    if reports:
        total = _sum(reports)
        response.usage = to_usage(total)  # pyright: ignore[reportAttributeAccessIssue]
        if total.cost is not None:
            hidden["response_cost"] = total.cost  # for LiteLLM before 1.109, which passes over `usage.cost`
    for event in turns[0]:
        if isinstance(event, Started):
            response.id = event.response_id
    response._hidden_params.update(hidden)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]
    return response


def _facts(turns: Sequence[Sequence[Event]]) -> dict[str, Any]:
    """The limits that any turn told of; all else is that of the slowest, which the caller waited for."""
    facts: dict[str, Any] = {}
    slowest = max(turns, key=_seconds)
    for events in turns:
        for event in events:
            if isinstance(event, PlanLimits) or (events is slowest and isinstance(event, Started | Served)):
                tell(event, facts)
    return facts


def _seconds(events: Sequence[Event]) -> float:
    return next((event.total_seconds for event in events if isinstance(event, Served)), 0.0)


def _choice(index: int, events: Sequence[Event]) -> Choices:
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    reasoning = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    blocks = [_thinking_block(event) for event in events if isinstance(event, ReasoningBlock)]
    seals = [event for event in events if isinstance(event, TextSignature)]
    calls = _tool_calls(event for event in events if isinstance(event, ToolCallDelta))
    message = Message(
        role="assistant",
        content=None if calls and not text else text,
        tool_calls=calls or None,
        reasoning_content=reasoning or None,
        thinking_blocks=blocks or None,
        provider_specific_fields=_signatures(seals) if seals else None,
    )
    reason = next(event.reason for event in events if isinstance(event, Finished))
    return Choices(index=index, finish_reason=reason, message=message)


def _tool_calls(pieces: Iterable[ToolCallDelta]) -> list[ChatCompletionMessageToolCall]:
    calls: dict[int, list[ToolCallDelta]] = {}
    for piece in pieces:
        calls.setdefault(piece.index, []).append(piece)
    return [
        ChatCompletionMessageToolCall(
            type="function",
            function=Function(name=call[0].name, arguments="".join(piece.arguments for piece in call)),
            **_sealed(call[0]),
        )
        for _, call in sorted(calls.items())
    ]


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
