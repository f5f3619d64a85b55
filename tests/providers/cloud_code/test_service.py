"""The Service over the emulator, and over endpoints that do what one should not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from tests.emulators.gemini_api import PROJECT, GeminiAPI
from tests.providers.cloud_code.endpoints import (
    BOUND,
    JSON,
    SSE,
    TOKEN,
    answering,
    failed,
    gather,
    serviced,
    serving,
    silence,
    speaking,
    streamed,
)
from uutel_bridge import __version__
from uutel_bridge.core.errors import (
    BadRequest,
    LoginExpired,
    ModelNotFound,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    UUError,
    VendorTimeout,
    VendorUnavailable,
)
from uutel_bridge.core.loopback import Cut, Request, Response
from uutel_bridge.providers.cloud_code import service as service_module

FIRST = b'data: {"response":{"n":1}}\r\n\r\n'
LAST = b'data: {"response":{"n":2}}\r\n\r\n'
EVENTS = [{"response": {"n": 1}}, {"response": {"n": 2}}]


def asked_for(text: str) -> dict[str, Any]:
    """A turn with this user text, wrapped as the endpoint wants it."""
    request = {"contents": [{"role": "user", "parts": [{"text": text}]}], "session_id": "s"}
    return {"model": "gemini-2.5-pro", "project": PROJECT, "user_prompt_id": "u", "request": request}


def text_of(events: list[Any]) -> str:
    """What the model said."""
    candidates = [candidate for event in events for candidate in event["response"].get("candidates", [])]
    return "".join(part.get("text", "") for each in candidates for part in each["content"].get("parts", []))


async def test_a_turn_is_asked_and_answered() -> None:
    """The body arrives as it was given, and the answer's events come back."""
    with GeminiAPI() as api:
        async with serviced(api.url + "/") as service:
            events = await streamed(service, asked_for("hi é\u2028 [[scenario:text]]"))
        (recorded,) = api.requests
    assert recorded.path == "/v1internal:streamGenerateContent"
    assert orjson.loads(recorded.raw) == asked_for("hi é\u2028 [[scenario:text]]")
    assert text_of(events)
    assert events[-1]["response"]["candidates"][0]["finishReason"] == "STOP"


async def test_methods_are_called() -> None:
    """Their answers are objects."""
    with GeminiAPI() as api:
        async with serviced(api.url) as service:
            answer = await service.call("loadCodeAssist", {"metadata": {}}, TOKEN, timeout=BOUND)
        assert [each.path for each in api.other] == ["/v1internal:loadCodeAssist"]
    assert answer["cloudaicompanionProject"] == PROJECT


async def test_requests_say_who_asks_and_no_more() -> None:
    """Nothing that would pass as another client, and no cookie that was set before."""
    asked: list[Request] = []

    async def answer(request: Request) -> Response:
        asked.append(request)
        if request.target.endswith("?alt=sse"):
            return Response(200, {**SSE, "set-cookie": "a=b"}, FIRST)
        return Response(200, JSON, b"{}")

    async with serving(answer) as service:
        await streamed(service, {"a": 1})
        await service.call("onboardUser", {"a": 1}, TOKEN, timeout=BOUND)
        await service.operation("operations/one", TOKEN)
    always = {
        "accept-encoding": "identity",
        "authorization": f"Bearer {TOKEN}",
        "content-type": "application/json",
        "user-agent": f"uutel-bridge/{__version__}",
    }
    headers = [{name: each.headers[name] for name in each.headers if name != "host"} for each in asked]
    assert headers == [
        {**always, "accept": "text/event-stream", "content-length": "7"},
        {**always, "accept": "application/json", "content-length": "7"},
        {**always, "accept": "application/json"},
    ]
    assert [(each.method, each.target) for each in asked] == [
        ("POST", "/v1internal:streamGenerateContent?alt=sse"),
        ("POST", "/v1internal:onboardUser"),
        ("GET", "/v1internal/operations/one"),
    ]


async def test_an_event_is_given_out_when_it_comes() -> None:
    """The endpoint says the second one only once the first was seen."""
    seen = asyncio.Event()

    async def body() -> AsyncGenerator[bytes, None]:
        yield FIRST
        await seen.wait()
        yield LAST

    async with serving(answering(Response(200, SSE, body()))) as service:
        got: list[Any] = []
        async with aclosing(service.stream({}, TOKEN)) as events:
            async for event in events:
                got.append(event)
                seen.set()
    assert got == EVENTS


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        pytest.param(SSE, FIRST + LAST, EVENTS, id="events"),
        pytest.param({"content-type": "Text/Event-Stream; charset=utf-8"}, FIRST, EVENTS[:1], id="type with charset"),
        pytest.param(SSE, b"", [], id="no events"),
        pytest.param(
            SSE, FIRST + b'{"error":{"code":429}}\n', [*EVENTS[:1], {"error": {"code": 429}}], id="bare error"
        ),
        pytest.param(JSON, b'{"error":{"code":429}}', [{"error": {"code": 429}}], id="JSON object"),
        pytest.param(JSON, b'[{"error":{"code":429}}\n]', [{"error": {"code": 429}}], id="JSON list"),
        pytest.param(SSE, b'data: {"a":"%b"}\n\n' % (b"x" * 2**20), [{"a": "x" * 2**20}], id="a megabyte"),
    ],
)
async def test_good_answers_are_read_by_their_type(headers: dict[str, str], body: bytes, expected: list[Any]) -> None:
    """Events as they come, other JSON as their list."""
    async with serving(answering(Response(200, headers, body))) as service:
        assert await streamed(service) == expected


@pytest.mark.parametrize(
    ("response", "evidence"),
    [
        pytest.param(Response(200, {"content-type": "text/html"}, b"<html>" * 200), ("<html>" * 84)[:500], id="a page"),
        pytest.param(Response(200, {}, FIRST), FIRST.decode(), id="without a type"),
        pytest.param(Response(200, JSON), "", id="empty"),
        pytest.param(Response(200, SSE, b'data: {"a":\r\n\r\n'), ' {"a":\r', id="half an event"),
        pytest.param(Response(204), "", id="204"),
        pytest.param(Response(302, {"location": "/login"}), "/login", id="redirect"),
        pytest.param(Response(307, {"location": "/v1internal:streamGenerateContent?alt=sse"}), "", id="around"),
    ],
)
async def test_answers_that_are_none_are_told_with_what_was_written(response: Response, evidence: str) -> None:
    """A captive portal, a gateway, a proxy that translates; redirects are not followed: the token would travel."""
    asked: list[Request] = []

    async def answer(request: Request) -> Response:
        asked.append(request)
        return response

    async with serving(answer) as service:
        error = await failed(streamed(service), ProtocolError)
    assert error.evidence == (evidence or response.headers.get("location", ""))
    assert len(asked) == 1


async def test_events_before_a_bad_one_are_given_out() -> None:
    """Also where they came in one chunk."""
    got: list[Any] = []

    async with serving(answering(Response(200, SSE, FIRST + b"data: nonsense\n\n" + LAST))) as service:
        error = await failed(gather(service, got), ProtocolError)
    assert got == EVENTS[:1]
    assert error.evidence == " nonsense"


@pytest.mark.parametrize("body", [b"[]", b"[{},{}]", b"1", b"<html>", b""])
async def test_a_method_answers_one_object(body: bytes) -> None:
    """Anything else is told."""
    async with serving(answering(Response(200, JSON, body))) as service:
        error = await failed(service.call("loadCodeAssist", {}, TOKEN, timeout=BOUND), ProtocolError)
    assert error.evidence == body.decode()


@pytest.mark.parametrize(
    ("status", "cls"),
    [(400, BadRequest), (401, LoginExpired), (403, PermissionDenied), (404, ModelNotFound), (503, VendorUnavailable)],
)
async def test_a_bad_status_is_the_error_that_its_text_tells(status: int, cls: type[UUError]) -> None:
    """Of a turn, of a method, of an operation; the connections serve on."""
    body = orjson.dumps({"error": {"code": status, "message": "That cannot be."}})
    async with serving(answering(Response(status, JSON, body))) as service:
        errors = [
            await failed(streamed(service), cls),
            await failed(service.call("loadCodeAssist", {}, TOKEN, timeout=BOUND), cls),
            await failed(service.operation("operations/one", TOKEN), cls),
        ]
    assert [error.evidence for error in errors] == ["That cannot be."] * 3


async def test_the_header_tells_when_to_come_back() -> None:
    """Where the text does not."""
    async with serving(answering(Response(429, {"retry-after": "7"}, b"slow down"))) as service:
        error = await failed(streamed(service), RateLimited)
    assert (error.retry_after, error.evidence) == (7, "slow down")


async def endless() -> AsyncGenerator[bytes, None]:
    """An error that says ever more."""
    while True:
        yield b"x" * 4096


async def silent() -> AsyncGenerator[bytes, None]:
    """An error that stops in the middle."""
    yield b"half"
    await asyncio.Event().wait()


async def cut() -> AsyncGenerator[bytes, None]:
    """An error that breaks off."""
    yield b"half"
    await asyncio.sleep(0)
    raise Cut


@pytest.mark.parametrize(("body", "begin"), [(endless, "xxxx"), (silent, "half"), (cut, "half")])
async def test_the_status_counts_whatever_becomes_of_the_text(
    body: Any, begin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What there is of the text goes with it."""
    monkeypatch.setattr(service_module, "_ERROR_LIMIT", 0.5)
    async with serving(answering(Response(503, {}, body()))) as service:
        error = await failed(streamed(service), VendorUnavailable)
    assert error.status == 503
    assert error.evidence.startswith(begin)


async def test_a_stream_that_breaks_off_is_an_error_after_what_came() -> None:
    """It never looks like an end."""

    async def body() -> AsyncGenerator[bytes, None]:
        yield FIRST
        await asyncio.sleep(0)
        raise Cut

    got: list[Any] = []

    async with serving(answering(Response(200, SSE, body()))) as service:
        error = await failed(gather(service, got), VendorUnavailable)
    assert got == EVENTS[:1]
    assert error.status is None
    assert error.evidence


async def test_no_answer_is_an_error() -> None:
    """The endpoint takes the request and hangs up."""

    async def hang_up(_: object) -> Response:
        raise Cut

    async with serving(hang_up) as service:
        assert (await failed(streamed(service), VendorUnavailable)).evidence
        await failed(service.call("loadCodeAssist", {}, TOKEN, timeout=BOUND), VendorUnavailable)


async def test_what_is_no_http_is_told() -> None:
    """Some other service listens there."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example.invalid ESMTP\r\n\r\n")
        await writer.drain()

    async with speaking(talk) as port, serviced(f"http://127.0.0.1:{port}") as service:
        error = await failed(streamed(service), ProtocolError)
    assert "220 mail.example.invalid" in error.evidence


async def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could take all our memory."""
    monkeypatch.setattr(service_module, "_MAX_ANSWER", 2**20)
    async with serving(answering(Response(200, JSON, endless()))) as service:
        error = await failed(streamed(service), ProtocolError)
    assert "1 MiB" in error.message


class Hanging:
    """An endpoint that begins an answer, or does not, and then waits; it sees who leaves."""

    def __init__(self, *, begins: bool) -> None:
        self.begins = begins
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def answer(self, _: object) -> Response:
        """With the first event, where it begins."""
        self.asked.set()
        if not self.begins:
            await self._wait()
        return Response(200, SSE, self._body())

    async def _body(self) -> AsyncGenerator[bytes, None]:
        yield FIRST
        await self._wait()

    async def _wait(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()


async def test_a_closed_stream_hangs_up_at_once() -> None:
    """The vendor need not go on."""
    endpoint = Hanging(begins=True)
    async with serving(endpoint.answer) as service:
        events = service.stream({}, TOKEN)
        assert await anext(events) == EVENTS[0]
        await events.aclose()
        await endpoint.left.wait()


@pytest.mark.parametrize("begins", [True, False])
async def test_a_cancelled_stream_hangs_up_at_once(begins: bool) -> None:
    """In the middle of the answer, or before it."""
    endpoint = Hanging(begins=begins)
    async with serving(endpoint.answer) as service:
        task = asyncio.ensure_future(streamed(service))
        await endpoint.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await endpoint.left.wait()


async def test_a_method_that_does_not_answer_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its connection with it."""
    monkeypatch.setattr(service_module, "_OPERATION_LIMIT", 0.1)
    endpoint = Hanging(begins=True)
    async with serving(endpoint.answer) as service:
        first = service.stream({}, TOKEN)
        await anext(first)  # the time below shall not be spent on imports
        await first.aclose()
        await endpoint.left.wait()
        endpoint.begins, endpoint.left = False, asyncio.Event()
        error = await failed(service.call("loadCodeAssist", {}, TOKEN, timeout=1), VendorTimeout)
        await endpoint.left.wait()
        await failed(service.operation("operations/one", TOKEN), VendorTimeout)
    assert " 1 s" in error.message


async def test_more_than_a_hundred_streams_run_at_once() -> None:
    """None waits for another to end, and none gets another's events."""
    all_there = asyncio.Event()
    there = 0

    async def answer(request: Request) -> Response:
        async def body() -> AsyncGenerator[bytes, None]:
            nonlocal there
            there += 1
            if there == 120:
                all_there.set()
            yield b"data: " + request.body + b"\n\n"
            await all_there.wait()
            for _ in range(9):
                yield b"data: " + request.body + b"\n\n"

        return Response(200, SSE, body())

    async with serving(answer) as service:
        answers = await asyncio.gather(*(streamed(service, {"n": n}) for n in range(120)))
    assert answers == [[{"n": n}] * 10 for n in range(120)]


async def test_a_connection_serves_one_request_after_another() -> None:
    """Turns and methods, whatever their status; one that was given up is not used again."""
    requests = Counter[int]()  # by connection
    bodies = {
        b"s": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%b"
        % (len(FIRST), FIRST),
        b"e": b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno",
        b"h": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"%x\r\n%b\r\n" % (len(FIRST), FIRST),
    }

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = len(requests)
        while head := await reader.readuntil(b"\r\n\r\n"):
            size = int(head.lower().partition(b"content-length: ")[2].split()[0])
            requests[connection] += 1
            writer.write(bodies[(await reader.readexactly(size))[2:3]])

    async with speaking(talk) as port, serviced(f"http://127.0.0.1:{port}") as service:
        assert await streamed(service, {"s": 1}) == EVENTS[:1]
        assert await streamed(service, {"s": 1}) == EVENTS[:1]
        await failed(streamed(service, {"e": 1}), VendorUnavailable)
        given_up = service.stream({"h": 1}, TOKEN)
        assert await anext(given_up) == EVENTS[0]
        await given_up.aclose()
        assert await streamed(service, {"s": 1}) == EVENTS[:1]
    assert list(requests.values()) == [3, 2] or list(requests.values()) == [4, 1]


async def test_a_closed_service_answers_nobody() -> None:
    """Neither who waits for more nor who comes back; closing twice is fine, and so is closing what was never used."""
    endpoint = Hanging(begins=True)
    async with serving(endpoint.answer) as service:
        late, waiting = service.stream({}, TOKEN), service.stream({}, TOKEN)
        assert [await anext(late), await anext(waiting)] == [EVENTS[0]] * 2
        waiter = asyncio.ensure_future(anext(waiting))
        await asyncio.sleep(0)
        await service.aclose()
        await service.aclose()
        for asking in (waiter, anext(late), streamed(service)):
            error = await failed(asking, UUError)
            assert "closed" in error.message
        await endpoint.left.wait()
    async with serving(endpoint.answer) as service:
        await service.aclose()


async def test_a_closed_service_answers_nobody_who_waits_for_the_beginning() -> None:
    """It is no failure of Google's, after which one might ask again."""
    endpoint = Hanging(begins=False)
    async with serving(endpoint.answer) as service:
        waiter = asyncio.ensure_future(streamed(service))
        await endpoint.asked.wait()
        await service.aclose()
        error = await failed(waiter, UUError)
        assert "closed" in error.message
        await endpoint.left.wait()


async def test_a_large_request_is_sent_whole() -> None:
    """Also beyond the megabyte that the HTTP client takes at once without complaint."""
    bodies: list[bytes] = []

    async def answer(request: Request) -> Response:
        bodies.append(request.body)
        return Response(200, SSE, LAST)

    body = asked_for("wörd " * 500_000)
    async with serving(answer) as service:
        assert [event async for event in service.stream(body, TOKEN)] == EVENTS[1:]
    assert [orjson.loads(each) for each in bodies] == [body]


async def test_nobody_there_is_an_error() -> None:
    """It says who did not answer."""
    async with speaking(silence) as port:
        pass
    async with serviced(f"http://127.0.0.1:{port}") as service:
        error = await failed(streamed(service), VendorUnavailable)
    assert f"127.0.0.1:{port}" in error.evidence


@pytest.mark.parametrize("url", ["http://", "http://name:secret@127.0.0.1:1", "http://127.0.0.1:99999"])
async def test_an_address_that_is_none_is_a_bad_request(url: str) -> None:
    """It names the setting, and nothing that may be secret."""
    async with serviced(url) as service:
        error = await failed(streamed(service), BadRequest)
    assert error.param == "api_base"
    assert "secret" not in str(error)


async def test_a_token_that_no_header_takes_is_a_bad_request() -> None:
    """Nothing is sent."""
    async with serving(answering(Response(200, SSE, FIRST))) as service:
        with pytest.raises(BadRequest) as caught:
            await service.call("loadCodeAssist", {}, f"{TOKEN}\r\nx: y", timeout=BOUND)
    assert TOKEN not in str(caught.value)
