"""The vendors' own Python clients, unchanged, at `uutel-bridge serve`; the models behind it are fakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pydantic
import pytest

from tests.cli.conftest import Command
from tests.cli.serving import ANSWER, BOUND, MODELS, Served, serving
from uutel_bridge import testing

pytest.importorskip("fastapi", reason="the extra `proxy` is not installed")
pytestmark = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)

_PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_CALL = "[[scenario:tool]]"
"""Makes a model call its first function with the city Oslo, and then say what that told."""
_FIT = "[[scenario:json]]"


class Weather(pydantic.BaseModel):
    """What an answer is held to."""

    city: str
    degrees: int


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """One server for all clients."""
    with testing.fake_clis() as home:
        command = Command(home)
        with serving(command) as server:
            yield server
        assert command.nothing_left()


@pytest.fixture(scope="module")
def by_openai(served: Served) -> Iterator[openai.OpenAI]:
    """OpenAI's client."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key, timeout=BOUND, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def by_anthropic(served: Served) -> Iterator[anthropic.Anthropic]:
    """Anthropic's client."""
    with anthropic.Anthropic(base_url=served.url, api_key=served.key, timeout=BOUND, max_retries=0) as client:
        yield client


def test_chat_completions_carry_a_function_there_and_back(by_openai: openai.OpenAI, model: str) -> None:
    """Streamed first, by the client's own putting together of the pieces."""
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": _PARAMETERS}}]
    messages: list[Any] = [{"role": "user", "content": _CALL}]
    with by_openai.chat.completions.stream(model=model, messages=messages, tools=tools) as stream:
        message = stream.get_final_completion().choices[0].message
    (call,) = message.tool_calls or ()
    assert json.loads(call.function.arguments) == {"city": "Oslo"}
    messages += [message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
    answer = by_openai.chat.completions.create(model=model, messages=messages, tools=tools)
    assert "rain" in (answer.choices[0].message.content or "")


def test_chat_completions_fit_a_class(by_openai: openai.OpenAI, model: str) -> None:
    """The client checks it."""
    messages: Any = [{"role": "user", "content": _FIT}]
    answer = by_openai.chat.completions.parse(model=model, messages=messages, response_format=Weather)
    assert answer.choices[0].message.parsed == Weather(city="s", degrees=1)


def test_responses_carry_a_function_there_and_back(by_openai: openai.OpenAI, model: str) -> None:
    """The client's own state goes back as it came."""
    tools: Any = [{"type": "function", "name": "weather", "parameters": _PARAMETERS, "strict": False}]
    turns: list[Any] = [{"role": "user", "content": _CALL}]
    first = by_openai.responses.create(model=model, input=turns, tools=tools)
    (call,) = (item for item in first.output if item.type == "function_call")
    turns += [*first.output, {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}]
    assert "rain" in by_openai.responses.create(model=model, input=turns, tools=tools).output_text


def test_responses_fit_a_class(by_openai: openai.OpenAI, model: str) -> None:
    """Likewise."""
    assert by_openai.responses.parse(model=model, input=_FIT, text_format=Weather).output_parsed == Weather(
        city="s", degrees=1
    )


def test_responses_are_streamed(by_openai: openai.OpenAI, model: str) -> None:
    """Every event is one that the client knows."""
    with by_openai.responses.stream(model=model, input="Hello") as stream:
        assert stream.get_final_response().output_text == ANSWER


def test_messages_carry_a_function_there_and_back(by_anthropic: anthropic.Anthropic, model: str) -> None:
    """By the client's own loop."""
    asked: list[str] = []

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """The weather in a city, now."""
        asked.append(city)
        return "rain"

    runner = by_anthropic.beta.messages.tool_runner(
        model=model,
        max_tokens=100,
        messages=[{"role": "user", "content": _CALL}],
        tools=[weather],
        thread=False,  # else the conversation would be left with Anthropic's server, and be sent no more
    )
    told = runner.until_done().content[-1]
    assert asked == ["Oslo"]
    assert told.type == "text"
    assert "rain" in told.text


def test_messages_fit_a_class(by_anthropic: anthropic.Anthropic, model: str) -> None:
    """The client checks it."""
    answer = by_anthropic.messages.parse(
        model=model, max_tokens=100, messages=[{"role": "user", "content": _FIT}], output_format=Weather
    )
    assert answer.parsed_output == Weather(city="s", degrees=1)


def test_messages_are_streamed(by_anthropic: anthropic.Anthropic, model: str) -> None:
    """Every event is one that the client knows."""
    with by_anthropic.messages.stream(
        model=model, max_tokens=100, messages=[{"role": "user", "content": "Hello"}]
    ) as stream:
        assert stream.get_final_text() == ANSWER
