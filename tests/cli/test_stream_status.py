"""How the beginning of a stream is held back until it is known what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from uutel_bridge.cli.stream_status import StreamStatus, failed

START = b"event: message_start\ndata: {}\n\n"
PING = b"event: ping\ndata: {}\n\n"
WORDS = b"event: content_block_delta\ndata: {}\n\n"
ERROR = b'event: error\ndata: {"type": "error", "error": {"type": "rate_limit_error"}}\n\n'
TOLD = b'{"type":"error","error":{"type":"rate_limit_error"}}'
STREAM = (b"content-type", b"text/event-stream; charset=utf-8")


async def sent(*bodies: bytes, scope: str = "http", status: int = 200, retry_after: str = "7") -> list[Any]:
    """What reaches the client of an application that answers so; an error is noted before it is told."""
    messages: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [STREAM]})
        for body in bodies:
            if body is ERROR:
                failed(429, retry_after)
            await send({"type": "http.response.body", "body": body, "more_body": True})

    async def send(message: Any) -> None:
        messages.append(message)

    await StreamStatus(app)({"type": scope}, None, send)
    return messages


@pytest.mark.parametrize("bodies", [(ERROR,), (START, ERROR), (START, ERROR, b"data: [DONE]\n\n")])
async def test_a_failure_before_the_first_word_is_an_answer_of_its_own(bodies: tuple[bytes, ...]) -> None:
    """In one piece, with its status and how long it lasts."""
    start, body = await sent(*bodies)
    assert start["status"] == 429
    assert dict(start["headers"]) == {
        b"content-type": b"application/json",
        b"content-length": str(len(TOLD)).encode(),
        b"retry-after": b"7",
    }
    assert (body["body"], body.get("more_body", False)) == (TOLD, False)


@pytest.mark.parametrize("bodies", [(WORDS,), (START, WORDS), (START, PING, ERROR), (START, WORDS, ERROR), (b"",)])
async def test_whatever_has_begun_stays_as_it_is(bodies: tuple[bytes, ...]) -> None:
    """Each piece, and its order."""
    start, *rest = await sent(*bodies)
    assert (start["status"], start["headers"]) == (200, [STREAM])
    assert tuple(each["body"] for each in rest) == bodies


async def test_nothing_is_sent_before_it_is_known_what_it_is() -> None:
    """A client that has left meanwhile misses nothing."""
    assert await sent(START) == []


async def test_an_answer_that_has_its_status_is_told_how_long_it_lasts() -> None:
    """It needs nothing else."""
    start, body = await sent(ERROR, status=429)
    assert start["headers"] == [STREAM, (b"retry-after", b"7")]
    assert body["body"] == ERROR


@pytest.mark.parametrize(("seconds", "told"), [("60", []), ("61", [(b"x-should-retry", b"false")]), ("soon", [])])
async def test_a_client_is_told_not_to_ask_again_where_it_would_not_wait_so_long(seconds: str, told: list[Any]) -> None:
    """In the header that the clients of OpenAI and Anthropic know."""
    start, _ = await sent(ERROR, status=429, retry_after=seconds)
    assert start["headers"] == [STREAM, (b"retry-after", seconds.encode()), *told]


@pytest.mark.parametrize("said", [{}, {"body": memoryview(WORDS)}])
async def test_a_body_may_have_any_form_that_asgi_knows(said: dict[str, Any]) -> None:
    """None at all is an empty one."""
    messages = [{"type": "http.response.start", "status": 204, "headers": []}, {"type": "http.response.body", **said}]
    passed: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    async def send(message: Any) -> None:
        passed.append(message)

    await StreamStatus(app)({"type": "http"}, None, send)
    assert passed == messages


async def test_what_is_no_request_passes() -> None:
    """Such as the server's own start."""
    assert len(await sent(START, scope="lifespan")) == 2
