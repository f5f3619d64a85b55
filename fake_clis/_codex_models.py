"""The model catalogue: that of `model_catalog_json`, else two entries that stand for the built-in one."""

from __future__ import annotations

import json
from typing import Any

BUILT_IN = [
    {"slug": "gpt-6.1-sol", "default_reasoning_level": "low", "supported_reasoning_levels": [{"effort": "low"}]},
    {"slug": "gpt-5.5", "default_reasoning_level": "medium", "supported_reasoning_levels": [{"effort": "medium"}]},
]
TIERS = {"fast": "priority"}


class Models:
    """What is known of the models."""

    def __init__(self, config: dict[str, Any]) -> None:
        path = config.get("model_catalog_json")
        self._entries: list[dict[str, Any]] = BUILT_IN
        if path:
            with open(path, "rb") as file:  # noqa: PTH123 -- pathlib costs start-up time
                self._entries = json.load(file)["models"]
        self.default: str = config.get("model") or self._entries[0]["slug"]

    def entry(self, model: str) -> dict[str, Any]:
        """The entry of a model; empty: there is none."""
        return next((entry for entry in self._entries if entry["slug"] == model), {})

    @staticmethod
    def service_tier(known: dict[str, Any], wanted: str | None) -> str | None:
        """What is sent as `service_tier`: nothing that the entry does not list."""
        tier = TIERS.get(wanted or "", wanted)
        return tier if tier in {each["id"] for each in known.get("service_tiers") or []} else None

    def listed(self) -> list[dict[str, Any]]:
        """The rows of `model/list`."""
        return [
            {
                "id": entry["slug"],
                "model": entry["slug"],
                "displayName": entry.get("display_name", entry["slug"]),
                "description": entry.get("description", ""),
                "hidden": entry.get("visibility") == "hide",
                "supportedReasoningEfforts": [
                    {"reasoningEffort": level["effort"], "description": level.get("description", "")}
                    for level in entry.get("supported_reasoning_levels") or []
                ],
                "defaultReasoningEffort": entry.get("default_reasoning_level"),
                "serviceTiers": entry.get("service_tiers") or [],
                "isDefault": entry["slug"] == self.default,
            }
            for entry in self._entries
        ]
