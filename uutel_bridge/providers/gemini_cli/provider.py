"""Gemini CLI's LiteLLM class."""

from __future__ import annotations

from uutel_bridge.core.base import BaseUU
from uutel_bridge.providers.gemini_cli.catalog import MODELS


class GeminiCLIUU(BaseUU):
    """`gemini-cli/...` models."""

    provider_name = "gemini-cli"
    supported_models = tuple(model.name for model in MODELS)
