"""OpenAI's messages: what is read, to the last character, and what is refused, with the place of it."""

from __future__ import annotations

import base64
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litellm.types.utils import Message as LiteLLMMessage

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.events import ReasoningBlock
from uutel_bridge.core.media import Media
from uutel_bridge.core.messages import Message, Text, ToolCall, read_messages

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02\x08\x02\0\0\0").decode()
PDF = base64.b64encode(b"%PDF-1.7").decode()


class Role(str, Enum):
    """Roles as smolagents writes them."""

    SYSTEM = "system"


def user(*parts: Any) -> dict[str, Any]:
    """A user's message made of parts."""
    return {"role": "user", "content": list(parts)}


def image(url: object) -> dict[str, Any]:
    """An image part."""
    return {"type": "image_url", "image_url": {"url": url}}


def file(**facts: object) -> dict[str, Any]:
    """A file part."""
    return {"type": "file", "file": facts}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param({"role": "user", "content": "hi"}, Message("user", (Text("hi"),)), id="user-text"),
        pytest.param({"role": "user", "content": ""}, Message("user", (Text(""),)), id="user-empty-text"),
        pytest.param({"role": "system", "content": "be"}, Message("system", (Text("be"),)), id="system"),
        pytest.param({"role": Role.SYSTEM, "content": "be"}, Message("system", (Text("be"),)), id="enum"),
        pytest.param(
            {"role": "developer", "content": "be"}, Message("system", (Text("be"),)), id="developer-is-system"
        ),
        pytest.param({"role": "assistant", "content": "ok"}, Message("assistant", (Text("ok"),)), id="assistant"),
        pytest.param({"role": "assistant", "content": None}, Message("assistant", ()), id="assistant-null"),
        pytest.param({"role": "assistant"}, Message("assistant", ()), id="assistant-without-content"),
        pytest.param(
            {"role": "assistant", "content": "ok", "tool_calls": None, "function_call": None, "audio": None},
            Message("assistant", (Text("ok"),)),
            id="nulls-beside-the-content",
        ),
        pytest.param(
            {"role": "assistant", "content": "ok", "tool_calls": []},
            Message("assistant", (Text("ok"),)),
            id="no-tool-calls",
        ),
        pytest.param(
            user({"type": "text", "text": "a"}, {"type": "text", "text": "b"}),
            Message("user", (Text("a"), Text("b"))),
            id="text-parts",
        ),
        pytest.param(
            {"role": "system", "content": [{"type": "text", "text": "a"}]},
            Message("system", (Text("a"),)),
            id="system-parts",
        ),
        pytest.param(user("bare"), Message("user", (Text("bare"),)), id="bare-string-part"),
        pytest.param(
            user({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}),
            Message("user", (Text("a"),)),
            id="cache-mark-is-left-out",
        ),
        pytest.param(
            user({"type": "text", "text": "see"}, image(f"data:image/png;base64,{PNG}")),
            Message("user", (Text("see"), Media("image", "image/png", PNG, "", (3, 2)))),
            id="image-data",
        ),
        pytest.param(
            user({"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}),
            Message("user", (Media("image", "image/png", PNG, "", (3, 2)),)),
            id="image-url-as-a-string",
        ),
        pytest.param(
            user(image(f"data:image/svg+xml;charset=utf-8;base64,{PNG}")),
            Message("user", (Media("image", "image/svg+xml", PNG, "", (3, 2)),)),
            id="data-url-with-a-parameter",
        ),
        pytest.param(
            user(image("https://example.org/a.png?x=1#y")),
            Message("user", (Media("image", "", "", "https://example.org/a.png?x=1#y"),)),
            id="image-https",
        ),
        pytest.param(
            user(image("http://example.org/a")),
            Message("user", (Media("image", "", "", "http://example.org/a"),)),
            id="image-http",
        ),
        pytest.param(
            user(file(file_data=f"data:application/pdf;base64,{PDF}", filename="a.pdf")),
            Message("user", (Media("document", "application/pdf", PDF, ""),)),
            id="pdf",
        ),
        pytest.param(
            user(file(file_data=f"data:image/png;base64,{PNG}")),
            Message("user", (Media("image", "image/png", PNG, "", (3, 2)),)),
            id="image-as-a-file",
        ),
        pytest.param(
            user(file(file_id="https://example.org/a.pdf", format="application/pdf")),
            Message("user", (Media("document", "application/pdf", "", "https://example.org/a.pdf"),)),
            id="file-https",
        ),
        pytest.param(
            user(file(file_id="https://example.org/a")),
            Message("user", (Media("document", "", "", "https://example.org/a"),)),
            id="file-https-of-unknown-format",
        ),
        pytest.param(
            user(file(file_id="https://example.org/a", format="image/png")),
            Message("user", (Media("image", "image/png", "", "https://example.org/a"),)),
            id="image-file-https",
        ),
        pytest.param(
            user(file(file_id=f"data:application/pdf;base64,{PDF}")),
            Message("user", (Media("document", "application/pdf", PDF, ""),)),
            id="file-id-as-data",
        ),
    ],
)
def test_every_shape_of_a_message_is_read(raw: dict[str, Any], expected: Message) -> None:
    """A message becomes one typed turn."""
    assert read_messages([raw]) == (expected,)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("👩‍👩‍👧 e\u0301", id="emoji-and-combining"),
        pytest.param("a\u2028b\u2029c\u0085d", id="unicode-line-ends"),
        pytest.param("a\r\nb\rc\nd", id="crlf"),
        pytest.param("  \t both ends \n\n", id="outer-whitespace"),
        pytest.param("a\0b", id="nul"),
        pytest.param("@/etc/hostname", id="path"),
        pytest.param("/cost", id="slash-word"),
        pytest.param("\ufeffbom", id="byte-order-mark"),
    ],
)
@pytest.mark.parametrize("as_part", [False, True], ids=["string", "part"])
def test_text_is_kept_to_the_character(text: str, as_part: bool) -> None:
    """Nothing is trimmed, normalised or taken for anything but text."""
    content: object = [{"type": "text", "text": text}] if as_part else text
    assert read_messages([{"role": "user", "content": content}])[0].text == text


@given(
    st.lists(
        st.tuples(st.sampled_from(["system", "developer", "user", "assistant"]), st.lists(st.text(), min_size=1)),
        min_size=1,
    )
)
def test_order_and_text_survive_in_any_conversation(turns: list[tuple[str, list[str]]]) -> None:
    """As many turns as messages, in their order, with their text."""
    raw = [{"role": role, "content": [{"type": "text", "text": text} for text in texts]} for role, texts in turns]
    read = read_messages(raw)
    assert [message.role for message in read] == [role.replace("developer", "system") for role, _ in turns]
    assert [message.text for message in read] == ["".join(texts) for _, texts in turns]


def test_an_answer_of_litellm_can_be_sent_back() -> None:
    """Its dump holds fields of every vendor, all null."""
    answer = LiteLLMMessage(role="assistant", content="ok").model_dump()
    assert answer["tool_calls"] is None
    assert read_messages([answer]) == (Message("assistant", (Text("ok"),)),)


def test_text_of_a_message_leaves_media_out() -> None:
    """Only its text parts, joined as they stand."""
    (message,) = read_messages([user("a ", image("https://example.org/"), " b")])
    assert message.text == "a  b"


CONTENT = "messages[0].content"


@pytest.mark.parametrize(
    ("raw", "param"),
    [
        pytest.param([], "messages", id="empty"),
        pytest.param(None, "messages", id="null"),
        pytest.param("hi", "messages", id="string"),
        pytest.param(b"hi", "messages", id="bytes"),
        pytest.param({"role": "user", "content": "hi"}, "messages", id="one-object"),
        pytest.param(["hi"], "messages[0]", id="string-message"),
        pytest.param([None], "messages[0]", id="null-message"),
        pytest.param([{"content": "hi"}], "messages[0].role", id="no-role"),
        pytest.param([{"role": "robot", "content": "hi"}], "messages[0].role", id="unknown-role"),
        pytest.param([{"role": ["user"], "content": "hi"}], "messages[0].role", id="role-as-a-list"),
        pytest.param([{"role": "User", "content": "hi"}], "messages[0].role", id="role-in-capitals"),
        pytest.param([{"role": "user"}], CONTENT, id="user-without-content"),
        pytest.param([{"role": "user", "content": None}], CONTENT, id="user-null"),
        pytest.param([{"role": "system", "content": None}], CONTENT, id="system-null"),
        pytest.param([{"role": "user", "content": 5}], CONTENT, id="number"),
        pytest.param([{"role": "user", "content": b"hi"}], CONTENT, id="bytes-content"),
        pytest.param([{"role": "user", "content": {"type": "text", "text": "hi"}}], CONTENT, id="one-part-no-list"),
        pytest.param([user()], CONTENT, id="no-parts"),
        pytest.param([{"role": "assistant", "content": []}], CONTENT, id="assistant-no-parts"),
        pytest.param([user({"type": "text"})], f"{CONTENT}[0].text", id="text-part-without-text"),
        pytest.param([user({"type": "text", "text": 5})], f"{CONTENT}[0].text", id="text-part-with-a-number"),
        pytest.param([user({"text": "hi"})], f"{CONTENT}[0].type", id="part-without-type"),
        pytest.param([user(5)], f"{CONTENT}[0].type", id="part-is-a-number"),
        pytest.param([user("a", {"type": "video"})], f"{CONTENT}[1].type", id="unknown-part"),
        pytest.param([user({"type": ["text"], "text": "hi"})], f"{CONTENT}[0].type", id="type-as-a-list"),
        pytest.param([user({"type": "input_audio"})], f"{CONTENT}[0].input_audio.format", id="audio"),
        pytest.param(
            [user({"type": "input_audio", "input_audio": {"format": "wav", "data": "?"}})],
            f"{CONTENT}[0].input_audio.data",
            id="broken-audio",
        ),
        pytest.param([user({"type": "input_video"})], f"{CONTENT}[0].type", id="video"),
        pytest.param([user(image(None))], f"{CONTENT}[0].image_url", id="image-without-url"),
        pytest.param([user({"type": "image_url"})], f"{CONTENT}[0].image_url", id="image-without-anything"),
        pytest.param([user(image("ftp://a/b"))], f"{CONTENT}[0].image_url", id="image-ftp"),
        pytest.param([user(image("/etc/passwd"))], f"{CONTENT}[0].image_url", id="image-path"),
        pytest.param([user(image("https://a/\ud800"))], f"{CONTENT}[0].image_url", id="image-url-no-unicode"),
        pytest.param([user(image("data:image/png,abc"))], f"{CONTENT}[0].image_url", id="data-not-base64"),
        pytest.param([user(image("data:image/png;base64,a"))], f"{CONTENT}[0].image_url", id="data-bad-length"),
        pytest.param([user(image("data:image/png;base64,aa*="))], f"{CONTENT}[0].image_url", id="data-bad-character"),
        pytest.param([user(image("data:image/png;base64,é==="))], f"{CONTENT}[0].image_url", id="data-not-ascii"),
        pytest.param([user(image("data:image/png;base64,\ud800"))], f"{CONTENT}[0].image_url", id="data-no-unicode"),
        pytest.param([user(image("data:image/png;base64,"))], f"{CONTENT}[0].image_url", id="data-empty"),
        pytest.param([user(image("data:image/png;base64,===="))], f"{CONTENT}[0].image_url", id="data-only-padding"),
        pytest.param([user(image("data:;base64,aGk="))], f"{CONTENT}[0].image_url", id="data-without-type"),
        pytest.param([user(image(f"data:application/pdf;base64,{PDF}"))], f"{CONTENT}[0].image_url", id="pdf-as-image"),
        pytest.param([user({"type": "file"})], f"{CONTENT}[0].file.file_id", id="file-without-anything"),
        pytest.param([user(file(file_id="file-abc"))], f"{CONTENT}[0].file.file_id", id="stored-file"),
        pytest.param([user(file(file_data=PDF))], f"{CONTENT}[0].file.file_data", id="file-data-bare-base64"),
        pytest.param([user(file(file_id="https://a/\ud800"))], f"{CONTENT}[0].file.file_id", id="file-url-no-unicode"),
        pytest.param([{"role": "user", "content": "a\ud800"}], CONTENT, id="half-a-surrogate-pair"),
        pytest.param([user({"type": "text", "text": "\udc00"})], f"{CONTENT}[0].text", id="half-a-pair-in-a-part"),
        pytest.param([{"role": "assistant", "content": [image("https://a/")]}], CONTENT, id="assistant-image"),
        pytest.param([{"role": "system", "content": [image("https://a/")]}], CONTENT, id="system-image"),
        pytest.param([{"role": "user", "content": "ok"}, {"role": "x"}], "messages[1].role", id="second-message"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(raw: object, param: str) -> None:
    """`param` says where, as the caller wrote it, and so does the sentence."""
    with pytest.raises(BadRequest) as caught:
        read_messages(raw)
    assert caught.value.param == param
    assert caught.value.message.startswith(param)
    assert type(caught.value) is BadRequest


USER = {"role": "user", "content": "weather?"}


def call(name: str = "c1", *, arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    """A call of the function `f`."""
    return {"id": name, "type": "function", "function": {"name": "f", "arguments": arguments}, **more}


def calls(*made: Any, **more: Any) -> dict[str, Any]:
    """An assistant's message of calls and no text."""
    return {"role": "assistant", "content": None, "tool_calls": list(made), **more}


def result(name: str = "c1", content: Any = "sunny") -> dict[str, Any]:
    """The result of a call."""
    return {"role": "tool", "tool_call_id": name, "content": content}


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        pytest.param("see", (Text("see"),), id="text"),
        pytest.param([{"type": "text", "text": "see"}], (Text("see"),), id="parts"),
        pytest.param("", (), id="empty"),
        pytest.param(None, (), id="null"),
    ],
)
def test_calls_are_read_with_the_text_before_them(content: object, parts: tuple[Text, ...]) -> None:
    """An empty text beside calls is no text."""
    made = calls(call("c1", arguments='{"a": 1}'), call("c2", arguments="not {json"), content=content)
    read = read_messages([USER, made, result("c1"), result("c2")])
    expected = (ToolCall("c1", "f", '{"a": 1}'), ToolCall("c2", "f", "not {json"))
    assert read[1] == Message("assistant", parts, tool_calls=expected)


def test_a_sound_is_read_with_its_kind() -> None:
    """OpenAI's names of formats are not the internet's."""
    sounds = [{"type": "input_audio", "input_audio": {"format": each, "data": "UklGRg=="}} for each in ("wav", "mp3")]
    (message,) = read_messages([user(*sounds)])
    assert message.parts == (Media("audio", "audio/wav", "UklGRg==", ""), Media("audio", "audio/mp3", "UklGRg==", ""))


def test_a_thought_signature_beside_a_call_is_read() -> None:
    """Where LiteLLM puts it."""
    signed = {**call("c1"), "provider_specific_fields": {"thought_signature": "c2ln"}}
    unsigned = {**call("c2"), "provider_specific_fields": None}
    read = read_messages([USER, calls(signed, unsigned), result("c1"), result("c2")])
    assert [each.signature for each in read[1].tool_calls] == ["c2ln", ""]


@pytest.mark.parametrize(
    ("beside", "signature"),
    [
        pytest.param({"thought_signatures": ["c2ln"]}, "c2ln", id="one"),
        pytest.param({"thought_signatures": ["c2ln", "bW9yZQ=="]}, "c2ln", id="first-of-several"),
        pytest.param({"thought_signatures": []}, "", id="none"),
        pytest.param({"thought_signatures": None}, "", id="null"),
        pytest.param({"citations": None}, "", id="others"),
        pytest.param(None, "", id="nothing"),
        pytest.param("sig", "", id="no-object"),
    ],
)
def test_a_thought_signature_beside_a_message_is_read(beside: object, signature: str) -> None:
    """Where LiteLLM puts it; only an assistant has one."""
    answer = {"role": "assistant", "content": "ok", "provider_specific_fields": beside}
    question = {**USER, "provider_specific_fields": beside}
    assert [each.signature for each in read_messages([answer, question])] == [signature, ""]


def test_a_call_without_arguments_has_empty_ones() -> None:
    """Null and a missing key are the same."""
    bare = {"id": "c2", "type": "function", "function": {"name": "f"}}
    read = read_messages([calls(call("c1", arguments=None), bare), result("c1"), result("c2")])
    assert [made.arguments for made in read[0].tool_calls] == ["", ""]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        pytest.param("sunny", (Text("sunny"),), id="text"),
        pytest.param("", (Text(""),), id="empty"),
        pytest.param(
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], (Text("a"), Text("b")), id="parts"
        ),
        pytest.param(
            [image(f"data:image/png;base64,{PNG}"), image("https://a/b.png")],
            (Media("image", "image/png", PNG, "", (3, 2)), Media("image", "", "", "https://a/b.png")),
            id="images",
        ),
    ],
)
def test_results_are_read_with_the_call_they_answer(content: object, parts: tuple[Any, ...]) -> None:
    """Text or images."""
    assert read_messages([calls(call()), result(content=content)])[1] == Message("tool", parts, tool_call_id="c1")


SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s1"}


def test_reasoning_is_read_as_the_vendor_wants_it_back() -> None:
    """In its order; what has no signature cannot be given back, and is left out."""
    blocks = [
        SIGNED,
        {"type": "redacted_thinking", "data": "enc"},
        {"type": "thinking", "thinking": "lost"},
        {"type": "thinking", "thinking": "lost", "signature": None},
        {"type": "thinking", "thinking": "", "signature": "s2"},
    ]
    answer = {"role": "assistant", "content": "ok", "reasoning_content": "hm lost lost", "thinking_blocks": blocks}
    expected = (ReasoningBlock("hm", "s1"), ReasoningBlock("", "", redacted="enc"), ReasoningBlock("", "s2"))
    assert read_messages([answer]) == (Message("assistant", (Text("ok"),), reasoning=expected),)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"thinking_blocks": None}, id="null"),
        pytest.param({"thinking_blocks": []}, id="empty"),
        pytest.param({"reasoning_content": "hm"}, id="reasoning-content-alone"),
    ],
)
def test_an_answer_without_thinking_blocks_brings_no_reasoning(answer: dict[str, Any]) -> None:
    """No vendor takes back reasoning that it did not sign."""
    assert read_messages([{"role": "assistant", "content": "ok", **answer}])[0].reasoning == ()


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([USER, calls(call()), result()], id="one"),
        pytest.param([USER, calls(call("a"), call("b")), result("a"), result("b")], id="in-order"),
        pytest.param([USER, calls(call("a"), call("b")), result("b"), result("a")], id="in-another-order"),
        pytest.param([USER, calls(call()), result(), calls(call("c2")), result("c2"), USER], id="step-by-step"),
        pytest.param([USER, calls(call()), result(), USER, calls(call()), result()], id="same-id-in-a-later-message"),
        pytest.param(
            [calls(call("a"), call("b")), {"role": "system", "content": "be"}, result("a"), result("b")],
            id="system-message-between",
        ),
    ],
)
def test_a_history_in_which_each_call_has_its_result_is_read(history: list[dict[str, Any]]) -> None:
    """Nothing is moved, added or left out."""
    assert [message.role for message in read_messages(history)] == [message["role"] for message in history]


@pytest.mark.parametrize(
    ("history", "param"),
    [
        pytest.param([result()], "messages[0].tool_call_id", id="result-of-nothing"),
        pytest.param([USER, result()], "messages[1].tool_call_id", id="result-after-a-user"),
        pytest.param([calls(call()), result("x")], "messages[1].tool_call_id", id="result-of-another-call"),
        pytest.param([calls(call()), result(), result()], "messages[2].tool_call_id", id="answered-twice"),
        pytest.param([calls(call()), result(), USER, result()], "messages[3].tool_call_id", id="answered-again-later"),
        pytest.param([USER, calls(call())], "messages[1].tool_calls", id="no-result-at-the-end"),
        pytest.param([USER, calls(call()), USER, result()], "messages[1].tool_calls", id="user-before-the-result"),
        pytest.param([calls(call("a"), call("b")), result("a")], "messages[0].tool_calls", id="one-of-two-results"),
        pytest.param([calls(call("a")), calls(call("b")), result("b")], "messages[0].tool_calls", id="call-after-call"),
        pytest.param(
            [calls(call("a"), call("a")), result("a")], "messages[0].tool_calls[1].id", id="one-id-in-one-message"
        ),
    ],
)
def test_a_history_in_which_calls_and_results_do_not_match_is_refused(
    history: list[dict[str, Any]], param: str
) -> None:
    """No vendor takes one, and none is made to fit."""
    with pytest.raises(BadRequest) as caught:
        read_messages(history)
    assert caught.value.param == param
    assert type(caught.value) is BadRequest


def test_all_calls_without_a_result_are_named() -> None:
    """So that the caller finds them at once."""
    with pytest.raises(BadRequest) as caught:
        read_messages([calls(call("a"), call("b"), call("c")), result("b"), USER])
    assert "'a', 'c'" in caught.value.message


CALLS = "messages[0].tool_calls"
BLOCKS = "messages[0].thinking_blocks"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        pytest.param(calls(call(""), content="a"), f"{CALLS}[0].id", id="empty-id"),
        pytest.param(calls(call(None)), f"{CALLS}[0].id", id="null-id"),  # type: ignore[arg-type]
        pytest.param(calls(call("\ud800")), f"{CALLS}[0].id", id="id-no-unicode"),
        pytest.param(calls(call(arguments={"a": 1})), f"{CALLS}[0].function.arguments", id="arguments-as-an-object"),
        pytest.param(calls(call(arguments="\ud800")), f"{CALLS}[0].function.arguments", id="arguments-no-unicode"),
        pytest.param(calls(call(function={"arguments": ""})), f"{CALLS}[0].function.name", id="no-name"),
        pytest.param(calls(call(function={"name": ""})), f"{CALLS}[0].function.name", id="empty-name"),
        pytest.param(calls(call(function=None)), f"{CALLS}[0].function.name", id="no-function"),
        pytest.param(calls(tool_calls="f"), CALLS, id="calls-as-text"),
        pytest.param(calls(tool_calls=call()), CALLS, id="one-call-no-list"),
        pytest.param({**USER, "tool_calls": [call()]}, CALLS, id="a-user-calls"),
        pytest.param({"role": "tool", "content": "a"}, "messages[0].tool_call_id", id="result-without-id"),
        pytest.param(result(""), "messages[0].tool_call_id", id="result-with-an-empty-id"),
        pytest.param(result(content=None), CONTENT, id="null-result"),
        pytest.param(result(content=[]), CONTENT, id="result-of-no-parts"),
        pytest.param(result(content={"a": 1}), CONTENT, id="result-as-an-object"),
        pytest.param(
            result(content=[file(file_data=f"data:application/pdf;base64,{PDF}")]), CONTENT, id="document-as-a-result"
        ),
        pytest.param(
            calls(provider_specific_fields={"thought_signatures": "s"}),
            "messages[0].provider_specific_fields.thought_signatures",
            id="signatures-as-text",
        ),
        pytest.param(
            calls(provider_specific_fields={"thought_signatures": [5]}),
            "messages[0].provider_specific_fields.thought_signatures[0]",
            id="signature-as-a-number",
        ),
        pytest.param(calls(thinking_blocks="hm"), BLOCKS, id="reasoning-as-text"),
        pytest.param(calls(thinking_blocks=["hm"]), f"{BLOCKS}[0].type", id="block-as-text"),
        pytest.param(calls(thinking_blocks=[SIGNED, {"type": "text"}]), f"{BLOCKS}[1].type", id="unknown-block"),
        pytest.param(
            calls(thinking_blocks=[{**SIGNED, "thinking": None}]), f"{BLOCKS}[0].thinking", id="block-without-text"
        ),
        pytest.param(calls(thinking_blocks=[{**SIGNED, "signature": 5}]), f"{BLOCKS}[0].signature", id="bad-signature"),
        pytest.param(
            calls(thinking_blocks=[{"type": "redacted_thinking"}]), f"{BLOCKS}[0].data", id="redacted-without-data"
        ),
    ],
)
def test_a_call_a_result_or_reasoning_that_cannot_be_read_is_refused_with_its_place(
    message: dict[str, Any], param: str
) -> None:
    """`param` says where, as the caller wrote it, and so does the sentence."""
    with pytest.raises(BadRequest) as caught:
        read_messages([message])
    assert caught.value.param == param
    assert caught.value.message.startswith(param)
    assert type(caught.value) is BadRequest


@pytest.mark.parametrize(
    ("message", "param"),
    [
        pytest.param({"role": "function", "name": "f", "content": "sunny"}, "messages[1]", id="function-result"),
        pytest.param(
            {"role": "assistant", "content": "a", "function_call": {"name": "f"}}, "messages[1]", id="function-call"
        ),
        pytest.param(calls(call(type="custom")), "messages[1].tool_calls[0].type", id="call-of-another-kind"),
        pytest.param(calls("f"), "messages[1].tool_calls[0].type", id="call-as-text"),
    ],
)
def test_another_kind_of_call_is_unsupported(message: dict[str, Any], param: str) -> None:
    """It may be right, so the caller learns that it is not possible here."""
    with pytest.raises(UnsupportedParam) as caught:
        read_messages([USER, message])
    assert caught.value.param == param
