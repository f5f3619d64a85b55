"""OpenAI's words to Gemini CLI's, by table."""

from __future__ import annotations

from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.events import Finished, Started, TextDelta
from uutel_bridge.core.request import read_request
from uutel_bridge.providers.gemini_cli.models import GeminiCLIRequest, Update
from uutel_bridge.providers.gemini_cli.transforms import GeminiCLITransform

TRANSFORM = GeminiCLITransform()
HI = {"role": "user", "content": "hi"}
ASKED = {"type": "user", "content": [{"text": "", "thought": False}, {"text": "hi"}]}


def system(text: str, role: str = "system") -> dict[str, Any]:
    """A message that instructs."""
    return {"role": role, "content": text}


def request(*messages: dict[str, Any], **params: Any) -> GeminiCLIRequest:
    """What the CLI will be told."""
    supported = TRANSFORM.supported
    return TRANSFORM.request(
        read_request("gemini-2.5-pro", list(messages), params, provider="gemini-cli", supported=supported)
    )


NEUTRAL = "You are a helpful assistant."


def test_a_bare_request_is_its_one_message() -> None:
    """Nothing is added but a system prompt, which the CLI always sends."""
    assert request(HI) == GeminiCLIRequest(model="gemini-2.5-pro", system_prompt=NEUTRAL, turns=(ASKED,))


def test_functions_and_parameters_have_their_places() -> None:
    """Under the names that the model sees."""
    made = request(HI, tools=[{"type": "function", "function": {"name": "look", "description": "Look."}}], seed=3)
    assert made.tools == ({"name": "look", "description": "Look.", "inputSchema": {"type": "object"}},)
    assert made.names == {"mcp_u_look": "look"}
    assert made.generation == {"seed": 3}


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        pytest.param([system("be brief")], "be brief", id="one"),
        pytest.param([system(" a\n\n"), system("", "developer"), system("\n b", "developer")], "a\n\nb", id="several"),
        pytest.param([system(" \n")], NEUTRAL, id="blank"),
        pytest.param(
            [system("$ {AvailableTools} ${AvailableTools ${foo} a\r\n\r\n\r\nb\n\nc")],
            "$ {AvailableTools} ${AvailableTools ${foo} a\r\n\r\n\r\nb\n\nc",
            id="what-only-looks-like-a-mark",
        ),
    ],
)
def test_system_messages_are_the_system_prompt(messages: list[dict[str, Any]], prompt: str) -> None:
    """In their order, without whitespace at their ends, and no turns of the conversation."""
    made = request(*messages, HI)
    assert (made.system_prompt, made.turns) == (prompt, (ASKED,))


@pytest.mark.parametrize(
    "text",
    ["${AvailableTools}", "${AgentSkills}", "${SubAgents}", "${mcp_u_look_ToolName}", "\n\n\n"],
)
def test_a_system_message_that_the_cli_would_alter_is_refused(text: str) -> None:
    """It is said which part of it."""
    words = "three or more line feeds" if text.isspace() else text
    with pytest.raises(BadRequest) as caught:
        request(system(f"a{text}b"), HI)
    assert caught.value.param == "messages"
    assert words in caught.value.message


def test_any_json_object_is_asked_for_without_words() -> None:
    """Gemini has a switch for it."""
    made = request(system("a"), HI, response_format={"type": "json_object"})
    assert (made.system_prompt, made.generation) == ("a", {"responseMimeType": "application/json"})


@pytest.mark.parametrize(
    "messages",
    [[HI, {"role": "assistant", "content": "a"}], [system("a")]],
    ids=["the-assistants", "nobodys"],
)
def test_the_last_word_is_the_users(messages: list[dict[str, Any]]) -> None:
    """The CLI would say one for them."""
    with pytest.raises(BadRequest, match="the last message") as caught:
        request(*messages)
    assert caught.value.param == "messages"


def test_each_turn_has_an_id_of_its_own() -> None:
    """The CLI tells none of the vendor's."""
    made = request(HI)
    chunk = Update("agent_message_chunk", {"content": {"type": "text", "text": "a"}})
    events = [TRANSFORM.translator(made).feed(chunk) for _ in range(2)]
    (first, second) = [each[0] for each in events]
    assert isinstance(first, Started)
    assert isinstance(second, Started)
    assert first.response_id != second.response_id
    assert events[0] == (Started(first.response_id, "gemini-2.5-pro"), TextDelta("a"))


def test_what_was_asked_for_decides_how_the_answer_ended() -> None:
    """A translator knows its request."""
    translator = TRANSFORM.translator(request(HI, max_tokens=5))
    tokens = {"input": 1, "output": 3, "cached": 0, "thoughts": 2, "tool": 0, "total": 6}
    translator.feed(Update("record", {"tokens": tokens, "model": "gemini-2.5-pro"}))
    assert translator.feed(Update("answered", {"stopReason": "end_turn"}))[-1] == Finished("length")
