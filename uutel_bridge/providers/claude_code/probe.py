"""Whether this version of `claude` can be reset between turns: tried on a loopback server, never on Anthropic's."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any

import anyio
import orjson

from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.errors import BadRequest, ProtocolError, VendorTimeout
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.loopback import LoopbackServer, Request, Response
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.core.request import read_request
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.providers.claude_code.launch import plan
from uutel_bridge.providers.claude_code.models import ClaudeCodeRequest
from uutel_bridge.providers.claude_code.session import ClaudeCodeSession
from uutel_bridge.providers.claude_code.transforms import ClaudeCodeTransform

_SECONDS = 60.0


def _turn(model: str, tool: str, *conversation: Mapping[str, Any], **params: Any) -> ClaudeCodeRequest:
    tools = [{"type": "function", "function": {"name": tool, "parameters": {"type": "object"}}}]
    transform = ClaudeCodeTransform()
    return transform.request(
        read_request(
            model, conversation, {"tools": tools, **params}, provider="claude-code", supported=transform.supported
        )
    )


_CALL = {"id": "call_1", "type": "function", "function": {"name": "second_tool", "arguments": '{"a": 1}'}}
_TURNS = (
    _turn(
        "sonnet",
        "first_tool",
        {"role": "system", "content": "first prompt"},
        {"role": "user", "content": "first question"},
        max_tokens=11,
        temperature=0.25,
    ),
    _turn(
        "haiku",
        "second_tool",
        {"role": "system", "content": "second prompt"},
        {"role": "user", "content": "earlier question"},
        {"role": "assistant", "content": "earlier answer", "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "its result"},
        {"role": "user", "content": "second question"},
    ),
)


async def probe(executable: str, environment: Mapping[str, str], settings: ProviderSettings) -> bool:
    """Ask one process two unrelated things, and look at what a model would have been sent.

    True if each turn was one request, though the model called a function in the first, and if the second request holds
    all of the second turn and nothing of the first.

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
    return replace(launched, scratch_env=(*launched.scratch_env, ("CLAUDE_CONFIG_DIR", "")))


async def _ask(launched: LaunchPlan) -> None:
    session = ClaudeCodeSession(await Child.start(launched), reusable=True)
    try:
        await session.start()
        for turn in _TURNS:
            async for _ in session.run(turn):
                pass
            await session.forget()
    except (ProtocolError, BadRequest):
        return  # it refuses a request or the functions: fewer answers than turns were fetched, and that is a verdict
    finally:
        await session.aclose()


def _is_exact(sent: bytes, turn: ClaudeCodeRequest) -> bool:
    body = orjson.loads(sent)
    return (
        [_plain(message) for message in body["messages"] if message["role"] != "system"]
        == [_plain(message) for message in turn.messages]
        and {tool["name"] for tool in body["tools"]} == set(turn.names)
        and turn.system_prompt.encode() in sent
        and turn.model in body["model"]
        and not any(left in sent for left in (b"first prompt", b"first question", b"first_tool"))
        and "temperature" not in body
        and body["max_tokens"] != _TURNS[0].max_tokens
    )


def _plain(message: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    """Role and blocks, whatever form a text has, without marks for the cache."""
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return message["role"], [
        {name: value for name, value in each.items() if name != "cache_control"} for each in blocks
    ]


async def _answer(request: Request, bodies: list[bytes]) -> Response:
    if not request.target.startswith("/v1/messages") or request.method != "POST":
        return Response(status=404)
    bodies.append(request.body)
    tools = orjson.loads(request.body).get("tools") or [{"name": ""}]
    return Response(headers={"content-type": "text/event-stream"}, body=_call_of(tools[0]["name"]))


async def _call_of(name: str) -> AsyncGenerator[bytes, None]:
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
    call: dict[str, Any] = {"type": "tool_use", "id": "toolu_probe", "name": name, "input": {}}
    events: tuple[dict[str, Any], ...] = (
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": call},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    )
    for event in events:
        yield b"event: " + event["type"].encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
