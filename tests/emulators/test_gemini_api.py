"""The emulator of Google's GenerateContent does what the proofs rest on."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.emulators.gemini_api import PROJECT, GeminiAPI, scenarios

BOUND = 20
Post = Callable[..., http.client.HTTPResponse]
Content = dict[str, Any]
TOKEN = {"Authorization": "Bearer made-up-token"}
KEY, LOGIN = "/v1beta/models/gemini-2.5-pro", "/v1internal"
VERTEX = "/v1beta1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro"
OBJECT = {"type": "object", "properties": {"city": {"type": "string"}, "where": {"type": "object"}}}
TOOLS = [{"functionDeclarations": [{"name": "b_one", "parametersJsonSchema": OBJECT}, {"name": "a_two"}]}]
CALL = {"role": "model", "parts": [{"functionCall": {"name": "a_two", "args": {}}}]}
OUTPUT = {"role": "user", "parts": [{"functionResponse": {"name": "a_two", "response": {"output": "sunny"}}}]}


@pytest.fixture
def api() -> Iterator[GeminiAPI]:
    """An emulator of its own for each test."""
    with GeminiAPI() as running:
        yield running


@pytest.fixture
def post(api: GeminiAPI) -> Iterator[Post]:
    """Ask with this user text; the answer is not yet read."""
    with ExitStack() as opened:

        def ask(text: str, base: str = KEY, method: str = "streamGenerateContent?alt=sse") -> http.client.HTTPResponse:
            connection = opened.enter_context(closing(connect(api)))
            body: dict[str, Any] = {"contents": [user(text)]}
            if base == LOGIN:
                body = {"model": "gemini-2.5-pro", "project": PROJECT, "user_prompt_id": "u", "request": body}
            connection.request("POST", f"{base}:{method}", json.dumps(body), {"Connection": "close", **TOKEN})
            return opened.enter_context(closing(connection.getresponse()))

        yield ask


def connect(api: GeminiAPI) -> http.client.HTTPConnection:
    """A client of it."""
    return http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=BOUND)


def user(text: str) -> Content:
    """What the user says."""
    return {"role": "user", "parts": [{"text": text}]}


def model(text: str) -> Content:
    """What the model said."""
    return {"role": "model", "parts": [{"text": text}]}


def events(answer: http.client.HTTPResponse) -> list[dict[str, Any]]:
    """The whole SSE stream."""
    return [json.loads(event.removeprefix("data: ")) for event in answer.read().decode().split("\r\n\r\n") if event]


def blocks(stream: bytes) -> list[str]:
    """The events of a stream, however its lines end."""
    return stream.decode().replace("\r\n", "\n").split("\n\n")


def parts(*contents: Content, **fields: Any) -> list[dict[str, Any]]:
    """The parts of an answer to these contents."""
    reply = scenarios.reply({"contents": list(contents), "tools": TOOLS, **fields})
    assert reply.status == 200, reply.error
    stream = [step[1] for step in reply.steps if step[0] == "event"]
    return [part for event in stream for part in event["candidates"][0]["content"].get("parts", [])]


@pytest.mark.parametrize("base", [KEY, VERTEX, LOGIN])
def test_a_request_is_answered_in_events_and_recorded_whoever_asks(api: GeminiAPI, post: Post, base: str):
    """A chunk a piece, the last with the usage; what was sent can be looked at, without what a login wraps it in."""
    answer = post("hello [[scenario:text n=2]]", base)
    assert answer.getheader("content-type", "").startswith("text/event-stream")
    stream = [event["response"] if base == LOGIN else event for event in events(answer)]
    *pieces, last = [event["candidates"][0] for event in stream]
    assert [each["content"]["parts"] for each in pieces] == [[{"text": "part0 "}], [{"text": "part1 "}]]
    assert (last["finishReason"], stream[-1]["modelVersion"]) == ("STOP", "gemini-2.5-pro")
    assert stream[-1]["usageMetadata"] == {
        "promptTokenCount": 18,
        "candidatesTokenCount": 2,
        "totalTokenCount": 20,
        "cachedContentTokenCount": 7,
    }
    api.wait_for(lambda seen: seen.requests[0].finished is not None)
    (request,) = api.of("hello")
    assert request.body == {"model": "gemini-2.5-pro", "contents": [user("hello [[scenario:text n=2]]")]}
    assert (request.path, request.cut) == (f"{base}:streamGenerateContent", False)


@pytest.mark.parametrize("base", [KEY, LOGIN])
def test_an_answer_comes_whole_where_no_stream_is_asked_for(post: Post, base: str):
    """One JSON with all parts and how it ended."""
    answer = post("hello [[scenario:text n=2]]", base, "generateContent")
    told = json.loads(answer.read())
    (candidate,) = (told["response"] if base == LOGIN else told)["candidates"]
    assert [part["text"] for part in candidate["content"]["parts"]] == ["part0 ", "part1 "]
    assert candidate["finishReason"] == "STOP"


def test_characters_that_end_lines_come_escaped(post: Post):
    """As Google sends them: a reader of lines would cut a chunk in two."""
    answer = post("x [[scenario:unicode]]").read()
    assert answer.decode().splitlines() == answer.decode().split("\r\n")[:-1]
    assert b"\\u2028" in answer
    assert "漢字".encode() in answer


def test_an_error_may_stand_in_a_list(post: Post):
    """Of one."""
    (told,) = json.loads(post("x [[scenario:e429_list]]").read())
    assert told["error"]["code"] == 429


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("unescaped", "line\u2028para\u2029nel\x85 ".encode()),
        ("sse_lines", b'"parts": [\r\ndata:'),
        ("sse_noise", b': made up\r\n\r\nevent: ping\r\n\r\nid: 1\r\nretry: 9\r\ndata: {"response"'),
        ("sse_lf", b"}\n\ndata: {"),
    ],
)
def test_a_stream_may_be_written_in_another_way(post: Post, name: str, written: bytes):
    """Whatever the format allows: it says the same."""
    told = post(f"x [[scenario:{name}]]", LOGIN).read()
    assert written in told.replace(b"  ", b"")
    assert (b"\r" in told) == (name != "sse_lf")
    data = ["".join(each[5:] for each in event.split("\n") if each.startswith("data:")) for event in blocks(told)]
    said = [json.loads(each)["response"] for each in data if each]
    texts = [part["text"] for each in said for part in each["candidates"][0]["content"].get("parts", [])]
    plain = [part["text"] for part in parts(user(f"x [[scenario:{'unicode' if name == 'unescaped' else 'text'}]]"))]
    assert texts == plain


def test_thoughts_come_whole_below_a_heading():
    """Each in a part that says it is one."""
    thoughts = [part["text"] for part in parts(user("x [[scenario:thinking]]")) if part.get("thought")]
    assert len(thoughts) == 2
    assert all(thought.startswith("**") and "**\n\n" in thought for thought in thoughts)


def test_a_flaky_scenario_fails_first_and_then_succeeds_per_marker(post: Post):
    """Counted by marker, so that tests do not disturb each other."""
    asked = ["flaky_e529 id=a", "flaky_e529 id=b", "flaky_e529 id=a", "e429 times=1", "e429 times=1"]
    assert [post(f"x [[scenario:{name}]]").status for name in asked] == [503, 503, 200, 429, 200]


@pytest.mark.parametrize(
    ("name", "status", "word"),
    [
        ("e400", 400, "INVALID_ARGUMENT"),
        ("e400_key", 400, "API_KEY_INVALID"),
        ("e401", 401, "UNAUTHENTICATED"),
        ("e403", 403, "PERMISSION_DENIED"),
        ("e403_consumer", 403, "CONSUMER_INVALID"),
        ("e403_disabled", 403, "SERVICE_DISABLED"),
        ("e403_iam", 403, "IAM_PERMISSION_DENIED"),
        ("e403_license", 403, "SUBSCRIPTION_REQUIRED"),
        ("e403_perimeter", 403, "SECURITY_POLICY_VIOLATED"),
        ("e403_tos", 403, "TOS_VIOLATION"),
        ("e403_validation", 403, "VALIDATION_REQUIRED"),
        ("e403_validation_help", 403, '"url": "https://example.invalid/verify"'),
        ("e404", 404, "NOT_FOUND"),
        ("e404_entity", 404, "Requested entity was not found."),
        ("e413", 400, "INVALID_ARGUMENT"),
        ("e429 retry_after=7", 429, '"retryDelay": "7s"'),
        ("e429_capacity", 429, "MODEL_CAPACITY_EXHAUSTED"),
        ("e429_credits", 429, "INSUFFICIENT_G1_CREDITS_BALANCE"),
        ("e429_day", 429, "Resets in 9h22m20s"),
        ("e429_none", 429, "limit: 0"),
        ("e429_plain", 429, "check quota"),
        ("e429_rate retry_after=7", 429, "reset after 7s"),
        ("e429_quota", 429, "QUOTA_EXHAUSTED"),
        ("limit", 429, "PerDay"),
        ("e499", 499, "CANCELLED"),
        ("e500", 500, "INTERNAL"),
        ("e503", 503, "UNAVAILABLE"),
        ("e503_capacity", 503, "MODEL_CAPACITY_EXHAUSTED"),
        ("too_long", 400, "INVALID_ARGUMENT"),
        ("no_such_scenario", 400, "no such scenario"),
    ],
)
def test_an_error_comes_as_the_vendor_words_it(post: Post, name: str, status: int, word: str):
    """Its status stands in the head and in the body."""
    answer = post(f"x [[scenario:{name}]]")
    told = answer.read().decode()
    assert (answer.status, json.loads(told)["error"]["code"]) == (status, status)
    assert word in told


@pytest.mark.parametrize(
    ("name", "reason", "pieces"),
    [
        ("max_tokens", "MAX_TOKENS", 2),
        ("max_tokens0", "MAX_TOKENS", 1),
        ("refusal", "SAFETY", 1),
        ("refusal0", "SAFETY", 0),
        ("recitation", "RECITATION", 0),
        ("malformed_function_call", "MALFORMED_FUNCTION_CALL", 0),
        ("ended reason=LANGUAGE n=2", "LANGUAGE", 2),
        ("sealed", "STOP", 3),
        ("thoughts_only", "STOP", 1),
        ("truncated", None, 6),
        ("empty", "STOP", 0),
    ],
)
def test_streams_end_as_they_should(post: Post, name: str, reason: str | None, pieces: int):
    """With the reason, or without; so many parts came."""
    candidates = [event["candidates"][0] for event in events(post(f"x [[scenario:{name}]]"))]
    assert sum(len(each["content"].get("parts", [])) for each in candidates) == pieces
    assert candidates[-1].get("finishReason") == reason


def test_an_answer_may_be_no_candidate_at_all(post: Post):
    """Blocked, without a reason, without a byte; or the server fails after two pieces, in an event or in JSON."""
    (blocked,) = events(post("x [[scenario:blocked]]"))
    assert (blocked["promptFeedback"], "candidates" in blocked) == ({"blockReason": "PROHIBITED_CONTENT"}, False)
    (nobody,) = events(post("x [[scenario:nobody]]"))
    assert {"candidates", "promptFeedback"}.isdisjoint(nobody)
    assert events(post("x [[scenario:nothing]]")) == []
    for name in ("sse_error", "error_body"):
        *said, failed = events(post(f"x [[scenario:{name}]]", LOGIN))
        assert (len(said), failed["error"]["code"]) == (2, 503)


def test_a_drop_breaks_the_stream_off(api: GeminiAPI, post: Post):
    """The pieces before it arrive."""
    with pytest.raises(http.client.IncompleteRead) as caught:
        post("x [[scenario:drop]]").read()
    assert caught.value.partial.count(b"data: ") == 3
    api.wait_for(lambda seen: seen.requests[0].cut)
    with pytest.raises(http.client.RemoteDisconnected):
        post("x [[scenario:drop0]]")


@pytest.mark.parametrize(
    ("scenario", "calls"),
    [
        ("tool", [("b_one", {"city": "Oslo"})]),
        ('tool name=two args={"a":1}', [("a_two", {"a": 1})]),
        ("tools n=3", [("b_one", {"n": 0}), ("a_two", {"n": 1}), ("b_one", {"n": 2})]),
        ("tool_noargs", [("b_one", {})]),
        ("tool_badargs", [("b_one", {"city": {"no": True}, "where": 1})]),
        ("tool_badargs name=two", [("a_two", {"city": {"no": True}})]),
        ("tool_unknown", [("mcp__nobody__nothing", {"city": "Oslo"})]),
        ("tool_thinking", [("b_one", {"city": "Oslo"})]),
        ("loop", [("b_one", {"n": 0}), ("a_two", {"n": 1})]),
    ],
)
@pytest.mark.parametrize("name", ["gemini-2.5-pro", "gemini-3-pro-preview"])
def test_functions_are_called_by_the_names_in_the_request(name: str, scenario: str, calls: list[tuple[str, Any]]):
    """A Gemini 3 gives each call an id, and signs the first."""
    made = [part for part in parts(user(f"x [[scenario:{scenario}]]"), model=name) if "functionCall" in part]
    assert [(part["functionCall"]["name"], part["functionCall"]["args"]) for part in made] == calls
    is_newer = name.startswith("gemini-3")
    assert ["thoughtSignature" in part for part in made] == [is_newer, *[False] * (len(made) - 1)]
    assert len({part["functionCall"].get("id") for part in made}) == (len(made) if is_newer else 1)


def test_a_call_that_is_cut_never_comes():
    """The token limit ends the answer; with a function to call, or without one."""
    assert parts(user("x [[scenario:tool_cut]]")) == []
    assert parts(user("x [[scenario:tool_cut]]"), tools=[]) == [{"text": "There is no tool "}, {"text": "to call."}]


def test_only_functions_that_may_be_called_are_called():
    """As the request's choice says."""
    asking = user("x [[scenario:tool]]")
    only = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["a_two"]}}
    (called,) = parts(asking, toolConfig=only)
    assert called["functionCall"]["name"] == "a_two"
    assert not [
        part for part in parts(asking, toolConfig={"functionCallingConfig": {"mode": "NONE"}}) if "text" not in part
    ]


def test_results_are_told_once_they_came():
    """With a text after them or without; a call's scenario does not call for ever, a loop does for its steps."""
    told = [{"tool_use_id": "a_two", "text": "sunny"}]
    asking, after = (
        user("x [[scenario:tool]]"),
        {**OUTPUT, "parts": [*OUTPUT["parts"], {"text": "[[scenario:results]]"}]},
    )
    for results in ([OUTPUT], [after], [OUTPUT, user("[[scenario:results]]")]):
        assert json.loads("".join(part["text"] for part in parts(asking, CALL, *results))) == told
    again = parts(user("x [[scenario:loop n=2]]"), CALL, OUTPUT)
    done = parts(user("x [[scenario:loop n=1]]"), CALL, OUTPUT)
    assert [list(part) for part in again] == [["functionCall"], ["functionCall"]]
    assert "".join(part["text"] for part in done) == "done after 1 steps"


@pytest.mark.parametrize("field", ["responseSchema", "responseJsonSchema"])
def test_a_json_answer_fits_the_schema(field: str):
    """With types in upper case, as OpenAPI has them here, as well."""
    schema = {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}, "type": {"type": "string"}}}
    said = parts(user("x [[scenario:json]]"), generationConfig={field: schema})
    assert json.loads("".join(part["text"] for part in said)) == {"n": 1, "type": "s"}


def test_a_history_that_the_vendor_takes_is_answered():
    """Calls of older turns need no signature, nor does any but the first of an answer."""
    signed = {"role": "model", "parts": [{**CALL["parts"][0], "thoughtSignature": "s"}, *CALL["parts"]]}
    both = {"role": "user", "parts": [*OUTPUT["parts"], *OUTPUT["parts"]]}
    contents = [user("a"), CALL, OUTPUT, model("b"), user("c [[scenario:tool]]"), signed, both]
    assert parts(*contents, model="gemini-3-pro-preview")


@pytest.mark.parametrize(
    ("contents", "fields", "wrong"),
    [
        ([], {}, "contents is not specified"),
        ([user("x"), {"role": "user", "parts": []}], {}, "contents.parts must not be empty"),
        ([{"role": "user", "parts": [{"thought": True}]}], {}, "must have one initialized field"),
        ([{**user("x"), "role": "assistant"}], {}, "Please use a valid role: user, model."),
        ([user("x"), model("y")], {}, "end with a user role or a function response"),
        ([CALL, OUTPUT], {}, "immediately after a user turn"),
        ([user("x"), model("y"), CALL, OUTPUT], {}, "immediately after a user turn"),
        ([user("x"), CALL, user("y")], {}, "is equal to the number of function call parts"),
        ([user("x"), OUTPUT], {}, "immediately after a function call turn"),
        ([user("x"), CALL, OUTPUT], {"model": "gemini-3-pro-preview"}, "missing a thought_signature"),
        ([user("x")], {"made_up": 1}, 'Unknown name "made_up"'),
        ([user("x")], {"tools": [{"functionDeclarations": [{"name": "1a"}]}]}, "Invalid function name"),
        ([user("x")], {"tools": [{"functionDeclarations": [{"name": "a" * 65}]}]}, "Invalid function name"),
        ([user("x")], {"tools": [*TOOLS, *TOOLS]}, "Duplicate function declaration found: b_one"),
        (
            [user("x")],
            {"tools": [{"functionDeclarations": [{"name": "a", "parameters": {}, "parametersJsonSchema": {}}]}]},
            "parameters and parameters_json_schema",
        ),
        (
            [user("x")],
            {"toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["a"]}}},
            "only when function calling mode is ANY",
        ),
        ([user("x")], {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_declarations"),
        ([user("x")], {"generationConfig": {"temperature": 2.5}}, "temperature must be in the range [0.0, 2.0]"),
        ([user("x")], {"generationConfig": {"topP": 1.5}}, "top_p must be in the range [0.0, 1.0]"),
        (
            [user("x")],
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}},
            "only one of thinking budget and thinking level",
        ),
        ([user("x")], {"generationConfig": {"responseSchema": {}, "responseJsonSchema": {}}}, "must not both be set"),
        (
            [user("x")],
            {"tools": TOOLS, "model": "gemini-2.5-pro", "generationConfig": {"responseMimeType": "application/json"}},
            "Function calling with a response mime type: 'application/json' is unsupported",
        ),
        (
            [user("x"), {"role": "model", "parts": [{"functionCall": {"name": "a", "args": "{}"}}]}, OUTPUT],
            {},
            "functionCall.args, type.googleapis.com/google.protobuf.Struct",
        ),
    ],
)
def test_what_the_vendor_refuses_is_refused(contents: list[Content], fields: dict[str, Any], wrong: str):
    """With 400, whatever the scenario."""
    reply = scenarios.reply({"contents": contents, **fields})
    assert reply.status == 400
    assert wrong in reply.error["error"]["message"]
