"""Whether this version of `codex` tells of a call as it is: tried on a loopback server, never on OpenAI's."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import anyio
import orjson
from pydantic import SecretStr

from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.errors import ProtocolError, UUError, VendorTimeout
from uutel_bridge.core.events import Finished, ToolCallDelta
from uutel_bridge.core.locate import empty_cwd
from uutel_bridge.core.loopback import LoopbackServer, Request, Response
from uutel_bridge.core.process import Child
from uutel_bridge.core.request import read_request
from uutel_bridge.core.settings import ProviderSettings
from uutel_bridge.providers.codex.launch import plan
from uutel_bridge.providers.codex.session import CodexSession
from uutel_bridge.providers.codex.transforms import CodexTransform

_SECONDS = 60.0
_ENDING_SECONDS = 10.0
"""For the end of a turn whose answer has come; older versions wait for the call's result."""
_TRANSFORM = CodexTransform()
_TURN = _TRANSFORM.request(
    read_request(
        "default",
        [
            {"role": "system", "content": "a prompt"},
            {"role": "user", "content": "a question"},
            {"role": "assistant", "content": "an answer"},
            {"role": "user", "content": "another question"},
        ],
        {"tools": [{"type": "function", "function": {"name": "a_tool", "parameters": {"type": "object"}}}]},
        provider="codex",
        supported=_TRANSFORM.supported,
    )
)


async def probe(executable: str, environment: Mapping[str, str], settings: ProviderSettings) -> bool:
    """Ask something whose answer is a call.

    True if the model was sent all of the turn in one request, and its call came back.

    Raises:
        UUError: The CLI did not get so far that a verdict is possible.
    """
    model = _Model()
    token = secrets.token_urlsafe(32)
    server = LoopbackServer(model.answer, token)
    await server.start()
    try:
        neutral = {name: value for name, value in environment.items() if not name.upper().endswith("_PROXY")}
        own = settings.model_copy(update={"api_base": server.url, "api_key": SecretStr(token)})
        launched = plan(
            Launch(executable=executable, request=_TURN, environment=neutral, settings=own, cwd=empty_cwd(), warm=True)
        )
        called = False
        with anyio.move_on_after(_SECONDS) as model.patience:
            called = await _ask(CodexSession(await Child.start(launched), cwd=launched.cwd or "/"), model.bodies)
        if model.patience.cancelled_caught and not model.bodies:
            raise VendorTimeout(f"The start-up probe of codex took more than {_SECONDS:g} s.")
    finally:
        await server.aclose()
    return called and len(model.bodies) == 1 and _is_exact(orjson.loads(model.bodies[0]))


async def _ask(session: CodexSession, bodies: Sequence[bytes]) -> bool:
    translator = _TRANSFORM.translator(_TURN)
    try:
        await session.start()
        async with aclosing(session.run(_TURN)) as notices:
            events = [event async for notice in notices for event in translator.feed(notice)]
    except UUError as error:
        if isinstance(error, ProtocolError) or len(bodies) > 1:
            return False  # it refuses one of the requests, or answers the call by itself
        raise
    finally:
        await session.aclose()
    calls = [event for event in events if isinstance(event, ToolCallDelta)]
    return [call.name for call in calls] == ["a_tool"] and events[-1] == Finished("tool_calls")


def _is_exact(body: Mapping[str, Any]) -> bool:
    said = [(item["role"], [part["text"] for part in item["content"]]) for item in body["input"]]
    if body.get("instructions"):  # where versions before 0.169 have what the later ones say as the developer
        said.insert(0, ("developer", [body["instructions"]]))
    expected = [("developer", ["a prompt"]), ("user", ["a question"])]
    return said == [*expected, ("assistant", ["an answer"]), ("user", ["another question"])] and [
        tool["name"] for tool in body["tools"]
    ] == ["a_tool"]


class _Model:
    """Calls the function, once."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.patience = anyio.CancelScope()
        """Of whoever waits for the turn."""

    async def answer(self, request: Request) -> Response:
        if not request.target.endswith("/responses") or request.method != "POST":
            return Response(status=404)
        self.bodies.append(request.body)
        if len(self.bodies) > 1:
            return Response(status=400)  # else it would go on for ever
        self.patience.deadline = min(self.patience.deadline, anyio.current_time() + _ENDING_SECONDS)
        return Response(headers={"content-type": "text/event-stream"}, body=_call())


async def _call() -> AsyncGenerator[bytes, None]:
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "a_tool", "arguments": "{}"}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    response: dict[str, Any] = {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}
    events: tuple[dict[str, Any], ...] = (
        {"type": "response.created", "response": response},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {**response, "status": "completed", "usage": usage}},
    )
    for event in events:
        yield b"event: " + event["type"].encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n"
