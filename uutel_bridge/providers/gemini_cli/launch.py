"""How the official `gemini` is started as a server of plain chat models.

Settings were measured on gemini 0.61.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from uutel_bridge.core.cli_provider import Launch
from uutel_bridge.core.locate import COMMON, child_environment
from uutel_bridge.core.process import LaunchPlan
from uutel_bridge.gemini_api.login_files import FOLDER, GOOGLE, HOME_VARIABLE
from uutel_bridge.providers.gemini_cli import auth
from uutel_bridge.providers.gemini_cli.models import SERVER, GeminiCLIRequest

CWD = "w"
"""The folder in the private home that a process runs in, and that its sessions name."""
CHATS = f"{FOLDER}/tmp/{CWD}/chats"  # noqa: S108  # in the private home
"""Where the CLI looks for session files: it names the folder after the working directory, if that is plain enough."""
SYSTEM_PROMPT = "sys.md"
"""The file in the private home that holds the system prompt; the CLI reads it whenever a session begins."""

_TURNS_AT_ONCE = 16
_MAX_USES = 100
"""A process never forgets a session: it begins with 210 MB, and has 450 after this many."""

_ENVIRONMENT = {
    "GEMINI_CLI_NO_RELAUNCH": "true",  # else it is a parent that heeds no signal, and a child
    "GEMINI_CLI_TRUST_WORKSPACE": "true",  # else our empty .env is not heeded, and those of the folders above are
    "NO_BROWSER": "true",  # else it opens one where a login is missing
}
_BASES: Mapping[str, str] = {
    auth.KEY: "GOOGLE_GEMINI_BASE_URL",
    auth.VERTEX: "GOOGLE_VERTEX_BASE_URL",
    GOOGLE: "CODE_ASSIST_ENDPOINT",
    auth.COMPUTE: "CODE_ASSIST_ENDPOINT",
}
"""What sets the API's address, by the kind of login."""


def plan(launch: Launch[GeminiCLIRequest]) -> LaunchPlan:
    """The command line, environment and private home of a process for all requests of a login and a generation.

    The home is a private folder: what lies in the user's, such as GEMINI.md, extensions and policies, cannot all be
    switched off by settings. Of the user's it holds links to the login alone, through which the CLI renews it. The
    system prompt is the plan's variant: the file for it is empty, to be written when nobody uses the process.
    """
    key, base = launch.settings.api_key, launch.settings.api_base
    login = auth.with_key(key.get_secret_value()) if key else auth.find(launch.environment)
    address = {_BASES[login.kind]: base} if base and login.kind in _BASES else {}
    return LaunchPlan(
        argv=(launch.executable, "--acp", "-e", "none", "--allowed-mcp-server-names", SERVER),
        env=child_environment(
            launch.environment,
            allow=COMMON,
            pass_env=launch.settings.pass_env,
            extra={**login.variables, **_ENVIRONMENT, **address},
        ),
        scratch_cwd=CWD,
        scratch_env=((HOME_VARIABLE, ""), ("TMPDIR", ""), ("GEMINI_SYSTEM_MD", SYSTEM_PROMPT)),
        files=(
            (f"{FOLDER}/settings.json", _settings(login.kind, launch.request.generation)),
            (f"{CWD}/{FOLDER}/.env", b""),
            (SYSTEM_PROMPT, b""),
        ),
        links=tuple((f"{FOLDER}/{name}", target) for name, target in login.links),
        max_uses=_MAX_USES,
        turns_at_once=_TURNS_AT_ONCE,
        proven=launch.warm,
        variant=launch.request.system_prompt,
    )


def _settings(kind: str, generation: Mapping[str, Any]) -> bytes:
    settings: dict[str, Any] = {
        "security": {"auth": {"selectedType": kind}, "folderTrust": {"enabled": False}},
        "general": {
            "enableAutoUpdate": False,
            "enableAutoUpdateNotification": False,
            "plan": {"enabled": False},
            "checkpointing": {"enabled": False},
            "topicUpdateNarration": False,
            "maxAttempts": 1,  # else it tries again for minutes, and says nothing
            "retryFetchErrors": False,
            "sessionRetention": {"enabled": False},
        },
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "tools": {
            "core": ["mcp_*"],  # with an empty list the caller's functions are not declared either
            "useRipgrep": False,
            "sandbox": False,
            "disableLLMCorrection": True,
        },
        "context": {"fileName": "NONE.md", "includeDirectoryTree": False, "discoveryMaxDirs": 0},
        # Else long results of functions are cut.
        "contextManagement": {"tools": {"outputMasking": {"minPrunableThresholdTokens": 100_000_000}}},
        "hooksConfig": {"enabled": False},
        "skills": {"enabled": False},
        "experimental": {"enableAgents": False},
        "ide": {"enabled": False},
        "model": {
            "name": "gemini-2.5-pro",  # each session sets its own; but `auto` would ask a small model first
            "maxSessionTurns": 1,  # a turn ends with the calls, as there is nobody here to carry them out
            "skipNextSpeakerCheck": True,
            "disableLoopDetection": True,
            "compressionThreshold": 1000,
        },
        "ui": {"showCompatibilityWarnings": False, "showHomeDirectoryWarning": False},
    }
    if generation:
        override = {"match": {"isChatModel": True}, "modelConfig": {"generateContentConfig": generation}}
        settings["modelConfigs"] = {"customOverrides": [override]}
    return orjson.dumps(settings)
