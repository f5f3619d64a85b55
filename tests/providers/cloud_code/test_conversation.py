"""OpenAI's turns as `contents`; how each turn is said is `gemini_api`'s, but for images and seals."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gemini_api.messages import IMAGE, IMAGE_PART, SEAL, Message, assistant, call, calling, output, result, user
from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.messages import read_messages
from uutel_bridge.providers.cloud_code.conversation import contents

OLD, NEW = "gemini-2.5-pro", "gemini-3-pro-preview"


def sealed(*signatures: str) -> Message:
    """How LiteLLM keeps the signatures of a whole answer."""
    return {"provider_specific_fields": {"thought_signatures": list(signatures)}}


def made(*messages: Message, model: str = OLD) -> list[Any]:
    """The contents."""
    return contents(read_messages(list(messages)), model)


def asked(*parts: Message) -> Message:
    """A turn of the user's, or of functions."""
    return {"role": "user", "parts": list(parts)}


def said(*parts: Message) -> Message:
    """A turn of the model's."""
    return {"role": "model", "parts": list(parts)}


@pytest.mark.parametrize("model", [OLD, NEW])
def test_each_turn_is_a_content(model: str) -> None:
    """But for instructions, which have a place of their own."""
    calls = assistant("b", call("c"), call("d"))
    told = made({"role": "system", "content": "s"}, user("a"), calls, result("d"), result("c"), user("e"), model=model)
    assert told == [
        asked({"text": "a"}),
        said({"text": "b"}, calling("c"), calling("d", signature=None)),
        asked(output("d"), output("c"), {"text": "e"}),
    ]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (OLD, [output("c", "ab"), IMAGE_PART, output("d", ""), IMAGE_PART]),
        ("a-model-that-nobody-knows", [output("c", "ab"), IMAGE_PART, output("d", ""), IMAGE_PART]),
        (NEW, [output("c", "ab", parts=[IMAGE_PART]), output("d", "", parts=[IMAGE_PART])]),
        ("gemini-12-flash", [output("c", "ab", parts=[IMAGE_PART]), output("d", "", parts=[IMAGE_PART])]),
    ],
)
def test_images_of_a_result_are_where_the_model_takes_them(model: str, told: list[Message]) -> None:
    """In the result, or right after it."""
    results = [result("c", ["a", IMAGE, "b"]), result("d", [IMAGE])]
    (*_, last) = made(user("q"), assistant(None, call("c"), call("d")), *results, model=model)
    assert last == asked(*told)


def test_a_name_goes_back_as_the_model_knows_it() -> None:
    """In the call and in the result."""
    (_, model, function) = made(user("q"), assistant(None, call("c", name="look up")), result("c"))
    (called, told) = model["parts"][0]["functionCall"]["name"], function["parts"][0]["functionResponse"]["name"]
    assert called == told != "look up"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (assistant("a", **sealed(SEAL)), [{"text": "a", "thoughtSignature": SEAL}]),
        (assistant(["a", "b", ""], **sealed(SEAL)), [{"text": "a"}, {"text": "b", "thoughtSignature": SEAL}]),
        (assistant("", **sealed(SEAL)), [{"text": " "}]),
        (assistant("a", call("c"), **sealed(SEAL)), [{"text": "a", "thoughtSignature": SEAL}, calling("c")]),
        (assistant("a", call(f"c__thought__{SEAL}"), **sealed(SEAL)), [{"text": "a"}, calling("c", signature=SEAL)]),
    ],
    ids=["a-text", "the-last-of-several", "no-text", "beside-a-call", "the-calls-own"],
)
def test_a_signature_of_a_text_goes_back_with_it(message: Message, told: list[Message]) -> None:
    """Once: Google counts the thoughts behind it each time that it stands there."""
    results = [result(each["id"]) for each in message.get("tool_calls", [])]
    assert made(user("q"), message, *results, user("r"))[1] == said(*told)


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([user("a"), assistant("b")], "messages"),
        ([{"role": "system", "content": "a"}], "messages"),
        ([assistant(None, call("c")), result("c")], "messages[0].tool_calls"),
        (
            [{"role": "system", "content": "s"}, assistant("a"), assistant("b", call("c")), result("c"), user("d")],
            "messages[2].tool_calls",
        ),
    ],
    ids=["the-assistant-last", "nobody", "a-call-first", "a-call-before-the-user"],
)
def test_what_google_would_refuse_is_refused_by_its_place(messages: list[Message], param: str) -> None:
    """Before anything is sent."""
    with pytest.raises(BadRequest) as caught:
        made(*messages)
    assert caught.value.param == param
