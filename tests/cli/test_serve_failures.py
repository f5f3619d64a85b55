"""What `uutel-bridge serve` answers where the model does not."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import anyio
import openai
import pytest

from tests.cli.asking import TOOLS, asynchronous, question, streamed_words
from tests.cli.conftest import Command
from tests.cli.serving import MODELS, Served, serving
from uutel_bridge import testing

pytest.importorskip("fastapi", reason="the extra `proxy` is not installed")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """As a user starts it."""
    with testing.fake_clis() as home:
        command = Command(home)
        with serving(command) as server:
            yield server
        assert command.nothing_left()


_STATUSES = {
    "e400": (400, ()),
    "e401": (401, ()),
    "e403": (403, ()),
    "e404": (404, ()),
    "too_long": (400, ()),
    "limit": (429, ("retry-after",)),
    "e500": (500, ()),
    "e529": (503, ()),
    "hang0": (408, ()),
}
"""What comes of a failure before the first word, and which headers tell more of it."""


@pytest.mark.parametrize("path", TOOLS)
async def test_a_failure_has_its_status(served: Served, path: str) -> None:
    """Of a stream as well, which LiteLLM would have begun; and a body in the form of each API that says what it was."""
    told: dict[tuple[str, bool], tuple[int, tuple[str, ...]]] = {}

    async def ask(scenario: str, stream: bool) -> None:
        body = question(path, f"[[scenario:{scenario} id={path}-{stream}]]")
        limit = {"timeout": 1} if scenario == "hang0" else {}
        answer = await client.post(path, json={**body, **limit, "stream": stream})
        told[scenario, stream] = (answer.status_code, tuple({"retry-after"} & answer.headers.keys()))
        assert answer.headers["content-type"] == "application/json"
        error = answer.json()["error"]
        assert "litellm." in error["message"]
        if path != "/v1/messages":
            assert error["code"] == str(answer.status_code)

    async with asynchronous(served) as client, anyio.create_task_group() as group:
        for scenario in _STATUSES:
            for stream in (False, True):
                group.start_soon(ask, scenario, stream)
    assert told == {(scenario, stream): _STATUSES[scenario] for scenario in _STATUSES for stream in (False, True)}


_ASKING = {"messages": [{"role": "user", "content": "[[scenario:limit]]"}], "model": MODELS["claude-code"]}


def test_clients_raise_what_a_stream_fails_with(served: Served) -> None:
    """As if it were the vendor who had answered."""
    to_anthropic = anthropic.Anthropic(base_url=served.url, api_key=served.key, max_retries=0)
    with to_anthropic as client, pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(**_ASKING, max_tokens=100, stream=True)
    assert int(caught.value.response.headers["retry-after"]) > 0
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key, max_retries=0) as client:
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(**_ASKING, stream=True)
        with pytest.raises(openai.RateLimitError):
            client.responses.create(input="[[scenario:limit]]", model=MODELS["claude-code"], stream=True)


@pytest.mark.parametrize("stream", [False, True])
def test_clients_ask_a_plan_once_that_is_used_up(served: Served, stream: bool) -> None:
    """They would try again at once, and so would LiteLLM each time; it still does where it streams to Anthropic's."""
    asking = [{"role": "user", "content": f"[[scenario:limit id=once-{stream}]]"}]
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key) as client, pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model=MODELS["claude-code"], messages=asking, stream=stream)
    with anthropic.Anthropic(base_url=served.url, api_key=served.key) as other, pytest.raises(anthropic.RateLimitError):
        other.messages.create(model=MODELS["claude-code"], messages=asking, stream=stream, max_tokens=100)
    assert served.questions().count(f"id=once-{stream}") == 2 + 2 * stream


def test_a_stream_that_breaks_off_says_so_after_its_words(served: Served) -> None:
    """Its status is out by then; each API has an event for it."""
    ends: list[str] = []
    for path in TOOLS:
        events = served.events(path, **question(path, "[[scenario:sse_error]]"))
        assert streamed_words(path, [event for event in events if "error" not in event]) == "p0 p1 "
        ends.append(events[-1].get("type", events[-1].get("error", {}).get("code")))
    assert ends == ["503", "error", "response.failed"]
