"""A session: its conversation, its file, its tools, and the system prompt that all of them share."""

from __future__ import annotations

import os
import re
import threading
from typing import Any

import _acp_files as files
import _acp_history as history
import _acp_lines as lines
import _acp_mcp as mcp
import _acp_models as models
from _acp_options import Settings, at

MOST_TOKENS = 1_048_576
"""Of a conversation; what seems longer is not sent. Four characters count as one."""
OWN_TOOLS = ("list_directory", "read_file", "grep_search", "glob", "replace", "write_file", "run_shell_command")
"""Those of the CLI itself, by name alone: a tool of the caller must not be lost among them unnoticed."""
OWN_PROMPT = "You are Gemini CLI, an interactive CLI agent specializing in software engineering tasks."
_BLANK = "\t\n\v\f\r \xa0\u2028\u2029\u3000\ufeff"
"""What is cut at both ends of a system prompt."""
_NONE = "No tools are currently available."


def system_text(settings: Settings) -> str:
    """The system prompt as it is now."""
    name = os.environ.get("GEMINI_SYSTEM_MD", "")
    if name.lower() in {"", "0", "false"}:
        return OWN_PROMPT
    if name.lower() in {"1", "true"}:
        name = ".gemini/system.md"
    try:
        with open(name, encoding="utf-8", newline="") as file:  # noqa: PTH123 -- pathlib costs start-up time
            text = file.read()
    except OSError:
        raise lines.broken(f"missing system prompt file '{name}'") from None
    own = OWN_TOOLS if at(settings, "tools.core") is None else ()
    text = text.replace("${AgentSkills}", "").replace("${SubAgents}", "")
    text = text.replace("${AvailableTools}", "\n".join(f"- {each}" for each in own) or _NONE)
    for each in own:
        text = text.replace(f"${{{each}_ToolName}}", each)
    return re.sub(r"\n{3,}", "\n\n", text).strip(_BLANK)


class Session:
    """One conversation; its turns run on threads of their own."""

    def __init__(self, server: Any, name: str, settings: Settings, file: files.SessionFile) -> None:
        self.server = server
        self.id = name
        self.settings = settings
        self.file = file
        self.turns = history.loaded(file.messages)
        self.model: str = server.model or at(settings, "model.name") or models.DEFAULT
        self.servers: list[mcp.Server] = []
        self.tools: dict[str, tuple[mcp.Server, str, Any]] = {}
        """By the name that the model sees: the server, the server's own name, what the model is told."""
        self.declarations: list[dict[str, Any]] = [] if at(settings, "tools.core") is not None else _own()
        self.asked = 0
        """How many model requests were made; `maxSessionTurns` counts all of a session."""
        self.turn: Any = None
        self.one_turn = threading.Lock()
        self.replayed = threading.Event()
        """All of the replay is written: no answer comes before."""

    @property
    def most_requests(self) -> int:
        """How many model requests a session may make; -1: any number."""
        return int(at(self.settings, "model.maxSessionTurns", -1))

    @property
    def is_too_long(self) -> bool:
        """Whether the conversation seems to exceed the model's context window."""
        texts = (part.get("text", "") for turn in self.turns for part in turn["parts"])
        return sum(map(len, texts)) / 4 > MOST_TOKENS

    def begin_with_context(self, folder: str, *, always: bool) -> None:
        """The CLI's own words come first, unless what counts of the conversation begins with them already."""
        if always or not self.turns or self.turns[0]["id"] != history.FIRST_ID:
            self.turns.insert(0, history.said([{"text": files.context(folder)}]))

    def connect(self, told: list[dict[str, Any]], allowed: tuple[str, ...], version: str) -> None:
        """Ask the MCP servers for their tools."""
        core = at(self.settings, "tools.core")
        declared = core is None or any(each.startswith("mcp_") for each in core)
        for each in told:
            if allowed and each["name"] not in allowed:
                continue
            server = mcp.Server(each, version)
            self.servers.append(server)
            for name, declaration in server.tools():
                wire = declaration["name"]
                self.tools[wire] = (server, name, declaration)
                if declared:
                    self.declarations.append(declaration)

    def policy(self) -> str:
        """What is done with a call of a server's tool: `allow`, `deny` or `ask`."""
        core = at(self.settings, "tools.core")
        if core is None:
            return "ask"
        return "allow" if "mcp_*" in core else "deny"

    def asks_for(self, name: str) -> bool:
        """Whether the conversation names this scenario."""
        return f"[[scenario:{name}" in str(self.turns[-1:])

    def body(self) -> dict[str, Any]:
        """A model request."""
        threshold = at(self.settings, "contextManagement.tools.outputMasking.minPrunableThresholdTokens")
        history.mask(self.turns, threshold or history.PRUNABLE_TOKENS)
        return {
            "contents": history.contents(self.turns, self.wire_model()),
            "systemInstruction": {"role": "user", "parts": [{"text": self.server.system}]},
            "tools": [{"functionDeclarations": self.declarations}],
            **models.parameters(self.model, self.settings),
        }

    def wire_model(self) -> str:
        """The model that is asked, as the API names it."""
        return models.resolved(self.model, self.settings).removeprefix("models/")

    def tell(self, update: dict[str, Any]) -> None:
        """A note."""
        params = {"sessionId": self.id, "update": update}
        self.server.write({"jsonrpc": "2.0", "method": "session/update", "params": params})

    def replay(self) -> list[dict[str, Any]]:
        """What is told of a conversation that was loaded."""
        told: list[dict[str, Any]] = []
        for message in self.file.messages:
            text = history.shown(message["content"])
            thoughts = [f"**{each['subject']}**\n{each['description']}" for each in message.get("thoughts") or []]
            told += [lines.chunk("agent_thought", each) for each in thoughts]
            if text.strip():
                told.append(lines.chunk("user_message" if message["type"] == "user" else "agent_message", text))
            for call in message.get("toolCalls") or []:
                status = "completed" if call.get("status") == "success" else "failed"
                shown = {"toolCallId": call["id"], "status": status, "title": call["name"], "content": []}
                told.append({"sessionUpdate": "tool_call", **shown, "kind": "other"})
        return told


def _own() -> list[dict[str, Any]]:
    return [{"name": name, "parametersJsonSchema": {"type": "object", "properties": {}}} for name in OWN_TOOLS]
