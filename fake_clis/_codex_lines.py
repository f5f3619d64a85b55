"""The lines that `codex app-server` 0.169.0 writes. Names and order of the fields as recorded."""

from __future__ import annotations

import time
from typing import Any

Line = dict[str, Any]

COUNTS = {
    "totalTokens": ("total_tokens",),
    "inputTokens": ("input_tokens",),
    "cachedInputTokens": ("input_tokens_details", "cached_tokens"),
    "cacheWriteInputTokens": ("input_tokens_details", "cache_write_tokens"),
    "outputTokens": ("output_tokens",),
    "reasoningOutputTokens": ("output_tokens_details", "reasoning_tokens"),
}


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def notification(method: str, params: Line) -> Line:
    """A line that nobody answers."""
    return {"method": method, "params": params, "emittedAtMs": now()}


def thread(thread_id: str, model: str, provider: str, params: Line, originator: str, version: str) -> Line:  # noqa: PLR0917 -- one line of the protocol
    """What a thread is told to be."""
    at = now() // 1000
    return {
        "id": thread_id,
        "environments": params.get("environments") or [],
        "extra": None,
        "sessionId": thread_id,
        "forkedFromId": None,
        "attachedToThreadId": None,
        "parentThreadId": None,
        "preview": "",
        "ephemeral": bool(params.get("ephemeral")),
        "section": None,
        "sectionEnteredAt": None,
        "projectId": None,
        "historyMode": "paginated",
        "modelProvider": provider,
        "model": model,
        "reasoningEffort": None,
        "createdAt": at,
        "updatedAt": at,
        "recencyAt": at,
        "status": {"type": "idle"},
        "path": None,
        "cwd": params.get("cwd") or "/",
        "cliVersion": version,
        "originator": originator,
        "source": "vscode",
        "canAcceptDirectInput": True,
        "threadSource": None,
        "agentNickname": None,
        "agentRole": None,
        "gitInfo": None,
        "name": None,
        "daybreakEnabled": None,
        "turns": [],
    }


def started(told: Line, params: Line) -> Line:
    """The reply to `thread/start`."""
    return {
        "thread": told,
        "model": told["model"],
        "modelProvider": told["modelProvider"],
        "serviceTier": params.get("serviceTier"),
        "disabledPluginIds": [],
        "cwd": told["cwd"],
        "runtimeWorkspaceRoots": [],
        "instructionSources": [],
        "approvalPolicy": params.get("approvalPolicy") or "on-request",
        "approvalsReviewer": "user",
        "sandbox": {"type": "readOnly", "networkAccess": False},
        "activePermissionProfile": None,
        "reasoningEffort": None,
        "multiAgentMode": "explicitRequestOnly",
    }


def turn(turn_id: str, status: str = "inProgress", **fields: Any) -> Line:
    """A turn."""
    items = fields.pop("items", [])
    view = "summary" if items else "notLoaded"
    empty = {"error": None, "startedAt": None, "completedAt": None, "durationMs": None}
    return {
        "id": turn_id,
        "rootTurnId": turn_id,
        "items": items,
        "itemsView": view,
        "status": status,
        **empty,
        **fields,
    }


def agent_message(item_id: str, text: str = "") -> Line:
    """An item that is said."""
    nothing = {"phase": None, "memoryCitation": None, "delivery": None, "questions": None}
    return {"type": "agentMessage", "moderation": None, "id": item_id, "text": text, **nothing}


def reasoning(item_id: str, summary: list[str]) -> Line:
    """An item that is thought."""
    return {"type": "reasoning", "id": item_id, "summary": summary, "content": []}


def tool_call(call: Line, arguments: Any, status: str = "inProgress", **answer: Any) -> Line:
    """A call of a function of the client's."""
    empty = {"contentItems": None, "success": None, "durationMs": None}
    item = {"type": "dynamicToolCall", "id": call["call_id"], "namespace": None, "tool": call["name"]}
    return {**item, "arguments": arguments, "status": status, **empty, **answer}


def usage(counted: Line | None) -> dict[str, int]:
    """The counts of one response."""
    counts: dict[str, int] = {}
    for name, path in COUNTS.items():
        value: Any = counted or {}
        for key in path:
            value = value.get(key) or {}
        counts[name] = value or 0
    return counts


def limits(headers: dict[str, str]) -> Line:
    """What the headers of an answer say of the account's limits."""
    told = {"limitId": "codex", "limitName": None, "normalModelSlug": None}
    windows = {name: _window(headers, f"x-codex-{name}") for name in ("primary", "secondary")}
    unknown = {"credits": None, "individualLimit": None, "spendControlReached": None, "planType": None}
    return {"rateLimits": {**told, **windows, **unknown, "rateLimitReachedType": None}}


def _window(headers: dict[str, str], prefix: str) -> Line | None:
    if f"{prefix}-used-percent" not in headers:
        return None
    return {
        "usedPercent": int(headers[f"{prefix}-used-percent"]),
        "windowDurationMins": int(headers[f"{prefix}-window-minutes"]),
        "resetsAt": int(headers[f"{prefix}-reset-at"]),
    }
