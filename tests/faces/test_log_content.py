"""What of a conversation is in the log: nothing, unless the user says so; and a secret never."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

import anyio
import litellm
import openai
import pytest

from tests.conformance.conversations import assistant, call, function, result, system, user
from tests.conformance.processes import BOUND
from tests.conformance.world import World

EACH = pytest.mark.parametrize("provider", ["claude-code", "codex", "gemini-cli", "cloud-code"])
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
KEY = "sk-made-up-and-secret"
TOOLS = [function("alpha", "Looks it up.")]
ASKED = ("Quiet please", "Hush hush")
CALLED = ("Not a word", '{"n": 4711}', "Mum's the word")


def conversation(scenario: str, marker: str) -> list[Any]:
    """All that a conversation may hold, the texts above in it; without a result where the model is to call."""
    answer, arguments, told = CALLED
    earlier = [assistant(answer, call("call_1", "alpha", arguments)), result("call_1", told), user("Go on")]
    prompt, question = ASKED
    return [system(prompt), user(question), *(earlier if scenario != "tool" else ()), user(marker)]


async def ask(world: World, scenario: str, *, stream: bool, **given: Any) -> str:
    """Ask, and read the answer to its end, if it has one; the name of the call."""
    name = str(uuid4())
    options: dict[str, Any] = {"tools": TOOLS, "litellm_call_id": name, "api_key": KEY, "stream": stream, **given}
    messages = conversation(scenario, world.marker(scenario))
    with anyio.fail_after(BOUND), suppress(openai.OpenAIError):
        response: Any = await litellm.acompletion(world.model, messages, **options)
        if stream:
            _ = [chunk async for chunk in response]
    return name


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """All that was logged, but for what LiteLLM says, with all that comes beside a message."""
    records = [record for record in caplog.records if not record.name.startswith("LiteLLM")]
    return [f"{record.name} {record.getMessage()} {vars(record)}" for record in records]


@EACH
@STREAMED
@pytest.mark.parametrize("scenario", ["text", "tool", "e400", "sse_error", "die0"])
async def test_nothing_of_what_is_said_is_in_the_log(
    worlds: Mapping[str, World], caplog: pytest.LogCaptureFixture, provider: str, stream: bool, scenario: str
) -> None:
    """Nor of the answer, the calls in it, or what the caller and the login have for a key; however it ends."""
    world = worlds[provider]
    caplog.set_level("DEBUG")
    await ask(world, scenario, stream=stream)
    logged = lines(caplog)
    assert any(line.startswith("uutel_bridge.turn ") for line in logged)
    for text in (*ASKED, *CALLED, "part0", "Oslo", "alpha", KEY, *world.secrets):
        assert text not in "\n".join(logged)


@pytest.fixture
def _told(worlds: Mapping[str, World], provider: str) -> Iterator[None]:
    with worlds[provider].settings(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("UUTEL_LOG_CONTENT", "true")
        yield


@EACH
@STREAMED
@pytest.mark.usefixtures("_told")
@pytest.mark.parametrize(
    ("scenario", "said"),
    [("text", (*ASKED, *CALLED, "part0 part1 part2 part3 ")), ("tool", (*ASKED, "alpha", "Oslo"))],
)
async def test_all_that_is_said_is_in_the_log_where_the_user_says_so(
    worlds: Mapping[str, World],
    caplog: pytest.LogCaptureFixture,
    provider: str,
    stream: bool,
    scenario: str,
    said: tuple[str, ...],
) -> None:
    """On lines of the request that it belongs to, and at DEBUG alone; but no key."""
    world = worlds[provider]
    caplog.set_level("DEBUG")
    name = await ask(world, scenario, stream=stream)
    told = [record for record in caplog.records if record.name == "uutel_bridge.transcript"]
    messages = [record.getMessage() for record in told]
    assert all(message.startswith(f"[{name}] ") for message in messages)
    assert {record.levelname for record in told} == {"DEBUG"}
    for text in said:
        assert [text in message for message in messages].count(True) == 1, text
    assert not [text for text in (KEY, *world.secrets) if text in "\n".join(lines(caplog))]
