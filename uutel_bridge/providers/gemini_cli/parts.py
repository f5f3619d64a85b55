"""What makes the Gemini CLI provider; needs no LiteLLM."""

from __future__ import annotations

from uutel_bridge.core.cli_provider import CLIParts
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.providers.gemini_cli.auth import SIGN_IN, GeminiCLIAuth
from uutel_bridge.providers.gemini_cli.catalog import DEFAULT_MODEL, MODELS
from uutel_bridge.providers.gemini_cli.launch import plan
from uutel_bridge.providers.gemini_cli.models import GeminiCLIRequest, GeminiCLIResponse
from uutel_bridge.providers.gemini_cli.probe import probe
from uutel_bridge.providers.gemini_cli.session import GeminiCLISession
from uutel_bridge.providers.gemini_cli.transforms import GeminiCLITransform


def _open_session(child: Child, launched: LaunchPlan) -> GeminiCLISession:
    return GeminiCLISession(child, proven=launched.proven)


PARTS: CLIParts[GeminiCLIRequest, GeminiCLIResponse] = CLIParts(
    name="gemini-cli",
    title="Gemini CLI",
    executable="gemini",
    install_command="npm install -g @google/gemini-cli",
    tested_versions=("0.61.0",),
    default_model=DEFAULT_MODEL,
    models=MODELS,
    auth=GeminiCLIAuth(),
    transform=GeminiCLITransform(),
    typical_requests=(GeminiCLIRequest(model=DEFAULT_MODEL, system_prompt="", turns=()),),
    plan=plan,
    open_session=_open_session,
    probe=probe,
    unproven="conversations as a transcript in one message",
    sign_in=SIGN_IN,
    fetches_links=True,
)
