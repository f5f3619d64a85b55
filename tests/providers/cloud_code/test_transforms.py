"""OpenAI's words to Code Assist's: where the parts of a request stand, and that Google takes every request."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.emulators.recording import FAKES
from uutel_bridge.core.request import read_request
from uutel_bridge.providers.cloud_code.catalog import MODELS
from uutel_bridge.providers.cloud_code.models import CloudCodeRequest, CloudCodeResponse
from uutel_bridge.providers.cloud_code.transforms import CloudCodeTransform

sys.path.append(str(FAKES))
rules: Any = importlib.import_module("_gemini_rules")

TRANSFORM = CloudCodeTransform()
HI = {"role": "user", "content": "hi"}
CONTENTS = [{"role": "user", "parts": [{"text": "hi"}]}]
MODEL = "a-model-that-nobody-knows"


def system(text: str, role: str = "system") -> dict[str, Any]:
    """A message that instructs."""
    return {"role": role, "content": text}


def request(*messages: dict[str, Any], model: str = MODEL, **params: Any) -> CloudCodeRequest:
    """What Code Assist will be asked."""
    supported = TRANSFORM.supported
    return TRANSFORM.request(read_request(model, list(messages), params, provider="cloud-code", supported=supported))


def test_a_bare_request_is_its_one_message() -> None:
    """Nothing is added."""
    assert request(HI) == CloudCodeRequest(model=MODEL, body={"contents": CONTENTS})


def test_everything_has_its_place() -> None:
    """In the words of Vertex."""
    tool = {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {}}}
    made = request(
        system("s"),
        HI,
        model="models/gemini-3.5-flash",
        tools=[tool],
        tool_choice="required",
        safety_settings=[{"category": "c"}],
        seed=3,
        project_id="mine",
    )
    declared = {"name": "look", "description": "Look.", "parametersJsonSchema": {"type": "object"}}
    assert made == CloudCodeRequest(
        model="gemini-3-flash",
        body={
            "contents": CONTENTS,
            "systemInstruction": {"role": "user", "parts": [{"text": "s"}]},
            "tools": [{"functionDeclarations": [declared]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
            "safetySettings": [{"category": "c"}],
            "generationConfig": {"seed": 3, "thinkingConfig": {"includeThoughts": True}},
        },
        names={"look": "look"},
        project="mine",
    )


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ([system("be brief")], "be brief"),
        ([system(" a\n"), system("", "developer"), system("\n b", "developer")], " a\n\n\n\n b"),
        ([system("${AvailableTools}\n\n\n")], "${AvailableTools}\n\n\n"),
    ],
    ids=["one", "several", "what-the-cli-would-alter"],
)
def test_system_messages_are_the_system_instruction(messages: list[dict[str, Any]], prompt: str) -> None:
    """In their order and as they are, and no turns of the conversation."""
    body = request(*messages, HI).body
    assert body == {"contents": CONTENTS, "systemInstruction": {"role": "user", "parts": [{"text": prompt}]}}


def test_an_empty_system_message_is_none() -> None:
    """Google takes no empty one."""
    assert request(system(""), HI).body == {"contents": CONTENTS}


def test_any_json_object_is_asked_for_without_words() -> None:
    """Gemini has a switch for it."""
    body = request(system("a"), HI, response_format={"type": "json_object"}).body
    assert body["systemInstruction"]["parts"] == [{"text": "a"}]
    assert body["generationConfig"] == {"responseMimeType": "application/json"}


def test_a_growing_conversation_begins_with_the_same_bytes() -> None:
    """Google's cache knows a prompt by its beginning; calls are signed the same way when they are old."""
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        system("s"),
        HI,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "r"},
        {"role": "assistant", "content": "a"},
        HI,
    ]
    before, after = (orjson.dumps(request(*messages[:count]).body["contents"]) for count in (4, 6))
    assert after.startswith(before.removesuffix(b"]"))


def test_each_turn_has_a_translator_of_its_own() -> None:
    """That knows nothing of the others."""
    made = request(HI)
    chunk = CloudCodeResponse("chunk", {"response": {"candidates": [{"content": {"parts": [{"text": "a"}]}}]}})
    first, second = (len(TRANSFORM.translator(made).feed(chunk)) for _ in range(2))
    assert first == second == 2


texts = st.text(max_size=8)
names = st.sampled_from(["look", "look up", "9", "ü" * 70, "a.b", "wait_for_previous"])
arguments = st.sampled_from(["", "{}", '{"a": [1]}', "[1]", '{"a'])
images = st.just({"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlhAQABAAAAACw="}})
part_lists = st.lists(st.one_of(texts.map(lambda text: {"type": "text", "text": text}), images), min_size=1, max_size=3)
asking = st.one_of(texts, part_lists).map(lambda content: {"role": "user", "content": content})
telling = st.one_of(st.none(), texts).map(lambda content: {"role": "assistant", "content": content})
instructing = texts.map(system)


@st.composite
def calling(draw: st.DrawFn) -> list[dict[str, Any]]:
    """An answer that calls, with the results in any order."""
    ids = draw(st.lists(st.sampled_from(["c", "d", "c__thought__c2ln", "e" * 64]), min_size=1, max_size=3, unique=True))
    calls = [
        {"id": each, "type": "function", "function": {"name": draw(names), "arguments": draw(arguments)}}
        for each in ids
    ]
    results = [
        {"role": "tool", "tool_call_id": each, "content": draw(st.one_of(texts, part_lists))}
        for each in draw(st.permutations(ids))
    ]
    return [{"role": "assistant", "content": draw(st.one_of(st.none(), texts)), "tool_calls": calls}, *results]


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Any that begins and ends as Gemini wants it."""
    steps = st.one_of(st.one_of(asking, telling, instructing).map(lambda each: [each]), calling())
    between = [message for step in draw(st.lists(steps, max_size=6)) for message in step]
    return [draw(asking), *between, draw(asking)]


parameters = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.lists(names, min_size=1, max_size=3, unique=True).map(
            lambda each: [{"type": "function", "function": {"name": name}} for name in each]
        ),
        "tool_choice": st.sampled_from(["auto", "none", "required"]),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_tokens": st.integers(1, 9),
        "stop": st.lists(st.text(min_size=1), max_size=2),
        "reasoning_effort": st.sampled_from(["minimal", "low", "medium", "high"]),
        "response_format": st.just({"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}),
        "safety_settings": st.just([{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]),
    },
)


@given(conversations(), parameters, st.sampled_from([model.name for model in MODELS]))
def test_google_takes_every_request(messages: list[dict[str, Any]], params: dict[str, Any], model: str) -> None:
    """By the rules that its emulator goes by."""
    if not params.get("tools"):
        params.pop("tool_choice", None)
    elif "gemini-2" in model:
        params.pop("response_format", None)  # JSON and functions at once are refused by these; Google says it itself
    made = request(*messages, model=model, **params)
    body = orjson.loads(orjson.dumps(made.body))
    assert not rules.violation({"model": made.model, **body})
