"""OpenAI's words to Claude Code's: conversations and parameters, by table."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.request import read_request
from uutel_bridge.providers.claude_code.models import ClaudeCodeRequest
from uutel_bridge.providers.claude_code.transforms import EFFORTS, ClaudeCodeTransform

TRANSFORM = ClaudeCodeTransform()
HI = {"role": "user", "content": "hi"}


def request(*messages: dict[str, Any], **params: Any) -> ClaudeCodeRequest:
    """What the CLI will be told."""
    chat = read_request("sonnet", list(messages), params, provider="claude-code", supported=TRANSFORM.supported)
    return TRANSFORM.request(chat)


def marked(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages as they are sent: the cache's breakpoint on the last block of the last one."""
    *earlier, newest = messages
    content = newest["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    breakpoint_ = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    return [*earlier, {**newest, "content": [*blocks[:-1], blocks[-1] | breakpoint_]}]


def test_a_bare_request_is_its_one_message() -> None:
    """Nothing is added but the mark for the prompt cache."""
    block = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert request(HI) == ClaudeCodeRequest(
        model="sonnet", system_prompt="", messages=({"role": "user", "content": [block]},)
    )


@pytest.mark.parametrize(
    ("messages", "system_prompt", "expected"),
    [
        pytest.param(
            [{"role": "system", "content": "be brief"}, HI],
            "be brief",
            [{"role": "user", "content": "hi"}],
            id="system",
        ),
        pytest.param(
            [{"role": "system", "content": "a"}, HI, {"role": "developer", "content": " b "}, HI],
            "a\n\n b ",
            [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "hi"}]}],
            id="systems-in-their-order",
        ),
        pytest.param(
            [HI, {"role": "assistant", "content": "hello"}, {"role": "user", "content": "more"}],
            "",
            [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": "hello"},
                {"role": "user", "content": "more"},
            ],
            id="true-turns",
        ),
        pytest.param(
            [HI, {"role": "assistant", "content": None}, {"role": "user", "content": "more"}],
            "",
            [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": []},
                {"role": "user", "content": "more"},
            ],
            id="an-empty-answer-stays-a-turn",
        ),
        pytest.param(
            [{"role": "user", "content": ""}],
            "",
            [{"role": "user", "content": [{"type": "text", "text": ""}]}],
            id="an-empty-question-is-a-block",
        ),
        pytest.param(
            [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
            "",
            [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
            id="parts-stay-parts",
        ),
        pytest.param(
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "see"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                        {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk="}},
                        {"type": "file", "file": {"file_id": "https://example.org/a.pdf"}},
                    ],
                }
            ],
            "",
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "see"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
                        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
                        {
                            "type": "document",
                            "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
                        },
                        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
                    ],
                }
            ],
            id="media",
        ),
    ],
)
def test_a_conversation_becomes_anthropics(
    messages: list[dict[str, Any]], system_prompt: str, expected: list[dict[str, Any]]
) -> None:
    """Real turns in their order, and the system messages apart."""
    made = request(*messages)
    assert made.system_prompt == system_prompt
    assert list(made.messages) == marked(expected)


@given(st.lists(st.text(min_size=1).filter(lambda text: bool(text.strip())), min_size=1))
def test_alternating_turns_keep_their_text_to_the_character(texts: list[str]) -> None:
    """Whatever is in it."""
    turns = [{"role": "user" if index % 2 == 0 else "assistant", "content": text} for index, text in enumerate(texts)]
    asked = turns if len(turns) % 2 else [*turns, HI]
    assert list(request(*asked).messages) == marked(asked)


@pytest.mark.parametrize(
    ("params", "facts"),
    [
        pytest.param({"max_tokens": 5}, {"max_tokens": 5, "body": {}}, id="max-tokens"),
        pytest.param({"effort": "high"}, {"effort": "high", "body": {}}, id="effort"),
        pytest.param({"temperature": 0}, {"body": {"temperature": 0.0}}, id="temperature-zero"),
        pytest.param({"top_p": 0.5}, {"body": {"top_p": 0.5}}, id="top-p"),
        pytest.param({"stop": "END"}, {"body": {"stop_sequences": ["END"]}}, id="stop"),
        pytest.param({"stop": []}, {"body": {}}, id="no-stop"),
    ],
)
def test_each_parameter_goes_where_the_cli_takes_it(params: dict[str, Any], facts: dict[str, Any]) -> None:
    """Flags where it has them, the request's body where it has none."""
    made = request(HI, **params)
    assert {name: getattr(made, name) for name in facts} == facts


@pytest.mark.parametrize("effort", EFFORTS)
def test_every_effort_of_the_cli_passes(effort: str) -> None:
    """As it is."""
    assert request(HI, reasoning_effort=effort).effort == effort


@pytest.mark.parametrize(
    ("messages", "params", "param"),
    [
        pytest.param([{"role": "system", "content": "a"}], {}, "messages", id="only-a-system-message"),
        pytest.param([HI, {"role": "assistant", "content": "a"}], {}, "messages", id="ends-with-an-answer"),
        pytest.param([HI], {"reasoning_effort": "none"}, "reasoning_effort", id="effort-of-another-vendor"),
        pytest.param([HI], {"reasoning_effort": "High"}, "reasoning_effort", id="effort-in-capitals"),
    ],
)
def test_what_claude_cannot_answer_is_refused_at_once(
    messages: list[dict[str, Any]], params: dict[str, Any], param: str
) -> None:
    """Before a process is needed for it."""
    with pytest.raises(BadRequest) as caught:
        request(*messages, **params)
    assert caught.value.param == param
