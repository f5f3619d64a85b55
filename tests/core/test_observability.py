"""What can be seen of a request from outside: LiteLLM's callbacks, the hidden parameters, the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import anyio
import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger

import uutel_bridge
from tests.listener import Listener, listening
from uutel_bridge import testing

BOUND = 60
MODEL = "uutel/claude-code/sonnet"


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """One that LiteLLM knows."""
    with listening() as listener:
        yield listener


@pytest.fixture(scope="module", autouse=True)
def fakes() -> Iterator[None]:
    """Fake CLIs, and at most one process."""
    uutel_bridge.register()
    with testing.fake_clis(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("UUTEL_CLAUDE_CODE__SPARES", "0")
        patch.setenv("UUTEL_CLAUDE_CODE__MAX_PROCESSES", "1")
        yield


async def whole(text: str, *, sync: bool = False, **options: Any) -> Any:
    """A whole answer."""
    asked = [{"role": "user", "content": text}]
    with anyio.fail_after(BOUND):
        if sync:
            return await anyio.to_thread.run_sync(lambda: litellm.completion(MODEL, asked, **options))
        return await litellm.acompletion(MODEL, asked, **options)


async def streamed(text: str, *, sync: bool = False, **options: Any) -> list[Any]:
    """All chunks of an answer, read to the end."""
    asked = [{"role": "user", "content": text}]
    with anyio.fail_after(BOUND):
        if sync:
            read = lambda: list(litellm.completion(MODEL, asked, stream=True, **options))  # noqa: E731
            return await anyio.to_thread.run_sync(read)
        stream: Any = await litellm.acompletion(MODEL, asked, stream=True, **options)
        return [chunk async for chunk in stream]


async def facts_of(text: str, *, stream: bool = False, **options: Any) -> dict[str, Any]:
    """How an answer was served."""
    if stream:
        return (await streamed(text, **options))[0]._hidden_params["uutel"]
    return (await whole(text, **options))._hidden_params["uutel"]


FOUR_CALLS = pytest.mark.parametrize(
    ("ask", "sync"),
    [(whole, True), (whole, False), (streamed, True), (streamed, False)],
    ids=["completion", "acompletion", "streaming", "astreaming"],
)


# LiteLLM's callbacks


@FOUR_CALLS
async def test_callbacks_see_model_usage_cost_and_times(
    listener: Listener, ask: Callable[..., Any], sync: bool
) -> None:
    """The vendor's own numbers, in LiteLLM's payload; and how the answer was served, beside it."""
    name = str(uuid4())
    await ask("[[scenario:usage]]", sync=sync, litellm_call_id=name)
    kwargs = await listener.told_of(name)
    payload = kwargs["standard_logging_object"]
    assert (payload["status"], payload["custom_llm_provider"]) == ("success", "uutel")
    assert payload["model"].removeprefix("uutel/") == "claude-code/sonnet"
    assert (payload["prompt_tokens"], payload["completion_tokens"], payload["total_tokens"]) == (160, 7, 167)
    assert payload["response_cost"] > 0
    assert payload["startTime"] <= payload["completionStartTime"] <= payload["endTime"]
    facts = kwargs["uutel"]
    assert (facts["request_id"], facts["attempts"]) == (name, 1)
    assert facts["model"].startswith("claude-")
    assert 0 <= facts["queue_seconds"] <= facts["first_event_seconds"] <= facts["total_seconds"]
    assert facts["total_seconds"] <= payload["endTime"] - payload["startTime"]


class Witness(CustomLogger):
    """Hears when a vendor is asked, and when it has answered."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Any) -> None:
        """Before it is asked."""
        self.heard.append(("asked", {**kwargs}))

    def log_post_api_call(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """With its answer, if that came whole."""
        self.heard.append(("answered", {**kwargs}))


@FOUR_CALLS
async def test_callbacks_hear_when_the_vendor_is_asked(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Any], sync: bool
) -> None:
    """With the conversation, and without the caller's key; later with an answer that comes whole, as it came."""
    witness = Witness()
    monkeypatch.setattr(litellm, "input_callback", [witness])
    await ask("[[scenario:text]]", sync=sync, api_key="sk-hush")
    assert [what for what, _ in witness.heard] == (["asked", "answered"] if ask is whole else ["asked"])
    for what, kwargs in witness.heard:
        assert kwargs["input"] == [{"role": "user", "content": "[[scenario:text]]"}]
        assert kwargs["api_key"] == ""
        assert ("part0 part1" in kwargs.get("original_response", "")) == (what == "answered")


@FOUR_CALLS
async def test_callbacks_do_not_hear_of_a_request_that_no_vendor_is_asked(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[..., Any], sync: bool
) -> None:
    """It was refused before."""
    witness = Witness()
    monkeypatch.setattr(litellm, "input_callback", [witness])
    with pytest.raises(litellm.UnsupportedParamsError):
        await ask("Hello", sync=sync, cwd="/")
    assert witness.heard == []


@FOUR_CALLS
async def test_callbacks_see_a_failure(listener: Listener, ask: Callable[..., Any], sync: bool) -> None:
    """Its kind and its words, and the call that it was."""
    name = str(uuid4())
    with pytest.raises(litellm.BadRequestError):
        await ask("[[scenario:e400]]", sync=sync, litellm_call_id=name)
    payload = (await listener.told_of(name))["standard_logging_object"]
    assert (payload["status"], payload["total_tokens"]) == ("failure", 0)
    assert payload["error_information"]["error_class"] == "BadRequestError"
    assert "made-up validation failure" in payload["error_str"]
    assert payload["startTime"] <= payload["endTime"]


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
async def test_callbacks_see_a_failure_in_mid_stream(listener: Listener, sync: bool) -> None:
    """And what was known by then."""
    name = str(uuid4())
    with pytest.raises(litellm.exceptions.MidStreamFallbackError):
        await streamed("[[scenario:sse_error]]", sync=sync, litellm_call_id=name)
    kwargs = await listener.told_of(name)
    assert kwargs["standard_logging_object"]["status"] == "failure"
    assert kwargs["uutel"]["attempts"] == 1


# The hidden parameters

STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@STREAMED
async def test_times_are_those_of_the_answer(stream: bool) -> None:
    """The first words after the first pause, the end after the last."""
    facts = await facts_of("[[scenario:slow n=3 delay=0.2]]", stream=stream)
    assert 0.2 <= facts["first_event_seconds"] <= facts["total_seconds"] - 0.3
    assert facts["total_seconds"] >= 0.6


@STREAMED
async def test_a_process_that_served_before_says_so(stream: bool) -> None:
    """It starts from nothing, and counts."""
    await uutel_bridge.aclose()
    assert [(await facts_of("Hello", stream=stream))["process_uses"] for _ in range(3)] == [0, 1, 2]


@STREAMED
async def test_waiting_in_line_is_told_apart(stream: bool) -> None:
    """Of two requests for one process, one waits for the other."""
    both = [facts_of("[[scenario:slow n=3 delay=0.2]]", stream=stream) for _ in range(2)]
    first, second = sorted(await asyncio.gather(*both), key=lambda facts: facts["queue_seconds"])
    assert second["queue_seconds"] >= first["queue_seconds"] + 0.5
    assert second["total_seconds"] >= second["queue_seconds"] + 0.6


@STREAMED
async def test_further_tries_are_counted_and_their_time_is_in_it(stream: bool) -> None:
    """With the pause between them."""
    facts = await facts_of(f"[[scenario:flaky_e529 id={uuid4().hex}]]", stream=stream)
    assert facts["attempts"] == 2
    assert facts["first_event_seconds"] >= 0.5


async def test_an_answer_has_a_name_also_where_nobody_gave_one() -> None:
    """Each another one."""
    names = {(await facts_of("Hello", stream=stream))["request_id"] for stream in (False, True, False)}
    assert len(names) == 3
    assert all(names)


@pytest.mark.parametrize("name", ["two\nlines", "x" * 200], ids=["line-feed", "too-long"])
async def test_a_name_that_would_spoil_the_log_is_replaced(name: str) -> None:
    """A client of a proxy may choose it."""
    assert len((await facts_of("Hello", litellm_call_id=name))["request_id"]) == 32


# The log


async def test_every_line_of_a_request_bears_its_name_and_nothing_of_what_was_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its process's start, too; nothing of it is for those who do not debug."""
    await uutel_bridge.aclose()
    caplog.set_level("DEBUG", "uutel_bridge")
    name = str(uuid4())
    response = await whole("Hush! [[scenario:echo]]", litellm_call_id=name, api_key="sk-hush")
    assert response.choices[0].message.content == "Hush! "
    lines = [record for record in caplog.records if record.name.startswith("uutel_bridge")]
    assert {"uutel_bridge.pool", "uutel_bridge.turn"} <= {record.name for record in lines}
    assert all(record.getMessage().startswith(f"[{name}] ") for record in lines)
    assert {record.request_id for record in lines} == {name}  # type: ignore[attr-defined]
    assert {record.levelname for record in lines} == {"DEBUG"}
    assert "hush" not in " ".join(record.getMessage() for record in lines).lower()


async def test_requests_side_by_side_are_told_apart_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Each has all lines of its turn."""
    caplog.set_level("DEBUG", "uutel_bridge.turn")
    names = [str(uuid4()) for _ in range(4)]
    await asyncio.gather(*(whole("Hello", litellm_call_id=name) for name in names))
    lines = [record.request_id for record in caplog.records if record.name == "uutel_bridge.turn"]  # type: ignore[attr-defined]
    assert sorted(lines) == sorted(names * 2)


async def test_a_further_try_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """The caller hears nothing of it but the delay."""
    caplog.set_level("WARNING", "uutel_bridge")
    await whole(f"[[scenario:flaky_e529 id={uuid4().hex}]]")
    assert [record.name for record in caplog.records if record.name.startswith("uutel_bridge")] == ["uutel_bridge.turn"]
