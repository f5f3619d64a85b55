"""OpenAI's turns as Gemini's, by table."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.gemini_api.messages import (
    IMAGE,
    IMAGE_PART,
    SEAL,
    UNSIGNED,
    Message,
    assistant,
    call,
    calling,
    output,
    result,
    user,
)
from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.messages import read_messages
from uutel_bridge.gemini_api.contents import Conversation, spoken

Turn = tuple[str, list[Message]]

PDF = base64.b64encode(b"%PDF-1.4").decode()
DOCUMENT = {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}


def made(*messages: Message) -> list[Turn]:
    """The turns; functions keep their names."""
    turns = Conversation(str).turns(spoken(read_messages(list(messages))))
    return [(role, list(parts)) for role, parts in turns]


def asked(*parts: Message) -> Turn:
    """A turn of the user's, or of functions."""
    return ("user", list(parts))


def said(*parts: Message) -> Turn:
    """A turn of the model's."""
    return ("model", list(parts))


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
            [{"role": "system", "content": "s"}, user("a"), {"role": "developer", "content": "d"}, user("b")],
            [asked({"text": "a"}, {"text": "b"})],
            id="instructions-have-a-place-of-their-own",
        ),
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
            [asked({"text": "a"}), said({"text": " "}), asked({"text": "b"})],
            id="an-answer-of-nothing",
        ),
        pytest.param([user("")], [asked({"text": " "})], id="a-question-of-nothing"),
        pytest.param([user(" \n")], [asked({"text": " \n"})], id="a-blank-question"),
        pytest.param([user(""), user("a")], [asked({"text": "a"})], id="nothing-beside-something"),
    ],
)
def test_texts_and_media_are_told_part_by_part(messages: list[Message], told: list[Turn]) -> None:
    """In their order and as they are."""
    assert made(*messages) == told


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        pytest.param(
            [assistant("well", call("c", '{"b":1,"a":{"y":2}}')), result("c")],
            [said({"text": "well"}, calling("c", b=1, a={"y": 2})), asked(output("c"))],
            id="a-call-and-its-result",
        ),
        pytest.param(
            [assistant("", call("c"), call("d")), result("d", "2"), result("c", ["a", "b"])],
            [said(calling("c"), calling("d", signature=None)), asked(output("d", "2"), output("c", "ab"))],
            id="two-calls",
        ),
        pytest.param(
            [assistant(None, call("c")), result("c"), user("/go on")],
            [said(calling("c")), asked(output("c"), {"text": "/go on"})],
            id="a-result-and-more-of-the-users",
        ),
        pytest.param(
            [assistant("a"), assistant(None, call("c")), result("c"), assistant("b"), user("d")],
            [said({"text": "a"}, calling("c")), asked(output("c")), said({"text": "b"}), asked({"text": "d"})],
            id="a-result-that-was-read",
        ),
        pytest.param(
            [assistant(None, call("c")), result("c", "1"), assistant(None, call("c")), result("c", "2")],
            [said(calling("c")), asked(output("c", "1")), said(calling("c-2")), asked(output("c-2", "2"))],
            id="an-id-that-comes-again",
        ),
        pytest.param(
            [assistant(None, call("c"), call("d")), result("c", ["a", IMAGE, "b"]), result("d", [IMAGE])],
            [
                said(calling("c"), calling("d", signature=None)),
                asked(output("c", "ab"), IMAGE_PART, output("d", ""), IMAGE_PART),
            ],
            id="results-with-images",
        ),
    ],
)
def test_calls_and_results_are_told_part_by_part(messages: list[Message], told: list[Turn]) -> None:
    """All results of an answer's calls are in one turn, and the first call of each answer is signed."""
    assert made(user("q"), *messages)[1:] == told


def test_no_two_calls_have_one_id() -> None:
    """Not even where a caller has an id that one of ours would look like."""
    steps = [each for given in ("c", "c-2", "c", "c") for each in (assistant(None, call(given)), result(given))]
    told = [part for _, parts in made(user("q"), *steps) for part in parts]
    called = [part["functionCall"]["id"] for part in told if "functionCall" in part]
    answered = [part["functionResponse"]["id"] for part in told if "functionResponse" in part]
    assert called == answered == ["c", "c-2", "c-3", "c-4"]


def test_a_name_goes_back_as_the_model_knows_it() -> None:
    """In the call and in the result."""
    messages = read_messages([user("q"), assistant(None, call("c")), result("c")])
    (_, (_, said), (_, told)) = Conversation(lambda name: f"its_{name}").turns(messages)
    assert (said, told) == ([calling("c", name="its_look")], [output("c", name="its_look")])


@pytest.mark.parametrize(
    ("given", "plain", "signature"),
    [
        ("c__thought__c2ln", "c", "c2ln"),
        ("a__b__thought__c2ln", "a__b", "c2ln"),
        ("c__thought__c2l", "c", UNSIGNED),
        ("c__thought__", "c", UNSIGNED),
        ("__thought__c2ln", "__thought__c2ln", "c2ln"),
        (f"{'c' * 21}__thought__{SEAL[:8]}", "c" * 21, UNSIGNED),
        (f"{'c' * 33}__thought__{SEAL[:20]}", "c" * 33, UNSIGNED),
        (f"{'c' * 34}__thought__{SEAL[:20]}", "c" * 34, SEAL[:20]),
        ("c" * 40, "c" * 40, UNSIGNED),
    ],
    ids=["whole", "underscores", "cut", "nothing-left", "nothing-before", "of-40", "of-64", "of-65", "none-of-40"],
)
def test_a_thought_signature_goes_back_from_the_end_of_an_id(given: str, plain: str, signature: str) -> None:
    """As LiteLLM puts it there, unless a client cut the id; the result has the call's own."""
    told = made(user("q"), assistant(None, call(given)), result(given))[1:]
    assert told == [said(calling(plain, signature=signature)), asked(output(plain))]


@pytest.mark.parametrize("given", ["c__thought__b3RoZXI=", f"c__thought__{SEAL}"[:40], "c"])
def test_a_thought_signature_beside_a_call_goes_back_too(given: str) -> None:
    """It counts, whatever the id says."""
    signed = call(given, provider_specific_fields={"thought_signature": "c2ln"})
    (_, told, _) = made(user("q"), assistant(None, signed), result(given))
    assert told == said(calling("c", signature="c2ln"))


def test_a_later_call_keeps_its_signature_too() -> None:
    """Gemini signs the first only; what it was given it can refuse."""
    calls = call("c"), call("d__thought__c2ln")
    (_, told, _) = made(user("q"), assistant(None, *calls), result("c"), result("d__thought__c2ln"))
    assert told == said(calling("c"), calling("d", signature="c2ln"))


@pytest.mark.parametrize(
    ("arguments", "args"),
    [("", {}), ('{"n": ', {"INVALID_JSON": '{"n": '}), ("[1]", {"INVALID_JSON": "[1]"})],
    ids=["none", "broken", "no-object"],
)
def test_arguments_are_an_object(arguments: str, args: dict[str, Any]) -> None:
    """Gemini takes nothing else."""
    (_, told, _) = made(user("q"), assistant(None, call("c", arguments)), result("c"))
    assert told == said(calling("c", **args))


def test_reasoning_does_not_go_back() -> None:
    """Gemini takes none, its own included."""
    block = {"type": "thinking", "thinking": "hm", "signature": "s"}
    assert made(user("a"), assistant("b", thinking_blocks=[block]), user("c"))[1] == said({"text": "b"})


@pytest.mark.parametrize(
    "messages",
    [[user("a"), assistant("b")], [{"role": "system", "content": "a"}]],
    ids=["the-assistants", "nobodys"],
)
def test_the_last_word_is_the_users(messages: list[Message]) -> None:
    """Or a function's."""
    with pytest.raises(BadRequest, match="the last message") as caught:
        made(*messages)
    assert caught.value.param == "messages"
