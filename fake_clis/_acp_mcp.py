"""The client of MCP servers over HTTP in `gemini` 0.61.0: what it asks of them, and what it makes of their tools."""

from __future__ import annotations

import json
import re
import threading
import uuid
from typing import Any

Tool = dict[str, Any]
LONGEST = 63
_WAIT = (
    "Set to true to wait for all previously requested tools in this turn to complete before starting. Set to false "
    "(or omit) to run in parallel. Use true when this tool depends on the output of previous tools."
)
WAIT = {"type": "boolean", "description": _WAIT}
_KINDS: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


class Failed(Exception):
    """A call that came to nothing, and why."""


class Server:
    """One server of a session."""

    def __init__(self, told: dict[str, Any], version: str) -> None:
        self.name: str = told["name"]
        self._host, _, self._path = told["url"].removeprefix("http://").partition("/")
        self._headers = {each["name"]: each["value"] for each in told.get("headers") or []}
        self._asked = 0
        self._version = version
        self._connection: Any = None
        import http.client  # noqa: PLC0415 -- 20 ms that a start does not need

        self._connect = http.client.HTTPConnection
        self._failures = (OSError, ValueError, KeyError, http.client.HTTPException)

    def tools(self) -> list[tuple[str, Tool]]:
        """What it lists, by its own names, as the model is told it; nothing where it cannot be had."""
        try:
            client = {"name": "gemini-cli-mcp-client", "version": self._version}
            able = {"roots": {"listChanged": True}}
            self._ask("initialize", protocolVersion="2025-06-18", capabilities=able, clientInfo=client)
            self._send("POST", {"method": "notifications/initialized", "jsonrpc": "2.0"})
            self._send("GET", None)
            listed = self._ask("tools/list")["tools"]
        except self._failures:
            return []
        if any(tool["inputSchema"].get("type") != "object" for tool in listed):
            return []  # one that is wrong, and none of them is taken
        return [(tool["name"], self._declared(tool)) for tool in listed]

    def call(self, name: str, arguments: dict[str, Any], stopped: threading.Event) -> dict[str, Any]:
        """Call a tool; its result."""
        token = {"progressToken": str(uuid.uuid4())}
        try:
            return self._ask("tools/call", stopped, name=name, arguments=arguments, _meta=token)
        except self._failures as error:
            raise Failed("Tool call aborted" if stopped.is_set() else f"MCP error: {error}") from None

    def hang_up(self) -> None:
        """Wait no longer; from another thread."""
        sock = self._connection and self._connection.sock
        try:
            if sock:
                sock.shutdown(2)
        except OSError:  # the server was faster
            return

    def _declared(self, tool: Tool) -> Tool:
        schema = _nullable(tool["inputSchema"])
        schema["properties"] = {**(schema.get("properties") or {}), "wait_for_previous": WAIT}
        told = {"name": declared_name(self.name, tool["name"]), "description": tool.get("description", "")}
        return {**told, "parametersJsonSchema": schema}

    def _ask(self, method: str, stopped: threading.Event | None = None, **params: Any) -> Any:
        number, self._asked = self._asked, self._asked + 1
        said = self._send("POST", {"method": method, "params": params, "jsonrpc": "2.0", "id": number}, stopped)
        for line in said.split("\n"):
            answer = json.loads(line.removeprefix("data:")) if line.startswith(("{", "data:")) else {}
            if answer.get("id") == number:
                return answer["result"]
        raise ValueError(said)

    def _send(self, verb: str, message: dict[str, Any] | None, stopped: threading.Event | None = None) -> str:
        self._connection = connection = self._connect(self._host)
        kinds = "application/json, text/event-stream" if message else "text/event-stream"
        headers = {"content-type": "application/json", "accept": kinds, **self._headers}
        try:
            connection.connect()
            if stopped and stopped.is_set():
                return ""
            connection.request(verb, f"/{self._path}", message and json.dumps(message), headers)
            response = connection.getresponse()
            return response.read().decode() if message and response.status == 200 else ""
        finally:
            connection.close()


def _nullable(schema: Any) -> Any:
    """A copy that says in Google's way what may be null."""
    if isinstance(schema, list):
        return [_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kinds = schema.get("type")
    said = {key: _nullable(each) for key, each in schema.items()}
    if isinstance(kinds, list) and len(kinds) == 2 and "null" in kinds:
        said |= {"type": next(each for each in kinds if each != "null"), "nullable": True}
    return said


def declared_name(server: str, tool: str) -> str:
    """The name that the model sees."""
    name = re.sub(r"[^a-zA-Z0-9_\-.:]", "_", f"mcp_{server}_{tool}")
    return name if len(name) <= LONGEST else f"{name[:30]}...{name[-30:]}"


def wrong_arguments(schema: Any, value: Any, at: str = "params") -> str:
    """What is wrong with the arguments, in the CLI's words, or ""; types and required properties alone."""
    kinds = schema.get("type", []) if isinstance(schema, dict) else []
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if value is None and schema.get("nullable"):
        return ""
    if kinds and not any(_is(value, kind) for kind in kinds):
        return f"{at} must be {','.join(kinds)}"
    if not isinstance(value, dict):
        return ""
    missing = [name for name in schema.get("required") or [] if name not in value]
    if missing:
        return f"{at} must have required property '{missing[0]}'"
    inner = (schema.get("properties") or {}).items()
    return next(
        (
            wrong
            for name, each in inner
            if name in value and (wrong := wrong_arguments(each, value[name], f"{at}/{name}"))
        ),
        "",
    )


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _KINDS.get(kind, object)) or (
        kind == "integer" and isinstance(value, float) and value.is_integer()
    )
