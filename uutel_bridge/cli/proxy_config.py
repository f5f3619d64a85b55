"""How LiteLLM's proxy is told of the providers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from uutel_bridge.core.provider import AnyParts

_HEADER = """\
# For LiteLLM's proxy, written by uutel-bridge. Serve it with: uutel-bridge serve --config THIS_FILE
# Models are added by a name, which is yours to choose, and uutel/<provider>/<model>.
# allowed_openai_params: what LiteLLM would refuse of these models before the bridge is asked.
# additional_drop_params: what the vendor has no setting for, but clients of Anthropic's shape always send.
# disable_background_health_check: a check would ask the model, and use the plan up.
# cancel_on_disconnect: a client that hangs up ends its request.
# enable_caching_on_provider_specific_optional_params: else a cache, once you turn it on, cannot tell efforts apart.
# trusted_proxy_ranges: no proxy stands in front of it; say which, if one does.
# disable_cooldowns: else one failed request takes a model's only deployment away for five seconds.
# The key is in no file: LITELLM_MASTER_KEY in the environment, or --key.
"""

_PASSED_ON = ("reasoning_effort", "thinking", "verbosity")
"""What LiteLLM refuses of any provider that it does not know, unless told otherwise."""


def document(providers: Sequence[AnyParts]) -> dict[str, Any]:
    """The proxy's config: every model of these providers by name, and any other name that their vendors take."""
    return {
        "model_list": [_deployment(parts, model) for parts in providers for model in (*_names(parts), "*")],
        "litellm_settings": {
            "custom_provider_map": [{"provider": "uutel", "custom_handler": "uutel_bridge.handler"}],
            "enable_caching_on_provider_specific_optional_params": True,
        },
        "router_settings": {"disable_cooldowns": True},
        "general_settings": {
            "cancel_on_disconnect": True,
            "health_check_skip_disabled_background_models": True,
            "trusted_proxy_ranges": [],
        },
    }


def as_yaml(config: dict[str, Any]) -> str:
    """A config as a file for people."""
    return _HEADER + yaml.safe_dump(config, sort_keys=False)


def _names(parts: AnyParts) -> list[str]:
    return list(dict.fromkeys((parts.default_model, *(model.name for model in parts.models))))


def _deployment(parts: AnyParts, model: str) -> dict[str, Any]:
    name = f"uutel/{parts.name}/{model}"
    params: dict[str, Any] = {"model": name, "allowed_openai_params": list(_PASSED_ON)}
    if "max_tokens" not in parts.transform.supported:
        params["additional_drop_params"] = ["max_tokens"]
    return {"model_name": name, "litellm_params": params, "model_info": {"disable_background_health_check": True}}
