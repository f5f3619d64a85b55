"""OpenAI's words to Codex's, by table."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.events import Finished, Started, ToolCallDelta
from uutel_bridge.core.request import read_request
from uutel_bridge.providers.codex.catalog import DEFAULT_MODEL, EFFORTS
from uutel_bridge.providers.codex.models import CodexRequest, Notice
from uutel_bridge.providers.codex.transforms import CodexTransform

TRANSFORM = CodexTransform()
HI = {"role": "user", "content": "hi"}
SAID = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
CALL = {"type": "function", "id": "c", "function": {"name": "look.up", "arguments": '{"a":1}'}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "r"}
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("look", "look.up")]
LOOK_UP = "f_look_up_c2199496"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}}
WANTED = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
GIF = base64.b64encode(b"GIF89a\x01\x00\x01\x00" + bytes(10)).decode()
BMP = base64.b64encode(b"BM" + bytes(12) + b"\x28\0\0\0\x01\0\0\0\x01\0\0\0" + bytes(28)).decode()
PDF = base64.b64encode(b"%PDF-1.4").decode()


def request(*messages: dict[str, Any], model: str = "gpt-6-sol", **params: Any) -> CodexRequest:
    """What the CLI will be told."""
    chat = read_request(model, list(messages), params, provider="codex", supported=TRANSFORM.supported)
    return TRANSFORM.request(chat)


def image(url: str) -> dict[str, Any]:
    """A part of a message."""
    return {"type": "image_url", "image_url": {"url": url}}


def test_a_bare_request_is_its_one_message() -> None:
    """Nothing is added."""
    assert request(HI) == CodexRequest(model="gpt-6-sol", instructions="", items=(SAID,))


def test_the_default_model_has_no_name() -> None:
    """The CLI chooses it; answers are told as of that one."""
    made = request(HI, model="default")
    assert made.model is None
    translator = TRANSFORM.translator(made)
    translator.feed(Notice("rawResponse/completed", {"turnId": "u"}))
    assert translator.feed(Notice("turn/completed", {"turn": {"id": "u"}})) == (Finished("stop"),)
    begun = TRANSFORM.translator(made).feed(Notice("rawResponse/completed", {"turnId": "u"}))
    assert begun == (Started("u", DEFAULT_MODEL),)


@pytest.mark.parametrize(
    ("messages", "instructions", "told"),
    [
        pytest.param([{"role": "system", "content": "be brief"}, HI], "be brief", 1, id="one"),
        pytest.param(
            [{"role": "system", "content": "a"}, HI, {"role": "developer", "content": " b "}, HI],
            "a\n\n b ",
            2,
            id="in-their-order",
        ),
        pytest.param([HI, CALLING, {"role": "system", "content": "a"}, RESULT], "a", 3, id="before-a-result"),
    ],
)
def test_system_messages_are_the_instructions(messages: list[dict[str, Any]], instructions: str, told: int) -> None:
    """They are no items of the conversation."""
    made = request(*messages)
    assert (made.instructions, len(made.items)) == (instructions, told)


@pytest.mark.parametrize(
    ("messages", "items"),
    [
        pytest.param(
            [HI, {"role": "assistant", "content": "ho"}, HI],
            [SAID, {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ho"}]}, SAID],
            id="turns",
        ),
        pytest.param(
            [{"role": "user", "content": ["a", "", image(f"data:image/gif;base64,{GIF}")]}],
            [
                {
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "a"},
                        {"type": "input_text", "text": ""},
                        {"type": "input_image", "image_url": f"data:image/gif;base64,{GIF}", "detail": "original"},
                    ],
                }
            ],
            id="parts-and-an-image",
        ),
        pytest.param(
            [HI, {**CALLING, "content": "well"}, RESULT],
            [
                SAID,
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "well"}]},
                {"type": "function_call", "call_id": "c", "name": LOOK_UP, "arguments": '{"a":1}'},
                {"type": "function_call_output", "call_id": "c", "output": "r"},
            ],
            id="a-call-and-its-result",
        ),
        pytest.param(
            [HI, CALLING, {**RESULT, "content": ["r", image(f"data:image/gif;base64,{GIF}")]}],
            [
                SAID,
                {"type": "function_call", "call_id": "c", "name": LOOK_UP, "arguments": '{"a":1}'},
                {
                    "type": "function_call_output",
                    "call_id": "c",
                    "output": [
                        {"type": "input_text", "text": "r"},
                        {"type": "input_image", "image_url": f"data:image/gif;base64,{GIF}", "detail": "original"},
                    ],
                },
            ],
            id="a-result-with-an-image",
        ),
    ],
)
def test_the_conversation_is_told_item_by_item(messages: list[dict[str, Any]], items: list[dict[str, Any]]) -> None:
    """In its order, with nothing joined and nothing left out."""
    assert list(request(*messages).items) == items


def test_a_call_id_that_comes_again_is_another_call() -> None:
    """And one that is too long for OpenAI is a shorter one, the same in call and result."""
    long = "c" * 65
    second = {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": long}]}
    made = request(HI, CALLING, RESULT, second, {**RESULT, "tool_call_id": long}, RESULT).items
    ids = [item["call_id"] for item in made if "call_id" in item]
    assert ids[:4] == ["c", "c", "c-2", ids[3]]
    assert ids[4:] == [ids[3], "c-2"]
    assert len(ids[3]) <= 64


def test_functions_are_dynamic_tools_under_names_that_codex_takes() -> None:
    """Answers have the caller's."""
    made = request(HI, tools=TOOLS)
    assert [tool["name"] for tool in made.tools] == ["look", LOOK_UP]
    assert made.names == {"look": "look", LOOK_UP: "look.up"}
    said = {"type": "function_call", "call_id": "c", "name": LOOK_UP, "arguments": "{}"}
    events = TRANSFORM.translator(made).feed(Notice("rawResponseItem/completed", {"turnId": "u", "item": said}))
    assert events[1] == ToolCallDelta(0, "c", "look.up", "{}")


@pytest.mark.parametrize(
    ("params", "facts"),
    [
        pytest.param({"effort": "xhigh"}, {"effort": "xhigh"}, id="effort"),
        pytest.param({"verbosity": "high"}, {"verbosity": "high"}, id="verbosity"),
        pytest.param({"service_tier": "flex"}, {"service_tier": "flex"}, id="service-tier"),
        pytest.param({"service_tier": "auto"}, {"service_tier": None}, id="any-service-tier"),
        pytest.param({"response_format": WANTED}, {"output_schema": SCHEMA, "instructions": ""}, id="schema-as-it-is"),
        pytest.param({"tools": TOOLS, "tool_choice": "none"}, {"tools": (), "names": {}}, id="no-tools"),
        pytest.param({"parallel_tool_calls": False}, {"tools": ()}, id="nothing-to-call-in-parallel"),
    ],
)
def test_each_parameter_goes_where_the_cli_takes_it(params: dict[str, Any], facts: dict[str, Any]) -> None:
    """Or is carried out by leaving something out."""
    made = request(HI, **params)
    assert {name: getattr(made, name) for name in facts} == facts


@pytest.mark.parametrize(
    ("text", "summary"), [("hm", [{"type": "summary_text", "text": "hm"}]), ("", [])], ids=["told", "not-told"]
)
def test_its_own_reasoning_goes_back_before_what_came_of_it(text: str, summary: list[dict[str, str]]) -> None:
    """As OpenAI sealed it."""
    block = {"type": "thinking", "thinking": text, "signature": "codex:sealed"}
    made = request(HI, {**CALLING, "thinking_blocks": [block]}, RESULT)
    assert [item["type"] for item in made.items] == ["message", "reasoning", "function_call", "function_call_output"]
    assert made.items[1] == {"type": "reasoning", "summary": summary, "encrypted_content": "sealed"}


@pytest.mark.parametrize(
    "block",
    [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "x"}],
    ids=["signed", "redacted"],
)
def test_another_vendors_reasoning_does_not(block: dict[str, str]) -> None:
    """OpenAI could not open it."""
    made = request(HI, {"role": "assistant", "content": "a", "thinking_blocks": [block]}, HI)
    assert [item["type"] for item in made.items] == ["message"] * 3


def test_any_json_object_is_asked_for_in_words() -> None:
    """After the caller's own."""
    made = request({"role": "system", "content": "a"}, HI, response_format={"type": "json_object"})
    assert made.output_schema is None
    assert made.instructions.startswith("a\n\nAnswer with a single JSON object")


@pytest.mark.parametrize(
    ("messages", "params", "cls", "param"),
    [
        pytest.param([HI, {"role": "assistant", "content": "a"}], {}, BadRequest, "messages", id="ends-with-assistant"),
        pytest.param([{"role": "system", "content": "a"}], {}, BadRequest, "messages", id="nobody-speaks"),
        pytest.param([HI], {"effort": "extreme"}, BadRequest, "reasoning_effort", id="effort"),
        pytest.param([HI], {"verbosity": "much"}, BadRequest, "verbosity", id="verbosity"),
        pytest.param([HI], {"service_tier": "scale"}, BadRequest, "service_tier", id="service-tier"),
        pytest.param([HI], {"max_tokens": 5}, UnsupportedParam, "max_tokens", id="max-tokens"),
        pytest.param([HI], {"temperature": 1}, UnsupportedParam, "temperature", id="temperature"),
        pytest.param([HI], {"top_p": 1}, UnsupportedParam, "top_p", id="top-p"),
        pytest.param([HI], {"stop": "a"}, UnsupportedParam, "stop", id="stop"),
        pytest.param(
            [HI], {"tools": TOOLS, "tool_choice": "required"}, UnsupportedParam, "tool_choice", id="required-call"
        ),
        pytest.param(
            [HI],
            {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "look"}}},
            UnsupportedParam,
            "tool_choice",
            id="named-call",
        ),
        pytest.param(
            [HI],
            {"tools": TOOLS, "parallel_tool_calls": False},
            UnsupportedParam,
            "parallel_tool_calls",
            id="one-at-a-time",
        ),
        pytest.param(
            [HI],
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"a": {1, 2}}}}},
            BadRequest,
            "response_format.json_schema.schema",
            id="no-json",
        ),
        pytest.param(
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "file", "file": {"file_id": "https://example.org/a", "format": "application/pdf"}}
                    ],
                }
            ],
            {},
            UnsupportedParam,
            "messages",
            id="link-to-a-document",
        ),
        pytest.param(
            [
                {
                    "role": "user",
                    "content": [{"type": "file", "file": {"file_id": "https://example.org/a", "format": "image/bmp"}}],
                }
            ],
            {},
            BadRequest,
            "messages",
            id="link-to-a-bmp",
        ),
        pytest.param(
            [{"role": "user", "content": [image(f"data:image/bmp;base64,{BMP}")]}], {}, BadRequest, "messages", id="bmp"
        ),
        pytest.param(
            [
                {
                    "role": "user",
                    "content": [{"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}],
                }
            ],
            {},
            UnsupportedParam,
            "messages",
            id="document",
        ),
    ],
)
def test_what_codex_cannot_do_is_refused_by_name(
    messages: list[dict[str, Any]], params: dict[str, Any], cls: type[BadRequest], param: str
) -> None:
    """Not left out in silence."""
    with pytest.raises(BadRequest) as caught:
        request(*messages, **params)
    assert (type(caught.value), caught.value.param) == (cls, param)


@pytest.mark.parametrize(
    "part",
    [
        image("https://example.org/a.png"),
        {"type": "file", "file": {"file_id": "https://example.org/a.png", "format": "image/png"}},
    ],
    ids=["image", "file"],
)
def test_a_link_to_an_image_is_taken(part: dict[str, Any]) -> None:
    """It is checked like this before it is fetched; a CLI that was sent it would refuse it."""
    (message,) = request({"role": "user", "content": [part]}).items
    assert message["content"] == [
        {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "original"}
    ]


def test_every_effort_that_is_known_is_passed_on() -> None:
    """Which of them a model takes is for the API to say."""
    assert [request(HI, reasoning_effort=effort).effort for effort in EFFORTS] == list(EFFORTS)
