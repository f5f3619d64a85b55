"""OpenAI's turns as a session file has them, by table."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from uutel_bridge.core.messages import read_messages
from uutel_bridge.providers.gemini_cli.conversation import turns

Message = dict[str, Any]

UNSIGNED = "skip_thought_signature_validator"
FIRST = {"text": "", "thought": False}
LAST = {"type": "gemini", "content": [{"text": ".", "thought": True}, {"text": ""}]}
GIF = base64.b64encode(b"GIF89a\x01\x00\x01\x00" + bytes(10)).decode()
PDF = base64.b64encode(b"%PDF-1.4").decode()
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{GIF}"}}
DOCUMENT = {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}
IMAGE_PART = {"inlineData": {"mimeType": "image/gif", "data": GIF}}


def user(content: Any) -> Message:
    """What the user said."""
    return {"role": "user", "content": content}


def assistant(content: str | None, *calls: Message) -> Message:
    """What the model said."""
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {})}


def call(call_id: str, arguments: str = "{}", name: str = "look") -> Message:
    """A call in what the model said."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(call_id: str, content: Any = "r") -> Message:
    """What a function said."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def made(*messages: Message) -> list[Any]:
    """The turns of the session file."""
    return list(turns(read_messages(list(messages))))


def asked(*parts: Message) -> Message:
    """A turn of the user's."""
    return {"type": "user", "content": [FIRST, *parts]}


def said(*parts: Message) -> Message:
    """A turn of the model's."""
    return {"type": "gemini", "content": list(parts)}


def answered(*parts: Message) -> Message:
    """A turn of the user's that begins with a result."""
    return {"type": "user", "content": list(parts)}


def calling(call_id: str, *, signature: str | None = UNSIGNED, **args: Any) -> Message:
    """The part of a call."""
    part = {"functionCall": {"id": call_id, "name": "mcp_u_look", "args": args}}
    return {**part, "thoughtSignature": signature} if signature else part


def output(call_id: str, text: str = "r") -> Message:
    """The part of a result."""
    return {"functionResponse": {"id": call_id, "name": "mcp_u_look", "response": {"output": text}}}


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        pytest.param([user("/help")], [asked({"text": "/help"})], id="one"),
        pytest.param(
            [user([{"type": "input_audio", "input_audio": {"format": "wav", "data": "UklGRg=="}}])],
            [asked({"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}})],
            id="sound",
        ),
        pytest.param(
            [user("a"), assistant("b"), user("c")],
            [asked({"text": "a"}), said({"text": "b"}), asked({"text": "c"})],
            id="several",
        ),
        pytest.param([assistant("a"), user("b")], [said({"text": "a"}), asked({"text": "b"})], id="answer-first"),
        pytest.param(
            [user("a"), user("b"), assistant("c"), assistant("d"), user("e")],
            [asked({"text": "a"}, {"text": "b"}), said({"text": "c"}, {"text": "d"}), asked({"text": "e"})],
            id="neighbours",
        ),
        pytest.param(
            [user(["a", IMAGE, "", DOCUMENT])],
            [asked({"text": "a"}, IMAGE_PART, {"inlineData": {"mimeType": "application/pdf", "data": PDF}})],
            id="media-among-texts",
        ),
        pytest.param(
            [user([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])],
            [asked({"fileData": {"fileUri": "https://example.com/a.png"}})],
            id="a-link-not-yet-fetched",
        ),
        pytest.param(
            [user("a"), assistant(None), user("b")],
            [asked({"text": "a"}), said({"text": " ", "thought": False}), asked({"text": "b"})],
            id="an-answer-of-nothing",
        ),
        pytest.param(
            [user("a"), assistant("\ufeff\n"), user("b")],
            [asked({"text": "a"}), said({"text": "\ufeff\n", "thought": False}), asked({"text": "b"})],
            id="a-blank-answer",
        ),
        pytest.param([user("")], [asked({"text": " "})], id="a-question-of-nothing"),
        pytest.param([user(""), user("a")], [asked({"text": "a"})], id="nothing-beside-something"),
    ],
)
def test_texts_and_media_are_told_part_by_part(messages: list[Message], told: list[Message]) -> None:
    """In their order and as they are; the shapes around them are those that the CLI passes on as they are."""
    assert made(*messages) == told


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        pytest.param(
            [assistant("well", call("c", '{"b":1,"a":{"y":2}}')), result("c")],
            [said({"text": "well"}, calling("c", b=1, a={"y": 2})), answered(output("c")), LAST],
            id="a-call-and-its-result",
        ),
        pytest.param(
            [assistant("", call("c"), call("d")), result("d", "2"), result("c", ["a", "b"])],
            [
                said(calling("c"), calling("d", signature=None)),
                answered(output("d", "2"), output("c", "ab")),
                LAST,
            ],
            id="two-calls",
        ),
        pytest.param(
            [assistant(None, call("c")), result("c"), user("/go on")],
            [said(calling("c")), answered(output("c"), {"text": "/go on"}), LAST],
            id="a-result-and-more-of-the-users",
        ),
        pytest.param(
            [assistant(None, call("c")), result("c"), assistant("a"), user("b")],
            [said(calling("c")), answered(output("c")), said({"text": "a"}), asked({"text": "b"})],
            id="a-result-that-was-read",
        ),
        pytest.param(
            [assistant(None, call("c")), result("c", "1"), assistant(None, call("c")), result("c", "2")],
            [said(calling("c")), answered(output("c", "1")), said(calling("c-2")), answered(output("c-2", "2")), LAST],
            id="an-id-that-comes-again",
        ),
        pytest.param(
            [assistant(None, call("c"), call("d")), result("c", ["a", IMAGE, "b"]), result("d", [IMAGE])],
            [
                said(calling("c"), calling("d", signature=None)),
                answered(output("c", "ab"), IMAGE_PART, output("d", ""), IMAGE_PART),
                LAST,
            ],
            id="results-with-images",
        ),
    ],
)
def test_calls_and_results_are_told_part_by_part(messages: list[Message], told: list[Message]) -> None:
    """The CLI adds nothing to them: neither a signature nor a turn that says it was interrupted."""
    assert made(user("q"), *messages)[1:] == told


@pytest.mark.parametrize(
    ("given", "plain", "signature"),
    [
        ("c__thought__c2ln", "c", "c2ln"),
        ("a__b__thought__c2ln", "a__b", "c2ln"),
        ("c__thought__c2l", "c", UNSIGNED),
        ("c__thought__", "c", UNSIGNED),
        ("__thought__c2ln", "__thought__c2ln", "c2ln"),
    ],
    ids=["whole", "underscores", "cut", "nothing-left", "nothing-before"],
)
def test_a_thought_signature_goes_back_from_the_end_of_an_id(given: str, plain: str, signature: str) -> None:
    """As LiteLLM puts it there; the result has the call's own id."""
    told = made(user("q"), assistant(None, call(given)), result(given))[1:]
    assert told == [said(calling(plain, signature=signature)), answered(output(plain)), LAST]


def test_a_thought_signature_beside_a_call_goes_back_too() -> None:
    """It counts, where both are there."""
    signed = {**call("c__thought__b3RoZXI="), "provider_specific_fields": {"thought_signature": "c2ln"}}
    told = made(user("q"), assistant(None, signed), result("c__thought__b3RoZXI="))[1:]
    assert told[0] == said(calling("c", signature="c2ln"))


def test_a_later_call_keeps_its_signature_too() -> None:
    """Gemini signs the first only; what it was given it can refuse."""
    told = made(
        user("q"), assistant(None, call("c"), call("d__thought__c2ln")), result("c"), result("d__thought__c2ln")
    )
    assert told[1] == said(calling("c"), calling("d", signature="c2ln"))


@pytest.mark.parametrize(
    ("arguments", "args"),
    [("", {}), ('{"n": ', {"INVALID_JSON": '{"n": '}), ("[1]", {"INVALID_JSON": "[1]"})],
    ids=["none", "broken", "no-object"],
)
def test_arguments_are_an_object(arguments: str, args: dict[str, Any]) -> None:
    """Gemini takes nothing else."""
    told = made(user("q"), assistant(None, call("c", arguments)), result("c"))
    assert told[1] == said(calling("c", **args))


def test_reasoning_does_not_go_back() -> None:
    """Gemini takes none, its own included."""
    block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    assert made(user("a"), {**assistant("b"), "thinking_blocks": [block]}, user("c"))[1] == said({"text": "b"})
