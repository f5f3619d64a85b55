"""The command line, environment and private home of a process."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.process import LaunchPlan
from uutel_bridge.core.settings import CLISettings
from uutel_bridge.providers.gemini_cli.launch import CHATS, CWD, SYSTEM_PROMPT, plan
from uutel_bridge.providers.gemini_cli.models import GeminiCLIRequest

KEY = "AIza-secret"
ANY = GeminiCLIRequest(model="flash", system_prompt="be brief", turns=())
OURS = {"GEMINI_CLI_NO_RELAUNCH": "true", "GEMINI_CLI_TRUST_WORKSPACE": "true", "NO_BROWSER": "true"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder in which gemini has run, without a login."""
    (tmp_path / ".gemini").mkdir()
    return tmp_path


def planned(
    home: Path,
    turn: GeminiCLIRequest = ANY,
    *,
    environment: dict[str, str] | None = None,
    proven: bool = True,
    **settings: Any,
) -> LaunchPlan:
    """The plan for a turn."""
    return plan(
        Launch(
            executable="/opt/bin/gemini",
            request=turn,
            environment={"HOME": str(home), "PATH": "/usr/bin", **(environment or {})},
            settings=CLISettings(**settings),
            cwd="/cache/cwd",
            warm=proven,
        )
    )


def choose(home: Path, kind: str) -> None:
    """Let the user's settings choose a kind of login, among other things of theirs."""
    settings = {"security": {"auth": {"selectedType": kind}}, "mcpServers": {"x": {"command": "y"}}}
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


def log_in(home: Path) -> None:
    """Log in to a Google account."""
    choose(home, "oauth-personal")
    (home / ".gemini" / "oauth_creds.json").write_text('{"refresh_token": "1//secret"}', encoding="utf-8")
    (home / ".gemini" / "google_accounts.json").write_text('{"active": "me@example.org"}', encoding="utf-8")


def environment_of(made: LaunchPlan, home: Path) -> dict[str, str]:
    """What the environment holds besides what every plan's does."""
    common = OURS | {"HOME": str(home), "PATH": "/usr/bin"}
    assert common.items() <= dict(made.env).items()
    return {name: value for name, value in made.env if name not in common}


def settings_of(made: LaunchPlan) -> dict[str, Any]:
    """The settings in the private home."""
    settings: dict[str, Any] = orjson.loads(dict(made.files)[".gemini/settings.json"])
    return settings


def test_one_process_serves_every_request_of_a_login_and_a_generation(home: Path) -> None:
    """Whatever the model, the functions and, between requests, the system prompt."""
    other = GeminiCLIRequest(model="pro", system_prompt="", turns=({"type": "user"},), tools=({"name": "look"},))
    assert planned(home, other) == planned(home)
    assert (planned(home, other).variant, planned(home).variant) == ("", "be brief")
    assert (planned(home).max_uses, planned(home).turns_at_once) == (100, 16)
    warmer = GeminiCLIRequest(model="flash", system_prompt="be brief", turns=(), generation={"temperature": 2})
    assert planned(home, warmer) != planned(home)


def test_the_command_line_lets_in_no_extension_and_no_server_but_ours(home: Path) -> None:
    """It holds nothing of the request."""
    made = planned(home)
    assert made.argv == ("/opt/bin/gemini", "--acp", "-e", "none", "--allowed-mcp-server-names", "u")
    assert made.scratch_argv == ()


def test_the_process_lives_in_a_private_home(home: Path) -> None:
    """Its `.env` keeps those of the folders above out, and what the CLI leaves behind goes with the home."""
    made = planned(home)
    assert made.scratch_cwd == CWD
    assert dict(made.scratch_env) == {"GEMINI_CLI_HOME": "", "TMPDIR": "", "GEMINI_SYSTEM_MD": SYSTEM_PROMPT}
    assert [name for name, _ in made.files] == [".gemini/settings.json", f"{CWD}/.gemini/.env", SYSTEM_PROMPT]
    assert {content for name, content in made.files[1:]} == {b""}


def test_the_cli_finds_its_session_files_where_we_put_them() -> None:
    """It names the folder after the working directory, and changes whatever is not plain."""
    assert re.fullmatch("[a-z0-9]+", CWD)
    assert CHATS.split("/") == [".gemini", "tmp", CWD, "chats"]


def test_no_prompt_is_in_what_is_compared_or_shown(home: Path) -> None:
    """It is the variant alone."""
    made = planned(home)
    assert "be brief" not in repr(made)
    assert not any(b"be brief" in content for _, content in made.files)


def test_what_the_cli_would_add_or_do_by_itself_is_switched_off(home: Path) -> None:
    """Each of these was seen to add something to a request, or to start, fetch or repeat something."""
    made = settings_of(planned(home))
    assert (made["tools"]["core"], made["model"]["maxSessionTurns"]) == (["mcp_*"], 1)
    assert made["general"]["maxAttempts"] == 1
    assert not made["model"]["name"].startswith("auto")
    off = (
        made["general"]["enableAutoUpdate"],
        made["general"]["retryFetchErrors"],
        made["privacy"]["usageStatisticsEnabled"],
        made["telemetry"]["enabled"],
        made["hooksConfig"]["enabled"],
        made["skills"]["enabled"],
        made["experimental"]["enableAgents"],
        made["ide"]["enabled"],
        made["tools"]["sandbox"],
    )
    assert set(off) == {False}
    assert "mcpServers" not in made


def test_what_is_asked_of_the_generation_is_asked_of_every_model(home: Path) -> None:
    """Nothing is said where nothing is asked."""
    asked = {"temperature": 0.5, "toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}
    turn = GeminiCLIRequest(model="flash", system_prompt="", turns=(), generation=asked)
    assert settings_of(planned(home, turn))["modelConfigs"] == {
        "customOverrides": [{"match": {"isChatModel": True}, "modelConfig": {"generateContentConfig": asked}}]
    }
    assert "modelConfigs" not in settings_of(planned(home))


def test_a_google_account_is_lent_by_links(home: Path) -> None:
    """Nothing of it is copied."""
    log_in(home)
    made = planned(home, environment={"GOOGLE_CLOUD_PROJECT": "p-1", "GEMINI_API_KEY": KEY})
    assert made.links == (
        (".gemini/oauth_creds.json", str(home / ".gemini" / "oauth_creds.json")),
        (".gemini/google_accounts.json", str(home / ".gemini" / "google_accounts.json")),
    )
    assert settings_of(made)["security"]["auth"] == {"selectedType": "oauth-personal"}
    assert environment_of(made, home) == {"GOOGLE_CLOUD_PROJECT": "p-1"}
    assert "secret" not in f"{made!r}{made.files}"


def test_a_moved_home_is_where_the_links_lead(home: Path, tmp_path: Path) -> None:
    """And the process gets one of its own all the same."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".gemini").mkdir(parents=True)
    log_in(elsewhere)
    made = planned(home, environment={"GEMINI_CLI_HOME": str(elsewhere)})
    assert dict(made.links)[".gemini/oauth_creds.json"] == str(elsewhere / ".gemini" / "oauth_creds.json")
    assert environment_of(made, home) == {}


def test_a_key_of_the_settings_replaces_the_login(home: Path) -> None:
    """It is nowhere but in the environment."""
    log_in(home)
    made = planned(home, environment={"GEMINI_API_KEY": "another"}, api_key=SecretStr(KEY))
    assert made.links == ()
    assert environment_of(made, home) == {"GEMINI_API_KEY": KEY}
    assert settings_of(made)["security"]["auth"] == {"selectedType": "gemini-api-key"}
    assert KEY not in f"{made!r}{made.files}"


@pytest.mark.parametrize(
    ("kind", "variables", "address"),
    [
        ("gemini-api-key", {"GEMINI_API_KEY": KEY}, "GOOGLE_GEMINI_BASE_URL"),
        ("vertex-ai", {"GOOGLE_API_KEY": KEY}, "GOOGLE_VERTEX_BASE_URL"),
        (
            "oauth-personal",
            {"GOOGLE_GENAI_USE_GCA": "true", "GOOGLE_CLOUD_ACCESS_TOKEN": "ya29"},
            "CODE_ASSIST_ENDPOINT",
        ),
        ("compute-default-credentials", {}, "CODE_ASSIST_ENDPOINT"),
    ],
)
def test_the_address_is_set_as_the_login_needs_it(
    home: Path, kind: str, variables: dict[str, str], address: str
) -> None:
    """Without one, the CLI takes the one that goes with the login."""
    choose(home, kind)
    assert environment_of(planned(home, environment=variables), home) == variables
    made = planned(home, environment=variables, api_base="http://127.0.0.1:1/x")
    assert environment_of(made, home) == {**variables, address: "http://127.0.0.1:1/x"}
    assert settings_of(made)["security"]["auth"] == {"selectedType": kind}


@pytest.mark.parametrize(
    "name",
    [
        "GEMINI_MODEL",
        "GEMINI_WRITE_SYSTEM_MD",
        "GEMINI_SANDBOX",
        "GEMINI_CLI_CUSTOM_HEADERS",
        "GEMINI_CLI_SYSTEM_SETTINGS_PATH",
        "GEMINI_TELEMETRY_ENABLED",
        "GOOGLE_GEMINI_BASE_URL",
        "GOOGLE_VERTEX_BASE_URL",
        "CODE_ASSIST_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "DEBUG",
        "SANDBOX",
        "NODE_OPTIONS",
        "TERM_PROGRAM",
    ],
)
def test_variables_that_change_what_the_cli_does_are_kept_out(home: Path, name: str) -> None:
    """Unless the user lets one in by name."""
    assert environment_of(planned(home, environment={name: "x"}), home) == {}
    assert environment_of(planned(home, environment={name: "x"}, pass_env=(name,)), home) == {name: "x"}


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "NODE_EXTRA_CA_CERTS", "LANG"])
def test_variables_that_lead_to_the_network_are_passed_on(home: Path, name: str) -> None:
    """As for every CLI."""
    assert environment_of(planned(home, environment={name: "x"}), home) == {name: "x"}


def test_a_version_that_is_not_proven_has_processes_of_its_own(home: Path) -> None:
    """For it is spoken to in another way; it is started in the same."""
    proven, other = planned(home), planned(home, proven=False)
    assert proven != other
    assert (proven.argv, proven.env, proven.files) == (other.argv, other.env, other.files)
