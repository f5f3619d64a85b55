"""The JSON-RPC lines that `gemini --acp` 0.61.0 writes, as recorded."""

from __future__ import annotations

from typing import Any

Line = dict[str, Any]

INVALID_PARAMS = -32602
INTERNAL = -32603
NO_METHOD = -32601
NO_LOGIN = -32000

_AUTH_METHODS = [
    {"id": "oauth-personal", "name": "Log in with Google", "description": "Log in with your Google account"},
    {
        "id": "gemini-api-key",
        "name": "Gemini API key",
        "description": "Use an API key with Gemini Developer API",
        "_meta": {"api-key": {"provider": "google"}},
    },
    {"id": "vertex-ai", "name": "Vertex AI", "description": "Use an API key with Vertex AI GenAI API"},
    {
        "id": "gateway",
        "name": "AI API Gateway",
        "description": "Use a custom AI API Gateway",
        "_meta": {"gateway": {"protocol": "google", "restartRequired": "false"}},
    },
]
_MODES = [
    {"id": "default", "name": "Default", "description": "Prompts for approval"},
    {"id": "autoEdit", "name": "Auto Edit", "description": "Auto-approves edit tools"},
    {"id": "yolo", "name": "YOLO", "description": "Auto-approves all tools"},
]
MODES = tuple(mode["id"] for mode in _MODES)
_AUTO = "Let Gemini CLI decide the best model for the task: gemini-3.1-pro-preview, gemini-3.8-flash"
_MODELS = [
    {"modelId": "auto", "name": "Auto", "description": _AUTO},
    {"modelId": "gemini-3.1-pro-preview-customtools", "name": "gemini-3.1-pro-preview"},
    {"modelId": "gemini-3-flash-preview", "name": "gemini-3-flash-preview"},
    {"modelId": "gemini-2.5-pro", "name": "gemini-2.5-pro"},
    {"modelId": "gemini-3.8-flash", "name": "gemini-3.8-flash"},
    {"modelId": "gemini-3.5-flash-lite", "name": "gemini-3.5-flash-lite"},
]
_COMMANDS = {
    "memory": "Manage memory.",
    "memory show": "Shows the current memory contents.",
    "extensions": "Manage extensions.",
    "init": "Analyzes the project and creates a tailored GEMINI.md file",
    "restore": "Restore to a previous checkpoint, or list available checkpoints to restore.",
    "about": "Show version and environment info",
    "help": "Show available commands",
}
COMMANDS = tuple(name for name in _COMMANDS if " " not in name)


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


def broken(details: str) -> Refusal:
    """What went wrong inside."""
    return Refusal(INTERNAL, "Internal error", {"details": details})


def error(request: Any, refusal: Refusal) -> Line:
    """The answer to a request that failed."""
    told: Line = {"code": refusal.code, "message": str(refusal)}
    if refusal.data is not None:
        told["data"] = refusal.data
    return {"jsonrpc": "2.0", "id": request, "error": told}


def check(params: Any, **wanted: type) -> None:
    """Refuse parameters that are missing or of another kind."""
    kinds: dict[type, str] = {str: "string", list: "array"}
    wrong: list[Line] = []
    for name, kind in wanted.items():
        given = params.get(name)
        if not isinstance(given, kind):
            received = "undefined" if name not in params else _kind(given)
            told = f"Invalid input: expected {kinds[kind]}, received {received}"
            wrong.append({"expected": kinds[kind], "code": "invalid_type", "path": [name], "message": told})
    if wrong:
        raise Refusal(INTERNAL, "Internal error", wrong)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    return {str: "string", list: "array", dict: "object"}.get(type(value), "number")


def initialized(version: str) -> Line:
    """The answer to `initialize`."""
    prompts = {"image": True, "audio": True, "embeddedContext": True}
    able = {"loadSession": True, "promptCapabilities": prompts, "mcpCapabilities": {"http": True, "sse": True}}
    agent = {"name": "gemini-cli", "title": "Gemini CLI", "version": version}
    return {"protocolVersion": 1, "authMethods": _AUTH_METHODS, "agentInfo": agent, "agentCapabilities": able}


def opened(model: str) -> Line:
    """What is told of a session that was made or loaded."""
    return {
        "modes": {"availableModes": _MODES, "currentModeId": "default"},
        "models": {"availableModels": _MODELS, "currentModelId": model},
    }


def commands() -> Line:
    """The update that comes with every session."""
    listed = [{"name": name, "description": told} for name, told in _COMMANDS.items()]
    return {"sessionUpdate": "available_commands_update", "availableCommands": listed}


def chunk(kind: str, text: str) -> Line:
    """An update with a text; `kind`: `user_message`, `agent_message` or `agent_thought`."""
    return {"sessionUpdate": f"{kind}_chunk", "content": {"type": "text", "text": text}}


def _texts(*texts: str) -> list[Line]:
    return [{"type": "content", "content": {"type": "text", "text": text}} for text in texts]


def call_begun(call: str, title: str, told: str) -> Line:
    """The update of a call that is made."""
    shown = {"toolCallId": call, "status": "in_progress", "title": title, "content": _texts(told)}
    return {"sessionUpdate": "tool_call", **shown, "locations": [], "kind": "other"}


def call_done(call: str, title: str, said: str) -> Line:
    """The update of a call that was answered."""
    shown = {"toolCallId": call, "status": "completed", "title": title, "content": _texts(said)}
    return {"sessionUpdate": "tool_call_update", **shown, "locations": [], "kind": "other"}


def call_failed(call: str, why: str) -> Line:
    """The update of a call that failed."""
    shown = {"toolCallId": call, "status": "failed", "content": _texts(why)}
    return {"sessionUpdate": "tool_call_update", **shown, "kind": "other"}


def stopped(reason: str, usage: dict[str, tuple[int, int]]) -> Line:
    """The answer to `session/prompt`; `usage`: the tokens (in, out) of each model."""
    if reason == "cancelled":
        return {"stopReason": reason}
    total = [sum(each) for each in zip(*usage.values(), strict=True)] or [0, 0]
    by_model = [{"model": model, "token_count": _counted(*counts)} for model, counts in usage.items()]
    return {"stopReason": reason, "_meta": {"quota": {"token_count": _counted(*total), "model_usage": by_model}}}


def _counted(given: int, said: int) -> Line:
    return {"input_tokens": given, "output_tokens": said}
