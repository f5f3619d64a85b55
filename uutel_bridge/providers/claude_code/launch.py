"""How the official `claude` is started as a plain chat model. Pure.

Flags and variables were measured on Claude Code 2.1.330.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.locate import COMMON, child_environment
from uutel_bridge.core.process import LaunchPlan
from uutel_bridge.providers.claude_code.auth import LOGIN_VARIABLES
from uutel_bridge.providers.claude_code.models import ClaudeCodeRequest
from uutel_bridge.providers.claude_code.session_file import session_file

_FILE = "conversation.jsonl"

_MAX_USES = 50
"""A process grows by 2 MB a turn or so; a fresh one is made after this many."""

_FLAGS = (
    "-p",
    "--input-format=stream-json",
    "--output-format=stream-json",
    "--verbose",  # stream-json output is refused without it
    "--include-partial-messages",
    "--tools=",
    "--setting-sources=",  # keeps the user's hooks, memory files, skills, servers and settings out
    "--strict-mcp-config",
    "--disable-slash-commands",
    "--no-session-persistence",
    "--restricted",
    "--permission-mode=dontAsk",
    "--thinking-display=summarized",  # by default, reasoning comes as remarks on progress
    "--system-prompt-snapshot=off",  # else a second turn would keep the first one's system prompt
)

_ENVIRONMENT: Mapping[str, str] = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_COMPACT": "1",  # else a long conversation is summarised behind the caller's back
    "ENABLE_TOOL_SEARCH": "0",
    "CLAUDE_CODE_MAX_MCP_DESCRIPTION_LENGTH": "1000000",  # else it cuts a function's description at 4096 characters
    "CLAUDE_CODE_MAX_RETRIES": "0",  # its own retries last minutes and repeat text
    "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
    "CLAUDE_CODE_DISABLE_REFUSAL_RETRY": "1",
    "CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK": "1",
    "CLAUDE_CODE_DISABLE_LEGACY_MODEL_REMAP": "1",  # else a newer model answers in place of an old one
    "ANTHROPIC_BETAS": "structured-outputs-2025-12-15",  # as the CLI does for its own requests with a schema
}

_SCRATCH = (("CLAUDE_CODE_TMPDIR", ""), ("XDG_CACHE_HOME", ""))
"""Folders that the CLI leaves files in: a probe's remains, and a log that names each function that was called."""

_ANY_TURN: Mapping[bool, tuple[str, ...]] = {
    True: ("--model=sonnet", "--system-prompt=replaced by every turn"),
    False: ("--model=sonnet", "--system-prompt="),
}
"""By whether the turns have a system prompt. A process that was given one cannot be made to forget it, only to take
another, so turns without one need processes of their own."""

_ALLOWED = (*COMMON, *LOGIN_VARIABLES)


def plan(launch: Launch[ClaudeCodeRequest]) -> LaunchPlan:
    """The command line and environment: one for all requests of a warm process, or one for this request alone.

    A conversation that is better handed over in a file has a process of its own, too.
    """
    request = launch.request
    extra = dict(_ENVIRONMENT)
    allowed = set(_ALLOWED)
    if launch.settings.api_base:
        extra["ANTHROPIC_BASE_URL"] = launch.settings.api_base
    if launch.settings.api_key:
        extra["ANTHROPIC_API_KEY"] = launch.settings.api_key.get_secret_value()
        allowed.discard("CLAUDE_CODE_OAUTH_TOKEN")
    many_turns = launch.warm and not request.in_a_file
    if not launch.warm:
        extra |= {name: value for name, value in turn_environment(request).items() if value}
    conversation = session_file(request.messages) if launch.warm and request.in_a_file else None
    return LaunchPlan(
        argv=(
            launch.executable,
            *_FLAGS,
            *(_ANY_TURN[bool(request.system_prompt)] if many_turns else _one_turn(request)),
        ),
        env=child_environment(launch.environment, allow=allowed, pass_env=launch.settings.pass_env, extra=extra),
        cwd=launch.cwd,
        scratch_env=_SCRATCH,
        scratch_argv=(f"--resume={{scratch}}/{_FILE}",) if conversation else (),
        files=((_FILE, conversation),) if conversation else (),
        max_uses=_MAX_USES if many_turns else 1,
    )


def _one_turn(request: ClaudeCodeRequest) -> tuple[str, ...]:
    effort = (f"--effort={request.effort}",) if request.effort else ()
    allowed = (f"--allowedTools={request.server.permission}",) if request.server else ()
    return (f"--model={request.model}", "--system-prompt=", *effort, *allowed)


def turn_environment(request: ClaudeCodeRequest) -> dict[str, str]:
    """The variables that carry a turn's parameters; an empty one clears what a turn before has set."""
    return {
        "CLAUDE_CODE_EXTRA_BODY": orjson.dumps(request.body).decode() if request.body else "",
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(request.max_tokens) if request.max_tokens else "",
        "CLAUDE_CODE_DISABLE_THINKING": "" if request.thinks else "1",
    }
