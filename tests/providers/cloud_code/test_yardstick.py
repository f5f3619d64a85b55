"""LiteLLM's own Gemini converter, as a yardstick: it says the same, but for what is named here."""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest
from litellm.llms.vertex_ai.gemini import transformation
from litellm.llms.vertex_ai.gemini.vertex_and_google_ai_studio_gemini import VertexGeminiConfig

from uutel_bridge.core.request import read_request
from uutel_bridge.providers.cloud_code.transforms import CloudCodeTransform

Body = dict[str, Any]
Given = tuple[list[Body], Body]

OLD, NEW = "gemini-2.5-pro", "gemini-3-pro-preview"
TRANSFORM = CloudCodeTransform()
UNSIGNED = "skip_thought_signature_validator"
SEAL = base64.b64encode(b"what Google thought of it").decode()
GIF = base64.b64encode(b"GIF89a\x01\x00\x01\x00" + bytes(10)).decode()
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{GIF}"}}
PDF = {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0xLjQ="}}
SOUND = {"type": "input_audio", "input_audio": {"format": "wav", "data": "UklGRg=="}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]}


def user(content: Any) -> Body:
    """What the user said."""
    return {"role": "user", "content": content}


def system(text: str) -> Body:
    """A message that instructs."""
    return {"role": "system", "content": text}


def assistant(content: str, *calls: Body, **beside: Any) -> Body:
    """What the model said."""
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {}), **beside}


def call(call_id: str, arguments: str = '{"a": "x"}', **beside: Any) -> Body:
    """A call in what the model said."""
    return {"id": call_id, "type": "function", "function": {"name": "look", "arguments": arguments}, **beside}


def result(call_id: str, content: Any = "r") -> Body:
    """What a function said."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def text(words: str) -> Body:
    """A text among other parts."""
    return {"type": "text", "text": words}


HI = [user("hi")]
TOOLS = [
    {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "a.b", "description": "Do.", "parameters": SCHEMA}},
]
NAMED = {"type": "function", "function": {"name": "look"}}
WANTED = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
SIGNED = {"provider_specific_fields": {"thought_signature": SEAL}}
SEALED = {"provider_specific_fields": {"thought_signatures": [SEAL]}}
SAFETY = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
EVERYTHING = {
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "max_tokens": 7,
    "stop": ["x"],
    "seed": 3,
    "presence_penalty": 0.5,
    "frequency_penalty": -1,
    "safety_settings": SAFETY,
}

REQUESTS: dict[str, Given] = {
    "a text": (HI, {}),
    "turns": ([user("a"), assistant("b"), user("c")], {}),
    "neighbours": ([user("a"), user("b"), assistant("c"), assistant("d"), user("e")], {}),
    "instructions": ([system("a"), user("q"), system("b"), user("r")], {}),
    "media": ([user([text("a"), IMAGE, text("b"), PDF, SOUND])], {}),
    "media alone": ([user([IMAGE])], {}),
    "a call": ([user("q"), assistant("well", call("c")), result("c"), user("go on")], {"tools": TOOLS}),
    "two calls": ([user("q"), assistant("", call("c"), call("d", "{}")), result("c"), result("d", "[1]")], {}),
    "calls one after another": (
        [user("q"), assistant("", call("c")), result("c"), assistant("", call("d")), result("d"), assistant("a"), *HI],
        {},
    ),
    "a call of no arguments": ([user("q"), assistant("", call("c", "")), result("c")], {}),
    "a result that is an object": ([user("q"), assistant("", call("c")), result("c", '{"a": 1}')], {}),
    "a result of text and an image": (
        [user("q"), assistant("", call("c")), result("c", [text("r"), IMAGE])],
        {},
    ),
    "a signature beside a call": ([user("q"), assistant("", call("c", **SIGNED)), result("c")], {}),
    "a signature in an id": (
        [user("q"), assistant("", call(f"c__thought__{SEAL}")), result(f"c__thought__{SEAL}")],
        {},
    ),
    "a signature of a text": ([user("q"), assistant("a", **SEALED), user("r")], {}),
    "one signature of both": ([user("q"), assistant("a", call("c", **SIGNED), **SEALED), result("c")], {}),
    "functions": (HI, {"tools": TOOLS}),
    "no function": (HI, {"tools": TOOLS, "tool_choice": "none"}),
    "some function": (HI, {"tools": TOOLS, "tool_choice": "required"}),
    "one function": (HI, {"tools": TOOLS, "tool_choice": NAMED}),
    "everything": (HI, EVERYTHING),
    "json": (HI, {"response_format": {"type": "json_object"}}),
    "json of a schema": (HI, {"response_format": WANTED}),
    "an effort": (HI, {"reasoning_effort": "low"}),
    "a budget": (HI, {"thinking": {"type": "enabled", "budget_tokens": 2000}}),
}


def ours(given: Given, model: str) -> Body:
    """What Code Assist is asked."""
    messages, params = given
    chat = read_request(model, messages, params, provider="cloud-code", supported=TRANSFORM.supported)
    return dict(TRANSFORM.request(chat).body)


def theirs(given: Given, model: str) -> Body:
    """What LiteLLM would ask Vertex, with Google's own parameters passed through."""
    messages, params = copy.deepcopy(given)
    own = {name: params.pop(name) for name in ("safety_settings", "top_k") if name in params}
    mapped = VertexGeminiConfig().map_openai_params(params, {}, model, False)
    made = transformation._transform_request_body(
        messages=messages,
        model=model,
        optional_params={**mapped, **own},
        custom_llm_provider="vertex_ai",
        litellm_params={},
        cached_content=None,
    )
    return {"generationConfig": {}, **camel(made)}


def camel(value: Any) -> Any:
    """Google takes `function_call` as well as `functionCall`; what stands in the caller's own words stays."""
    if isinstance(value, list):
        return [camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {"args", "response", "parameters", "response_json_schema"}
    return {
        re.sub("_([a-z])", lambda found: found[1].upper(), name): each if name in kept else camel(each)
        for name, each in value.items()
    }


def parts(body: Body, kind: str) -> list[Body]:
    """All parts of a kind, wherever they stand."""
    return [part for content in body["contents"] for part in content["parts"] if kind in part]


# What differs. Each takes it away, from ours or from theirs; and each is needed (below).


def they_keep_empty_texts(our: Body, their: Body) -> None:
    """Google takes none; we leave them out."""
    del our
    for content in their["contents"]:
        content["parts"] = [part for part in content["parts"] if part != {"text": ""}]


def they_add_a_blank_to_media(our: Body, their: Body) -> None:
    """Once Vertex wanted a text beside an image (litellm issue 5515). The model would see it; the CLI adds none."""
    del our
    for content in their["contents"]:
        if all("inlineData" in part or part == {"text": " "} for part in content["parts"]):
            content["parts"] = [part for part in content["parts"] if part != {"text": " "}]


def they_split_what_follows_results(our: Body, their: Body) -> None:
    """Results and what the user says then are two contents of one role; the CLI joins them, and so do we."""
    del our
    groups = groupby(their["contents"], key=lambda content: content["role"])
    their["contents"] = [
        {"role": role, "parts": [part for content in group for part in content["parts"]]} for role, group in groups
    ]


def they_name_calls_for_new_models_only(our: Body, their: Body) -> None:
    """Ids go with calls and results to Gemini 3; the CLI sends them to each model, and so do we."""
    if not any("id" in part["functionCall"] for part in parts(their, "functionCall")):
        for kind in ("functionCall", "functionResponse"):
            for part in parts(our, kind):
                part[kind].pop("id")


def they_encode_what_stands_for_a_signature(our: Body, their: Body) -> None:
    """Google documents the bare words; LiteLLM sends their base64, and to Gemini 3 alone."""
    for part in [*parts(our, "functionCall"), *parts(their, "functionCall")]:
        if part.get("thoughtSignature") in {UNSIGNED, base64.b64encode(UNSIGNED.encode()).decode()}:
            part.pop("thoughtSignature")


def they_take_no_arguments_for_a_schema(our: Body, their: Body) -> None:
    """Nothing becomes `{"type": "object"}`, which the model would take for an argument."""
    del our
    for part in parts(their, "functionCall"):
        if part["functionCall"]["args"] == {"type": "object"}:
            part["functionCall"]["args"] = {}


def they_call_a_result_content(our: Body, their: Body) -> None:
    """Google documents `output`, which the CLI uses; and a text that is an object stays the function's text here."""
    for part in parts(our, "functionResponse"):
        told = part["functionResponse"]
        told["response"] = {"a": 1} if told["response"] == {"output": '{"a": 1}'} else told["response"]
    for part in parts(their, "functionResponse"):
        told = part["functionResponse"]["response"]
        part["functionResponse"]["response"] = {"output": told["content"]} if "content" in told else told


def they_nest_images_for_every_model(our: Body, their: Body) -> None:
    """For all but the newest the CLI puts them beside the result, and so do we."""
    beside = [part for content in our["contents"] for part in content["parts"] if "inlineData" in part]
    for part in parts(their, "functionResponse"):
        nested = part["functionResponse"].get("parts")
        if nested and nested == beside:
            del part["functionResponse"]["parts"]
            their["contents"][-1]["parts"] += nested


def they_instruct_in_several_parts(our: Body, their: Body) -> None:
    """We join system messages by a blank line, as for every provider; and the CLI gives them a role."""
    if "systemInstruction" in our:
        said = "\n\n".join(part["text"] for part in their["systemInstruction"]["parts"])
        their["systemInstruction"] = {"role": "user", "parts": [{"text": said}]}


def they_declare_in_googles_dialect(our: Body, their: Body) -> None:
    """`parameters` knows but a part of JSON Schema; ours go as they are. The plain ones here are the same in both."""
    del our
    for tool in their.get("tools", []):
        for each in tool["functionDeclarations"]:
            each["parametersJsonSchema"] = each.pop("parameters")


def they_warm_new_models(our: Body, their: Body) -> None:
    """A temperature of 1 for Gemini 3, where the caller names none; that is Google's own default."""
    if "temperature" not in our.get("generationConfig", {}) and their["generationConfig"].get("temperature") == 1:
        del their["generationConfig"]["temperature"]


def they_drop_what_new_models_may_refuse(our: Body, their: Body) -> None:
    """Penalties go to every model here: Google refuses them by name where they cannot be."""
    for name in ("presencePenalty", "frequencyPenalty"):
        if name not in their["generationConfig"]:
            our.get("generationConfig", {}).pop(name, None)


def they_leave_out_a_budget(our: Body, their: Body) -> None:
    """Gemini 3 takes a budget, as long as no level stands beside it; LiteLLM drops the caller's."""
    if "thinkingBudget" not in their["generationConfig"].get("thinkingConfig", {}):
        our["generationConfig"].get("thinkingConfig", {}).pop("thinkingBudget", None)


def they_write_levels_small(our: Body, their: Body) -> None:
    """The CLI writes them in capitals."""
    del our
    thinking = their["generationConfig"].get("thinkingConfig", {})
    if "thinkingLevel" in thinking:
        thinking["thinkingLevel"] = thinking["thinkingLevel"].upper()


def we_ask_for_thoughts(our: Body, their: Body) -> None:
    """Of models that think anyway, whatever the caller says."""
    if "thinkingConfig" not in their["generationConfig"]:
        assert our["generationConfig"].pop("thinkingConfig") == {"includeThoughts": True}


Difference = Callable[[Body, Body], None]
DIFFERENCES: tuple[Difference, ...] = (
    they_keep_empty_texts,
    they_split_what_follows_results,
    they_add_a_blank_to_media,
    they_name_calls_for_new_models_only,
    they_encode_what_stands_for_a_signature,
    they_take_no_arguments_for_a_schema,
    they_call_a_result_content,
    they_nest_images_for_every_model,
    they_instruct_in_several_parts,
    they_declare_in_googles_dialect,
    they_warm_new_models,
    they_drop_what_new_models_may_refuse,
    they_leave_out_a_budget,
    they_write_levels_small,
    we_ask_for_thoughts,
)


def compared(given: Given, model: str, differences: tuple[Difference, ...]) -> tuple[Body, Body]:
    """Both, without these differences."""
    our, their = copy.deepcopy(ours(given, model)), copy.deepcopy(theirs(given, model))
    for difference in differences:
        difference(our, their)
    return {"generationConfig": {}, **our}, their


@pytest.mark.parametrize("model", [OLD, NEW])
@pytest.mark.parametrize("given", list(REQUESTS.values()), ids=list(REQUESTS))
def test_litellm_would_ask_the_same(given: Given, model: str) -> None:
    """The same contents, functions and configuration."""
    our, their = compared(given, model, DIFFERENCES)
    assert our == their


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: each.__name__)
def test_each_difference_is_still_there(difference: Difference) -> None:
    """In at least one of the requests; one that has gone from LiteLLM is to go from here."""
    others = tuple(each for each in DIFFERENCES if each is not difference)
    pairs = [compared(given, model, others) for given in REQUESTS.values() for model in (OLD, NEW)]
    assert any(our != their for our, their in pairs)
