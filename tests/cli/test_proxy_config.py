"""What LiteLLM's proxy is told of the providers."""

from __future__ import annotations

import pytest
import yaml

from uutel_bridge.cli.proxy_config import as_yaml, document
from uutel_bridge.core import registry

_ALL = [registry.parts(name) for name in registry.provider_names()]


@pytest.mark.parametrize("name", registry.provider_names())
def test_every_model_of_the_catalogue_has_its_name_and_any_other_goes_by_a_wildcard(name: str) -> None:
    """Called as users of the bridge call them."""
    parts = registry.parts(name)
    entries = document([parts])["model_list"]
    names = [entry["model_name"] for entry in entries]
    assert names == [entry["litellm_params"]["model"] for entry in entries]
    assert len(set(names)) == len(names)
    assert {f"uutel/{name}/{model.name}" for model in parts.models} < set(names)
    assert names[0] == f"uutel/{name}/{parts.default_model}"
    assert names[-1] == f"uutel/{name}/*"


def test_what_clients_always_send_is_dropped_where_the_vendor_has_no_setting_for_it_and_nowhere_else() -> None:
    """Anthropic's API wants `max_tokens`, Codex takes none."""
    dropping = {
        entry["model_name"].split("/")[1]: entry["litellm_params"].get("additional_drop_params")
        for entry in document(_ALL)["model_list"]
    }
    assert dropping == {"claude-code": None, "cloud-code": None, "codex": ["max_tokens"], "gemini-cli": None}


def test_the_file_says_the_same_and_what_each_setting_is_for() -> None:
    """It is for people to keep and to edit."""
    config = document(_ALL)
    text = as_yaml(config)
    assert yaml.safe_load(text) == config
    comment = "".join(line for line in text.splitlines() if line.startswith("#"))
    explained = ("disable_cooldowns", "cancel_on_disconnect", "additional_drop_params", "allowed_openai_params")
    for setting in (*explained, "trusted_proxy_ranges", "enable_caching_on_provider_specific_optional_params"):
        assert setting in comment
        assert setting in text.replace(comment, "")
