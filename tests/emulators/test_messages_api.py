"""The emulator and the proxy do what the proofs rest on."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.emulators.messages_api import MessagesAPI, Recorded, scenarios
from tests.emulators.refusing_proxy import RefusingProxy

BOUND = 20
Post = Callable[[str], http.client.HTTPResponse]


@pytest.fixture
def api() -> Iterator[MessagesAPI]:
    """An emulator of its own for each test."""
    with MessagesAPI() as running:
        yield running


@pytest.fixture
def post(api: MessagesAPI) -> Iterator[Post]:
    """Ask with this user text; the answer is not yet read."""
    with ExitStack() as opened:

        def ask(text: str) -> http.client.HTTPResponse:
            connection = opened.enter_context(closing(connect(api)))
            content = [{"type": "text", "text": text}]
            messages = [{"role": "user", "content": content}, {"role": "system", "content": "# Environment"}]
            body = json.dumps({"model": "some-model", "messages": messages})
            headers = {"Content-Type": "application/json", "Connection": "close"}
            connection.request("POST", "/v1/messages?beta=true", body, headers)
            return opened.enter_context(closing(connection.getresponse()))

        yield ask


def connect(api: MessagesAPI) -> http.client.HTTPConnection:
    """A client of it."""
    return http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=BOUND)


def events(answer: http.client.HTTPResponse) -> list[dict[str, Any]]:
    """The whole SSE stream."""
    blocks = answer.read().decode().split("\n\n")
    return [json.loads(block.split("\ndata: ", 1)[1]) for block in blocks if block]


def said(stream: list[dict[str, Any]]) -> list[str]:
    """The text deltas of a stream."""
    return [event["delta"]["text"] for event in stream if event.get("delta", {}).get("type") == "text_delta"]


def test_a_request_is_answered_in_events_and_recorded(api: MessagesAPI, post: Post):
    """What was sent can be looked at, with its times."""
    answer = post("hello [[scenario:text n=2]]")
    stream = events(answer)
    assert answer.getheader("content-type", "").startswith("text/event-stream")
    assert [event["type"] for event in stream] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert stream[0]["message"]["model"] == "some-model"
    api.wait_for(lambda seen: seen.requests[0].finished is not None)
    (request,) = api.of("hello")
    assert (request.method, request.path, request.cut) == ("POST", "/v1/messages", False)
    assert request.headers["content-type"] == "application/json"
    assert request.body["messages"][0]["content"][0]["text"].startswith("hello")
    assert request.arrived <= (request.first_byte or 0) <= (request.finished or 0)
    assert api.of("goodbye") == []


def test_echo_gives_the_text_back_without_its_marker(post: Post):
    """Several deltas, nothing lost."""
    parts = said(events(post(" tell me: 漢字 \u2028 done\n[[scenario:echo]]")))
    assert len(parts) > 1
    assert "".join(parts) == " tell me: 漢字 \u2028 done\n"


def test_a_flaky_scenario_fails_first_and_then_succeeds_per_marker(api: MessagesAPI, post: Post):
    """Counted by marker, so that tests do not disturb each other."""
    statuses = [
        post(f"x [[scenario:flaky_e529 id={key} times={times}]]").status
        for key, times in [("a", 1), ("b", 2), ("a", 1), ("b", 2), ("b", 2)]
    ]
    assert statuses == [529, 529, 200, 529, 200]
    api.clear()
    assert api.requests == []
    assert post("x [[scenario:flaky_e529 id=a]]").status == 529


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("e400", 400, "invalid_request_error"),
        ("e401", 401, "authentication_error"),
        ("e429 retry_after=7", 429, "rate_limit_error"),
        ("limit", 429, "rate_limit_error"),
        ("too_long", 400, "invalid_request_error"),
        ("no_such_scenario", 400, "invalid_request_error"),
    ],
)
def test_an_error_comes_as_the_vendor_words_it(post: Post, name: str, status: int, kind: str):
    """Status, body and, where given, retry-after."""
    answer = post(f"x [[scenario:{name}]]")
    assert answer.status == status
    assert json.loads(answer.read())["error"]["type"] == kind
    assert answer.getheader("retry-after") == ("7" if "retry_after" in name else None)


def test_a_limit_stands_in_the_headers(post: Post):
    """Where the CLI reads it."""
    headers = dict(post("x [[scenario:limit]]").getheaders())
    assert headers["anthropic-ratelimit-unified-status"] == "rejected"
    assert headers["anthropic-ratelimit-unified-reset"] == str(scenarios.RESETS_AT)


def test_a_drop_breaks_the_stream_off(api: MessagesAPI, post: Post):
    """The deltas before it arrive."""
    with pytest.raises(http.client.IncompleteRead) as caught:
        post("x [[scenario:drop]]").read()
    assert caught.value.partial.count(b"text_delta") == 3
    api.wait_for(lambda seen: seen.requests[0].cut)


def test_a_drop_before_the_first_byte_gives_nothing(post: Post):
    """Not even a status line."""
    with pytest.raises(http.client.RemoteDisconnected):
        post("x [[scenario:drop0]]")


def test_a_truncated_stream_ends_cleanly_without_its_message_end(post: Post):
    """HTTP says it is whole, the protocol says it is not."""
    assert events(post("x [[scenario:truncated]]"))[-1]["type"] == "content_block_stop"


def test_a_hanging_answer_ends_when_the_client_leaves(api: MessagesAPI, post: Post):
    """And the record says that it was cut."""
    answer = post("x [[scenario:hang]]")
    assert b"message_start" in answer.readline() + answer.readline()
    answer.close()
    api.wait_for(lambda seen: seen.requests[0].finished is not None)
    assert api.requests[0].cut


def test_the_scenarios_that_stream_are_whole_messages(post: Post):
    """Every scenario that ends by itself opens, counts and closes what it should."""
    for name in ("text", "unicode", "thinking", "usage", "max_tokens", "stop_sequence", "refusal", "refusal0", "empty"):
        stream = events(post(f"x [[scenario:{name}]]"))
        kinds = [event["type"] for event in stream]
        assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"]), name
        assert kinds.count("content_block_start") == kinds.count("content_block_stop"), name


def test_any_scenario_can_pause_after_its_first_event():
    """A model takes its time; some proofs need that."""
    text = "x [[scenario:max_tokens pause=0.5]]"
    steps = list(scenarios.reply({"messages": [{"role": "user", "content": text}]}).steps)
    assert [steps[0][1]["type"], steps[1], steps[2][1]["type"]] == [
        "message_start",
        ("sleep", 0.5),
        "content_block_start",
    ]


def test_other_paths_are_answered_plainly_and_kept_apart(api: MessagesAPI):
    """The CLI's side questions do not count as model requests."""
    connection = connect(api)
    statuses: list[int] = []
    for method, path in [("HEAD", "/api/hello"), ("GET", "/api/oauth/profile"), ("POST", "/v1/messages/count_tokens")]:
        connection.request(method, path, b"{}" if method == "POST" else None)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    assert statuses == [200, 404, 200]
    assert [each.path for each in api.other] == ["/api/hello", "/api/oauth/profile", "/v1/messages/count_tokens"]
    assert api.requests == []


def test_waiting_for_what_does_not_come_is_bounded(api: MessagesAPI):
    """A test fails, it does not hang."""
    with pytest.raises(TimeoutError):
        api.wait_for(lambda seen: bool(seen.requests), timeout=0.05)


def test_the_search_text_has_characters_instead_of_escapes():
    """A marker in any script can be found."""
    assert "漢字" in Recorded("POST", "/", {}, b"", {"text": "漢字"}, 0.0).text


def test_the_emulator_runs_as_a_program_until_its_stdin_ends():
    """Benchmarks keep it out of their process."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.emulators.messages_api"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=BOUND)
        connection.request("POST", "/v1/messages", json.dumps({"model": "m", "messages": []}))
        assert b"message_stop" in connection.getresponse().read()
        connection.close()
        process.communicate(timeout=BOUND)
        assert process.returncode == 0


def test_the_refusing_proxy_lets_nothing_through_and_names_what_tried():
    """CONNECT and plain requests alike."""
    with RefusingProxy() as proxy, httpx.Client(proxy=proxy.url, timeout=BOUND) as client:
        assert client.get("http://plain.invalid/path").status_code == 403
        with pytest.raises(httpx.ProxyError, match="403"):
            client.get("https://secure.invalid/path")
    assert proxy.attempts == ["http://plain.invalid/path", "secure.invalid:443"]
    assert proxy.environment["https_proxy"] == proxy.url


# Tools and schemas

CLOSED = {"type": "object", "properties": {}, "additionalProperties": False}
MARK = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
CALL = {"type": "tool_use", "id": "c", "name": "a_two", "input": {}}


def body(*turns: Any, **fields: Any) -> dict[str, Any]:
    """A request with these turns, user first, and two tools."""
    messages = [{"role": ("user", "assistant")[n % 2], "content": content} for n, content in enumerate(turns)]
    return {"messages": messages, "tools": [{"name": "b_one"}, {"name": "a_two"}], **fields}


def answered(request: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The blocks of the answer, with what came in pieces as `said`, and its stop reason."""
    reply = scenarios.reply(request)
    assert reply.status == 200, reply.error
    blocks: list[dict[str, Any]] = []
    reason = ""
    for _, event in reply.steps:
        if event["type"] == "content_block_start":
            blocks.append({**event["content_block"], "said": ""})
        elif event["type"] == "content_block_delta":
            blocks[-1]["said"] += event["delta"].get("text", "") + event["delta"].get("partial_json", "")
        elif event["type"] == "message_delta":
            reason = event["delta"]["stop_reason"]
    return blocks, reason


@pytest.mark.parametrize(
    ("scenario", "calls", "reason"),
    [
        ("tool", [("b_one", '{"city": "Oslo"}')], "tool_use"),
        ('tool name=two args={"a":1}', [("a_two", '{"a":1}')], "tool_use"),
        ("tools n=3", [("b_one", '{"n": 0}'), ("a_two", '{"n": 1}'), ("b_one", '{"n": 2}')], "tool_use"),
        ("tool_noargs", [("b_one", "")], "tool_use"),
        ("tool_badargs", [("b_one", '{"city": Oslo, ')], "tool_use"),
        ("tool_unknown", [("mcp__nobody__nothing", '{"city": "Oslo"}')], "tool_use"),
        ("tool_cut", [("b_one", '{"city": ')], "max_tokens"),
        ("tool_thinking", [("b_one", '{"city": "Oslo"}')], "tool_use"),
        ("loop", [("b_one", '{"n": 0}'), ("a_two", '{"n": 1}')], "tool_use"),
    ],
)
def test_tools_are_called_by_the_names_in_the_request(scenario: str, calls: list[tuple[str, str]], reason: str):
    """Each call with an id of its own."""
    blocks, stopped = answered(body(f"x [[scenario:{scenario}]]"))
    made = [block for block in blocks if block["type"] == "tool_use"]
    assert [(block["name"], block["said"]) for block in made] == calls
    assert stopped == reason
    assert len({block["id"] for block in made}) == len(made)


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"type": "none"}, []),
        ({"type": "tool", "name": "a_two"}, ["a_two", "a_two"]),
        ({"type": "auto", "disable_parallel_tool_use": True}, ["b_one"]),
    ],
)
def test_a_tool_choice_is_kept_to(choice: dict[str, Any], names: list[str]):
    """As a model would."""
    blocks, _ = answered(body("x [[scenario:tools]]", tool_choice=choice))
    assert [block["name"] for block in blocks if block["type"] == "tool_use"] == names


def test_results_are_told_once_they_came():
    """The marker stands in the message before; a call's scenario does not call for ever, a loop does for its steps."""
    result = {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "sunny"}]}
    told, _ = answered(body("x [[scenario:tool]]", [CALL], [result]))
    again, _ = answered(body("x [[scenario:loop n=2]]", [CALL], [result]))
    done, _ = answered(body("x [[scenario:loop n=1]]", [CALL], [result]))
    assert json.loads(told[0]["said"]) == [{"tool_use_id": "c", "text": "sunny"}]
    assert [block["type"] for block in again] == ["tool_use", "tool_use"]
    assert done[0]["said"] == "done after 1 steps"


@pytest.mark.parametrize(("scenario", "kind"), [("redacted", "redacted_thinking"), ("tool_thinking", "thinking")])
def test_thoughts_come_before_what_they_lead_to(scenario: str, kind: str):
    """Hidden ones and signed ones."""
    blocks, _ = answered(body(f"x [[scenario:{scenario}]]"))
    assert [block["type"] for block in blocks] == [kind, "text" if scenario == "redacted" else "tool_use"]


def test_a_json_answer_fits_the_schema():
    """References, choices and lists included."""
    properties = {
        "s": {"type": "string"},
        "n": {"type": ["number", "null"]},
        "e": {"enum": ["x", "y"]},
        "l": {"type": "array", "items": {"$ref": "#/$defs/N"}},
        "a": {"anyOf": [{"type": "boolean"}]},
    }
    schema = {**CLOSED, "properties": properties, "$defs": {"N": {"type": "integer"}}}
    fitting, _ = answered(body("x [[scenario:json]]", output_config={"format": {"schema": schema}}))
    free, _ = answered(body("x [[scenario:json]]"))
    assert json.loads(fitting[0]["said"]) == {"s": "s", "n": 1.5, "e": "x", "l": [1], "a": True}
    assert json.loads(free[0]["said"]) == {"answer": 42}


@pytest.mark.parametrize(
    ("refused", "wrong"),
    [
        (
            body("x", output_config={"format": {"schema": {**CLOSED, "$defs": {"a": {"type": "object"}}}}}),
            "additionalP",
        ),
        (body("x", [{**CALL, "id": "a.b"}]), "messages.1.content.0.tool_use.id"),
        (body("x", tools=[{"name": "a b"}]), "tools.0.custom.name"),
        (body("x", tools=[{"name": "x" * 129}]), "tools.0.custom.name"),
        (
            body("x", [CALL], "no result"),
            "`tool_use` ids were found without `tool_result` blocks immediately after: c.",
        ),
        (body("x", tool_choice={"type": "any"}, thinking={"type": "adaptive"}), "Thinking may not be enabled"),
        (body([MARK, MARK, MARK], system=[MARK, MARK]), "A maximum of 4 blocks with cache_control"),
    ],
)
def test_what_the_vendor_refuses_is_refused(refused: dict[str, Any], wrong: str):
    """With 400, whatever the scenario."""
    reply = scenarios.reply(refused)
    assert (reply.status, reply.error["error"]["type"]) == (400, "invalid_request_error")
    assert wrong in reply.error["error"]["message"]


def test_what_the_vendor_takes_is_taken():
    """The same, just within the rules."""
    result = {"type": "tool_result", "tool_use_id": "c", "content": [MARK]}
    within = body("x", [CALL], [result], system=[MARK, MARK, MARK], tool_choice={"type": "any"})
    within["output_config"] = {"format": {"schema": {**CLOSED, "default": {"type": "object"}}}}
    assert scenarios.reply(within).status == 200
