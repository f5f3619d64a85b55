"""Which model is asked and with which parameters: names, defaults and overrides of `gemini` 0.61.0."""

from __future__ import annotations

import json
from typing import Any

from _acp_options import Settings, at

DEFAULT = "auto"
_NAMES = {
    "pro": "gemini-3.1-pro-preview",
    "gemini-3-pro-preview": "gemini-3.1-pro-preview",
    "flash": "gemini-3.8-flash",
    "flash-lite": "gemini-3.5-flash-lite",
    "auto": "gemini-3.8-flash",
    "auto-gemini-2.5": "gemini-3.8-flash",
}
ROUTER = "gemini-3.5-flash-lite"
"""Who is asked first where the model is chosen by a model."""
STUBBORN = "gemini-3-flash-preview"
"""The model whose refused requests are made again whatever the settings say."""
_BESIDE = ("toolConfig", "safetySettings", "cachedContent", "labels")
"""What of the parameters stands beside `generationConfig` in a request."""


def is_routed(name: str) -> bool:
    """Whether a model chooses the model."""
    return name == "auto" or name.startswith("auto-")


def resolved(name: str, settings: Settings) -> str:
    """The model that is asked."""
    alias = at(settings, "modelConfigs.customAliases", {}).get(name)
    if alias:
        name = at(alias, "modelConfig.model", name)
    return _NAMES.get(name, name)


def parameters(name: str, settings: Settings) -> dict[str, Any]:
    """Those fields of a request's body that say how to answer."""
    alias = at(settings, "modelConfigs.customAliases", {}).get(name)
    config = dict(at(alias, "modelConfig.generateContentConfig", {})) if alias else _defaults(resolved(name, settings))
    for override in at(settings, "modelConfigs.customOverrides", []):
        if _matches(override.get("match") or {}, name):
            _merge(config, json.loads(json.dumps(at(override, "modelConfig.generateContentConfig", {}))))
    body = {key: config.pop(key) for key in _BESIDE if key in config}
    config.pop("systemInstruction", None)
    return {**body, "generationConfig": config}


def _defaults(model: str) -> dict[str, Any]:
    thinking = {"thinkingLevel": "HIGH"} if model.startswith("gemini-3") else {"thinkingBudget": 8192}
    return {"temperature": 1, "topP": 0.95, "topK": 64, "thinkingConfig": {"includeThoughts": True, **thinking}}


def _matches(match: dict[str, Any], name: str) -> bool:
    if not match:
        return False
    return match.get("isChatModel", True) is True and match.get("model", name) == name


def _merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
