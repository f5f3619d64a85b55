"""The control requests of stream-json mode and their answers. Measured on 2.1.330."""

from __future__ import annotations

import os
from typing import Any

import _claude_conversation as conversation
import _claude_lines as lines
import _claude_models as models
import _claude_options
import _claude_session

LACKS = frozenset(filter(None, os.environ.get("FAKE_CLAUDE_LACKS", "").split(",")))
"""What this "version" cannot do: `rewind`, `system_prompt`."""


class Unable(Exception):
    """A request that is answered with an error; `fields` go beside its text."""

    def __init__(self, text: str, **fields: str) -> None:
        super().__init__(text)
        self.fields = fields


def handle(session: Any, said: dict[str, Any]) -> None:
    """Answer a control request."""
    request = said.get("request")
    if not isinstance(request, dict):
        _claude_session.fail("Error: Missing request on control_request")
    try:
        answer = _HANDLERS.get(request.get("subtype", ""), _unknown)(session, said, request)
    except Unable as error:
        _reply(said, "error", {"error": str(error), **error.fields})
        return
    if answer is not None:
        _reply(said, "success", answer)


def _reply(said: dict[str, Any], subtype: str, fields: dict[str, Any]) -> None:
    named = {"request_id": said["request_id"]} if "request_id" in said else {}
    _claude_session.send({"type": "control_response", "response": {"subtype": subtype, **named, **fields}})


def _unknown(session: Any, said: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    text = f"Unsupported control request subtype: {request.get('subtype', 'undefined')}"
    raise Unable(text, error_code="unsupported_request")


def _initialize(session: Any, said: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    prompt = request.get("systemPrompt")
    if prompt:
        session.system = prompt if isinstance(prompt, str) else "\n\n".join(prompt)
    session.tools.connect(session.tools.add(request.get("sdkMcpServers") or []))
    response = lines.initialized(session.version, session.permission_mode, session.login())
    return {"response": response, "pending_permission_requests": [], "pending_user_dialog_requests": []}


def _set_model(session: Any, said: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    name = request.get("model")
    prompt = request.get("system_prompt", "unchanged")
    if not isinstance(prompt, str) or not prompt:
        wrong = "set_model: system_prompt must be a non-empty string when present"
        raise Unable(wrong, error_code="invalid_request", model=session.model)
    _validate(session, name)
    _change_model(session, models.resolve(name), name)
    session.chosen_model = session.model
    if "system_prompt" in request and "system_prompt" not in LACKS:
        session.system = prompt
    return {"response": {"model": session.model}}


def _validate(session: Any, name: str | None) -> None:
    """A full name, other than that of the default model, is tried out on the API once in a process's life."""
    model = models.resolve(name)
    if name == "":
        wrong = 'Model "(unrecognized model name)" is not a recognized model id. Run /model to see available models.'
        raise Unable(wrong, error_code="catalog_unknown", model=session.model)
    if models.is_alias(name) or model in session.validated:
        return
    body = {
        "model": model,
        "max_tokens": 1,
        "system": [{"type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}
        ],
        "metadata": {"user_id": "{}"},
    }
    status, message = 0, {}
    for step in session.calls.ask(body, session.login()):
        if step[0] == "head":
            status = step[1]
        elif step[0] == "message":
            message = step[1]
    if status == 404:
        raise Unable(f"Model '{name}' not found", error_code="not_found", model=session.model)
    if "usage" not in message:
        wrong = "Unable to validate model: undefined is not an object (evaluating 'bs.usage.input_tokens')"
        raise Unable(wrong, error_code="check_failed", model=session.model)
    session.validated.add(model)


def _change_model(session: Any, model: str, name: str | None) -> None:
    """Take another model; in mid-conversation that stays in it as if the user had typed `/model`."""
    changed, session.model = session.model != model, model
    if not changed or not session.conversation.entries:
        return
    done = f"<local-command-stdout>Set model to `{model}`</local-command-stdout>"
    caveat = "The command below was run directly in Claude Code, not sent to you as a request."
    session.conversation.add_user([{"type": "text", "text": f"<local-command-caveat>{caveat}</local-command-caveat>"}])
    named = f"<command-name>/model</command-name>\n            <command-args>{name}</command-args>"
    session.conversation.add_user([{"type": "text", "text": named}])
    session.conversation.add_user([{"type": "text", "text": done}])
    session.emit({"type": "user", "message": {"role": "user", "content": done}, "isReplay": True})


def _apply_flag_settings(session: Any, said: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    settings = request.get("settings")
    if not isinstance(settings, dict):
        got = "undefined" if settings is None else type(settings).__name__
        raise Unable(f"apply_flag_settings requires `settings` to be an object, got {got}")
    session.env |= {name: str(value) for name, value in (settings.get("env") or {}).items()}
    if "model" in settings:  # taken at its word, unlike a model given to set_model
        _change_model(session, models.resolve(settings["model"] or session.chosen_model), settings["model"])
    if "permissions" in settings:
        session.tools.allowed_by_settings = (settings["permissions"] or {}).get("allow") or []
    effort = settings.get("effortLevel", session.chosen_effort)
    if effort is None or effort in _claude_options.EFFORTS:  # another word changes nothing
        session.chosen_effort = effort
    return {}


def _mcp_set_servers(session: Any, said: dict[str, Any], request: dict[str, Any]) -> None:
    servers = request.get("servers")
    if not isinstance(servers, dict):
        raise Unable("mcp_set_servers: servers must be an object of config objects")
    removed = session.tools.keep(servers)
    added = session.tools.add(servers)
    _reply(said, "success", {"response": {"added": added, "removed": removed, "errors": {}}})
    session.tools.connect(added)


def _interrupt(session: Any, said: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    session.interrupted = session.running
    if session.running and session.tool_calls:
        session.tool_calls.cancel()
    return {"response": {"still_queued": [line["uuid"] for line in session.queued if line.get("uuid")]}}


def _accept(session: Any, said: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    return {}


def _rewind(session: Any, said: dict[str, Any], request: dict[str, Any]) -> dict[str, Any] | None:
    if "rewind" in LACKS:
        return _unknown(session, said, request)
    if not isinstance(request.get("target_message_uuid"), str):
        raise Unable("rewind_conversation: target_message_uuid must be a string")
    if session.running and not request.get("interrupt_if_running"):
        return {"response": conversation.turn_running()}
    if session.running:
        session.interrupted = True
        session.rewind_after = said
        return None
    return {"response": _rewound(session, request)}


def _rewound(session: Any, request: dict[str, Any]) -> dict[str, Any]:
    if session.bad_rewind:
        session.bad_rewind = False
        return conversation.not_rewound("target not found")
    return session.conversation.rewind(request["target_message_uuid"], request.get("last_seen_user_message_uuid"))


def rewind(session: Any, said: dict[str, Any]) -> None:
    """Do a rewind that had to wait for the end of a turn, and answer it."""
    _reply(said, "success", {"response": _rewound(session, said["request"])})


_HANDLERS = {
    "initialize": _initialize,
    "set_model": _set_model,
    "apply_flag_settings": _apply_flag_settings,
    "mcp_set_servers": _mcp_set_servers,
    "interrupt": _interrupt,
    "rewind_conversation": _rewind,
    "set_max_thinking_tokens": _accept,
}
