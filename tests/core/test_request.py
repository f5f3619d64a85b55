"""The caller's parameters: which pass, which are refused and under which name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uutel_bridge.core.errors import BadRequest, UnsupportedParam
from uutel_bridge.core.messages import Message, Text
from uutel_bridge.core.request import ASK_NOTHING_WITHOUT_TOOLS, ChatRequest, read_request
from uutel_bridge.core.tools import ResponseFormat, Tool, ToolChoice

EVERYTHING = ("max_tokens", "temperature", "top_p", "stop", "reasoning_effort", "verbosity", "service_tier")
PENALTIES = ("presence_penalty", "frequency_penalty")
ABLE = (
    *EVERYTHING,
    *PENALTIES,
    "project_id",
    "safety_settings",
    "seed",
    "top_k",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "thinking",
)
TOOLS = [{"type": "function", "function": {"name": "f"}}]
HI = [{"role": "user", "content": "hi"}]


def read(
    params: dict[str, Any] | None = None, *, model: str = "sonnet", supported: Any = EVERYTHING, drop: bool = False
) -> ChatRequest:
    """A one-message request with these parameters."""
    return read_request(model, HI, params or {}, provider="toy", supported=supported, drop_unsupported=drop)


def test_a_bare_request_asks_for_nothing_but_an_answer() -> None:
    """Defaults are None, so a provider can tell what was asked for."""
    assert read() == ChatRequest(model="sonnet", messages=(Message("user", (Text("hi"),)),))
    assert read().model_dump(exclude={"model", "messages"}) == {
        "max_tokens": None,
        "temperature": None,
        "top_p": None,
        "stop": (),
        "reasoning_effort": None,
        "verbosity": None,
        "service_tier": None,
        "top_k": None,
        "safety_settings": (),
        "project_id": None,
        "seed": None,
        "presence_penalty": None,
        "frequency_penalty": None,
        "n": 1,
        "tools": (),
        "tool_choice": {"mode": "auto", "name": ""},
        "parallel_tool_calls": True,
        "response_format": None,
        "thinking": None,
    }


@pytest.mark.parametrize(
    ("params", "field", "value"),
    [
        pytest.param({"max_tokens": 1}, "max_tokens", 1, id="one-token"),
        pytest.param({"max_completion_tokens": 9}, "max_tokens", 9, id="newer-name-of-max-tokens"),
        pytest.param({"max_tokens": 9, "max_completion_tokens": 9}, "max_tokens", 9, id="both-names-agree"),
        pytest.param({"temperature": 0}, "temperature", 0.0, id="zero-is-not-nothing"),
        pytest.param({"temperature": 2}, "temperature", 2.0, id="whole-number-for-a-float"),
        pytest.param({"top_p": 1.0}, "top_p", 1.0, id="top-p"),
        pytest.param({"stop": "END"}, "stop", ("END",), id="one-stop"),
        pytest.param({"stop": ["a", "b"]}, "stop", ("a", "b"), id="stops-in-order"),
        pytest.param({"stop": ("a",)}, "stop", ("a",), id="stops-as-a-tuple"),
        pytest.param({"stop": ["\n"]}, "stop", ("\n",), id="stop-at-a-line-end"),
        pytest.param({"stop": []}, "stop", (), id="no-stops"),
        pytest.param({"reasoning_effort": "low"}, "reasoning_effort", "low", id="effort"),
        pytest.param({"effort": "low"}, "reasoning_effort", "low", id="our-name-of-effort"),
        pytest.param({"verbosity": "low"}, "verbosity", "low", id="verbosity"),
        pytest.param({"service_tier": "flex"}, "service_tier", "flex", id="service-tier"),
        pytest.param({"service_tier": "auto"}, "service_tier", None, id="any-service-tier"),
        pytest.param({"n": 3}, "n", 3, id="choices"),
        pytest.param({"extra_body": {"temperature": 0.5}}, "temperature", 0.5, id="extra-body"),
        pytest.param({"extra_body": {"effort": "max"}}, "reasoning_effort", "max", id="second-name-in-extra-body"),
        pytest.param({"top_p": 0.1, "extra_body": {"top_p": 0.2}}, "top_p", 0.2, id="extra-body-wins"),
        pytest.param({"max_tokens": None}, "max_tokens", None, id="null"),
        pytest.param({"n": None}, "n", 1, id="null-choices"),
        pytest.param({"extra_body": None}, "stop", (), id="null-extra-body"),
        pytest.param({"max_tokens": 4, "max_completion_tokens": None}, "max_tokens", 4, id="null-second-name"),
    ],
)
def test_a_parameter_arrives_as_it_was_meant(params: dict[str, Any], field: str, value: object) -> None:
    """Under one name, in one type."""
    assert getattr(read(params), field) == value


@pytest.mark.parametrize(
    ("params", "param"),
    [
        pytest.param({"max_tokens": 0}, "max_tokens", id="zero-tokens"),
        pytest.param({"max_tokens": 2**31}, "max_tokens", id="more-tokens-than-any-vendor-counts"),
        pytest.param({"max_tokens": -1}, "max_tokens", id="negative-tokens"),
        pytest.param({"max_tokens": 1.5}, "max_tokens", id="fractional-tokens"),
        pytest.param({"max_tokens": "5"}, "max_tokens", id="tokens-as-text"),
        pytest.param({"max_tokens": True}, "max_tokens", id="tokens-as-bool"),
        pytest.param({"temperature": -0.1}, "temperature", id="cold"),
        pytest.param({"temperature": 2.1}, "temperature", id="hot"),
        pytest.param({"temperature": "1"}, "temperature", id="temperature-as-text"),
        pytest.param({"temperature": True}, "temperature", id="temperature-as-bool"),
        pytest.param({"temperature": float("nan")}, "temperature", id="not-a-number"),
        pytest.param({"temperature": float("inf")}, "temperature", id="infinite"),
        pytest.param({"top_p": 1.1}, "top_p", id="top-p-over-one"),
        pytest.param({"stop": ""}, "stop", id="empty-stop"),
        pytest.param({"stop": ["a", ""]}, "stop", id="empty-stop-in-a-list"),
        pytest.param({"stop": [5]}, "stop", id="stop-is-a-number"),
        pytest.param({"stop": {"a": 1}}, "stop", id="stop-is-an-object"),
        pytest.param({"stop": b"a"}, "stop", id="stop-is-bytes"),
        pytest.param({"stop": "\ud800"}, "stop", id="stop-is-no-unicode"),
        pytest.param({"reasoning_effort": ""}, "reasoning_effort", id="empty-effort"),
        pytest.param({"reasoning_effort": {"effort": "low"}}, "reasoning_effort", id="effort-is-an-object"),
        pytest.param({"n": 0}, "n", id="no-choices"),
        pytest.param({"n": 129}, "n", id="too-many-choices"),
        pytest.param({"n": True}, "n", id="choices-as-bool"),
        pytest.param({"n": "2"}, "n", id="choices-as-text"),
        pytest.param({"extra_body": "temperature"}, "extra_body", id="extra-body-is-text"),
        pytest.param({"extra_body": [1]}, "extra_body", id="extra-body-is-a-list"),
        pytest.param({"max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens", id="names-disagree"),
        pytest.param({"effort": "low", "reasoning_effort": "high"}, "effort", id="efforts-disagree"),
    ],
)
def test_a_wrong_value_is_refused_under_its_name(params: dict[str, Any], param: str) -> None:
    """As OpenAI does: no value is bent into another."""
    with pytest.raises(BadRequest) as caught:
        read(params)
    assert caught.value.param == param
    assert caught.value.provider == "toy"
    assert param in caught.value.message
    assert not isinstance(caught.value, UnsupportedParam)


def test_an_empty_model_is_refused() -> None:
    """There is nothing a vendor could make of it."""
    with pytest.raises(BadRequest) as caught:
        read(model="")
    assert caught.value.param == "model"


def test_a_wrong_message_is_refused_with_the_provider_named() -> None:
    """The place is the message's own."""
    with pytest.raises(BadRequest) as caught:
        read_request("sonnet", [], {}, provider="toy", supported=())
    assert (caught.value.param, caught.value.provider) == ("messages", "toy")


NEUTRAL = [(name, value) for name, values in ASK_NOTHING_WITHOUT_TOOLS.items() for value in values]


@pytest.mark.parametrize(("name", "value"), NEUTRAL, ids=[f"{name}={value}" for name, value in NEUTRAL])
@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "extra-body"])
@pytest.mark.parametrize("supported", [EVERYTHING, ABLE], ids=["no-tools", "tools"])
def test_a_value_that_changes_nothing_passes(name: str, value: object, wrapped: bool, supported: Any) -> None:
    """Clients send them out of habit."""
    params = {name: value}
    assert read({"extra_body": params} if wrapped else params, supported=supported) == read()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 1),
        ("seed", 0),
        ("logprobs", True),
        ("tools", [{"type": "function"}]),
        ("tool_choice", "required"),
        ("response_format", {"type": "json_object"}),
        ("presence_penalty", 0.5),
        ("top_k", 5),
        ("extra_headers", {"x": "y"}),
        ("model", "other"),
        ("messages", []),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "extra-body"])
def test_an_unsupported_parameter_is_refused_by_name_or_dropped_on_request(
    name: str, value: object, wrapped: bool
) -> None:
    """Nothing is passed over in silence, unless the caller asked for that."""
    params = {"extra_body": {name: value}} if wrapped else {name: value}
    with pytest.raises(UnsupportedParam) as caught:
        read(params)
    assert (caught.value.param, caught.value.provider) == (name, "toy")
    assert name in caught.value.message
    assert "toy" in caught.value.message
    assert read(params, drop=True) == read()


def test_a_known_parameter_that_the_provider_lacks_is_unsupported() -> None:
    """Even one that others support."""
    with pytest.raises(UnsupportedParam) as caught:
        read({"temperature": 1, "top_p": 1}, supported=("top_p",))
    assert caught.value.param == "temperature"
    assert read({"temperature": 1, "top_p": 1}, supported=("top_p",), drop=True).temperature is None


def test_dropping_what_is_unsupported_keeps_the_check_of_the_rest() -> None:
    """`drop_params` forgives no wrong value."""
    with pytest.raises(BadRequest) as caught:
        read({"seed": 1, "n": 0}, drop=True)
    assert caught.value.param == "n"


NAMED = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("params", "field", "value"),
    [
        pytest.param({"tools": TOOLS}, "tools", (Tool("f", "", None),), id="tools"),
        pytest.param({"tools": TOOLS, "tool_choice": "auto"}, "tool_choice", ToolChoice("auto"), id="auto"),
        pytest.param({"tools": TOOLS, "tool_choice": "none"}, "tool_choice", ToolChoice("none"), id="none"),
        pytest.param({"tools": TOOLS, "tool_choice": "required"}, "tool_choice", ToolChoice("required"), id="required"),
        pytest.param({"tools": TOOLS, "tool_choice": NAMED}, "tool_choice", ToolChoice("named", "f"), id="named"),
        pytest.param({"tools": TOOLS, "parallel_tool_calls": False}, "parallel_tool_calls", False, id="one-by-one"),
        pytest.param({"tools": TOOLS, "parallel_tool_calls": True}, "parallel_tool_calls", True, id="parallel"),
        pytest.param({"extra_body": {"tools": TOOLS, "tool_choice": "none"}}, "tool_choice", ToolChoice("none")),
        pytest.param({"response_format": {"type": "json_object"}}, "response_format", ResponseFormat(None)),
        pytest.param({"thinking": {"type": "disabled"}}, "thinking", {"type": "disabled"}, id="no-thinking"),
        pytest.param({"seed": 0}, "seed", 0, id="seed"),
        pytest.param({"top_k": 1}, "top_k", 1, id="top-k"),
        pytest.param({"safety_settings": [{"category": "c"}]}, "safety_settings", ({"category": "c"},), id="safety"),
        pytest.param({"project_id": "p"}, "project_id", "p", id="project"),
        pytest.param({"presence_penalty": -2}, "presence_penalty", -2, id="presence-penalty"),
        pytest.param({"frequency_penalty": 0.5}, "frequency_penalty", 0.5, id="frequency-penalty"),
        pytest.param({"thinking": {"type": "adaptive"}}, "thinking", {"type": "adaptive"}, id="adaptive"),
        pytest.param(
            {"thinking": {"type": "adaptive", "display": "summarized"}},
            "thinking",
            {"type": "adaptive", "display": "summarized"},
            id="adaptive-shown",
        ),
        pytest.param(
            {"extra_body": {"thinking": {"type": "enabled", "budget_tokens": 1}}},
            "thinking",
            {"type": "enabled", "budget_tokens": 1},
            id="thinking-budget",
        ),
    ],
)
def test_tools_forms_and_thinking_arrive_where_they_are_supported(
    params: dict[str, Any], field: str, value: object
) -> None:
    """`none` and one call at a time, too, once there are tools to use."""
    assert getattr(read(params, supported=ABLE), field) == value


@pytest.mark.parametrize(
    ("params", "param"),
    [
        pytest.param({"tools": "f"}, "tools", id="tools-as-text"),
        pytest.param({"tools": TOOLS, "tool_choice": "any"}, "tool_choice", id="unknown-choice"),
        pytest.param({"tool_choice": "required"}, "tool_choice", id="required-without-tools"),
        pytest.param({"tools": [], "tool_choice": NAMED}, "tool_choice", id="named-without-tools"),
        pytest.param({"tools": TOOLS, "parallel_tool_calls": "no"}, "parallel_tool_calls", id="parallel-as-text"),
        pytest.param({"response_format": {"type": "xml"}}, "response_format.type", id="unknown-form"),
        pytest.param({"project_id": ""}, "project_id", id="empty-project"),
        pytest.param({"project_id": 5}, "project_id", id="project-is-a-number"),
        pytest.param({"thinking": True}, "thinking", id="thinking-as-bool"),
        pytest.param({"thinking": {}}, "thinking", id="thinking-without-type"),
        pytest.param({"thinking": {"type": "on"}}, "thinking", id="thinking-of-unknown-type"),
        pytest.param({"thinking": {"type": ["enabled"]}}, "thinking", id="type-as-a-list"),
        pytest.param({"thinking": {"type": "enabled"}}, "thinking", id="no-budget"),
        pytest.param({"thinking": {"type": "enabled", "budget_tokens": 0}}, "thinking", id="empty-budget"),
        pytest.param({"thinking": {"type": "enabled", "budget_tokens": True}}, "thinking", id="budget-as-bool"),
        pytest.param({"thinking": {"type": "disabled", "budget_tokens": 5}}, "thinking", id="budget-of-nothing"),
        pytest.param({"thinking": {"type": "adaptive", "display": 5}}, "thinking", id="display-is-a-number"),
    ],
)
def test_wrong_tools_forms_and_thinking_are_refused_under_their_names(params: dict[str, Any], param: str) -> None:
    """With the provider named, as for any other parameter."""
    with pytest.raises(BadRequest) as caught:
        read(params, supported=ABLE)
    assert (caught.value.param, caught.value.provider) == (param, "toy")
    assert not isinstance(caught.value, UnsupportedParam)


@pytest.mark.parametrize(("name", "value"), [("tool_choice", "none"), ("parallel_tool_calls", False)])
def test_how_to_use_tools_is_asked_only_of_a_provider_that_can_carry_it_out(name: str, value: object) -> None:
    """Beside tools it changes the answer, so it is no habit to be passed over."""
    params = {"tools": TOOLS, name: value}
    with pytest.raises(UnsupportedParam) as caught:
        read(params, supported=("tools",))
    assert caught.value.param == name
    assert read(params, supported=("tools",), drop=True) == read({"tools": TOOLS}, supported=("tools",))


def test_tools_and_the_choice_among_them_are_dropped_together() -> None:
    """By a provider without tools."""
    assert read({"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False}, drop=True) == read()


@pytest.mark.parametrize("drop", [False, True], ids=["strict", "dropping"])
def test_a_history_of_calls_is_refused_by_a_provider_without_tools(drop: bool) -> None:
    """Leaving the calls out would make another conversation of it."""
    made = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [*HI, {"role": "assistant", "tool_calls": [made]}, {"role": "tool", "tool_call_id": "c1", "content": ""}]
    with pytest.raises(UnsupportedParam) as caught:
        read_request("sonnet", history, {}, provider="toy", supported=EVERYTHING, drop_unsupported=drop)
    assert (caught.value.param, caught.value.provider) == ("messages[1]", "toy")
    assert len(read_request("sonnet", history, {}, provider="toy", supported=ABLE).messages) == 3


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "max_tokens": st.integers(1, 10**9),
            "temperature": st.floats(0, 2),
            "top_p": st.floats(0, 1),
            "stop": st.lists(st.text(min_size=1)),
            "reasoning_effort": st.text(min_size=1),
            "n": st.integers(1, 128),
        },
    )
)
def test_every_right_value_arrives_unchanged(params: dict[str, Any]) -> None:
    """Validation changes nothing that was right."""
    request = read(params)
    for name, value in params.items():
        assert getattr(request, name) == (tuple(value) if name == "stop" else value)


def test_a_request_cannot_be_changed_after_its_check() -> None:
    """What was validated is what is sent."""
    with pytest.raises(ValueError, match="frozen"):
        read().model = "other"  # type: ignore[misc]
