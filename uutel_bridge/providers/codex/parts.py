"""What makes the Codex provider; needs no LiteLLM."""

from __future__ import annotations

from uutel_bridge.core.cli_provider import CLIParts
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.providers.codex.auth import CodexAuth
from uutel_bridge.providers.codex.catalog import DEFAULT, MODELS
from uutel_bridge.providers.codex.inner import inner
from uutel_bridge.providers.codex.launch import plan
from uutel_bridge.providers.codex.models import CodexRequest, CodexResponse
from uutel_bridge.providers.codex.offers import list_models
from uutel_bridge.providers.codex.probe import probe
from uutel_bridge.providers.codex.session import CodexSession
from uutel_bridge.providers.codex.transforms import CodexTransform


def _open_session(child: Child, launched: LaunchPlan) -> CodexSession:
    return CodexSession(child, cwd=launched.cwd or "/", proven=launched.proven)


PARTS: CLIParts[CodexRequest, CodexResponse] = CLIParts(
    name="codex",
    title="Codex",
    executable="codex",
    install_command="npm install -g @openai/codex",
    tested_versions=("0.169.0",),
    default_model=DEFAULT,
    models=MODELS,
    auth=CodexAuth(),
    transform=CodexTransform(),
    typical_requests=(CodexRequest(model=None, instructions="", items=()),),
    plan=plan,
    open_session=_open_session,
    probe=probe,
    unproven="chat without functions",
    oldest_version="0.142.0",
    list_models=list_models,
    inner=inner,
    fetches_links=True,  # the app-server refuses them
)
