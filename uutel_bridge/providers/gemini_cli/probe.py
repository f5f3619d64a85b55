"""Whether this version of `gemini` takes a conversation as it is: tried on a loopback server, never on Google's."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import anyio
import orjson
from pydantic import SecretStr

from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.errors import CLIExited, UUError, VendorTimeout
from uutel_bridge.core.events import Finished, ToolCallDelta
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.loopback import LoopbackServer, Request, Response
from uutel_bridge.core.process import Child
from uutel_bridge.core.request import read_request
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.providers.gemini_cli.launch import plan
from uutel_bridge.providers.gemini_cli.session import GeminiCLISession
from uutel_bridge.providers.gemini_cli.transforms import GeminiCLITransform

_SECONDS = 120.0
_MODEL = "gemini-2.5-flash"
_TRANSFORM = GeminiCLITransform()
_CALL = {"id": "c", "type": "function", "function": {"name": "a_tool", "arguments": '{"n":1}'}}
_TOOLS = [{"type": "function", "function": {"name": "a_tool", "parameters": {"type": "object"}}}]
_TURN = _TRANSFORM.request(
    read_request(
        _MODEL,
        [
            {"role": "system", "content": "a prompt"},
            {"role": "user", "content": "/a question"},
            {"role": "assistant", "content": "an answer"},
            {"role": "user", "content": "another question"},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "c", "content": "a result"},
        ],
        {"tools": _TOOLS},
        provider="gemini-cli",
        supported=_TRANSFORM.supported,
    )
)


async def probe(executable: str, environment: Mapping[str, str], settings: ProviderSettings) -> bool:
    """Ask something whose answer is a call.

    True if the model was sent all of the turn in one request and no more, and its call came back.

    Raises:
        UUError: The CLI did not get so far that a verdict is possible.
    """
    bodies: list[bytes] = []
    token = secrets.token_urlsafe(32)
    server = LoopbackServer(lambda request: _answer(request, bodies))
    await server.start()
    try:
        neutral = {name: value for name, value in environment.items() if not name.upper().endswith("_PROXY")}
        own = settings.model_copy(update={"api_base": server.url, "api_key": SecretStr(token)})
        launched = plan(
            Launch(executable=executable, request=_TURN, environment=neutral, settings=own, cwd=empty_cwd(), warm=True)
        )
        called = False
        with anyio.move_on_after(_SECONDS) as scope:
            called = await _ask(GeminiCLISession(await Child.start(launched)))
        if scope.cancelled_caught:
            raise VendorTimeout(f"The start-up probe of gemini took more than {_SECONDS:g} s.")
    finally:
        await server.aclose()
    return called and len(bodies) == 1 and _is_exact(orjson.loads(bodies[0]))


async def _ask(session: GeminiCLISession) -> bool:
    translator = _TRANSFORM.translator(_TURN)
    try:
        await session.start()
        async with aclosing(session.run(_TURN)) as updates:
            events = [event async for update in updates for event in translator.feed(update)]
    except CLIExited:
        raise
    except UUError:
        return False  # it refuses the file, or tells less
    finally:
        await session.aclose()
    calls = [event for event in events if isinstance(event, ToolCallDelta)]
    return [(call.name, call.arguments) for call in calls] == [("a_tool", "{}")] and events[-1] == Finished(
        "tool_calls"
    )


def _is_exact(body: Mapping[str, Any]) -> bool:
    texts = [part["text"] for content in body["contents"] for part in content["parts"] if "text" in part]
    kinds = [(content["role"], *(next(iter(part)) for part in content["parts"])) for content in body["contents"]]
    declared = [each["name"] for tool in body["tools"] for each in tool["functionDeclarations"]]
    return (
        texts == ["/a question", "an answer", "another question"]
        and kinds[:3] == [("user", "text"), ("model", "text"), ("user", "text")]
        and [kind for kind, *_ in kinds[3:]] == ["model", "user"]
        and kinds[4] == ("user", "functionResponse")
        and body["systemInstruction"]["parts"] == [{"text": "a prompt"}]
        and declared == ["mcp_u_a_tool"]
    )


async def _answer(request: Request, bodies: list[bytes]) -> Response:
    if ":streamGenerateContent" not in request.target or request.method != "POST":
        return Response(status=404)
    bodies.append(request.body)
    if len(bodies) > 1:  # a CLI that goes on by itself would do so for ever
        return Response(status=400)
    return Response(headers={"content-type": "text/event-stream"}, body=_call())


async def _call() -> AsyncGenerator[bytes, None]:
    call: dict[str, Any] = {"functionCall": {"name": "mcp_u_a_tool", "args": {}}}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [call]}, "finishReason": "STOP", "index": 0}
    yield b"data: " + orjson.dumps({"candidates": [candidate], "usageMetadata": usage}) + b"\r\n\r\n"
