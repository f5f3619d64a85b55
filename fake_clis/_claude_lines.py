"""The shapes of the lines that `claude` 2.1.330 writes in stream-json mode, as recorded."""

from __future__ import annotations

import os
import time
from typing import Any

import _claude_login
import _claude_models as models

Line = dict[str, Any]

SESSION_CAPABILITIES = [
    "interrupt_receipt_v1",
    "interrupt_cancel_queued_v1",
    "interrupt_send_now_v1",
    "interrupt_requeue_taken_v1",
    "msg_lifecycle_v1",
    "request_marker_lists_v1",
    "ask_user_question_unanswered_v1",
    "lifecycle_wakeup_source_v1",
    "sdk_mcp_tools_list_changed",
    "sdk_mcp_manifests",
    "mcp_read_resource_v1",
    "mcp_tool_ui_meta_v1",
    "ui_surface_v1",
    "mcp_call_result_not_for_model_v1",
    "mcp_call_check_permissions_v1",
    "voice_call_talk_line_v1",
    "withdrawn_files_note_v2",
    "withdrawn_tools_v1",
    "ui_pane_widget_v1",
    "reload_plugins_refuse_if_busy_v1",
    "get_usage_detached_v1",
    "silent_resend_files_v1",
]
CONTROL_CAPABILITIES = [
    "ui_surface_v1",
    "mcp_call_result_not_for_model_v1",
    "mcp_call_check_permissions_v1",
    "voice_call_talk_line_v1",
    "ui_pane_widget_v1",
    "reload_plugins_refuse_if_busy_v1",
    "get_usage_detached_v1",
]
AGENTS = ("claude", "Explore", "general-purpose", "Plan", "statusline-setup")
PLUGINS = ("cc-plugin-agents-md", "cc-plugin-privacy", "cc-plugin-plugin-authoring")
FAST_MODE = {"fast_mode_state": "off", "fast_mode_disabled_reason": "sdk_opt_in_required"}


def new_uuid() -> str:
    """A random UUID; the uuid module would cost start-up time."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def timestamp() -> str:
    """Now, as in `2026-11-22T09:49:54.450Z`."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"


def init(model: str, version: str, permission_mode: str, login: _claude_login.Login) -> Line:
    """`system/init`, written at the start of every turn."""
    return {
        "type": "system",
        "subtype": "init",
        "cwd": os.getcwd(),  # noqa: PTH109 -- pathlib costs start-up time
        "tools": [],
        "mcp_servers": [],
        "model": model,
        "permissionMode": permission_mode,
        "slash_commands": [],
        "apiKeySource": "ANTHROPIC_API_KEY" if login.method == "api_key" else "none",
        "claude_code_version": version,
        "output_style": "default",
        "agents": list(AGENTS),
        "skills": [],
        "plugins": [{"name": name, "path": "builtin", "source": f"{name}@builtin"} for name in PLUGINS],
        "capabilities": SESSION_CAPABILITIES,
        "analytics_disabled": True,
        "product_feedback_disabled": True,
        "served_by_anthropic": False,
        "original_cwd": os.getcwd(),  # noqa: PTH109
        "additional_directories": [],
        **FAST_MODE,
        "per_turn_effort_active": True,
        "ultrathink_available": False,
        "ultrathink_typed_raises": False,
        "view_mode": "default",
    }


def initialized(version: str, permission_mode: str, login: _claude_login.Login) -> Line:
    """The `response` to an `initialize` request."""
    return {
        "commands": [],
        "agents": [{"name": name} for name in AGENTS],
        "output_style": "default",
        "available_output_styles": ["default", "Proactive", "Concise", "Explanatory", "Learning"],
        "user_output_styles_dir": f"{_claude_login.config_folder()}/output-styles",
        "models": models.offered(),
        "account": _claude_login.account(login),
        "pid": os.getpid(),
        "claude_code_version": version,
        "current_permission_mode": permission_mode,
        "hook_on_failure_supported": True,
        "hooks_when_unanswered_kept": 0,
        "other_hook_ask_outranks_host": True,
        "feedback_mode": {"kind": "disabled"},
        "analytics_disabled": True,
        "remote_control_auto_enable": False,
        "remote_control_auto_connect_default": False,
        "remote_control_available": False,
        "remote_control_auto_on_by_default": False,
        "ide_rc_auto_enable_gate": False,
        **FAST_MODE,
        "session_state": "idle",
        "capabilities": CONTROL_CAPABILITIES,
    }


def synthetic_message(text: str, stop_reason: str) -> Line:
    """A message that the CLI made up: an error, or its own answer to a command."""
    usage = {
        "output_tokens_details": None,
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
        "service_tier": None,
        "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
        "inference_geo": None,
        "iterations": None,
        "speed": None,
        "fallback_credit": None,
    }
    return {
        "diagnostics": None,
        "id": new_uuid(),
        "container": None,
        "model": "<synthetic>",
        "role": "assistant",
        "stop_details": None,
        "stop_reason": stop_reason,
        "stop_sequence": "",
        "type": "message",
        "usage": usage,
        "content": [{"type": "text", "text": text}],
        "context_management": None,
    }


def user(text: str, **fields: Any) -> Line:
    """A user message that the CLI made up."""
    message = {"role": "user", "content": [{"type": "text", "text": text}]}
    return {"type": "user", "message": message, "parent_tool_use_id": None, "timestamp": timestamp(), **fields}


def stopped_delta(usage: dict[str, Any]) -> Line:
    """The `message_delta` event that stands for an answer which was broken off."""
    counted = {
        "output_tokens_details": {"thinking_tokens": 0},
        **{key: usage.get(key, 0) for key in ("cache_creation_input_tokens", "cache_read_input_tokens")},
        "input_tokens": usage.get("input_tokens", 0),
        "iterations": [],
        "output_tokens": usage.get("output_tokens", 0),
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
        "fallback_credit": None,
    }
    delta = {"container": None, "stop_details": None, "stop_reason": None, "stop_sequence": None}
    return {"type": "message_delta", "context_management": None, "delta": delta, "usage": counted}


def usage_total(usages: list[dict[str, Any]]) -> dict[str, Any]:
    """The `usage` of a result: all requests of the turn together."""

    def added(key: str) -> int:
        return sum(usage.get(key, 0) for usage in usages)

    def written(key: str) -> int:
        return sum((usage.get("cache_creation") or {}).get(key, 0) for usage in usages)

    return {
        "input_tokens": added("input_tokens"),
        "cache_creation_input_tokens": added("cache_creation_input_tokens"),
        "cache_read_input_tokens": added("cache_read_input_tokens"),
        "output_tokens": added("output_tokens"),
        "output_tokens_details": {"thinking_tokens": 0},
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
        "service_tier": "standard",
        "cache_creation": {
            "ephemeral_1h_input_tokens": written("ephemeral_1h_input_tokens"),
            "ephemeral_5m_input_tokens": written("ephemeral_5m_input_tokens"),
        },
        "inference_geo": "",
        "iterations": [],
        "speed": "standard",
        "fallback_credit": None,
    }


def subagent_stats() -> Line:
    """A constant field of every result."""
    return {
        "spawned": 0,
        "requested": {"background": 0, "foreground": 0, "unset": 0},
        "started_in_background": 0,
        "max_depth": 0,
        "spawned_by_subagents": 0,
        "completed": 0,
        "failed": 0,
        "killed": {"parent": 0, "user": 0, "system": 0},
        "refused": {"depth_limit": 0, "concurrency_limit": 0, "budget": 0},
        "by_type": {},
    }
