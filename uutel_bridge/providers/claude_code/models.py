"""Claude Code's own words, typed: what is sent for a turn, and the lines of its `stream-json` output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from uutel_bridge.core.errors import ProtocolError
from uutel_bridge.providers.claude_code.tools import ToolServer

_EVIDENCE = 500


@dataclass(frozen=True, slots=True)
class ClaudeCodeRequest:
    """One turn, as the CLI will be told it."""

    model: str
    system_prompt: str
    messages: tuple[Mapping[str, Any], ...]
    """Anthropic-shaped `{role, content}`; the last one is the user's, of text or of functions' results."""
    in_a_file: bool = False
    """Whether they are better handed over all at once, to a process of their own."""
    max_tokens: int | None = None
    effort: str | None = None
    thinks: bool = True
    """False: the model shall not reason."""
    server: ToolServer | None = None
    """The caller's functions."""
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """The caller's name of each function by the one on the wire."""
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields of the Messages API that the CLI has no flag for (`temperature`, `tool_choice`, `output_config`)."""


class _Line(BaseModel):
    """Fields that we read; the CLI writes many more, and new ones with every release."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """An event of the Messages API's stream, verbatim. Not validated: there may be ten thousand a second."""

    event: Mapping[str, Any]


class System(_Line):
    """What the CLI says of itself: how it is set up, at the start of a turn; what it is about to do."""

    subtype: str = ""
    status: object = None
    """`requesting`, just before a request to the model; other kinds have none, or something else of their own."""
    tools: tuple[str, ...] = ()
    """Of `init`: what the model will be told of."""


class AssistantMessage(_Line):
    """A finished content block, or a text that the CLI made up to tell of a failure."""

    error: str | None = None
    """The CLI's word for the failure (`rate_limit`); None for the model's own blocks."""


class RateLimitWindow(_Line):
    """One of a plan's limits."""

    utilization: float | None = None
    resetsAt: float | None = None  # noqa: N815  # the vendor's spelling
    status: str = ""


class RateLimitInfo(RateLimitWindow):
    """Where the login stands in its plan's limits; its own numbers are those of the window `rateLimitType`."""

    rateLimitType: str | None = None  # noqa: N815
    unifiedWindows: Mapping[str, RateLimitWindow] = {}  # noqa: N815


class RateLimitEvent(_Line):
    """Comes with the first answer, and again when something has changed."""

    rate_limit_info: RateLimitInfo


class ModelUsage(_Line):
    """What one model cost."""

    costUSD: float = 0.0  # noqa: N815


class Result(_Line):
    """The end of a turn. `is_error` alone tells a failure: an API error has `subtype: "success"`."""

    is_error: bool = False
    result: str | None = None
    errors: tuple[str, ...] = ()
    num_turns: int = 0
    terminal_reason: str | None = None
    api_error_status: int | None = None
    api_error: str | None = None
    model_usage_since_last_result: Mapping[str, ModelUsage] = {}

    @property
    def text(self) -> str:
        """What the CLI says of a failure."""
        return self.result or "\n".join(self.errors)


class ControlReply(_Line):
    """The inside of a `control_response`."""

    subtype: str
    request_id: str
    response: Mapping[str, Any] | None = None
    error: str | None = None


class ControlResponse(_Line):
    """The answer to a control request of ours."""

    response: ControlReply


class ControlRequest(_Line):
    """What the CLI asks of us."""

    request_id: str
    request: Mapping[str, Any]
    """`{subtype, ...}`; of `mcp_message`: `server_name` and `message`, a JSON-RPC message."""


ClaudeCodeResponse: TypeAlias = (
    StreamEvent | System | AssistantMessage | RateLimitEvent | Result | ControlResponse | ControlRequest
)

_MODELS: Mapping[str, type[System | AssistantMessage | RateLimitEvent | Result | ControlResponse | ControlRequest]] = {
    "system": System,
    "assistant": AssistantMessage,
    "rate_limit_event": RateLimitEvent,
    "result": Result,
    "control_response": ControlResponse,
    "control_request": ControlRequest,
}


def _stream_event(event: Any) -> StreamEvent:
    if not isinstance(event["type"], str):
        raise TypeError("an event's type is text")
    return StreamEvent(event)


def decode(line: bytes) -> ClaudeCodeResponse | None:
    """A line of stdout, or None for one that says nothing we need: unknown types are the CLI's right.

    Raises:
        ProtocolError: The line is no JSON object, or one of ours has lost a field that we need.
    """
    try:
        raw = orjson.loads(line)
        kind = raw["type"]
        if kind == "stream_event":
            return _stream_event(raw["event"])
        model = _MODELS.get(kind)
        return model.model_validate(raw) if model else None
    except (orjson.JSONDecodeError, TypeError, KeyError, ValidationError) as exc:
        evidence = line[:_EVIDENCE].decode("utf-8", "replace")
        raise ProtocolError("claude wrote a line outside its stream-json grammar.", evidence=evidence) from exc
