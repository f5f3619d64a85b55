"""Claude Code's LiteLLM class."""

from __future__ import annotations

from uutel_bridge.core.base import BaseUU
from uutel_bridge.providers.claude_code.catalog import MODELS


class ClaudeCodeUU(BaseUU):
    """`claude-code/...` models."""

    provider_name = "claude-code"
    supported_models = tuple(model.name for model in MODELS)
