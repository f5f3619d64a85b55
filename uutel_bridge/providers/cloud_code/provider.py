"""Cloud Code's LiteLLM class."""

from __future__ import annotations

from uutel_bridge.core.base import BaseUU
from uutel_bridge.providers.cloud_code.catalog import MODELS


class CloudCodeUU(BaseUU):
    """`cloud-code/...` models."""

    provider_name = "cloud-code"
    supported_models = tuple(model.name for model in MODELS)
