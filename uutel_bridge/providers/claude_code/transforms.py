"""OpenAI's words to Claude Code's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from uutel_bridge.core.errors import BadRequest
from uutel_bridge.core.request import ChatRequest
from uutel_bridge.core.tools import ResponseFormat, as_json
from uutel_bridge.providers.claude_code.catalog import full_name
from uutel_bridge.providers.claude_code.conversation import messages
from uutel_bridge.providers.claude_code.models import ClaudeCodeRequest
from uutel_bridge.providers.claude_code.output_schema import output_schema
from uutel_bridge.providers.claude_code.session_file import is_better_in_a_file
from uutel_bridge.providers.claude_code.tools import ToolServer, tool_server, wire_name
from uutel_bridge.providers.claude_code.translator import ClaudeCodeTranslator

EFFORTS = ("low", "medium", "high", "xhigh", "max")
"""What `claude --effort` takes; it passes any other word over with a warning that nobody would see."""

_TOOL_CHOICES: Mapping[str, str] = {"auto": "auto", "none": "none", "required": "any", "named": "tool"}


class ClaudeCodeTransform:
    """Both directions."""

    supported = frozenset({
        "max_tokens", "parallel_tool_calls", "reasoning_effort", "response_format", "stop", "temperature", "thinking",
        "tool_choice", "tools", "top_p",
    })  # fmt: skip

    def request(self, chat: ChatRequest, /) -> ClaudeCodeRequest:
        """Anthropic's form of a chat request. System messages become the system prompt, in their order.

        Raises:
            BadRequest: The conversation does not end with the user or a function's result, an unknown effort was asked
                for, a function's parameters cannot be declared, or a call was forced and reasoning as well.
        """
        turns = [message for message in chat.messages if message.role != "system"]
        if not turns or turns[-1].role == "assistant":
            raise BadRequest("messages: the last message must be the user's or a function's result.", param="messages")
        if chat.reasoning_effort is not None and chat.reasoning_effort not in EFFORTS:
            raise BadRequest(
                f"reasoning_effort: {chat.reasoning_effort!r} is not one of {', '.join(EFFORTS)}.",
                param="reasoning_effort",
            )
        server = tool_server(chat.tools)
        thinking = _thinking(chat)
        asked = {
            "temperature": chat.temperature,
            "top_p": chat.top_p,
            "stop_sequences": list(chat.stop) or None,
            "tool_choice": _tool_choice(chat, server),
            "thinking": {"display": "summarized", **thinking} if thinking else None,
            "output_config": _output_config(chat.response_format),
        }
        return ClaudeCodeRequest(
            model=chat.model,
            system_prompt=chat.instructions,
            messages=messages(turns, model=full_name(chat.model), server=server),
            in_a_file=is_better_in_a_file(turns),
            max_tokens=chat.max_tokens,
            effort=chat.reasoning_effort,
            thinks=thinking is not None,
            server=server,
            names={wire_name(server, tool.name): tool.name for tool in chat.tools},
            body={name: value for name, value in asked.items() if value is not None},
        )

    def translator(self, request: ClaudeCodeRequest, /) -> ClaudeCodeTranslator:
        """A fresh translator for one turn."""
        return ClaudeCodeTranslator(request.names)


def _thinking(chat: ChatRequest) -> Mapping[str, Any] | None:
    """What was asked for in Anthropic's words, empty for what the CLI does by itself; None for no reasoning at all."""
    forced = chat.tool_choice.mode in {"required", "named"}
    asked = chat.thinking or {}
    if not forced:
        return None if asked.get("type") == "disabled" else asked
    if asked.get("type", "disabled") != "disabled":
        raise BadRequest("tool_choice: Claude cannot be made to call a function while it thinks.", param="tool_choice")
    return None


def _tool_choice(chat: ChatRequest, server: ToolServer | None) -> Mapping[str, Any] | None:
    if server is None:
        return None
    choice = chat.tool_choice
    made: dict[str, Any] = {"type": _TOOL_CHOICES[choice.mode]}
    if choice.mode == "named":
        made["name"] = wire_name(server, choice.name)
    if not chat.parallel_tool_calls and choice.mode != "none":
        made["disable_parallel_tool_use"] = True
    return None if made == {"type": "auto"} else made


def _output_config(wanted: ResponseFormat | None) -> Mapping[str, Any] | None:
    if wanted is None or wanted.schema is None:
        return None
    where = "response_format.json_schema.schema"
    as_json(dict(wanted.schema), where, param=where)
    return {"format": {"type": "json_schema", "schema": output_schema(wanted.schema)}}
