"""The command line and environment of the one server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.errors import UnsupportedParam
from uutel_bridge.core.process import LaunchPlan
from uutel_bridge.core.settings import CLISettings
from uutel_bridge.providers.codex.catalog import catalog_json
from uutel_bridge.providers.codex.launch import plan
from uutel_bridge.providers.codex.models import CodexRequest

HOME = {"HOME": "/home/me", "PATH": "/usr/bin"}
KEY = "sk-proj-secret"
ANY = CodexRequest(model="gpt-6-sol", instructions="be brief", items=())


def planned(
    turn: CodexRequest = ANY, *, environment: dict[str, str] | None = None, proven: bool = True, **settings: Any
) -> LaunchPlan:
    """The plan for a turn."""
    return plan(
        Launch(
            executable="/opt/bin/codex",
            request=turn,
            environment=HOME | (environment or {}),
            settings=CLISettings(**settings),
            cwd="/cache/cwd",
            warm=proven,
        )
    )


def settings_of(made: LaunchPlan) -> dict[str, str]:
    """What the command line sets, by name."""
    program, server, *options = made.argv
    assert (program, server) == ("/opt/bin/codex", "app-server")
    assert set(options[::2]) == {"-c"}
    pairs = [option.split("=", 1) for option in options[1::2]]
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names)
    return {name: value for name, value in pairs}  # noqa: C416  # pairs are lists


def test_one_server_serves_every_request_of_a_login() -> None:
    """Whatever the model, the instructions and the functions."""
    other = CodexRequest(model=None, instructions="", items=(), tools=({"name": "look"},), effort="high")
    made = planned()
    assert planned(other) == made
    assert (made.turns_at_once, made.max_uses, made.cwd) == (128, 1000, "/cache/cwd")


def test_the_server_sees_a_private_folder_with_nothing_of_the_users_but_the_login() -> None:
    """And the catalogue of ours."""
    made = planned()
    assert made.scratch_env == (("CODEX_HOME", ""),)
    assert made.links == (("auth.json", "/home/me/.codex/auth.json"),)
    assert made.files == (("catalog.json", catalog_json()),)
    assert made.scratch_argv == ("-c", "model_catalog_json={scratch}/catalog.json")
    moved = planned(environment={"CODEX_HOME": "/elsewhere"})
    assert moved.links == (("auth.json", "/elsewhere/auth.json"),)
    assert "CODEX_HOME" not in dict(moved.env)


def test_what_the_cli_would_add_or_do_by_itself_is_switched_off() -> None:
    """Each of these was seen to add something to a request, or to start or fetch something."""
    made = settings_of(planned())
    off = (
        "analytics.enabled",
        "include_environment_context",
        "include_permissions_instructions",
        "skills.include_instructions",
        "skills.bundled.enabled",
        "tools.experimental_request_user_input.enabled",
        "features.goals",
        "features.apps",
        "features.plugins",
        "features.view_image",
        "features.image_generation",
        "features.unbounded_connection_retries",
    )
    assert {made[name] for name in off} == {"false"}
    assert made["web_search"] == '"disabled"'
    assert made["thread_unload_delay_secs"] == "0"


def test_a_login_goes_to_the_address_that_belongs_to_it() -> None:
    """The CLI knows which; it tries nothing again by itself."""
    made = settings_of(planned())
    assert made["model_provider"] == '"uutel"'
    assert made["model_providers.uutel"] == (
        '{name="uutel",wire_api="responses",requires_openai_auth=true,supports_websockets=false,'
        "request_max_retries=0,stream_max_retries=0}"
    )
    assert made["cli_auth_credentials_store"] == '"file"'
    assert "chatgpt_base_url" not in made


def test_another_address_is_the_only_one() -> None:
    """Also for what the CLI asks of the account."""
    made = settings_of(planned(api_base='http://127.0.0.1:1/"v1'))
    address = orjson.dumps('http://127.0.0.1:1/"v1').decode()
    assert made["model_providers.uutel"].endswith(f",base_url={address}}}")
    assert made["chatgpt_base_url"] == address


def test_a_key_replaces_the_login_and_is_nowhere_but_in_the_environment() -> None:
    """The stored login stays out."""
    made = planned(api_key=SecretStr(KEY))
    assert made.links == ()
    assert dict(made.env) == HOME | {"OPENAI_API_KEY": KEY}
    settings = settings_of(made)
    assert 'env_key="OPENAI_API_KEY"' in settings["model_providers.uutel"]
    assert "requires_openai_auth" not in settings["model_providers.uutel"]
    assert settings["cli_auth_credentials_store"] == '"ephemeral"'
    assert KEY not in repr(made)


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY",
        "OPENAI_ORGANIZATION",
        "OPENAI_PROJECT",
        "CODEX_API_KEY",
        "CODEX_ACCESS_TOKEN",
        "CODEX_SQLITE_HOME",
        "CODEX_ROLLOUT_TRACE_ROOT",
        "CODEX_INTERNAL_ORIGINATOR_OVERRIDE",
        "CODEX_REFRESH_TOKEN_URL_OVERRIDE",
        "CODEX_THREAD_ID",
        "RUST_LOG",
    ],
)
def test_variables_that_change_what_the_cli_does_are_kept_out(name: str) -> None:
    """Unless the user lets one in by name."""
    assert dict(planned(environment={name: "x"}).env) == HOME
    assert dict(planned(environment={name: "x"}, pass_env=(name,)).env) == HOME | {name: "x"}


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "SSL_CERT_FILE", "CODEX_CA_CERTIFICATE", "LANG"])
def test_variables_that_lead_to_the_network_are_passed_on(name: str) -> None:
    """As for every CLI."""
    assert dict(planned(environment={name: "x"}).env) == HOME | {name: "x"}


def test_a_version_that_is_not_proven_chats_and_has_a_server_of_its_own() -> None:
    """For it is spoken to in another way."""
    assert planned(proven=False) == replace(planned(), proven=False)


def test_a_version_that_is_not_proven_is_given_no_functions() -> None:
    """The message says what mends it."""
    calling = CodexRequest(model=None, instructions="", items=(), tools=({"name": "look"},))
    with pytest.raises(UnsupportedParam, match="update it: npm install") as caught:
        planned(calling, proven=False)
    assert caught.value.param == "tools"
