"""The dialogue with a running `claude`: one process, one turn at a time, any turn after any other."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from itertools import count
from typing import Any, cast
from uuid import uuid4

import anyio
import orjson

from uutel_bridge.core.errors import BadRequest, CLIExited, ProtocolError, UUError
from uutel_bridge.core.ndjson import LineFramer
from uutel_bridge.core.process import Child
from uutel_bridge.providers.claude_code.guard import CLOSED, OPEN, Guard
from uutel_bridge.providers.claude_code.launch import turn_environment
from uutel_bridge.providers.claude_code.models import (
    ClaudeCodeRequest,
    ClaudeCodeResponse,
    ControlReply,
    ControlRequest,
    ControlResponse,
    RateLimitEvent,
    Result,
    System,
    decode,
)
from uutel_bridge.providers.claude_code.session_file import PLACEHOLDER
from uutel_bridge.providers.claude_code.tools import ToolServer, mcp_answer

_START_SECONDS = 60.0
"""A cold start takes half a second; a busy machine may take much longer."""
_RESET_SECONDS = 10.0
"""An interrupt is answered in 40 to 80 ms."""


class ClaudeCodeSession:
    """A process that answers turns.

    A `reusable` one is told each turn's model, system prompt, functions and parameters over its control channel, and
    forgets the turn afterwards. One that is not was started for its only turn, with all of it but the conversation;
    one that was `resumed`, with that, too.
    """

    def __init__(self, child: Child, *, reusable: bool, resumed: bool = False) -> None:
        self._child = child
        self._reusable = reusable
        self._resumed = resumed
        self._framer = LineFramer()
        self._lines: deque[bytes] = deque()
        """Read, and not yet looked at: what came before a line of nonsense must not be lost with it."""
        self._request_ids = count(1)
        self._user_lines: list[str] = []
        """Ids of the user lines that the conversation now holds; a rewind names its first and last."""
        self._asked = False
        """A turn is under way: its result has not been read yet."""
        self._stained = False
        """The conversation holds something that a rewind does not take back."""
        self._server: ToolServer | None = None
        """The functions that the CLI has been told of."""
        self._limits: RateLimitEvent | None = None
        """As last told; the CLI tells them anew only when they have changed."""

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._child.alive

    async def start(self) -> None:
        """Wait until the process answers.

        Raises:
            CLIExited: It ended instead.
            ProtocolError: It does not know the control protocol, or did not answer in time.
        """
        if not self._reusable:
            return  # its one turn begins with what would be asked here
        with anyio.move_on_after(_START_SECONDS) as scope:
            await self._control({"subtype": "initialize"})
        if scope.cancelled_caught:
            raise ProtocolError(
                f"claude did not get ready within {_START_SECONDS:g} s.", evidence=self._child.stderr_tail
            )

    async def models(self) -> list[Mapping[str, Any]]:
        """What it offers, in its own words; instead of `start()` and a turn.

        Raises:
            ProtocolError: It answered something else.
        """
        (reply,) = await self._control({"subtype": "initialize"})
        listed = (reply.response or {}).get("models")
        if not isinstance(listed, list):
            raise ProtocolError("claude did not list its models.")
        return cast("list[Mapping[str, Any]]", listed)

    async def run(self, request: ClaudeCodeRequest, /) -> AsyncGenerator[ClaudeCodeResponse, None]:
        """The messages of one turn, up to its result; just before that, how the plan's limits stand."""
        guard = Guard(early=self._reusable)
        await self._tell(request)
        while self._asked:
            message = await self._next(guard)
            if guard.too_early:
                guard = Guard(early=False)
                await self._rewind()
                await self._tell(request)
            elif isinstance(message, RateLimitEvent):
                self._limits = message
            else:
                if isinstance(message, Result) and self._limits:
                    yield self._limits
                yield message

    async def _tell(self, request: ClaudeCodeRequest) -> None:
        if self._reusable:
            await self._configure(request)
        else:
            await self._begin(request)
        if self._resumed:
            await self._say({"role": "user", "content": []}, ask=True)  # nothing, to what is there already
        else:
            await self._replay(request.messages[:-1])
            await self._say(request.messages[-1], ask=True)

    async def _next(self, guard: Guard) -> ClaudeCodeResponse:
        message = await self._read()
        if guard.must_close(message):
            # Nobody waits for the answer: the turn goes on meanwhile.
            await self._mention({"subtype": "apply_flag_settings", "settings": {"env": CLOSED}})
        if guard.must_interrupt(message):
            await self._mention({"subtype": "interrupt"})
        self._asked = not isinstance(message, Result)
        return message

    async def reset(self) -> bool:
        """`forget()`, within a time of its own; True only if the CLI confirmed it."""
        if not self._reusable or self._stained:
            return False
        try:
            with anyio.fail_after(_RESET_SECONDS):
                await self.forget()
        except (TimeoutError, UUError):
            return False
        return True

    async def forget(self) -> None:
        """Break off what is under way and forget the conversation.

        Raises:
            ProtocolError: The CLI refused.
            CLIExited: It ended instead.
        """
        await self._break_off()
        await self._rewind()

    async def aclose(self) -> None:
        """Stop the process."""
        await self._child.aclose()

    async def _configure(self, request: ClaudeCodeRequest) -> None:
        server = request.server
        settings = {
            # The model is set as a setting: set_model asks the API whether there is such a model, with a request.
            "model": request.model,
            "env": {**turn_environment(request), **OPEN},
            "effortLevel": request.effort,
            "permissions": {"allow": [server.permission] if server else []},
        }
        prompt = {"system_prompt": request.system_prompt} if request.system_prompt else {}
        servers = {server.name: {"type": "sdk", "name": server.name}} if server else {}
        changed = server != self._server
        self._server = server
        await self._control(
            *([{"subtype": "mcp_set_servers", "servers": servers}] if changed else []),
            {"subtype": "set_model", "model": "default", **prompt},
            {"subtype": "apply_flag_settings", "settings": settings},
        )

    async def _begin(self, request: ClaudeCodeRequest) -> None:
        self._server = request.server
        await self._control({
            "subtype": "initialize",
            "systemPrompt": [request.system_prompt],
            "systemPromptSnapshot": False,
            "sdkMcpServers": [request.server.name] if request.server else [],
        })
        if self._resumed:
            self._child.forget_files()
            await self._go_back(PLACEHOLDER, PLACEHOLDER)
            await self._control({"subtype": "apply_flag_settings", "settings": {"env": turn_environment(request)}})

    async def _replay(self, messages: tuple[Mapping[str, Any], ...]) -> None:
        """Put earlier turns into the conversation, as turns."""
        for message in messages:
            if message["role"] == "assistant":
                self._stained = self._stained or not self._user_lines
                await self._send({
                    "type": "assistant",
                    "message": message,
                    "uuid": str(uuid4()),
                    "session_id": "",
                    "parent_tool_use_id": None,
                })
                continue
            await self._say(message, ask=False)
            # Lines that do not wait for this are put in a wrong order, without an error.
            while self._asked:
                self._asked = not isinstance(await self._read(), Result)

    async def _say(self, message: Mapping[str, Any], *, ask: bool) -> None:
        uuid = str(uuid4())
        self._user_lines.append(uuid)
        self._asked = True
        # client_composed: else `@path` in the text is read from disk, and a leading `/` is a command.
        line = {"type": "user", "message": message, "uuid": uuid, "client_composed": True}
        await self._send(line if ask else {**line, "shouldQuery": False})

    async def _break_off(self) -> None:
        if not self._asked:
            return
        await self._send_control({"subtype": "interrupt"})
        while not isinstance(await self._read(), Result):
            pass
        self._asked = False

    async def _rewind(self) -> None:
        if not self._user_lines:
            # The turn ended before it began, perhaps because the process hangs: it has to answer something.
            await self._control({"subtype": "apply_flag_settings", "settings": {"env": OPEN}})
            return
        await self._go_back(self._user_lines[0], self._user_lines[-1])
        self._user_lines.clear()

    async def _go_back(self, target: str, last_seen: str) -> None:
        """Take the conversation back to before `target`, if nothing came after `last_seen`."""
        (reply,) = await self._control({
            "subtype": "rewind_conversation",
            "target_message_uuid": target,
            "last_seen_user_message_uuid": last_seen,
        })
        said = reply.response or {}
        if said.get("rewound") is not True:
            raise ProtocolError("claude did not forget the conversation.", evidence=str(said.get("reason", "")))

    async def _control(self, *requests: Mapping[str, Any]) -> list[ControlReply]:
        """Send control requests in one go, and wait for all their answers.

        Raises:
            ProtocolError: The CLI refused one of them.
        """
        ids = [await self._send_control(request) for request in requests]
        replies: dict[str, ControlReply] = {}
        while not all(known in replies for known in ids):
            message = await self._read()
            if isinstance(message, ControlResponse):
                replies[message.response.request_id] = message.response
        for request, reply in zip(requests, (replies[known] for known in ids), strict=True):
            if reply.subtype != "success":
                raise ProtocolError(f"claude refused {request['subtype']!r}.", evidence=reply.error or "")
        return [replies[known] for known in ids]

    async def _send_control(self, request: Mapping[str, Any]) -> str:
        request_id = f"u{next(self._request_ids)}"
        await self._send({"type": "control_request", "request_id": request_id, "request": request})
        return request_id

    async def _mention(self, request: Mapping[str, Any]) -> None:
        # A process that is gone needs no telling, and what it said before is still to be read.
        with suppress(CLIExited):
            await self._send_control(request)

    async def _send(self, line: Mapping[str, Any]) -> None:
        await self._child.send(orjson.dumps(line) + b"\n")

    async def _serve(self, asked: ControlRequest) -> None:
        """Answer a request of the CLI's: all that is expected is MCP, for the functions it has been told of."""
        request = asked.request
        about = {"request_id": asked.request_id}
        if request.get("subtype") != "mcp_message" or self._server is None:
            reply: Mapping[str, Any] = {"subtype": "error", **about, "error": "not supported"}
        else:
            try:
                answer = mcp_answer(self._server, request["message"])
            except KeyError as exc:
                raise ProtocolError("claude sent an MCP message without what belongs in it.") from exc
            if answer is None:
                return  # a call; the turn ends with it
            reply = {"subtype": "success", **about, "response": {"mcp_response": answer}}
        await self._send({"type": "control_response", "response": reply})

    def _check_tools(self, taken: tuple[str, ...]) -> None:
        """Whether the CLI offers the model every function: one that it cannot read makes it drop all, silently."""
        missing = self._server.wire_names.difference(taken) if self._server else ()
        if missing:
            names = ", ".join(sorted(name.split("__", 2)[2] for name in missing))
            raise BadRequest(f"tools: Claude Code did not take these functions: {names}.", param="tools")

    async def _read(self) -> ClaudeCodeResponse:
        while True:
            while self._lines:
                line = self._lines.popleft()
                message = decode(line) if line else None
                if isinstance(message, ControlRequest):
                    await self._serve(message)
                elif isinstance(message, System) and message.subtype == "init":
                    self._check_tools(message.tools)
                elif message is not None:
                    return message
            chunk = await self._child.receive()
            if not chunk:
                raise await self._child.exited_error("claude ended in the middle of a turn.")
            self._lines.extend(self._framer.feed(chunk))
