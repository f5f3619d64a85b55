"""OpenAI's messages: what is read, to the last character, and what is refused, with the place of it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litellm.types.utils import Message as LiteLLMMessage

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.messages import Media, Message, Text, read_messages

PNG = base64.b64encode(b"\x89PNG\r\n").decode()
PDF = base64.b64encode(b"%PDF-1.7").decode()


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
            Message("user", (Text("see"), Media("image", "image/png", PNG, ""))),
            id="image-data",
        ),
        pytest.param(
            user({"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}),
            Message("user", (Media("image", "image/png", PNG, ""),)),
            id="image-url-as-a-string",
        ),
        pytest.param(
            user(image(f"data:image/svg+xml;charset=utf-8;base64,{PNG}")),
            Message("user", (Media("image", "image/svg+xml", PNG, ""),)),
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
            Message("user", (Media("image", "image/png", PNG, ""),)),
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
        pytest.param([user({"type": "input_audio", "input_audio": {}})], f"{CONTENT}[0].type", id="audio"),
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


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"role": "tool", "tool_call_id": "c1", "content": "sunny"}, id="tool-result"),
        pytest.param({"role": "function", "name": "f", "content": "sunny"}, id="function-result"),
        pytest.param({"role": "assistant", "content": None, "tool_calls": [CALL]}, id="tool-calls"),
        pytest.param({"role": "assistant", "content": "a", "function_call": {"name": "f"}}, id="function-call"),
    ],
)
def test_function_calls_in_the_history_are_refused_as_unsupported(message: dict[str, Any]) -> None:
    """They are right, so the caller learns that it is this version which cannot carry them."""
    with pytest.raises(UnsupportedParam) as caught:
        read_messages([{"role": "user", "content": "weather?"}, message])
    assert caught.value.param == "messages[1]"
