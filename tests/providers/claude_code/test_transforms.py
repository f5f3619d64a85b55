"""OpenAI's words to Claude Code's: everything of a request but the conversation itself, by table."""

from __future__ import annotations

from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.events import ToolCallDelta
from uutel_bridge.core.request import read_request
from uutel_bridge.providers.claude_code.models import ClaudeCodeRequest, StreamEvent
from uutel_bridge.providers.claude_code.transforms import EFFORTS, ClaudeCodeTransform

TRANSFORM = ClaudeCodeTransform()
HI = {"role": "user", "content": "hi"}
CALL = {"type": "function", "id": "c", "function": {"name": "look", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "r"}
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("look", "look.up")]
LOOK_UP = {"type": "function", "function": {"name": "look.up"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
WANTED = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}


def request(*messages: dict[str, Any], **params: Any) -> ClaudeCodeRequest:
    """What the CLI will be told."""
    chat = read_request("sonnet", list(messages), params, provider="claude-code", supported=TRANSFORM.supported)
    return TRANSFORM.request(chat)


def test_a_bare_request_is_its_one_message() -> None:
    """Nothing is added but the mark for the prompt cache."""
    block = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert request(HI) == ClaudeCodeRequest(
        model="sonnet", system_prompt="", messages=({"role": "user", "content": [block]},)
    )


@pytest.mark.parametrize(
    ("messages", "prompt", "told"),
    [
        pytest.param([{"role": "system", "content": "be brief"}, HI], "be brief", 1, id="one"),
        pytest.param(
            [{"role": "system", "content": "a"}, HI, {"role": "developer", "content": " b "}, HI],
            "a\n\n b ",
            1,
            id="in-their-order",
        ),
        pytest.param([{"role": "system", "content": ["a", "b"]}, HI], "ab", 1, id="parts"),
        pytest.param([HI], "", 1, id="none"),
        pytest.param(
            [HI, CALLING, {"role": "system", "content": "a"}, RESULT], "a", 3, id="between-a-call-and-its-result"
        ),
    ],
)
def test_system_messages_are_the_system_prompt(messages: list[dict[str, Any]], prompt: str, told: int) -> None:
    """They are no turns of the conversation."""
    made = request(*messages)
    assert (made.system_prompt, len(made.messages)) == (prompt, told)


@pytest.mark.parametrize(
    ("params", "facts"),
    [
        pytest.param({"max_tokens": 5}, {"max_tokens": 5, "body": {}}, id="max-tokens"),
        pytest.param({"effort": "high"}, {"effort": "high", "body": {}}, id="effort"),
        pytest.param({"temperature": 0}, {"body": {"temperature": 0.0}}, id="temperature-zero"),
        pytest.param({"top_p": 0.5}, {"body": {"top_p": 0.5}}, id="top-p"),
        pytest.param({"stop": "END"}, {"body": {"stop_sequences": ["END"]}}, id="stop"),
        pytest.param({"stop": []}, {"body": {}}, id="no-stop"),
        pytest.param({"tool_choice": "none", "parallel_tool_calls": False}, {"body": {}}, id="no-tools-to-choose-from"),
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
        pytest.param([HI, CALLING], {}, "messages[1].tool_calls", id="ends-with-a-call"),
        *(
            pytest.param(
                [HI], {"tools": TOOLS, "tool_choice": choice, "thinking": thinking}, "tool_choice", id=f"{name}-call"
            )
            for name, choice in {"forced": "required", "named": LOOK_UP}.items()
            for thinking in ({"type": "adaptive"}, {"type": "enabled", "budget_tokens": 9})
        ),
        pytest.param(
            [HI],
            {"tools": [{"type": "function", "function": {"name": "look", "parameters": {"anyOf": []}}}]},
            "tools",
            id="unreadable-function",
        ),
        pytest.param(
            [HI],
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"maximum": 2**64}}}},
            "response_format.json_schema.schema",
            id="a-form-that-is-no-json",
        ),
    ],
)
def test_what_claude_cannot_answer_is_refused_at_once(
    messages: list[dict[str, Any]], params: dict[str, Any], param: str
) -> None:
    """Before a process is needed for it."""
    with pytest.raises(BadRequest) as caught:
        request(*messages, **params)
    assert caught.value.param == param


# Functions


def wired(made: ClaudeCodeRequest, name: str) -> str:
    """What the model sees a function as."""
    return next(wire for wire, own in made.names.items() if own == name)


def test_the_callers_functions_are_offered_under_names_that_lead_back() -> None:
    """Whatever they are called."""
    made = request(HI, tools=TOOLS)
    assert made.server is not None
    assert set(made.names) == made.server.wire_names
    assert set(made.names.values()) == {"look", "look.up"}
    (event,) = TRANSFORM.translator(made).feed(
        StreamEvent({
            "type": "content_block_start",
            "content_block": {"type": "tool_use", "id": "c", "name": wired(made, "look.up"), "input": {}},
        })
    )
    assert event == ToolCallDelta(0, id="c", name="look.up")


def test_an_earlier_call_has_the_name_that_the_function_has_now() -> None:
    """The model sees one function, not two."""
    made = request(HI, CALLING, RESULT, tools=TOOLS)
    assert made.messages[1]["content"][0]["name"] == wired(made, "look")


@pytest.mark.parametrize(
    ("params", "choice"),
    [
        pytest.param({}, None, id="left-out"),
        pytest.param({"tool_choice": "auto"}, None, id="auto"),
        pytest.param({"tool_choice": "none"}, {"type": "none"}, id="none"),
        pytest.param({"tool_choice": "required"}, {"type": "any"}, id="required"),
        pytest.param({"tool_choice": LOOK_UP}, {"type": "tool", "name": "look.up"}, id="named"),
        pytest.param(
            {"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}, id="one-at-a-time"
        ),
        pytest.param({"parallel_tool_calls": True}, None, id="several-at-a-time"),
        pytest.param(
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
            id="required-one",
        ),
        pytest.param(
            {"tool_choice": LOOK_UP, "parallel_tool_calls": False},
            {"type": "tool", "name": "look.up", "disable_parallel_tool_use": True},
            id="named-one",
        ),
        pytest.param({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}, id="none-of-one"),
    ],
)
def test_the_choice_of_functions_is_told_in_anthropics_words(
    params: dict[str, Any], choice: dict[str, Any] | None
) -> None:
    """And not at all where it is what the model does anyway."""
    made = request(HI, tools=TOOLS, **params)
    if choice and "name" in choice:
        choice = {**choice, "name": wired(made, choice["name"])}
    assert made.body.get("tool_choice") == choice
    assert ("tool_choice" in made.body) is (choice is not None)


# The form of the answer


@pytest.mark.parametrize("tools", [[], TOOLS], ids=["alone", "with-functions"])
def test_a_schema_for_the_answer_goes_into_the_body(tools: list[dict[str, Any]]) -> None:
    """As the API takes it; the prompt stays the caller's."""
    made = request({"role": "system", "content": "a"}, HI, response_format=WANTED, tools=tools)
    form = {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}
    assert made.body == {"output_config": {"format": form}}
    assert made.system_prompt == "a"


@pytest.mark.parametrize("system", [[], [{"role": "system", "content": "a"}]], ids=["alone", "after-the-callers"])
def test_any_json_object_is_asked_for_in_words(system: list[dict[str, Any]]) -> None:
    """The API has no word for it."""
    made = request(*system, HI, response_format={"type": "json_object"})
    assert made.body == {}
    *before, asked = made.system_prompt.split("\n\n")
    assert before == [each["content"] for each in system]
    assert "JSON object" in asked


def test_plain_text_is_not_asked_for() -> None:
    """It is what comes anyway."""
    assert request(HI, response_format={"type": "text"}) == request(HI)


# Reasoning

FORCED: dict[str, Any] = {"tools": TOOLS, "tool_choice": "required"}


@pytest.mark.parametrize(
    ("params", "thinks", "thinking"),
    [
        pytest.param({}, True, None, id="left-out"),
        pytest.param({"thinking": {"type": "disabled"}}, False, None, id="disabled"),
        pytest.param(
            {"thinking": {"type": "adaptive"}}, True, {"type": "adaptive", "display": "summarized"}, id="adaptive"
        ),
        pytest.param(
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            True,
            {"type": "enabled", "budget_tokens": 2000, "display": "summarized"},
            id="budget",
        ),
        pytest.param(
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            True,
            {"type": "adaptive", "display": "omitted"},
            id="the-callers-display",
        ),
        pytest.param(FORCED, False, None, id="a-forced-call"),
        pytest.param({**FORCED, "tool_choice": LOOK_UP}, False, None, id="a-named-call"),
        pytest.param({**FORCED, "thinking": {"type": "disabled"}}, False, None, id="a-forced-call-and-disabled"),
        pytest.param({**FORCED, "reasoning_effort": "high"}, False, None, id="a-forced-call-and-an-effort"),
        pytest.param({**FORCED, "tool_choice": "none"}, True, None, id="no-call"),
    ],
)
def test_reasoning_is_switched_as_asked_and_off_for_a_forced_call(
    params: dict[str, Any], thinks: bool, thinking: dict[str, Any] | None
) -> None:
    """Claude cannot do both."""
    made = request(HI, **params)
    assert (made.thinks, made.body.get("thinking")) == (thinks, thinking)


def test_earlier_reasoning_goes_back_under_the_models_full_name() -> None:
    """The CLI knows it by no other."""
    block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    made = request(HI, {"role": "assistant", "content": "a", "thinking_blocks": [block]}, HI)
    assert made.messages[1] == {
        "role": "assistant",
        "content": [block, {"type": "text", "text": "a"}],
        "model": "claude-sonnet-5-5",
    }
