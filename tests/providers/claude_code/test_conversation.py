"""OpenAI's turns as Anthropic's messages, by table."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.messages import read_messages
from uutel_bridge.core.tools import Tool
from uutel_bridge.providers.claude_code.conversation import messages
from uutel_bridge.providers.claude_code.tools import plain, tool_server

Turn = dict[str, Any]

SERVER = tool_server([Tool("look", "", None)])
PREFIX = SERVER.permission if SERVER else ""
MODEL = "claude-sonnet-5-5"
MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
HI = {"role": "user", "content": "hi"}
DATA = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAA="
"""The head of a PNG, three pixels wide and two high."""
PNG = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}}


def told(*turns: Turn) -> list[Turn]:
    """What the CLI is told of a conversation, all marks for the cache included."""
    return list(messages(read_messages(list(turns)), model=MODEL, server=SERVER))


def before(*turns: Turn) -> list[Turn]:
    """What it is told of these turns when another question follows them."""
    *made, _ = told(*turns, HI) if turns[-1]["role"] == "assistant" else told(*turns, said("."), HI)
    return made if turns[-1]["role"] == "assistant" else made[:-1]


def said(content: Any, *calls: Turn, **more: Any) -> Turn:
    """An answer."""
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {}), **more}


def call(call_id: str, arguments: str | None = "{}", name: str = "look") -> Turn:
    """A call."""
    return {"type": "function", "id": call_id, "function": {"name": name, "arguments": arguments}}


def result(call_id: str, content: Any = "r") -> Turn:
    """A call's result."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def text(value: str) -> Turn:
    """A block of text."""
    return {"type": "text", "text": value}


def use(call_id: str, given_: Any = None, name: str = f"{PREFIX}__look") -> Turn:
    """A block that calls."""
    return {"type": "tool_use", "id": call_id, "name": name, "input": given_ or {}}


def found(call_id: str, content: Any = "r") -> Turn:
    """A block of a result."""
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


def user(*content: Turn) -> Turn:
    """A message of blocks."""
    return {"role": "user", "content": list(content)}


# Text and media


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        pytest.param([HI, said("hello")], [HI, said("hello")], id="true-turns"),
        pytest.param([HI, HI], [user(text("hi"), text("hi"))], id="two-questions-are-one-message-of-two-blocks"),
        pytest.param([HI, said("a"), said("b")], [HI, said("a"), said("b")], id="two-answers-stay-two"),
        pytest.param([said("a"), HI], [said("a"), HI], id="begins-with-an-answer"),
        *(
            pytest.param([HI, said(blank)], [HI, said([])], id=f"blank-answer-{blank!r}")
            for blank in (None, "", " \n", "(no content)", " (no content) ")
        ),
        pytest.param([HI, said(["a", "b"])], [HI, said([text("a"), text("b")])], id="an-answers-parts-stay-parts"),
        pytest.param([user(text(""))], [user(text(""))], id="a-blank-question-is-a-block"),
        pytest.param([user(text("a"))], [{"role": "user", "content": "a"}], id="a-single-part-is-its-text"),
        pytest.param([user(text("a") | MARK, text("b"))], [user(text("a"), text("b"))], id="a-callers-mark-goes"),
        pytest.param([user(text("a"), PNG)], [user(text("a"), IMAGE)], id="image"),
        pytest.param(
            [user({"type": "image_url", "image_url": "https://example.org/a.png"})],
            [user({"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}})],
            id="image-by-address",
        ),
        pytest.param(
            [user({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0xLjc="}})],
            [
                user({
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc="},
                })
            ],
            id="document",
        ),
        pytest.param(
            [user({"type": "file", "file": {"file_id": "https://example.org/a.pdf"}})],
            [user({"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}})],
            id="document-by-address",
        ),
    ],
)
def test_earlier_turns_become_anthropics(turns: list[Turn], expected: list[Turn]) -> None:
    """Nothing is joined, added or lost."""
    assert before(*turns) == expected


@given(st.lists(st.text(min_size=1).filter(lambda said: said.strip() not in {"", "(no content)"}), min_size=1))
def test_alternating_turns_keep_their_text_to_the_character(texts: list[str]) -> None:
    """Whatever is in it."""
    turns = [{"role": "user" if index % 2 == 0 else "assistant", "content": text} for index, text in enumerate(texts)]
    asked = turns if len(turns) % 2 else [*turns, HI]
    *earlier, last = asked
    assert told(*asked) == [*earlier, user(text(last["content"]) | MARK)]


@pytest.mark.parametrize(
    "part",
    [
        pytest.param({"type": "image_url", "image_url": {"url": f"data:image/svg+xml;base64,{DATA}"}}, id="image"),
        pytest.param({"type": "file", "file": {"file_data": "data:text/plain;base64,aGk="}}, id="document"),
        pytest.param({"type": "file", "file": {"file_data": f"data:image/tiff;base64,{DATA}"}}, id="image-as-a-file"),
    ],
)
def test_media_that_claude_does_not_take_is_refused_by_its_type(part: Turn) -> None:
    """The CLI would tell the model that there was something, and no more."""
    with pytest.raises(BadRequest, match=r"svg\+xml|plain|tiff") as caught:
        told(user(part))
    assert caught.value.param == "messages"


# Calls and their results


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        pytest.param(
            [HI, said(None, call("c1", '{"a": 1}')), result("c1")],
            [HI, said([use("c1", {"a": 1})]), user(found("c1"))],
            id="one",
        ),
        pytest.param(
            [HI, said("Let me look.", call("c1")), result("c1")],
            [HI, said([text("Let me look."), use("c1")]), user(found("c1"))],
            id="text-before",
        ),
        *(
            pytest.param(
                [HI, said(blank, call("c1")), result("c1")], [HI, said([use("c1")]), user(found("c1"))], id=repr(blank)
            )
            for blank in ("", " ", "(no content)")
        ),
        pytest.param(
            [HI, said(None, call("c1"), call("c2")), result("c1", "one"), result("c2", "two")],
            [HI, said([use("c1"), use("c2")]), user(found("c1", "one"), found("c2", "two"))],
            id="two-results-are-one-message",
        ),
        pytest.param(
            [HI, said(None, call("c1"), call("c2")), result("c2", "two"), result("c1", "one")],
            [HI, said([use("c1"), use("c2")]), user(found("c2", "two"), found("c1", "one"))],
            id="results-in-another-order",
        ),
        pytest.param(
            [HI, said(None, call("c1")), result("c1"), {"role": "user", "content": "and now?"}],
            [HI, said([use("c1")]), user(found("c1"), text("and now?"))],
            id="a-word-after-the-result",
        ),
        pytest.param(
            [HI, said(None, call("c1")), result("c1"), user(text("see"), PNG)],
            [HI, said([use("c1")]), user(found("c1"), text("see"), IMAGE)],
            id="an-image-after-the-result",
        ),
        pytest.param(
            [HI, said(None, call("c1")), result("c1"), said("a", call("c2")), result("c2"), said("b")],
            [HI, said([use("c1")]), user(found("c1")), said([text("a"), use("c2")]), user(found("c2")), said("b")],
            id="step-by-step",
        ),
        pytest.param(
            [HI, said("a"), said(None, call("c1")), result("c1")],
            [HI, said("a"), said([use("c1")]), user(found("c1"))],
            id="an-answer-and-then-one-that-calls",
        ),
        pytest.param(
            [HI, said(None, call("c1", name="gone.now")), result("c1")],
            [HI, said([use("c1", name=f"{PREFIX}__{plain('gone.now')}")]), user(found("c1"))],
            id="a-function-that-is-no-longer-offered",
        ),
    ],
)
def test_calls_and_results_become_anthropics(turns: list[Turn], expected: list[Turn]) -> None:
    """Each call in its answer, each result in the message after it."""
    assert before(*turns) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("sunny", "sunny", id="text"),
        pytest.param("", "", id="empty"),
        pytest.param(" \n", " \n", id="blank"),
        pytest.param("x" * 200_000, "x" * 200_000, id="long"),
        pytest.param([text("sunny")], "sunny", id="one-part"),
        pytest.param([text("a"), text("b")], [text("a"), text("b")], id="parts"),
        pytest.param([PNG], [IMAGE], id="image"),
        pytest.param([text("see"), PNG], [text("see"), IMAGE], id="text-and-image"),
        pytest.param([text("a") | MARK], "a", id="a-callers-mark-goes"),
    ],
)
def test_a_result_is_what_the_function_said(content: Any, expected: Any) -> None:
    """To the character."""
    *_, asked = before(HI, said(None, call("c1")), result("c1", content))
    assert asked == user(found("c1", expected))


def test_without_functions_earlier_calls_keep_their_plain_names() -> None:
    """The conversation goes on without them."""
    turns = read_messages([HI, said(None, call("c1"), call("c2", name="a.b")), result("c1"), result("c2")])
    _, answer, _ = messages(turns, model=MODEL, server=None)
    assert [block["name"] for block in answer["content"]] == ["look", plain("a.b")]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param('{"a": {"b": [1, null, "\u2028"]}}', {"a": {"b": [1, None, "\u2028"]}}, id="object"),
        pytest.param("{}", {}, id="empty-object"),
        pytest.param("", {}, id="none"),
        pytest.param(None, {}, id="null"),
        *(
            pytest.param(other, {"INVALID_JSON": other}, id=other)
            for other in ('{"a": ', "[1]", "null", '"text"', "5", "{'a': 1}", '{"a": "\\ud800"}', " ")
        ),
    ],
)
def test_arguments_become_an_object_or_are_kept_as_they_are_in_one(arguments: str | None, expected: Any) -> None:
    """Anthropic takes nothing else."""
    _, answer, _ = before(HI, said(None, call("c1", arguments)), result("c1"))
    assert answer["content"] == [use("c1", expected)]


@pytest.mark.parametrize(
    ("given_", "made"),
    [
        pytest.param(["a", "b"], ["a", "b"], id="legal"),
        pytest.param(["call.1|x", "ä"], ["call_1_x", "_"], id="illegal"),
        pytest.param(["a", "a"], ["a", "a-2"], id="used-before"),
        pytest.param(["a", "a", "a"], ["a", "a-2", "a-3"], id="used-twice-before"),
        pytest.param(["a", "a-2", "a"], ["a", "a-2", "a-3"], id="the-next-one-is-taken"),
        pytest.param(["a", "a", "a-2"], ["a", "a-2", "a-2-2"], id="one-of-ours-is-taken"),
        pytest.param(["a.b", "a_b", "a b"], ["a_b", "a_b-2", "a_b-3"], id="the-same-once-made-legal"),
        pytest.param(["call_1", "call_2", "call_3"], ["call_1", "call_2", "call_3"], id="counted"),
        pytest.param(["call", "call_2"], ["call", "call_2-2"], id="taken-for-a-repetition"),
        pytest.param(["call_2", "call"], ["call_2", "call-2"], id="taken-for-a-repetition-the-other-way-round"),
    ],
)
def test_every_call_has_an_id_of_its_own(given_: list[str], made: list[str]) -> None:
    """The CLI drops one that it has seen before, and its result with it."""
    assert ids(before(HI, *(turn for each in given_ for turn in (said(None, call(each)), result(each))))) == (
        made,
        made,
    )


def test_calls_of_one_answer_whose_ids_become_the_same_stay_apart() -> None:
    """Each result finds its own, in any order."""
    given_ = ["a.b", "a_b", "a b"]
    made = before(HI, said(None, *map(call, given_)), *map(result, reversed(given_), reversed(given_)))
    assert ids(made) == (["a_b", "a_b-2", "a_b-3"], ["a_b-3", "a_b-2", "a_b"])
    assert [block["content"] for block in made[-1]["content"]] == given_[::-1]


def ids(made: list[Turn]) -> tuple[list[str], list[str]]:
    """Of the calls, and of the results."""
    blocks = [block for turn in made if isinstance(turn["content"], list) for block in turn["content"]]
    return [b["id"] for b in blocks if "id" in b], [b["tool_use_id"] for b in blocks if "tool_use_id" in b]


@given(st.lists(st.lists(st.text("a_2.-", min_size=1, max_size=3), unique=True, min_size=1, max_size=3), max_size=5))
def test_ids_are_legal_unique_and_paired_whatever_the_caller_has(steps: list[list[str]]) -> None:
    """And they do not change as the conversation goes on, or nothing of it would be in the cache."""
    turns: list[Turn] = [HI]
    earlier: list[Turn] = []
    for step in steps:
        turns += [said(None, *map(call, step)), *map(result, step)]
        made = before(*turns)
        asked, answered = ids(made)
        assert asked == answered
        assert len(set(asked)) == len(asked)
        assert all(re.fullmatch(r"[A-Za-z0-9_-]+", each) for each in asked)
        assert made[: len(earlier)] == earlier
        earlier = made


# Reasoning

THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
SEALED = {"type": "redacted_thinking", "data": "x"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(said("a", thinking_blocks=[THOUGHT]), said([THOUGHT, text("a")], model=MODEL), id="signed"),
        pytest.param(said("a", thinking_blocks=[SEALED]), said([SEALED, text("a")], model=MODEL), id="redacted"),
        pytest.param(
            said("a", thinking_blocks=[THOUGHT, SEALED, THOUGHT]),
            said([THOUGHT, SEALED, THOUGHT, text("a")], model=MODEL),
            id="several",
        ),
        pytest.param(
            said(None, call("c1"), thinking_blocks=[THOUGHT]),
            said([THOUGHT, use("c1")], model=MODEL),
            id="before-a-call",
        ),
        pytest.param(
            said("a", call("c1"), thinking_blocks=[THOUGHT]),
            said([THOUGHT, text("a"), use("c1")], model=MODEL),
            id="before-text-and-a-call",
        ),
        pytest.param(said("a", thinking_blocks=[{**THOUGHT, "signature": ""}]), said("a"), id="unsigned"),
        pytest.param(said("a", thinking_blocks=[], reasoning_content="hm"), said("a"), id="words-alone"),
        pytest.param(said("a", thinking_blocks=[{**THOUGHT, "signature": "codex:s"}]), said("a"), id="another-vendors"),
        pytest.param(said("", thinking_blocks=[THOUGHT]), said([]), id="nothing-came-of-it"),
    ],
)
def test_reasoning_goes_back_as_the_vendor_sealed_it(answer: Turn, expected: Turn) -> None:
    """Under the model's name, without which the CLI drops it."""
    turns = [HI, answer, result("c1")] if "tool_calls" in answer else [HI, answer]
    assert before(*turns)[1] == expected


# The cache's breakpoint


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param([HI], [text("hi") | MARK], id="text"),
        pytest.param([HI, HI], [text("hi"), text("hi") | MARK], id="two-questions"),
        pytest.param([user(text("a"), PNG)], [text("a"), IMAGE | MARK], id="image"),
        pytest.param([user(PNG, text("a"))], [IMAGE, text("a") | MARK], id="text-after-an-image"),
        pytest.param([user(text("a") | MARK, text("b"))], [text("a"), text("b") | MARK], id="not-the-callers"),
        pytest.param([said(None, call("c1")), result("c1")], [found("c1") | MARK], id="result"),
        pytest.param(
            [said(None, call("c1")), result("c1", [PNG])], [found("c1", [IMAGE]) | MARK], id="result-that-is-an-image"
        ),
        pytest.param(
            [said(None, call("c1"), call("c2")), result("c2"), result("c1")],
            [found("c2"), found("c1") | MARK],
            id="several-results",
        ),
        pytest.param(
            [said(None, call("c1")), result("c1"), HI], [found("c1"), text("hi") | MARK], id="text-after-a-result"
        ),
    ],
)
def test_the_newest_block_has_the_caches_breakpoint(last: list[Turn], expected: list[Turn]) -> None:
    """And no other one."""
    *earlier, newest = told(HI, said("a"), *last)
    assert newest == {"role": "user", "content": expected}
    assert "cache_control" not in str(earlier)
