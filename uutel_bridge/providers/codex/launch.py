"""How the official `codex` is started as a server of plain chat models. Pure.

Settings were measured on codex 0.169.0.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.errors import UnsupportedParam
from uutel_bridge.core.locate import COMMON, child_environment
from uutel_bridge.core.process import LaunchPlan
from uutel_bridge.providers.codex.auth import FOLDER_VARIABLE, auth_file
from uutel_bridge.providers.codex.catalog import catalog_json
from uutel_bridge.providers.codex.models import CodexRequest

_CATALOG = "catalog.json"
_LOGIN = "auth.json"
_KEY_VARIABLE = "OPENAI_API_KEY"

_TURNS_AT_ONCE = 128
_MAX_USES = 1000
"""A server grows by 0.1 MB a turn or so; a fresh one is made after this many."""

_SETTINGS = (
    "analytics.enabled=false",
    "check_for_update_on_startup=false",
    'history.persistence="none"',
    "project_doc_max_bytes=0",
    "include_environment_context=false",
    "include_permissions_instructions=false",
    "include_apps_instructions=false",
    "include_collaboration_mode_instructions=false",
    "skills.include_instructions=false",
    "skills.bundled.enabled=false",
    'web_search="disabled"',
    "tools.experimental_request_user_input.enabled=false",
    "tools.update_plan.enabled=false",
    "orchestrator.skills.enabled=false",
    "orchestrator.mcp.enabled=false",
    "memories.use_memories=false",
    "memories.generate_memories=false",
    'otel.exporter="none"',
    'otel.metrics_exporter="none"',
    "feedback.enabled=false",
    "notify=[]",
    *(
        f"features.{name}=false"
        for name in (
            "multi_agent",
            "goals",
            "shell_tool",
            "unified_exec",
            "apps",
            "plugins",
            "remote_plugin",
            "plugin_sharing",
            "sleep_tool",
            "view_image",
            "hooks",
            "tool_suggest",
            "skill_search",
            "image_generation",
            "browser_use",
            "computer_use",
            "memories",
            "workspace_dependencies",
            "shell_snapshot",
            "unbounded_connection_retries",  # else a refused connection is tried again for ever
        )
    ),
    "mcp_optional_startup_grace_ms=0",
    "suppress_unstable_features_warning=true",
    "thread_unload_delay_secs=0",  # else each request's thread stays in memory for half an hour
    'model_provider="uutel"',
)

_ALLOWED = (*COMMON, "CODEX_CA_CERTIFICATE")


def plan(launch: Launch[CodexRequest]) -> LaunchPlan:
    """The command line and environment of the one server for all requests of a login.

    Its CODEX_HOME is a private folder: what lies in the user's, such as AGENTS.md and servers in `config.toml`, cannot
    all be switched off by settings. Of the user's it holds a link to the login alone, through which the CLI renews it.

    Raises:
        UnsupportedParam: Functions are to be called, and this version did not show that it tells of the calls.
    """
    if launch.request.tools and not launch.warm:
        raise UnsupportedParam(
            "tools: this version of codex does not tell of the calls as they are; update it: "
            "npm install -g @openai/codex",
            param="tools",
        )
    key = launch.settings.api_key
    settings = (*_SETTINGS, *_addressed(launch.settings.api_base, with_key=key is not None))
    return LaunchPlan(
        argv=(launch.executable, "app-server", *(word for setting in settings for word in ("-c", setting))),
        env=child_environment(
            launch.environment,
            allow=_ALLOWED,
            pass_env=launch.settings.pass_env,
            extra={_KEY_VARIABLE: key.get_secret_value()} if key else None,
        ),
        cwd=launch.cwd,
        scratch_env=((FOLDER_VARIABLE, ""),),
        scratch_argv=("-c", f"model_catalog_json={{scratch}}/{_CATALOG}"),
        files=((_CATALOG, catalog_json()),),
        links=() if key else ((_LOGIN, str(auth_file(launch.environment).absolute())),),
        max_uses=_MAX_USES,
        turns_at_once=_TURNS_AT_ONCE,
        proven=launch.warm,
    )


def _addressed(api_base: str | None, *, with_key: bool) -> Iterator[str]:
    """A provider of our own, for the CLI's retries cannot be switched off in its built-in one.

    Without an address, the CLI takes the one that goes with the login.
    """
    fields = [
        'name="uutel"',
        'wire_api="responses"',
        f'env_key="{_KEY_VARIABLE}"' if with_key else "requires_openai_auth=true",
        "supports_websockets=false",
        "request_max_retries=0",
        "stream_max_retries=0",
    ]
    if api_base:
        address = orjson.dumps(api_base).decode()
        fields.append(f"base_url={address}")
        yield f"chatgpt_base_url={address}"  # else what the CLI asks of the account goes to chatgpt.com all the same
    yield f"model_providers.uutel={{{','.join(fields)}}}"
    yield f'cli_auth_credentials_store="{"ephemeral" if with_key else "file"}"'
