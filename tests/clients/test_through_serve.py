"""The vendors' own Python clients, unchanged, at `uutel-bridge serve`; the models behind it are played."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from typing import Any

import anthropic
import openai
import pydantic
import pytest

from tests.cli.serving import ANSWER, BOUND, Served
from tests.clients.places import PLACES, end, served
from tests.conformance.conversations import Message, assistant, call, numbered, result, system, user
from tests.conformance.world import World

pytest.importorskip("fastapi", reason="the extra `proxy` is not installed")

_SYSTEM = "Be exact."
_WHERE = '{"city": "Oslo"}'
_PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": _PARAMETERS}}]


class Weather(pydantic.BaseModel):
    """What an answer is held to."""

    city: str
    degrees: int


def _ended_well(kind: str) -> Iterator[tuple[Served, Mapping[str, World]]]:
    with served(kind) as (server, worlds):
        yield server, worlds
        assert end(server, signal.SIGINT) == 128 + signal.SIGINT


@pytest.fixture(scope="module")
def on_fakes() -> Iterator[tuple[Served, Mapping[str, World]]]:
    """One server for all clients; nothing of it is left at its end."""
    yield from _ended_well("fake")


@pytest.fixture(scope="module")
def on_real_clis() -> Iterator[tuple[Served, Mapping[str, World]]]:
    """Likewise."""
    yield from _ended_well("real")


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest) -> tuple[Served, World]:
    """A provider, and the server that it is behind."""
    kind, name = request.param
    server, worlds = request.getfixturevalue("on_fakes" if kind == "fake" else "on_real_clis")
    return server, worlds[name]


@pytest.fixture(scope="module")
def world(place: tuple[Served, World]) -> World:
    """The provider."""
    return place[1]


@pytest.fixture(scope="module")
def by_openai(place: tuple[Served, World]) -> Iterator[openai.OpenAI]:
    """OpenAI's client."""
    server = place[0]
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, timeout=BOUND, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def by_anthropic(place: tuple[Served, World]) -> Iterator[anthropic.Anthropic]:
    """Anthropic's client."""
    server = place[0]
    with anthropic.Anthropic(base_url=server.url, api_key=server.key, timeout=BOUND, max_retries=0) as client:
        yield client


def _check_seen(world: World, marker: str, *conversations: list[Message]) -> None:
    """The model was asked once with each of these conversations, and saw no other."""
    bodies = world.bodies(marker)
    assert [body.system for body in bodies] == [
        [m["content"] for m in c if m["role"] == "system"] for c in conversations
    ]
    assert [numbered(body.conversation) for body in bodies] == [numbered(world.seen(c)) for c in conversations]


def _check_carried(world: World, marker: str) -> None:
    """The model called the function, and was told what came of it; it was asked no more often."""
    asked = [user(marker)]
    _check_seen(world, marker, asked, [*asked, assistant(None, call("c", "weather", _WHERE)), result("c", "rain")])
    for body in world.bodies(marker):
        assert {name: tool.schema["required"] for name, tool in body.tools.items()} == {"weather": ["city"]}


def test_the_models_are_listed(by_openai: openai.OpenAI, world: World) -> None:
    """By the names under which they are asked."""
    assert world.model in [model.id for model in by_openai.models.list()]


def test_a_chat_completion_comes_whole(by_openai: openai.OpenAI, world: World) -> None:
    """The model sees what the client said, once."""
    marker = world.marker("text")
    messages: Any = [system(_SYSTEM), user(f"Hello {marker}")]
    answer = by_openai.chat.completions.create(model=world.model, messages=messages)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (ANSWER, "stop")
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (18, 4)
    _check_seen(world, marker, messages)


def test_a_chat_completion_is_streamed(by_openai: openai.OpenAI, world: World) -> None:
    """Piece by piece, as the model says it; how much it was comes last, where that is asked for."""
    marker = world.marker("slow", n=3, delay=0.05)
    messages: Any = [system(_SYSTEM), user(f"Hello {marker}")]
    stream = by_openai.chat.completions.create(
        model=world.model, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = stream
    pieces = [piece for chunk in chunks if (piece := chunk.choices[0].delta.content)]
    assert len(pieces) > 1
    assert "".join(pieces) == "s0 s1 s2 "
    assert last.usage
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (18, 3)
    _check_seen(world, marker, messages)


def test_chat_completions_carry_a_function_there_and_back(by_openai: openai.OpenAI, world: World) -> None:
    """Streamed first, by the client's own putting together of the pieces."""
    marker = world.marker("tool")
    messages: list[Any] = [user(marker)]
    with by_openai.chat.completions.stream(model=world.model, messages=messages, tools=_TOOLS) as stream:
        message = stream.get_final_completion().choices[0].message
    (called,) = message.tool_calls or ()
    assert json.loads(called.function.arguments) == {"city": "Oslo"}
    messages += [message.model_dump(exclude_none=True), result(called.id, "rain")]
    answer = by_openai.chat.completions.create(model=world.model, messages=messages, tools=_TOOLS)
    assert "rain" in (answer.choices[0].message.content or "")
    _check_carried(world, marker)


def test_a_chat_completion_fits_a_class(by_openai: openai.OpenAI, world: World) -> None:
    """The client checks it."""
    marker = world.marker("json")
    messages: Any = [user(marker)]
    answer = by_openai.chat.completions.parse(model=world.model, messages=messages, response_format=Weather)
    assert answer.choices[0].message.parsed == Weather(city="s", degrees=1)
    assert world.body(marker).schema


def test_a_response_comes_whole(by_openai: openai.OpenAI, world: World) -> None:
    """Instructions are the system prompt."""
    marker = world.marker("text")
    answer = by_openai.responses.create(model=world.model, input=f"Hello {marker}", instructions=_SYSTEM)
    assert (answer.output_text, answer.status) == (ANSWER, "completed")
    _check_seen(world, marker, [system(_SYSTEM), user(f"Hello {marker}")])


def test_a_response_is_streamed(by_openai: openai.OpenAI, world: World) -> None:
    """Every event is one that the client knows."""
    marker = world.marker("slow", n=3, delay=0.05)
    with by_openai.responses.stream(model=world.model, input=marker) as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        whole = stream.get_final_response().output_text
    assert len(pieces) > 1
    assert "".join(pieces) == whole == "s0 s1 s2 "
    _check_seen(world, marker, [user(marker)])


def test_responses_carry_a_function_there_and_back(by_openai: openai.OpenAI, world: World) -> None:
    """The client's own state goes back as it came."""
    tools: Any = [{"type": "function", "name": "weather", "parameters": _PARAMETERS, "strict": False}]
    marker = world.marker("tool")
    turns: list[Any] = [user(marker)]
    first = by_openai.responses.create(model=world.model, input=turns, tools=tools)
    (called,) = (item for item in first.output if item.type == "function_call")
    turns += [*first.output, {"type": "function_call_output", "call_id": called.call_id, "output": "rain"}]
    assert "rain" in by_openai.responses.create(model=world.model, input=turns, tools=tools).output_text
    _check_carried(world, marker)


def test_a_response_fits_a_class(by_openai: openai.OpenAI, world: World) -> None:
    """The client checks it."""
    marker = world.marker("json")
    answer = by_openai.responses.parse(model=world.model, input=marker, text_format=Weather)
    assert answer.output_parsed == Weather(city="s", degrees=1)
    assert world.body(marker).schema


def test_a_message_comes_whole(by_anthropic: anthropic.Anthropic, world: World) -> None:
    """The system prompt stands beside the messages."""
    marker = world.marker("text")
    answer = by_anthropic.messages.create(
        model=world.model, max_tokens=100, system=_SYSTEM, messages=[{"role": "user", "content": f"Hello {marker}"}]
    )
    (said,) = answer.content
    assert said.type == "text"
    assert (said.text, answer.stop_reason) == (ANSWER, "end_turn")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 4)
    _check_seen(world, marker, [system(_SYSTEM), user(f"Hello {marker}")])


def test_a_message_is_streamed(by_anthropic: anthropic.Anthropic, world: World) -> None:
    """Every event is one that the client knows."""
    marker = world.marker("slow", n=3, delay=0.05)
    with by_anthropic.messages.stream(
        model=world.model, max_tokens=100, messages=[{"role": "user", "content": marker}]
    ) as stream:
        pieces = list(stream.text_stream)
        whole = stream.get_final_text()
    assert len(pieces) > 1
    assert "".join(pieces) == whole == "s0 s1 s2 "
    _check_seen(world, marker, [user(marker)])


def test_messages_carry_a_function_there_and_back(by_anthropic: anthropic.Anthropic, world: World) -> None:
    """By the client's own loop."""
    asked: list[str] = []

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """The weather in a city, now."""
        asked.append(city)
        return "rain"

    marker = world.marker("tool")
    runner = by_anthropic.beta.messages.tool_runner(
        model=world.model,
        max_tokens=100,
        messages=[{"role": "user", "content": marker}],
        tools=[weather],
        thread=False,  # else the conversation would be left with Anthropic's server, and be sent no more
    )
    told = runner.until_done().content[-1]
    assert asked == ["Oslo"]
    assert told.type == "text"
    assert "rain" in told.text
    _check_carried(world, marker)


def test_a_message_fits_a_class(by_anthropic: anthropic.Anthropic, world: World) -> None:
    """The client checks it."""
    marker = world.marker("json")
    answer = by_anthropic.messages.parse(
        model=world.model, max_tokens=100, messages=[{"role": "user", "content": marker}], output_format=Weather
    )
    assert answer.parsed_output == Weather(city="s", degrees=1)
    assert world.body(marker).schema


def test_a_failure_is_each_clients_own_error(
    by_openai: openai.OpenAI, by_anthropic: anthropic.Anthropic, world: World
) -> None:
    """Whole, and streamed where that is refused before it begins."""
    used_up, unknown = world.marker("limit"), world.marker("e404")
    messages: Any = [user(used_up)]
    with pytest.raises(openai.RateLimitError):
        by_openai.chat.completions.create(model=world.model, messages=messages, stream=True)
    world.body(used_up)
    with pytest.raises(anthropic.NotFoundError):
        by_anthropic.messages.create(model=world.model, max_tokens=100, messages=[{"role": "user", "content": unknown}])
    assert world.bodies(unknown)


def test_a_client_that_hangs_up_in_mid_stream_ends_the_answer(by_openai: openai.OpenAI, world: World) -> None:
    """The model is heard no further, and the next question is answered."""
    marker, then = world.marker("slow", n=1000), world.marker("text")
    messages: Any = [user(marker)]
    with by_openai.chat.completions.create(model=world.model, messages=messages, stream=True) as stream:
        next(stream)
    world.breaks_off(marker)
    messages = [user(then)]
    answer = by_openai.chat.completions.create(model=world.model, messages=messages)
    assert answer.choices[0].message.content == ANSWER
    _check_seen(world, then, messages)
