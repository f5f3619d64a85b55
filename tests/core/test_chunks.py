"""Events as LiteLLM's own types, and what a caller of LiteLLM makes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import anyio
import litellm
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litellm.litellm_core_utils import core_helpers
from litellm.types.utils import ModelResponse, ModelResponseStream

from uutel_bridge.core.chunks import ChunkStream, fold, to_usage
from uutel_bridge.core.events import (
    Event,
    Finished,
    FinishReason,
    LimitWindow,
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
from uutel_bridge.core.messages import ToolCall, read_messages

LIMIT = 4096
USAGE = UsageReport(input=140, output=9, cached=40, cache_creation=20, reasoning=3, cost=0.0125)
STARTED = Started("msg_1", "toy-model-5", attempts=2)
TURN: list[Event] = [
    STARTED,
    ReasoningDelta("let me "),
    ReasoningDelta("think"),
    TextDelta("Hello, "),
    TextDelta("wörld\u2028 👋"),
    USAGE,
    Finished("stop"),
]
TEXT = "Hello, wörld\u2028 👋"
CALLING: list[Event] = [
    STARTED,
    ReasoningDelta("let me "),
    ReasoningDelta("think"),
    ReasoningBlock("let me think", "sig=="),
    ReasoningBlock("", "", redacted="enc=="),
    TextDelta("I look "),
    TextDelta("it up."),
    ToolCallDelta(0, id="c1", name="weather"),
    ToolCallDelta(0, arguments='{"city": '),
    ToolCallDelta(0, arguments='"Bâle"}'),
    ToolCallDelta(1, id="c2", name="time", arguments="not "),
    ToolCallDelta(1, arguments="{json"),
    ToolCallDelta(2, id="c3", name="now", arguments="{}"),
    USAGE,
    Finished("tool_calls"),
]
CALLS = [("c1", "weather", '{"city": "Bâle"}'), ("c2", "time", "not {json"), ("c3", "now", "{}")]
BLOCKS = [
    {"type": "thinking", "thinking": "let me think", "signature": "sig=="},
    {"type": "redacted_thinking", "data": "enc=="},
]
SEALED: list[Event] = [
    STARTED,
    TextDelta("I look "),
    TextDelta("it up."),
    TextSignature("dGV4dA=="),
    ToolCallDelta(0, id="c1", name="weather", arguments='{"city": ', signature="Zmlyc3Q="),
    ToolCallDelta(0, arguments='"Bâle"}'),
    ToolCallDelta(1, id="c2", name="now", arguments="{}"),
    USAGE,
    Finished("tool_calls"),
]
SEALED_IDS = ["c1__thought__Zmlyc3Q=", "c2"]
FIVE_HOUR = LimitWindow("five_hour", 0.42, 1_800_000_000.0, "allowed")
SEVEN_DAY = LimitWindow("seven_day", None, None, "allowed_warning")
SERVED = Served("req-1", 3, 0.1, 0.2, 0.5)
FACTS = {
    "model": "toy-model-5",
    "attempts": 2,
    "request_id": "req-1",
    "process_uses": 3,
    "queue_seconds": 0.1,
    "first_event_seconds": 0.2,
    "total_seconds": 0.5,
}
LIMITS = {
    "five_hour": {"utilization": 0.42, "resets_at": 1_800_000_000.0, "status": "allowed"},
    "seven_day": {"utilization": None, "resets_at": None, "status": "allowed_warning"},
}


def chunks_of(*batches: Sequence[Event], model: str = "toy/m1") -> list[ModelResponseStream]:
    """The chunks for batches of events that arrived together."""
    stream = ChunkStream(model)
    return [chunk for batch in batches for chunk in stream.feed(batch)]


def one_by_one(events: Sequence[Event]) -> list[list[Event]]:
    """Each event arriving alone."""
    return [[event] for event in events]


def test_the_role_comes_once_with_the_first_chunk() -> None:
    """OpenAI's clients expect it there."""
    roles = [chunk.choices[0].delta.role for chunk in chunks_of(*one_by_one(TURN))]
    assert roles == ["assistant", *[None] * (len(roles) - 1)]


def test_each_event_that_came_alone_is_a_chunk_of_its_own() -> None:
    """A slow model's deltas are not held back."""
    made = chunks_of(*one_by_one(TURN))
    deltas = [(chunk.choices[0].delta.content, _reasoning(chunk)) for chunk in made]
    assert deltas == [
        (None, "let me "),
        (None, "think"),
        ("Hello, ", None),
        ("wörld\u2028 👋", None),
        (None, None),
        (None, None),
    ]
    assert [chunk.choices[0].finish_reason for chunk in made] == [*[None] * 5, "stop"]


def _reasoning(chunk: ModelResponseStream) -> str | None:
    return getattr(chunk.choices[0].delta, "reasoning_content", None)


def test_usage_comes_before_the_finish() -> None:
    """LiteLLM loses it anywhere else."""
    made = chunks_of(TURN)
    assert [getattr(chunk, "usage", None) is not None for chunk in made] == [False, False, True, False]
    assert made[-1].choices[0].finish_reason == "stop"


def test_all_chunks_agree_on_what_they_belong_to() -> None:
    """Id, time and model are those of the whole answer; the vendor's own model name is a hidden fact."""
    made = chunks_of(*one_by_one(TURN))
    assert {(chunk.id, chunk.model, chunk.created) for chunk in made} == {("msg_1", "toy/m1", made[0].created)}
    assert all(chunk._hidden_params["uutel"] == {"model": "toy-model-5", "attempts": 2} for chunk in made)


def test_an_answer_of_no_text_still_has_a_role_and_an_end() -> None:
    """An empty answer is an empty string, not nothing."""
    (chunk,) = chunks_of([STARTED, Finished("stop")])
    assert (chunk.choices[0].delta.role, chunk.choices[0].finish_reason) == ("assistant", "stop")


def test_the_start_of_a_further_try_replaces_the_first() -> None:
    """Nothing of a failed try was shown."""
    made = chunks_of([Started("msg_0", "m")], [Started("msg_1", "m", attempts=2)], [TextDelta("a")], [Finished("stop")])
    assert {chunk.id for chunk in made} == {"msg_1"}
    assert made[0]._hidden_params["uutel"] == {"model": "m", "attempts": 2}


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        pytest.param([TextDelta("a"), TextDelta("b"), TextDelta("c")], ["abc"], id="text"),
        pytest.param([ReasoningDelta("a"), ReasoningDelta("b")], ["(ab)"], id="reasoning"),
        pytest.param(
            [ReasoningDelta("a"), TextDelta("b"), ReasoningDelta("c"), TextDelta("d")],
            ["(a)", "b", "(c)", "d"],
            id="kinds-stay-apart-and-in-order",
        ),
        pytest.param([TextDelta("a"), USAGE, TextDelta("b")], ["a", "usage", "b"], id="not-across-usage"),
        pytest.param(CALLING[7:10], ['0:c1:weather:{"city": "Bâle"}'], id="pieces-of-a-call"),
        pytest.param(
            CALLING[6:13],
            ["it up.", '0:c1:weather:{"city": "Bâle"}', "1:c2:time:not {json", "2:c3:now:{}"],
            id="calls-stay-apart",
        ),
        pytest.param(
            [ToolCallDelta(0, arguments="a"), TextDelta("b"), ToolCallDelta(0, arguments="c")],
            ["0:None:None:a", "b", "0:None:None:c"],
            id="call-around-text",
        ),
        pytest.param(
            [ToolCallDelta(0, id="c", name="f", arguments="x" * LIMIT), ToolCallDelta(0, arguments="y")],
            [f"0:c:f:{'x' * LIMIT}", "0:None:None:y"],
            id="full-call",
        ),
        pytest.param(
            [ReasoningDelta("a"), ReasoningBlock("ab", "s"), ReasoningDelta("b")], ["(a)", "ab/s", "(b)"], id="block"
        ),
        pytest.param([TextDelta("a"), TextSignature("s"), TextDelta("b")], ["a", "['s']", "b"], id="seal"),
        pytest.param(
            [
                ToolCallDelta(0, id="c", name="f", arguments="[", signature="s"),
                ToolCallDelta(0, arguments="]"),
                ToolCallDelta(1, id="d", name="g", arguments="{}", signature="t"),
            ],
            ["0:c__thought__s:f:[]", "1:d__thought__t:g:{}"],
            id="sealed-calls",
        ),
        pytest.param([TextDelta("x" * LIMIT), TextDelta("y")], ["x" * LIMIT, "y"], id="full"),
        pytest.param([TextDelta("x" * (LIMIT - 1)), TextDelta("y")], ["x" * (LIMIT - 1) + "y"], id="just-full"),
        pytest.param([TextDelta("x" * (LIMIT - 1)), TextDelta("yz")], ["x" * (LIMIT - 1), "yz"], id="just-too-much"),
        pytest.param([TextDelta("x" * 3 * LIMIT)], ["x" * 3 * LIMIT], id="one-long-delta-stays-whole"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_waiting_deltas_are_merged_up_to_a_limit(batch: list[Event], expected: list[str]) -> None:
    """It saves more in LiteLLM than any parser could."""
    assert [_shown(chunk) for chunk in chunks_of(batch)] == expected


def _shown(chunk: ModelResponseStream) -> str:
    if getattr(chunk, "usage", None):
        return "usage"
    delta = chunk.choices[0].delta
    if delta.tool_calls:
        (piece,) = delta.tool_calls
        assert piece.type == "function"
        return f"{piece.index}:{piece.id}:{piece.function.name}:{piece.function.arguments}"  # type: ignore[union-attr]
    if getattr(delta, "thinking_blocks", None):
        (block,) = delta.thinking_blocks  # type: ignore[misc]
        return f"{block['thinking']}/{block['signature']}"  # type: ignore[typeddict-item]
    if delta.provider_specific_fields:
        return str(delta.provider_specific_fields["thought_signatures"])
    reasoning = _reasoning(chunk)
    return f"({reasoning})" if reasoning else chunk.choices[0].delta.content or ""


def pieces(events: Sequence[Any]) -> list[tuple[int, str]]:
    """Each character of the arguments, with its call."""
    return [(event.index, c) for event in events if isinstance(event, ToolCallDelta) for c in event.arguments]


@given(st.lists(st.lists(st.builds(ToolCallDelta, st.integers(0, 2), arguments=st.text(max_size=5)))))
def test_no_merge_moves_a_character_to_another_call(batches: list[list[ToolCallDelta]]) -> None:
    """However the pieces arrive."""
    made = [piece for chunk in chunks_of(*batches) for piece in chunk.choices[0].delta.tool_calls or ()]
    shown = [(piece.index, c) for piece in made for c in piece.function.arguments]  # type: ignore[union-attr]
    assert shown == pieces([event for batch in batches for event in batch])


DELTAS = st.one_of(
    st.builds(TextDelta, st.text(max_size=50).map(lambda text: text * 40)),
    st.builds(ReasoningDelta, st.text(max_size=50).map(lambda text: text * 40)),
)


@given(st.lists(st.lists(DELTAS)))
def test_no_merge_loses_adds_or_reorders_a_character(batches: list[list[TextDelta | ReasoningDelta]]) -> None:
    """However the deltas arrive."""
    made = chunks_of(*batches)
    events = [event for batch in batches for event in batch]
    shown = [(c, False) for chunk in made for c in chunk.choices[0].delta.content or ""]
    shown += [(c, True) for chunk in made for c in _reasoning(chunk) or ""]
    sent = [(c, False) for event in events if isinstance(event, TextDelta) for c in event.text]
    sent += [(c, True) for event in events if isinstance(event, ReasoningDelta) for c in event.text]
    assert shown == sent
    assert all(len(chunk.choices[0].delta.content or "") <= LIMIT for chunk in made)


def test_usage_has_every_number_where_litellm_looks_for_it() -> None:
    """OpenAI's names, LiteLLM's names, and the vendor's price."""
    usage = to_usage(USAGE)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (140, 9, 149)
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 40
    assert usage.prompt_tokens_details.cache_creation_tokens == 20
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.reasoning_tokens == 3
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (40, 20)  # type: ignore[attr-defined]
    assert usage.cost == pytest.approx(0.0125)  # type: ignore[attr-defined]


def test_an_unknown_price_is_not_zero() -> None:
    """LiteLLM then counts with its own table."""
    assert getattr(to_usage(UsageReport(1, 1)), "cost", None) is None
    assert to_usage(UsageReport(1, 1, cost=0.0)).cost == 0  # type: ignore[attr-defined]


def test_one_turn_folds_into_one_answer() -> None:
    """Text, reasoning, usage and the hidden facts."""
    response = fold(ModelResponse(), "toy/m1", [TURN])
    (choice,) = response.choices
    assert (response.id, response.model) == ("msg_1", "toy/m1")
    assert choice.message.content == TEXT  # type: ignore[union-attr]
    assert choice.message.reasoning_content == "let me think"  # type: ignore[union-attr]
    assert choice.message.role == "assistant"  # type: ignore[union-attr]
    assert choice.finish_reason == "stop"
    assert response.usage.total_tokens == 149  # type: ignore[attr-defined]
    assert response._hidden_params["uutel"] == {"model": "toy-model-5", "attempts": 2}


def test_a_turn_of_unknown_price_leaves_the_price_to_litellm() -> None:
    """A null would keep it from counting with its own table."""
    response = fold(ModelResponse(), "toy/m1", [[STARTED, UsageReport(1, 1), Finished("stop")]])
    assert "response_cost" not in response._hidden_params


def test_several_turns_fold_into_several_choices_with_their_usage_summed() -> None:
    """`n` turns are one bill."""
    other: list[Event] = [Started("msg_2", "m"), TextDelta("Bye"), UsageReport(1, 2, 3, 4, 5, 0.5), Finished("length")]
    response = fold(ModelResponse(), "toy/m1", [TURN, other])
    assert [(c.index, c.finish_reason, c.message.content) for c in response.choices] == [  # type: ignore[union-attr]
        (0, "stop", TEXT),
        (1, "length", "Bye"),
    ]
    assert response.id == "msg_1"
    usage: Any = response.usage  # type: ignore[attr-defined]
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cost) == (141, 11, pytest.approx(0.5125))
    assert usage.prompt_tokens_details.cached_tokens == 43
    assert usage.prompt_tokens_details.cache_creation_tokens == 24
    assert usage.completion_tokens_details.reasoning_tokens == 8


def test_a_turn_without_text_or_reasoning_folds_into_an_empty_string() -> None:
    """Not None: an answer was given."""
    response = fold(ModelResponse(), "toy/m1", [[STARTED, Finished("content_filter")]])
    message = response.choices[0].message  # type: ignore[union-attr]
    assert message.content == ""
    assert getattr(message, "reasoning_content", None) is None
    assert response.choices[0].finish_reason == "content_filter"


def test_calls_fold_into_whole_ones() -> None:
    """Beside the text, and the reasoning as the vendor wants it back."""
    response = fold(ModelResponse(), "toy/m1", [CALLING])
    message: Any = response.choices[0].message  # type: ignore[union-attr]
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls] == CALLS
    assert {call.type for call in message.tool_calls} == {"function"}
    assert (message.content, message.reasoning_content) == ("I look it up.", "let me think")
    assert message.thinking_blocks == BLOCKS
    assert response.choices[0].finish_reason == "tool_calls"


def test_calls_without_text_fold_into_no_content() -> None:
    """As OpenAI has it."""
    call = ToolCallDelta(0, id="c1", name="f", arguments="{}")
    message: Any = fold(ModelResponse(), "m", [[STARTED, call, Finished("tool_calls")]]).choices[0].message  # type: ignore[union-attr]
    assert message.content is None
    assert getattr(message, "thinking_blocks", None) is None


def test_a_call_is_streamed_with_its_seal_beside_it_and_in_its_id() -> None:
    """In the first piece only: clients that keep nothing else of a call keep the id."""
    made = [piece for chunk in chunks_of(*one_by_one(SEALED)) for piece in chunk.choices[0].delta.tool_calls or ()]
    assert [(piece.id, getattr(piece, "provider_specific_fields", None)) for piece in made] == [
        (SEALED_IDS[0], {"thought_signature": "Zmlyc3Q="}),
        (None, None),
        ("c2", None),
    ]


def test_seals_fold_into_the_fields_that_clients_send_back() -> None:
    """On the message those of the text, all of them; on a call its own."""
    message: Any = (
        fold(ModelResponse(), "m", [[*SEALED[:4], TextSignature("bW9yZQ=="), *SEALED[4:]]]).choices[0].message
    )  # type: ignore[union-attr]
    assert message.provider_specific_fields == {"thought_signatures": ["dGV4dA==", "bW9yZQ=="]}
    assert [call.id for call in message.tool_calls] == SEALED_IDS
    assert [getattr(call, "provider_specific_fields", None) for call in message.tool_calls] == [
        {"thought_signature": "Zmlyc3Q="},
        None,
    ]
    plain: Any = fold(ModelResponse(), "m", [TURN]).choices[0].message  # type: ignore[union-attr]
    assert getattr(plain, "provider_specific_fields", None) is None


def test_the_limits_of_the_plan_are_hidden_facts() -> None:
    """By window; what is newer replaces what is older, and a further try forgets nothing."""
    worse = LimitWindow("five_hour", 0.9, None, "allowed_warning")
    stream = ChunkStream("toy/m1")
    (first,) = stream.feed([PlanLimits((worse,)), STARTED, TextDelta("a")])
    assert first._hidden_params["uutel"]["limits"] == {
        "five_hour": {"utilization": 0.9, "resets_at": None, "status": "allowed_warning"}
    }
    assert [each.choices[0].delta.content for each in stream.feed([TextDelta("b"), PlanLimits((FIVE_HOUR,))])] == ["b"]
    assert list(stream.feed([PlanLimits((SEVEN_DAY,))])) == []
    assert stream.facts == {"model": "toy-model-5", "attempts": 2, "limits": LIMITS}


def test_what_is_known_last_is_shown_by_every_chunk() -> None:
    """LiteLLM keeps the hidden parameters of those with content alone."""
    made = chunks_of(*one_by_one([*TURN[:-1], SERVED, TURN[-1]]))
    assert all(chunk._hidden_params["uutel"] == FACTS for chunk in made)


def test_the_limits_of_the_plan_fold_into_the_hidden_facts_of_the_answer() -> None:
    """Of all its turns; an answer without them has no such fact."""
    other: list[Event] = [Started("msg_2", "m"), PlanLimits((SEVEN_DAY,)), Finished("stop")]
    response = fold(ModelResponse(), "toy/m1", [[STARTED, PlanLimits((FIVE_HOUR,)), Finished("stop")], other])
    assert response._hidden_params["uutel"] == {"model": "toy-model-5", "attempts": 2, "limits": LIMITS}
    assert "limits" not in fold(ModelResponse(), "toy/m1", [TURN])._hidden_params["uutel"]


def test_of_several_turns_the_slowest_tells_how_it_was_served() -> None:
    """It is the one that the caller waited for; id and usage are as ever."""
    quick: list[Event] = [Started("msg_2", "m"), USAGE, replace(SERVED, total_seconds=0.4), Finished("stop")]
    response = fold(ModelResponse(), "toy/m1", [quick, [*TURN[:-1], SERVED, TURN[-1]], quick])
    assert response._hidden_params["uutel"] == FACTS
    assert response.id == "msg_2"


class Scripted(litellm.CustomLLM):
    """A provider that answers with prepared events, as `BaseUU` does: a stream, or its fold."""

    def __init__(self, batches: Sequence[Sequence[Event]]) -> None:
        super().__init__()
        self.batches = batches

    def completion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """The fold."""
        events = [event for batch in self.batches for event in batch]
        return fold(kwargs["model_response"], kwargs["model"], [events])

    async def acompletion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """The fold."""
        return self.completion(*args, **kwargs)

    def streaming(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """The chunks."""
        out = ChunkStream(kwargs["model"])
        return (chunk for batch in self.batches for chunk in out.feed(batch))

    async def astreaming(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:  # type: ignore[override]
        """The chunks."""
        for chunk in self.streaming(*args, **kwargs):
            yield chunk


class Listening(Scripted):
    """Keeps the messages that LiteLLM hands over."""

    heard: Any = None

    def completion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """The fold."""
        self.heard = kwargs["messages"]
        return super().completion(*args, **kwargs)


@pytest.fixture(params=["alone", "together"])
def scripted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[Event]], None]:
    """Make `scripted/m1` answer with these events, arriving one by one or all at once."""

    def script(events: Sequence[Event]) -> None:
        handler = Scripted(one_by_one(events) if request.param == "alone" else [events])
        monkeypatch.setattr(litellm, "custom_provider_map", [{"provider": "scripted", "custom_handler": handler}])

    return script


Script = Callable[[Sequence[Event]], None]
ASK: dict[str, Any] = {"model": "scripted/m1", "messages": [{"role": "user", "content": "hi"}]}


async def ask(*, sync: bool, **more: Any) -> list[Any]:
    """LiteLLM's chunks, as its caller gets them."""
    with anyio.fail_after(60):
        if sync:
            return await anyio.to_thread.run_sync(lambda: list(litellm.completion(**ASK, **more, stream=True)))
        stream: Any = await litellm.acompletion(**ASK, **more, stream=True)
        return [chunk async for chunk in stream]


async def ask_whole(*, sync: bool, **more: Any) -> Any:
    """LiteLLM's response, as its caller gets it."""
    with anyio.fail_after(60):
        if sync:
            return await anyio.to_thread.run_sync(lambda: litellm.completion(**{**ASK, **more}))
        return await litellm.acompletion(**{**ASK, **more})


BOTH = pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])


@BOTH
async def test_litellm_streams_the_answer_whole(scripted: Script, sync: bool) -> None:
    """Text, reasoning, one role, one finish, and one identity for all chunks."""
    scripted(TURN)
    got = await ask(sync=sync)
    deltas = [chunk.choices[0].delta for chunk in got]
    assert "".join(delta.content or "" for delta in deltas) == TEXT
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == "let me think"
    assert [delta.role for delta in deltas if delta.role] == ["assistant"]
    assert [chunk.choices[0].finish_reason for chunk in got if chunk.choices[0].finish_reason] == ["stop"]
    assert got[-1].choices[0].finish_reason == "stop"
    assert {(chunk.id, chunk.model, chunk.created) for chunk in got} == {("msg_1", got[0].model, got[0].created)}


@BOTH
async def test_litellm_hands_the_usage_on_when_asked(scripted: Script, sync: bool) -> None:
    """Exactly the vendor's numbers and price, never an estimate, in a last chunk of its own."""
    scripted(TURN)
    got = await ask(sync=sync, stream_options={"include_usage": True})
    (last,) = [chunk for chunk in got if getattr(chunk, "usage", None)]
    assert last is got[-1]
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (140, 9, 149)
    assert last.usage.prompt_tokens_details.cached_tokens == 40
    assert last.usage.completion_tokens_details.reasoning_tokens == 3
    assert last.usage.cost == pytest.approx(0.0125)
    assert {(chunk.id, chunk.created) for chunk in got} == {("msg_1", got[0].created)}


@BOTH
async def test_litellm_rebuilds_the_answer_from_its_chunks(scripted: Script, sync: bool) -> None:
    """What its loggers and caches see: text, reasoning, usage and cost."""
    scripted(TURN)
    got = await ask(sync=sync, stream_options={"include_usage": True})
    rebuilt: Any = litellm.stream_chunk_builder(got)
    assert rebuilt.choices[0].message.content == TEXT
    assert rebuilt.choices[0].message.reasoning_content == "let me think"
    assert (rebuilt.usage.prompt_tokens, rebuilt.usage.completion_tokens) == (140, 9)
    assert rebuilt.usage.cost == pytest.approx(0.0125)


@BOTH
async def test_litellm_keeps_the_whole_answer_that_was_not_streamed(scripted: Script, sync: bool) -> None:
    """Text, usage, cost and the hidden facts of the fold."""
    scripted(TURN)
    response = await ask_whole(sync=sync)
    assert response.id == "msg_1"
    assert response.choices[0].message.content == TEXT
    assert response.choices[0].message.reasoning_content == "let me think"
    assert response.usage.prompt_tokens_details.cached_tokens == 40
    assert response.usage.cache_creation_input_tokens == 20
    assert response.usage.completion_tokens_details.reasoning_tokens == 3
    assert response._hidden_params["response_cost"] == pytest.approx(0.0125)
    assert response._hidden_params["uutel"] == {"model": "toy-model-5", "attempts": 2}


@pytest.mark.skipif(not hasattr(core_helpers, "billed_usage_cost"), reason="this LiteLLM counts with its own prices")
async def test_litellm_takes_the_vendors_price_for_its_own(scripted: Script) -> None:
    """Of an answer, streamed or not, of a model it has no price of."""
    scripted(TURN)
    streamed: Any = litellm.stream_chunk_builder(await ask(sync=False, stream_options={"include_usage": True}))
    assert litellm.completion_cost(streamed) == pytest.approx(0.0125)
    with anyio.fail_after(60):
        assert litellm.completion_cost(await litellm.acompletion(**ASK)) == pytest.approx(0.0125)


@BOTH
@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
async def test_litellm_keeps_the_finish_reason(scripted: Script, sync: bool, reason: FinishReason) -> None:
    """A cut answer must not look whole."""
    scripted([STARTED, TextDelta("a"), USAGE, Finished(reason)])
    got = await ask(sync=sync)
    assert [chunk.choices[0].finish_reason for chunk in got if chunk.choices[0].finish_reason] == [reason]


@BOTH
async def test_litellm_streams_an_answer_without_text(scripted: Script, sync: bool) -> None:
    """It ends, with its usage."""
    scripted([STARTED, USAGE, Finished("stop")])
    got = await ask(sync=sync, stream_options={"include_usage": True})
    assert "".join(chunk.choices[0].delta.content or "" for chunk in got if chunk.choices) == ""
    assert got[-1].usage.prompt_tokens == 140


@BOTH
async def test_litellm_does_not_take_a_repeating_answer_for_a_fault(scripted: Script, sync: bool) -> None:
    """A model may say the same word 300 times."""
    scripted([STARTED, *[TextDelta("na ")] * 300, USAGE, Finished("stop")])
    got = await ask(sync=sync)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in got) == "na " * 300


@BOTH
async def test_litellm_streams_calls_whole(scripted: Script, sync: bool) -> None:
    """Each under its own index, its id and name once, and the text before them."""
    scripted(CALLING)
    got = await ask(sync=sync)
    made = [piece for chunk in got for piece in chunk.choices[0].delta.tool_calls or ()]
    assert [(piece.index, piece.id, piece.function.name) for piece in made if piece.id or piece.function.name] == [
        (index, name, function) for index, (name, function, _) in enumerate(CALLS)
    ]
    for index, (_, _, arguments) in enumerate(CALLS):
        assert "".join(piece.function.arguments for piece in made if piece.index == index) == arguments
    assert "".join(chunk.choices[0].delta.content or "" for chunk in got) == "I look it up."
    assert [chunk.choices[0].delta.role for chunk in got if chunk.choices[0].delta.role] == ["assistant"]
    assert got[-1].choices[0].finish_reason == "tool_calls"


@BOTH
async def test_litellm_rebuilds_calls_and_reasoning_from_their_chunks(scripted: Script, sync: bool) -> None:
    """The reasoning once, and its blocks as the vendor wants them back."""
    scripted(CALLING)
    rebuilt: Any = litellm.stream_chunk_builder(await ask(sync=sync, stream_options={"include_usage": True}))
    message = rebuilt.choices[0].message
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls] == CALLS
    assert (message.content, message.reasoning_content) == ("I look it up.", "let me think")
    assert message.thinking_blocks == BLOCKS
    assert rebuilt.choices[0].finish_reason == "tool_calls"
    assert rebuilt.usage.cost == pytest.approx(0.0125)


@BOTH
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "rebuilt"])
async def test_an_answer_of_calls_can_be_sent_back_through_litellm(
    scripted: Script, sync: bool, streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What arrives is what was answered: calls, arguments to the character, text and reasoning."""
    scripted(CALLING)
    answer: Any = litellm.stream_chunk_builder(await ask(sync=sync)) if streamed else await ask_whole(sync=sync)
    handler = Listening([TURN])
    monkeypatch.setattr(litellm, "custom_provider_map", [{"provider": "scripted", "custom_handler": handler}])
    results = [{"role": "tool", "tool_call_id": name, "content": ""} for name, _, _ in CALLS]
    await ask_whole(sync=sync, messages=[*ASK["messages"], answer.choices[0].message, *results])
    history = read_messages(handler.heard)
    assert [(call.id, call.name, call.arguments) for call in history[1].tool_calls] == CALLS
    assert history[1].text == "I look it up."
    assert history[1].reasoning == (ReasoningBlock("let me think", "sig=="), ReasoningBlock("", "", redacted="enc=="))
    assert [message.tool_call_id for message in history[2:]] == ["c1", "c2", "c3"]


@BOTH
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "rebuilt"])
async def test_a_sealed_answer_can_be_sent_back_through_litellm(
    scripted: Script, sync: bool, streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seals of the text and of the call arrive, beside them and in the id."""
    scripted(SEALED)
    answer: Any = litellm.stream_chunk_builder(await ask(sync=sync)) if streamed else await ask_whole(sync=sync)
    handler = Listening([TURN])
    monkeypatch.setattr(litellm, "custom_provider_map", [{"provider": "scripted", "custom_handler": handler}])
    results = [
        {"role": "tool", "tool_call_id": each.id, "content": ""} for each in answer.choices[0].message.tool_calls
    ]
    back = [*ASK["messages"], answer.choices[0].message, *results]
    await ask_whole(sync=sync, model="scripted/gemini-m1", messages=back)
    sent = read_messages(handler.heard)[1]
    assert (sent.text, sent.signature) == ("I look it up.", "dGV4dA==")
    assert sent.tool_calls == (
        ToolCall(SEALED_IDS[0], "weather", '{"city": "Bâle"}', signature="Zmlyc3Q="),
        ToolCall("c2", "now", "{}"),
    )


@BOTH
async def test_litellm_streams_the_seal_of_a_text_that_has_come_to_its_end(scripted: Script, sync: bool) -> None:
    """On an empty piece, as Google sends it."""
    scripted([STARTED, TextDelta("a"), TextSignature("dGV4dA=="), USAGE, Finished("stop")])
    got = await ask(sync=sync)
    shown = [chunk.choices[0].delta.provider_specific_fields for chunk in got]
    assert [fields for fields in shown if fields] == [{"thought_signatures": ["dGV4dA=="]}]
    rebuilt: Any = litellm.stream_chunk_builder(got)
    assert rebuilt.choices[0].message.provider_specific_fields == {"thought_signatures": ["dGV4dA=="]}


@BOTH
@pytest.mark.parametrize("late", [False, True], ids=["before-the-text", "after-the-text"])
async def test_litellm_hands_the_limits_of_the_plan_on(scripted: Script, sync: bool, late: bool) -> None:
    """On the response, and on a chunk of a stream that its reader gets to see."""
    told: list[Event] = [PlanLimits((FIVE_HOUR, SEVEN_DAY)), TextDelta("a")]
    scripted([STARTED, *(reversed(told) if late else told), USAGE, Finished("stop")])
    assert (await ask_whole(sync=sync))._hidden_params["uutel"]["limits"] == LIMITS
    shown = [chunk._hidden_params or {} for chunk in await ask(sync=sync)]
    assert [facts["uutel"]["limits"] for facts in shown if "uutel" in facts] == [LIMITS]


@BOTH
async def test_litellm_hands_on_how_the_answer_was_served(scripted: Script, sync: bool) -> None:
    """To whoever has a response, or any chunk with content, once the answer is whole."""
    scripted([*TURN[:-1], SERVED, TURN[-1]])
    assert (await ask_whole(sync=sync))._hidden_params["uutel"] == FACTS
    shown = [chunk._hidden_params or {} for chunk in await ask(sync=sync)]
    told = [facts["uutel"] for facts in shown if "uutel" in facts]
    assert told
    assert all(facts == FACTS for facts in told)
