"""Codex's LiteLLM class."""

from __future__ import annotations

from uutel_bridge.core.base import BaseUU
from uutel_bridge.providers.codex.catalog import MODELS


class CodexUU(BaseUU):
    """`codex/...` models."""

    provider_name = "codex"
    supported_models = tuple(model.name for model in MODELS)
