"""The caller's tools: MCP servers in the caller, spoken to in control requests. Measured on 2.1.330."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import _claude_lines as lines
import _claude_session
from _claude_schemas import flattened

LONGEST_NAME = 128
_ORDER = "_-0123456789abcdefghijklmnopqrstuvwxyz"
_OTHER = re.compile(r"[^A-Za-z0-9_-]")
_CLIENT = {
    "name": "claude-code",
    "title": "Claude Code",
    "description": "Anthropic's agentic coding tool",
    "websiteUrl": "https://claude.com/claude-code",
}

Then = Callable[[dict[str, Any]], None]


class Tool(NamedTuple):
    """A tool as its server declared it."""

    server: str
    name: str
    wire_name: str
    title: str
    definition: dict[str, Any]
    """As it stands in a request."""
    read_only: bool


class Server:
    """A server of the caller's."""

    def __init__(self, name: str, outdated: list[Tool]) -> None:
        self.name = name
        self.ready = False
        self.tools: list[Tool] | None = None
        """None: not yet listed."""
        self.outdated = outdated
        """What the model is told of as well, out of the life before."""
        self.numbers = itertools.count()


class Tools:
    """The servers of a session, and the messages to them."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._servers: dict[str, Server] = {}
        self._removed: dict[str, list[Tool]] = {}
        """Servers that the model has not yet been asked without."""
        self._waiting: dict[str, Then] = {}
        launched = session.options.get("allowedTools", "")
        self._allowed = [name.strip() for name in launched.split(",")]
        self.allowed_by_settings: list[str] = []

    # Servers

    def add(self, names: Iterable[str]) -> list[str]:
        """Add servers; the new ones among them."""
        added = [name for name in names if name not in self._servers]
        for name in added:
            self._servers[name] = Server(name, self._removed.pop(name, []))
        return added

    def keep(self, names: Iterable[str]) -> list[str]:
        """Remove all servers but these; the removed ones."""
        removed = [name for name in self._servers if name not in names]
        for name in removed:
            self._removed[name] = self._servers.pop(name).tools or []
        return removed

    def connect(self, names: Iterable[str]) -> None:
        """Greet servers."""
        about = {**_CLIENT, "version": self._session.version}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about}
        for name in names:
            self.ask(name, "initialize", params, lambda _, name=name: self._greeted(name))

    def _greeted(self, name: str) -> None:
        if name in self._servers:
            self._servers[name].ready = True
            self.notify(name, "notifications/initialized")

    def list_all(self) -> None:
        """Ask the new servers for their tools, and wait until all have told them."""
        new = [server for server in self._servers.values() if server.tools is None]
        self._session.listen_until(lambda: all(server.ready for server in new))
        for server in new:
            self.ask(server.name, "tools/list", None, lambda reply, server=server: _list(server, reply))
        self._session.listen_until(lambda: all(server.tools is not None for server in new))

    # What the model is told

    def current(self) -> list[Tool]:
        """The tools that can be called, sorted by name."""
        tools = itertools.chain.from_iterable(server.tools or [] for server in self._servers.values())
        return sorted({tool.wire_name: tool for tool in reversed(list(tools))}.values(), key=_collation)

    def definitions(self) -> list[dict[str, Any]]:
        """The `tools` of a request: after those that are outdated, the current ones."""
        outdated = [tool for server in self._servers.values() for tool in server.outdated]
        return list({tool.wire_name: tool.definition for tool in reversed([*outdated, *self.current()])}.values())[::-1]

    def connected(self) -> list[dict[str, str]]:
        """The servers as `system/init` tells them."""
        return [{"name": name, "status": "connected", "source": "sdk"} for name in self._servers]

    def model_was_asked(self) -> None:
        """From now on, a server that is removed may come back without its old tools."""
        self._removed.clear()

    def find(self, wire_name: str) -> Tool | None:
        """The tool that the model calls by this name."""
        return next((tool for tool in self.current() if tool.wire_name == wire_name), None)

    def may_call(self, tool: Tool) -> bool:
        """Whether it, or all of its server, was allowed."""
        names = {tool.wire_name, f"mcp__{_OTHER.sub('_', tool.server)}"}
        return not names.isdisjoint([*self._allowed, *self.allowed_by_settings])

    # Messages

    def ask(self, server: str, method: str, params: dict[str, Any] | None, then: Then) -> int:
        """Send a request to a server; its number. `then` gets the reply, a JSON-RPC message."""
        number = next(self._servers[server].numbers)
        if method == "tools/call" and params is not None:
            params["_meta"]["progressToken"] = number
        told = {"params": params} if params is not None else {}
        self._waiting[self._send(server, {"method": method, **told, "jsonrpc": "2.0", "id": number})] = then
        return number

    def notify(self, server: str, method: str, **params: Any) -> None:
        """Send a notification to a server."""
        told = {"params": params} if params else {}
        self._send(server, {"jsonrpc": "2.0", "method": method, **told})

    def _send(self, server: str, message: dict[str, Any]) -> str:
        request = {"subtype": "mcp_message", "server_name": server, "message": message}
        name = lines.new_uuid()
        _claude_session.send({"type": "control_request", "request_id": name, "request": request})
        return name

    def answered(self, said: dict[str, Any]) -> None:
        """Take a `control_response`."""
        response = said.get("response") or {}
        then = self._waiting.pop(response.get("request_id"), None)
        if then:
            failed = {"error": {"message": response.get("error", "")}}
            then((response.get("response") or {}).get("mcp_response") or failed)


def _list(server: Server, reply: dict[str, Any]) -> None:
    """Take a server's tools: all of them, or none if a single one has no schema of an object."""
    declared = (reply.get("result") or {}).get("tools") or []
    good = all((tool.get("inputSchema") or {}).get("type") == "object" for tool in declared)
    tools = [_tool(server.name, tool) for tool in declared] if good else []
    server.tools = [tool for tool in tools if len(tool.wire_name) <= LONGEST_NAME]


def _tool(server: str, declared: dict[str, Any]) -> Tool:
    name, hints = declared["name"], declared.get("annotations") or {}
    wire_name = _OTHER.sub("_", f"mcp__{server}__{name}")
    description, schema = flattened(declared.get("description", ""), declared["inputSchema"])
    definition = {"name": wire_name, "description": description, "input_schema": schema}
    title = hints.get("title") or display_name(name)
    return Tool(server, name, wire_name, title, definition, bool(hints.get("readOnlyHint")))


def display_name(name: str) -> str:
    """`get_weather` -> `Get Weather`."""
    words = re.findall(r"[A-Za-z0-9]+", name.rpartition("__")[2])
    return " ".join(word[0].upper() + word[1:] for word in words)


def _collation(tool: Tool) -> tuple[list[int], str]:
    """Sorts as JavaScript's `localeCompare` does: letters whatever their case, small ones first."""
    return [_ORDER.index(character) for character in tool.wire_name.lower()], tool.wire_name.swapcase()
