"""The emulator of the Responses API does what the proofs rest on."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.emulators.responses_api import ResponsesAPI, scenarios

BOUND = 20
Post = Callable[[str], http.client.HTTPResponse]
TOOLS = [{"type": "function", "name": "b_one"}, {"type": "function", "name": "a_two"}]
CALL = {"type": "function_call", "call_id": "c", "name": "a_two", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "sunny"}]}


@pytest.fixture
def api() -> Iterator[ResponsesAPI]:
    """An emulator of its own for each test."""
    with ResponsesAPI() as running:
        yield running


@pytest.fixture
def post(api: ResponsesAPI) -> Iterator[Post]:
    """Ask with this user text; the answer is not yet read."""
    with ExitStack() as opened:

        def ask(text: str) -> http.client.HTTPResponse:
            connection = opened.enter_context(closing(connect(api)))
            data = json.dumps({"model": "some-model", "input": [user(text)]})
            connection.request("POST", "/backend-api/codex/responses", data, {"Connection": "close"})
            return opened.enter_context(closing(connection.getresponse()))

        yield ask


def connect(api: ResponsesAPI) -> http.client.HTTPConnection:
    """A client of it."""
    return http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=BOUND)


def user(text: str) -> dict[str, Any]:
    """A user message as an item."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def events(answer: http.client.HTTPResponse) -> list[dict[str, Any]]:
    """The whole SSE stream."""
    blocks = answer.read().decode().split("\n\n")
    return [json.loads(block.split("\ndata: ", 1)[1]) for block in blocks if block]


def output(*items: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """What a response to these items says at its end; all that came in pieces before is in it."""
    reply = scenarios.reply({"input": list(items), "tools": TOOLS, **fields})
    assert reply.status == 200, reply.error
    stream = [step[1] for step in reply.steps if step[0] == "event"]
    pieces = [each["delta"] for each in stream if each["type"].endswith(".delta")]
    said = [item["content"][0]["text"] for item in stream[-1]["response"]["output"] if item["type"] == "message"]
    called = [item["arguments"] for item in stream[-1]["response"]["output"] if item["type"] == "function_call"]
    thought = [part["text"] for item in stream[-1]["response"]["output"] for part in item.get("summary", [])]
    assert "".join(pieces) == "".join([*thought, *said, *called])
    return stream[-1]["response"]["output"]


def test_a_request_is_answered_in_events_and_recorded(api: ResponsesAPI, post: Post):
    """Numbered events, the last with the usage; what was sent can be looked at."""
    stream = events(post("hello [[scenario:text n=2]]"))
    assert [event["type"].removeprefix("response.") for event in stream] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in stream] == list(range(len(stream)))
    assert stream[-1]["response"]["model"] == "some-model"
    assert stream[-1]["response"]["usage"]["output_tokens"] == 2
    api.wait_for(lambda seen: seen.requests[0].finished is not None)
    (request,) = api.of("hello")
    assert (request.path, request.cut) == ("/backend-api/codex/responses", False)


def test_a_flaky_scenario_fails_first_and_then_succeeds_per_marker(post: Post):
    """Counted by marker, so that tests do not disturb each other."""
    statuses = [post(f"x [[scenario:flaky_e529 id={key}]]").status for key in "aabb"]
    assert statuses == [503, 200, 503, 200]


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("e400", 400, "invalid_value"),
        ("e401", 401, "invalid_api_key"),
        ("e404", 404, "model_not_found"),
        ("e429 retry_after=7", 429, "rate_limit_exceeded"),
        ("e503", 503, "server_is_overloaded"),
        ("limit", 429, None),
        ("no_such_scenario", 400, None),
    ],
)
def test_an_error_comes_as_the_vendor_words_it(post: Post, name: str, status: int, code: str | None):
    """Status, body and, where given, retry-after."""
    answer = post(f"x [[scenario:{name}]]")
    error = json.loads(answer.read())["error"]
    assert (answer.status, error.get("code")) == (status, code)
    assert answer.getheader("retry-after") == ("7" if "retry_after" in name else None)
    if name == "limit":
        assert (error["type"], error["resets_at"]) == ("usage_limit_reached", scenarios.RESETS_AT)
        assert answer.getheader("x-codex-primary-used-percent") == "100"


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("max_tokens", "incomplete"),
        ("tool_cut", "completed"),
        ("sse_error", "failed"),
        ("too_long", "failed"),
        ("truncated", "output_item.done"),
        ("empty", "completed"),
        ("refusal", "completed"),
    ],
)
def test_streams_end_as_they_should(post: Post, name: str, last: str):
    """In the event that says how; one is cut short."""
    assert events(post(f"x [[scenario:{name}]]"))[-1]["type"] == f"response.{last}"


def test_a_drop_breaks_the_stream_off(api: ResponsesAPI, post: Post):
    """The deltas before it arrive."""
    with pytest.raises(http.client.IncompleteRead) as caught:
        post("x [[scenario:drop]]").read()
    assert caught.value.partial.count(b"output_text.delta") == 6
    api.wait_for(lambda seen: seen.requests[0].cut)
    with pytest.raises(http.client.RemoteDisconnected):
        post("x [[scenario:drop0]]")


def test_a_refreshed_login_is_given_and_anything_else_is_not_here(api: ResponsesAPI):
    """Kept apart from what is asked of the model."""
    connection = connect(api)
    statuses: list[int] = []
    for method, path in [("GET", "/wham/accounts/check"), ("POST", "/oauth/token")]:
        connection.request(method, path, b"{}" if method == "POST" else None)
        answer = connection.getresponse()
        answered = json.loads(answer.read())
        statuses.append(answer.status)
    connection.close()
    assert statuses == [404, 200]
    assert answered.keys() == {"id_token", "access_token", "refresh_token"}
    assert ([each.path for each in api.other], api.requests) == (["/wham/accounts/check", "/oauth/token"], [])


@pytest.mark.parametrize(
    ("scenario", "calls"),
    [
        ("tool", [("b_one", '{"city": "Oslo"}')]),
        ('tool name=two args={"a":1}', [("a_two", '{"a":1}')]),
        ("tools n=3", [("b_one", '{"n": 0}'), ("a_two", '{"n": 1}'), ("b_one", '{"n": 2}')]),
        ("tool_noargs", [("b_one", "{}")]),
        ("tool_badargs", [("b_one", '{"city": Oslo, ')]),
        ("tool_unknown", [("mcp__nobody__nothing", '{"city": "Oslo"}')]),
        ("tool_thinking", [("b_one", '{"city": "Oslo"}')]),
        ("loop", [("b_one", '{"n": 0}'), ("a_two", '{"n": 1}')]),
    ],
)
def test_functions_are_called_by_the_names_in_the_request(scenario: str, calls: list[tuple[str, str]]):
    """Each call with an id of its own."""
    made = [item for item in output(user(f"x [[scenario:{scenario}]]")) if item["type"] == "function_call"]
    assert [(item["name"], item["arguments"]) for item in made] == calls
    assert len({item["call_id"] for item in made}) == len(made)


def test_results_are_told_once_they_came():
    """With a message after them or without; a call's scenario does not call for ever, a loop does for its steps."""
    told = [{"tool_use_id": "c", "text": "sunny"}]
    for items in (
        (user("x [[scenario:tool]]"), CALL, OUTPUT),
        (user("x [[scenario:tool]]"), CALL, OUTPUT, user("[[scenario:results]]")),
    ):
        (message,) = output(*items)
        assert json.loads(message["content"][0]["text"]) == told
    again = output(user("x [[scenario:loop n=2]]"), CALL, OUTPUT)
    (done,) = output(user("x [[scenario:loop n=1]]"), CALL, OUTPUT)
    assert [item["type"] for item in again] == ["function_call", "function_call"]
    assert done["content"][0]["text"] == "done after 1 steps"


def test_a_json_answer_fits_the_schema():
    """That of `text.format`."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
    (message,) = output(user("x [[scenario:json]]"), text={"format": {"schema": schema}})
    assert json.loads(message["content"][0]["text"]) == {"n": 1}


@pytest.mark.parametrize(
    ("items", "fields", "wrong"),
    [
        ([user("x"), CALL], {}, "No tool output found for function call c."),
        ([user("x"), OUTPUT], {}, "No tool call found for function call output with call_id c."),
        ([user("x")], {"tools": [{"type": "function", "name": "a b"}]}, "Invalid 'tools[0].name'"),
        (
            [user("x")],
            {"text": {"format": {"strict": True, "name": "n", "schema": {"type": "object"}}}},
            "'additionalProperties' is required to be supplied and to be false.",
        ),
    ],
)
def test_what_the_vendor_refuses_is_refused(items: list[dict[str, Any]], fields: dict[str, Any], wrong: str):
    """With 400, whatever the scenario."""
    reply = scenarios.reply({"input": items, **fields})
    assert reply.status == 400
    assert wrong in reply.error["error"]["message"]
