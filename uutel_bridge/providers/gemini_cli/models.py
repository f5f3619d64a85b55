"""The Gemini CLI's own words, typed: what is asked of `gemini --acp` for a turn, and what it tells of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

SERVER = "u"
"""The name that the CLI knows our MCP server by; short, for it is part of every function's name."""


@dataclass(frozen=True, slots=True)
class GeminiCLIRequest:
    """One turn, in a session of its own."""

    model: str
    """Any name or alias that the CLI takes."""
    system_prompt: str
    turns: tuple[Mapping[str, Any], ...]
    """The whole conversation as a session file has it: `{"type": "user" | "gemini", "content": [parts]}`, in order."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """The caller's functions as an MCP server lists them: `{"name", "description", "inputSchema"}`."""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """The caller's name of each function by the one that the model sees, `mcp_u_<name>`."""
    generation: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What is to differ from the CLI's own `GenerateContentConfig`, in its words."""


@dataclass(frozen=True, slots=True)
class Update:
    """What is told of one turn; not validated, for there may be thousands a second.

    A turn is any number of chunks, then `record` where the CLI wrote one, then `answered` or `failed`.
    """

    kind: Literal["agent_message_chunk", "agent_thought_chunk", "record", "answered", "failed"]
    data: Mapping[str, Any]
    """Of a chunk: ACP's update. Of `record`: the session file's last entry of the model, with `tokens`, `model` and
    `toolCalls`. Of `answered`: the result of `session/prompt`. Of `failed`: JSON-RPC's `{"code", "message"}`."""


GeminiCLIResponse: TypeAlias = Update
