"""The LiteLLM face: how arguments are read, and that its four calls are views of one turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litellm
import pytest

import uutel_bridge
from uutel_bridge import testing
from uutel_bridge.core import process
from uutel_bridge.core.base import BaseUU, UutelUU, shared_handler
from uutel_bridge.core.errors import UUError
from uutel_bridge.providers.claude_code import ClaudeCodeUU
from uutel_bridge.providers.claude_code.parts import PARTS

MODEL = "uutel/claude-code/sonnet"
ANSWER = "part0 part1 part2 part3 "


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Fake CLIs that write down what they ask the model."""
    uutel_bridge.register()
    with testing.fake_clis() as home:
        monkeypatch.setenv("FAKE_CLI_LOG", str(home / "log"))
        monkeypatch.setenv("UUTEL_CLAUDE_CODE__PASS_ENV", "FAKE_CLI_LOG")
        monkeypatch.setenv("UUTEL_CLAUDE_CODE__SPARES", "0")
        yield home / "log"


def said(text: str) -> list[dict[str, Any]]:
    """A conversation of one line."""
    return [{"role": "user", "content": text}]


def asked(log: Path) -> list[dict[str, Any]]:
    """The bodies of the model's requests, without those of the start-up probe."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [
        json.loads(line)["body"] for line in lines if "second question" not in line and "first question" not in line
    ]


def sync_call(text: str, **options: Any) -> str:
    """`completion`."""
    return litellm.completion(MODEL, said(text), **options).choices[0].message.content


def sync_stream(text: str, **options: Any) -> str:
    """`streaming`."""
    chunks = litellm.completion(MODEL, said(text), stream=True, **options)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def async_call(text: str, **options: Any) -> str:
    """`acompletion`."""

    async def call() -> str:
        return (await litellm.acompletion(MODEL, said(text), **options)).choices[0].message.content

    return asyncio.run(call())


def async_stream(text: str, **options: Any) -> str:
    """`astreaming`."""

    async def call() -> str:
        chunks = await litellm.acompletion(MODEL, said(text), stream=True, **options)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

    return asyncio.run(call())


FOUR_CALLS = pytest.mark.parametrize("call", [sync_call, sync_stream, async_call, async_stream])


@FOUR_CALLS
def test_all_four_calls_come_to_the_same(call: Any) -> None:
    """One turn, four views."""
    assert call("Hello") == ANSWER


@FOUR_CALLS
@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"seed": 1}, litellm.UnsupportedParamsError),
        ({"temperature": 7}, litellm.BadRequestError),
        ({"extra_headers": {"X-Mine": "1"}}, litellm.UnsupportedParamsError),
        ({"headers": {"X-Mine": "1"}}, litellm.UnsupportedParamsError),
    ],
)
def test_a_wrong_request_is_refused_before_anything_starts(
    log: Path, call: Any, options: dict[str, Any], error: type[Exception]
) -> None:
    """In all four calls alike."""
    with pytest.raises(error):
        call("Hello", **options)
    assert process._live == set()
    assert asked(log) == []


@pytest.mark.parametrize("given", ["extra_headers", "headers"])
def test_a_framework_may_say_who_it_is(given: str) -> None:
    """They all do, and it asks for nothing."""
    assert sync_call("Hello", **{given: {"User-Agent": "Agents/Python"}}) == ANSWER


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_wrong_stream_is_refused_when_it_is_asked_for(streamed: bool) -> None:
    """Not when it is first read."""
    with pytest.raises(litellm.BadRequestError) as caught:
        await litellm.acompletion(MODEL, said("Hello"), temperature=7, stream=streamed)
    assert isinstance(caught.value.__cause__, UUError)
    assert (caught.value.llm_provider, caught.value.model) == ("claude-code", "claude-code/sonnet")


@FOUR_CALLS
def test_a_failure_of_the_vendor_keeps_its_evidence(call: Any) -> None:
    """In all four calls alike."""
    with pytest.raises(litellm.BadRequestError, match="made-up validation failure"):
        call("[[scenario:e400]]")


@FOUR_CALLS
def test_drop_params_leaves_out_what_is_not_possible(log: Path, call: Any) -> None:
    """And nothing else."""
    assert call("Hello", seed=1, temperature=0.5, drop_params=True) == ANSWER
    (body,) = asked(log)
    assert body["temperature"] == 0.5


def test_drop_params_can_be_set_for_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM's own switch."""
    monkeypatch.setattr(litellm, "drop_params", True)
    assert sync_call("Hello", logit_bias={"1": 1}) == ANSWER


def test_several_choices_come_in_one_response() -> None:
    """With the usage of all."""
    one = litellm.completion(MODEL, said("Hello"))
    response = litellm.completion(MODEL, said("Hello"), n=3)
    assert [choice.message.content for choice in response.choices] == [ANSWER] * 3
    assert [choice.index for choice in response.choices] == [0, 1, 2]
    assert response.usage.completion_tokens == 3 * one.usage.completion_tokens


@pytest.mark.parametrize("call", [sync_stream, async_stream])
def test_several_choices_cannot_be_streamed(call: Any) -> None:
    """LiteLLM has no place for the second one."""
    with pytest.raises(litellm.UnsupportedParamsError, match="several choices"):
        call("Hello", n=2)


@FOUR_CALLS
def test_retries_are_the_callers_where_he_counts_them(log: Path, call: Any) -> None:
    """`max_retries` is no parameter of the vendor's."""
    with pytest.raises(litellm.ServiceUnavailableError):
        call("[[scenario:e529]]", max_retries=0)
    assert len(asked(log)) == 1


@FOUR_CALLS
def test_retries_that_litellm_has_for_all_calls_are_the_only_ones(
    log: Path, monkeypatch: pytest.MonkeyPatch, call: Any
) -> None:
    """LiteLLM's own of an answer in one piece; of a stream, whose failure it does not see, as many of the bridge's."""
    monkeypatch.setattr(litellm, "num_retries", 1)
    with pytest.raises(litellm.ServiceUnavailableError):
        call("[[scenario:e529]]")
    assert len(asked(log)) == 2


@FOUR_CALLS
def test_retries_are_counted_in_numbers(call: Any) -> None:
    """As every parameter, this one is named where it is wrong."""
    with pytest.raises(litellm.BadRequestError, match="max_retries"):
        call("Hello", max_retries="three")


@pytest.mark.parametrize("model", ["uutel/sonnet", "uutel/claude-code/", "uutel/"])
def test_a_name_without_provider_or_model_is_refused(model: str) -> None:
    """With the form that a name has."""
    with pytest.raises(litellm.BadRequestError, match="uutel/<provider>/<model>, with one of claude-code, "):
        litellm.completion(model, said("Hello"))


def test_an_unknown_provider_is_refused() -> None:
    """The known ones are named."""
    with pytest.raises(litellm.BadRequestError, match="Known are claude-code, "):
        litellm.completion("uutel/nobody/sonnet", said("Hello"))


def test_a_model_name_may_hold_slashes(log: Path) -> None:
    """Gateways have such."""
    litellm.completion("uutel/claude-code/vendor/model", said("Hello"))
    (body,) = asked(log)
    assert body["model"] == "vendor/model"


def test_there_is_one_shared_handler() -> None:
    """The one that a proxy's configuration names."""
    assert uutel_bridge.handler is shared_handler() is uutel_bridge.handler
    assert isinstance(uutel_bridge.handler, UutelUU)


def test_a_provider_class_says_who_it_is_and_nothing_more() -> None:
    """Names worth offering are those of the catalogue."""
    assert issubclass(ClaudeCodeUU, BaseUU)
    assert ClaudeCodeUU.provider_name == PARTS.name
    assert {model.name for model in PARTS.models} <= {*ClaudeCodeUU.supported_models}
    own = {name for name in vars(ClaudeCodeUU) if not name.startswith("__")}
    assert own == {"provider_name", "supported_models"}
