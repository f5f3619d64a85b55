"""Whether this version of `claude` can be reset between turns: tried on a loopback server, never on Anthropic's."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any

import anyio
import orjson

from uutel_bridge.core.errors import ProtocolError, VendorTimeout
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.loopback import LoopbackServer, Request, Response
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.core.provider import Launch
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.providers.claude_code.launch import plan
from uutel_bridge.providers.claude_code.models import ClaudeCodeRequest
from uutel_bridge.providers.claude_code.session import ClaudeCodeSession

_SECONDS = 60.0
_TURNS = (
    ClaudeCodeRequest(
        model="sonnet",
        system_prompt="first prompt",
        messages=({"role": "user", "content": "first question"},),
        max_tokens=11,
        body={"temperature": 0.25},
    ),
    ClaudeCodeRequest(
        model="haiku",
        system_prompt="second prompt",
        messages=(
            {"role": "user", "content": "earlier question"},
            {"role": "assistant", "content": [{"type": "text", "text": "earlier answer"}]},
            {"role": "user", "content": "second question"},
        ),
    ),
)


async def probe(executable: str, environment: Mapping[str, str], settings: ProviderSettings) -> bool:
    """Ask one process two unrelated things, and look at what a model would have been sent.

    True if the second request holds all of the second turn and nothing of the first.

    Raises:
        UUError: The CLI did not get so far that a verdict is possible.
    """
    bodies: list[bytes] = []
    token = secrets.token_urlsafe(32)
    server = LoopbackServer(lambda request: _answer(request, bodies), token)
    await server.start()
    try:
        launch = _launch(executable, environment, settings, url=server.url, token=token)
        with anyio.move_on_after(_SECONDS) as scope:
            await _ask(launch)
        if scope.cancelled_caught:
            raise VendorTimeout(f"The start-up probe of claude took more than {_SECONDS:g} s.")
    finally:
        await server.aclose()
    return len(bodies) == 2 and _is_exact(bodies[1], _TURNS[1])


def _launch(
    executable: str, environment: Mapping[str, str], settings: ProviderSettings, *, url: str, token: str
) -> LaunchPlan:
    """The plan of a warm process, away from the user's login, settings and proxy."""
    neutral = {
        name: value
        for name, value in environment.items()
        if not name.startswith(("CLAUDE_CODE_", "ANTHROPIC_")) and not name.upper().endswith("_PROXY")
    }
    launched = plan(
        Launch(
            executable=executable,
            request=_TURNS[0],
            environment=neutral | {"ANTHROPIC_AUTH_TOKEN": token},
            settings=settings.model_copy(
                update={
                    "api_base": url,
                    "api_key": None,
                    "pass_env": (*settings.pass_env, "ANTHROPIC_AUTH_TOKEN"),
                }
            ),
            cwd=empty_cwd(),
            warm=True,
        )
    )
    return replace(launched, scratch_env=(*launched.scratch_env, "CLAUDE_CONFIG_DIR"))


async def _ask(launched: LaunchPlan) -> None:
    session = ClaudeCodeSession(await Child.start(launched), reusable=True)
    try:
        await session.start()
        for turn in _TURNS:
            async for _ in session.run(turn):
                pass
            await session.forget()
    except ProtocolError:
        return  # it refuses one of the requests: fewer answers than turns were fetched, and that is a verdict
    finally:
        await session.aclose()


def _is_exact(sent: bytes, turn: ClaudeCodeRequest) -> bool:
    body = orjson.loads(sent)
    said = [_plain(message) for message in body["messages"] if message["role"] != "system"]
    return (
        said == [_plain(message) for message in turn.messages]
        and turn.system_prompt.encode() in sent
        and turn.model in body["model"]
        and b"first prompt" not in sent
        and b"first question" not in sent
        and "temperature" not in body
        and body["max_tokens"] != _TURNS[0].max_tokens
    )


def _plain(message: Mapping[str, Any]) -> tuple[str, str]:
    content = message["content"]
    text = content if isinstance(content, str) else "".join(block.get("text", "") for block in content)
    return message["role"], text


async def _answer(request: Request, bodies: list[bytes]) -> Response:
    if not request.target.startswith("/v1/messages") or request.method != "POST":
        return Response(status=404)
    bodies.append(request.body)
    return Response(headers={"content-type": "text/event-stream"}, body=_events())


async def _events() -> AsyncGenerator[bytes, None]:
    usage: dict[str, Any] = {"input_tokens": 1, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "msg_probe",
        "type": "message",
        "role": "assistant",
        "model": "probe",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    events: tuple[dict[str, Any], ...] = (
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ok"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    )
    for event in events:
        yield b"event: " + event["type"].encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
