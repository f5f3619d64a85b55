"""What cannot be right is refused at once: nothing is started for it, nothing is sent."""

from __future__ import annotations

from typing import Any

import litellm
import pytest
from litellm import exceptions as lite

from tests.conformance.claude_world import ON_CLAUDE
from tests.conformance.conversations import assistant, call, result, system, user
from tests.conformance.world import World

HELLO = [user("Hello")]


def tools(**function: Any) -> dict[str, Any]:
    """Parameters of a request with one function."""
    return {"tools": [{"type": "function", "function": {"name": "now", **function}}]}


def _image(url: Any) -> list[dict[str, Any]]:
    return [user([{"type": "image_url", "image_url": {"url": url}}])]


MESSAGES: dict[str, tuple[Any, str]] = {
    "none": ([], "messages"),
    "an unknown role": ([{"role": "narrator", "content": "x"}], r"messages\[0\].role.*narrator"),
    "no content": ([{"role": "user", "content": None}], r"messages\[0\].content"),
    "sound": ([user([{"type": "input_audio", "input_audio": {}}])], r"messages\[0\].content\[0\].*input_audio"),
    "a part without its text": ([user([{"type": "text"}])], r"messages\[0\].content\[0\].text"),
    "no parts": ([user("x"), assistant("y"), user([])], r"messages\[2\].content"),
    "half a character": ([user("a\ud83d")], r"messages\[0\].content"),
    "an answer at the end": ([user("x"), assistant("y")], "last message"),
    "only instructions": ([system("x")], "last message"),
    "an image in an answer": (
        [user("x"), {**_image("http://127.0.0.1/a.png")[0], "role": "assistant"}, user("y")],
        r"messages\[1\].content",
    ),
    "an image that is none": (_image("data:text/plain;base64,eA=="), "text/plain is not an image"),
    "broken base64": (_image("data:image/png;base64,%%%"), r"messages\[0\].content\[0\].image_url.*base64"),
    "no data": (_image("data:image/png;base64,"), r"messages\[0\].content\[0\].image_url"),
    "an image that cannot be read": (
        _image("data:image/png;base64,eHh4eHh4eHh4eHh4eHh4"),
        r"messages\[0\].content\[0\].image_url.*image/png is broken",
    ),
    "a PDF that is none": (
        [
            user("x"),
            assistant("y"),
            user([{"type": "file", "file": {"file_data": "data:application/pdf;base64,eHh4"}}]),
        ],
        r"messages\[2\].content\[0\].file.file_data.*no PDF",
    ),
    "a call without its result": ([user("x"), assistant(None, call("c1", "now")), user("y")], r"messages\[1\].*c1"),
    "one of two results": (
        [user("x"), assistant(None, call("c1", "now"), call("c2", "now")), result("c1", "y")],
        r"messages\[1\].*c2",
    ),
    "a result that nobody asked for": ([user("x"), result("c1", "y")], r"messages\[1\].tool_call_id.*c1"),
    "a result given twice": (
        [user("x"), assistant(None, call("c1", "now")), result("c1", "y"), result("c1", "y")],
        r"messages\[3\].tool_call_id.*already",
    ),
    "a call at the end": ([user("x"), assistant(None, call("c1", "now"))], r"messages\[1\].*c1"),
    "an image of a kind that no model sees": (_image("data:image/bmp;base64,Qk0="), "image/bmp"),
    "a path": (_image("/etc/passwd"), r"messages\[0\].content\[0\].image_url"),
    "a file's id": ([user([{"type": "file", "file": {"file_id": "file-1"}}])], r"messages\[0\].content\[0\].file"),
}


def only(requirement: str, given: Any, words: str) -> Any:
    """A case for who keeps this requirement; the others do not take the parameter at all."""
    return pytest.param(given, words, marks=pytest.mark.requirement(requirement))


PARAMETERS = [
    ({"n": 0}, "n:"),
    ({"n": 1000}, "n:"),
    only("parameters:temperature", {"temperature": 2.5}, "temperature"),
    only("parameters:temperature", {"temperature": -0.1}, "temperature"),
    only("parameters:temperature", {"temperature": "warm"}, "temperature"),
    only("parameters:top_p", {"top_p": 1.5}, "top_p"),
    only("parameters:max_tokens", {"max_tokens": 0}, "max_tokens"),
    only("parameters:max_tokens", {"max_tokens": 1.5}, "max_tokens"),
    only(
        "parameters:max_tokens",
        {"extra_body": {"max_completion_tokens": 1}, "max_tokens": 2},
        "max_completion_tokens",
    ),
    only("parameters:stop", {"stop": ""}, "stop"),
    only("parameters:stop", {"stop": [7]}, "stop"),
    ({"effort": "heroic"}, "reasoning_effort.*heroic"),
    (tools(name=""), r"tools\[0\].function.name"),
    ({"tools": [{"type": "function", "function": {}}]}, r"tools\[0\]"),
    ({"tools": tools()["tools"] * 2}, r"tools\[1\].function.name.*now"),
    (tools(parameters={"type": "array"}), r"tools.*'now'.*array"),
    pytest.param(tools(parameters={"oneOf": [{"type": "object"}]}), "tools.*'now'.*oneOf", marks=ON_CLAUDE),
    (tools(parameters={"type": "object", "properties": ["a"]}), "tools.*'now'.*properties"),
    ({**tools(), "tool_choice": {"type": "function", "function": {"name": "later"}}}, "tool_choice.*later"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tool_choice": "perhaps", "tools": []}, "tool_choice"),
    ({"response_format": {"type": "poem"}}, "response_format"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
        "response_format.json_schema.schema",
    ),
    pytest.param(
        {**tools(), "tool_choice": "required", "extra_body": {"thinking": {"type": "adaptive"}}},
        "tool_choice",
        marks=ON_CLAUDE,
    ),
    only("reasoning:switch", {"extra_body": {"thinking": {"type": "deep"}}}, "thinking"),
    ({"extra_body": "x"}, "extra_body"),
]

UNSUPPORTED: dict[str, dict[str, Any]] = {
    "logprobs": {"logprobs": True},
    "no_such_parameter": {"no_such_parameter": 1},
    "min_p": {"extra_body": {"min_p": 0.5}},
}

HARMLESS: dict[str, Any] = {
    "tools": [],
    "tool_choice": "auto",
    "response_format": {"type": "text"},
    "presence_penalty": 0,
    "frequency_penalty": 0.0,
    "logprobs": False,
    "n": 1,
}


async def refused(world: World, cls: type[Exception], words: str, messages: Any, **given: Any) -> None:
    """Every way to ask is refused by the call itself, before a process or the model is troubled."""
    started, asked = world.processes_started, len(world.api.requests)
    for stream in (False, True):
        with pytest.raises(cls, match=words) as caught:
            litellm.completion(world.model, messages, stream=stream, **given)
        assert type(caught.value) is cls
        with pytest.raises(cls, match=words):
            await litellm.acompletion(world.model, messages, stream=stream, **given)
    assert (world.processes_started, len(world.api.requests)) == (started, asked)


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.requirement("parameters:checked")
async def test_a_conversation_that_cannot_be_right_is_refused(world: World, name: str) -> None:
    """The error says which message, and what of it."""
    messages, words = MESSAGES[name]
    await refused(world, lite.BadRequestError, words, messages)


@pytest.mark.parametrize(("given", "words"), PARAMETERS, ids=str)
@pytest.mark.requirement("parameters:checked")
async def test_a_parameter_that_cannot_be_right_is_refused(world: World, given: dict[str, Any], words: str) -> None:
    """The error names it."""
    await refused(world, lite.BadRequestError, words, HELLO, **given)


@pytest.mark.parametrize("name", UNSUPPORTED)
async def test_a_parameter_that_cannot_be_carried_out_is_refused(world: World, name: str) -> None:
    """Never left out in silence; the error names it and the provider."""
    await refused(world, lite.UnsupportedParamsError, f"{world.provider}.*{name}", HELLO, **UNSUPPORTED[name])


@pytest.mark.parametrize("name", UNSUPPORTED)
@pytest.mark.requirement("parameters:dropped")
async def test_it_is_left_out_if_the_caller_says_so(world: World, name: str) -> None:
    """`drop_params` is LiteLLM's word for it."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [user(marker)], drop_params=True, **UNSUPPORTED[name])
    assert world.body(marker).turns == [("user", [marker])]


async def test_parameters_that_ask_for_nothing_are_taken(world: World) -> None:
    """Clients send them out of habit."""
    marker = world.marker("text")
    await litellm.acompletion(world.model, [user(marker)], **HARMLESS)
    assert world.body(marker).turns == [("user", [marker])]


async def test_several_choices_cannot_be_streamed(world: World) -> None:
    """LiteLLM has no way to pass them on."""
    started = world.processes_started
    with pytest.raises(lite.UnsupportedParamsError, match="n:"):
        await litellm.acompletion(world.model, HELLO, n=2, stream=True)
    with pytest.raises(lite.UnsupportedParamsError, match="n:"):
        litellm.completion(world.model, HELLO, n=2, stream=True)
    assert world.processes_started == started


@pytest.mark.parametrize("form", ["uutel/{}", "uutel/{}/", "uutel/no-such-{}/sonnet"])
async def test_a_name_without_a_model_or_provider_is_refused(world: World, form: str) -> None:
    """The error shows the right form."""
    with pytest.raises(lite.BadRequestError, match=rf"uutel/(<provider>|{world.provider})/<model>"):
        await litellm.acompletion(form.format(world.provider), HELLO)
