"""What makes the Claude Code provider; needs no LiteLLM."""

from __future__ import annotations

from uutel_bridge.core.auth import SignIn
from uutel_bridge.core.cli_provider import CLIParts
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.providers.claude_code.auth import ClaudeCodeAuth
from uutel_bridge.providers.claude_code.catalog import MODELS
from uutel_bridge.providers.claude_code.launch import plan
from uutel_bridge.providers.claude_code.models import ClaudeCodeRequest, ClaudeCodeResponse
from uutel_bridge.providers.claude_code.offers import list_models
from uutel_bridge.providers.claude_code.probe import probe
from uutel_bridge.providers.claude_code.session import ClaudeCodeSession
from uutel_bridge.providers.claude_code.transforms import ClaudeCodeTransform


def _open_session(child: Child, launched: LaunchPlan) -> ClaudeCodeSession:
    return ClaudeCodeSession(child, reusable=launched.max_uses > 1, resumed=bool(launched.files))


PARTS: CLIParts[ClaudeCodeRequest, ClaudeCodeResponse] = CLIParts(
    name="claude-code",
    title="Claude Code",
    executable="claude",
    install_command="npm install -g @anthropic-ai/claude-code",
    tested_versions=("2.1.330",),
    default_model="sonnet",
    models=MODELS,
    auth=ClaudeCodeAuth(),
    transform=ClaudeCodeTransform(),
    typical_requests=tuple(
        ClaudeCodeRequest(model="sonnet", system_prompt=prompt, messages=()) for prompt in ("", "any")
    ),
    plan=plan,
    open_session=_open_session,
    probe=probe,
    unproven="one process for each request, which is slower",
    list_models=list_models,
    sign_in=SignIn(code_prompt="Paste code here if prompted > "),
)
