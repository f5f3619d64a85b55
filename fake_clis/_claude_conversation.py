"""The conversation that `claude` keeps, and the request body it makes of it. Measured on 2.1.330.

Bodies are the same in structure and in every text that is the caller's; the vendor's own prose (environment message,
identity) is kept short where nobody depends on it.
"""

from __future__ import annotations

import json
import os
import re
import time
from itertools import pairwise
from typing import Any

import _claude_models as models
from _anthropic_asked import Block, blocks_of, text_of

Message = dict[str, Any]

EPHEMERAL = {"type": "ephemeral", "ttl": "1h"}
IDENTITY = "You are a Claude agent, built on Anthropic's Claude Agent SDK."
MISSING_RESULT = "[Tool result missing due to internal error]"
INTERRUPTED = "[Request interrupted by user]"
INTERRUPTED_TOOLS = "[Request interrupted by user for tool use]"
INTERRUPTED_CALL = "[Tool use interrupted]"
NO_CONTENT = "(no content)"
MOST_TOKENS = 1_000_000
"""The context window of all models."""
THOUGHTS = ("thinking", "redacted_thinking")


class Entry:
    """One message of the conversation."""

    __slots__ = ("content", "effort", "model", "note", "role", "stops", "uuid")

    def __init__(self, role: str, content: Any, uuid: str = "", *, stops: bool = False) -> None:
        self.role = role
        self.content = content
        self.uuid = uuid
        self.stops = stops
        """A user line from stdin: `rewind_conversation` can go back to it."""
        self.model = ""
        """Whose answer this is, where that was said."""
        self.note = ""
        """What the CLI tells the model in a system message after this one."""
        self.effort = ""
        """The effort from here on, where it changed."""


class Conversation:
    """Everything the model would be sent, in order."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._told_model = ""

    def add_user(self, content: Any, uuid: str = "", *, effort: str = "", stops: bool = False) -> Entry:
        """Append a user message; `effort` is told to the model if it differs from what it was told last."""
        entry = Entry("user", content, uuid, stops=stops)
        told = next((e.effort for e in reversed(self.entries) if e.effort), "")
        if effort and effort != told:
            entry.effort = effort
        self.entries.append(entry)
        return entry

    def add_assistant(self, content: Any, uuid: str = "", model: str = "") -> None:
        """Append an assistant message; only that of the model that is asked keeps its thoughts."""
        entry = Entry("assistant", content, uuid)
        entry.model = model
        self.entries.append(entry)

    def tell_environment(self, model: str) -> None:
        """Tell the model where it runs, once a conversation, and who it is, whenever that changed."""
        last = self.entries[-1]
        who = f"You are powered by the model named {models.display(model)}. The exact model ID is {model}."
        if not any(entry.note for entry in self.entries):
            where = f" - Primary working directory: {os.getcwd()}\n - Is a git repository: false\n - Platform: linux"  # noqa: PTH109
            today = time.strftime("Today's date is %Y-%m-%d.")
            last.note = f"# Environment\n{where}\n\n{who}\n\n{today}"
        elif model != self._told_model:
            last.note = who
        self._told_model = model

    def is_too_long(self) -> bool:
        """Whether the CLI takes it for too long, by an estimate that is rough here."""
        return sum(len(text_of(entry.content)) for entry in self.entries) > 4 * MOST_TOKENS

    def rewind(self, target: str, last_seen: str | None) -> dict[str, Any]:
        """Answer a `rewind_conversation`, and do it if that is possible."""
        stops = [entry for entry in self.entries if entry.stops]
        at = next((n for n, entry in enumerate(self.entries) if entry.stops and entry.uuid == target), None)
        if at is None:
            return not_rewound("target not found")
        if last_seen is None and len(stops) > 1:
            return not_rewound("stale target")
        if last_seen not in {None, stops[-1].uuid}:
            return not_rewound("unseen later turn")
        entry = self.entries[at]
        if any(block.get("type") == "tool_result" for block in blocks_of(entry.content)):
            return not_rewound("target splits a tool call")
        before = next((e.uuid or None for e in reversed(self.entries[:at]) if e.role == "assistant"), None)
        del self.entries[at:]
        return {
            "rewound": True,
            "targetMessageUuid": target,
            "prefillText": text_of(entry.content),
            "precedingAssistantUuid": before,
        }

    def wire(self, model: str) -> list[Message]:
        """The `messages` of a request, with the vendor's silent repairs."""
        messages: list[Message] = []
        called: list[str] = []
        used: set[str] = set()
        for entry in self.entries:
            if entry.role == "assistant":
                content = _without_repeated(_assistant_content(entry, model), used)
                called = _calls({"content": content})
            else:
                content = _without_orphans(_user_content(entry), called)
            if not content:
                continue
            if messages and entry.role == "user" and messages[-1]["role"] == "user":
                if not _says_nothing(entry, called):
                    messages[-1]["content"] = _joined(messages[-1]["content"], content)
            else:
                messages.append({"role": entry.role, "content": content, "notes": [], "effort": ""})
            messages[-1]["notes"] += [entry.note] if entry.note else []
            messages[-1]["effort"] = entry.effort or messages[-1]["effort"]
        _add_missing_results(messages)
        return _with_breakpoint(_with_notes(messages))


def not_rewound(error: str) -> dict[str, Any]:
    """The answer to a `rewind_conversation` that changes nothing."""
    reason = error.replace(" a ", " ").replace(" ", "_")
    return {"rewound": False, "prefillText": None, "precedingAssistantUuid": None, "error": error, "reason": reason}


def turn_running() -> dict[str, Any]:
    """The answer to a `rewind_conversation` in mid-turn."""
    return not_rewound("turn running")


def _user_content(entry: Entry) -> Any:
    if isinstance(entry.content, str):
        return entry.content or NO_CONTENT
    return _without_blank(blocks_of(entry.content)) or [{"type": "text", "text": NO_CONTENT}]


def _says_nothing(entry: Entry, called: list[str]) -> bool:
    """Whether it holds nothing but blank blocks and results that nobody asked for."""
    blocks = entry.content if isinstance(entry.content, list) else [{}]
    return all(_is_orphan(block, called) for block in _without_blank(blocks))


def _without_blank(blocks: list[Block]) -> list[Block]:
    return [block for block in blocks if block.get("type") != "text" or block.get("text", "").strip()]


def _assistant_content(entry: Entry, model: str) -> list[Block]:
    """Empty: the message is left out, as one that holds nothing but blank text or thoughts is."""
    blocks = [block for block in blocks_of(entry.content) if entry.model == model or block.get("type") not in THOUGHTS]
    if not blocks:
        return [{"type": "text", "text": NO_CONTENT, "citations": []}]
    kept = _without_blank(blocks)
    return [] if all(block.get("type") in THOUGHTS for block in kept) else kept


def _without_repeated(blocks: list[Block], used: set[str]) -> list[Block]:
    """Leave out the calls whose id has been used before."""
    kept: list[Block] = []
    for block in blocks:
        if block.get("type") == "tool_use":
            if block["id"] in used:
                continue
            used.add(block["id"])
        kept.append(block)
    return kept or ([{"type": "text", "text": INTERRUPTED_CALL, "citations": []}] if blocks else [])


def _joined(first: Any, second: Any) -> list[Block]:
    blocks = blocks_of(first)
    if blocks and blocks[-1].get("type") == "text":
        blocks[-1] = {**blocks[-1], "text": blocks[-1]["text"] + "\n"}
    return blocks + blocks_of(second)


def _calls(message: Message) -> list[str]:
    """Ids of the tool calls of an assistant message."""
    return [block["id"] for block in blocks_of(message["content"]) if block.get("type") == "tool_use"]


def _without_orphans(content: Any, called: list[str]) -> Any:
    """Leave out the tool results that nobody asked for."""
    if isinstance(content, str):
        return content
    return [block for block in content if not _is_orphan(block, called)] or NO_CONTENT


def _is_orphan(block: Block, called: list[str]) -> bool:
    return block.get("type") == "tool_result" and block["tool_use_id"] not in called


def _add_missing_results(messages: list[Message]) -> None:
    """Give every tool call a result."""
    for before, message in pairwise(messages):
        blocks = blocks_of(message["content"])
        answered = {block.get("tool_use_id") for block in blocks}
        missing = [_missing(call) for call in _calls(before) if call not in answered]
        if missing:
            message["content"] = missing + blocks


def _missing(call: str) -> Block:
    return {"type": "tool_result", "tool_use_id": call, "content": MISSING_RESULT, "is_error": True}


def _with_notes(messages: list[Message]) -> list[Message]:
    noted: list[Message] = []
    for message in messages:
        notes, effort = message.pop("notes"), message.pop("effort")
        noted.append(message)
        if notes or effort:
            system: Message = {"role": "system", "content": "\n\n".join(notes) or []}
            noted.append({**system, "output_config": {"effort": effort}} if effort else system)
    return noted


def _with_breakpoint(messages: list[Message]) -> list[Message]:
    """Put the cache breakpoint on the last message that holds anything, unless the caller put it there."""
    for message in reversed(messages):
        blocks = blocks_of(message["content"])
        if not blocks:
            continue
        if not any("cache_control" in block for block in blocks):
            blocks[-1] = {**blocks[-1], "cache_control": EPHEMERAL}
            message["content"] = blocks
        break
    return messages


def body(conversation: Conversation, settings: dict[str, Any]) -> dict[str, Any]:
    """The Messages API body for the conversation; `settings`: model, system, effort, env, tools and so on."""
    model, env = settings["model"], settings["env"]
    made: dict[str, Any] = {
        "model": model,
        "messages": conversation.wire(model),
        "system": system_blocks(settings),
        "tools": settings["tools"],
        "metadata": {"user_id": json.dumps({"device_id": "fake", "session_id": settings["session_id"]})},
        "max_tokens": int(env.get("CLAUDE_CODE_MAX_OUTPUT_TOKENS") or models.max_tokens(model)),
    }
    if not env.get("CLAUDE_CODE_DISABLE_THINKING"):
        made["thinking"] = models.thinking(model, settings["thinking_display"])
        made["context_management"] = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    made |= {"output_config": {"effort": settings["effort"]}, "stream": True}
    extra = json.loads(env.get("CLAUDE_CODE_EXTRA_BODY") or "{}")
    if "output_config" in extra:
        extra["output_config"] = made["output_config"] | extra["output_config"]
    return made | extra


def system_blocks(settings: dict[str, Any]) -> list[Block]:
    """Billing header, identity, and the caller's own prompt."""
    blocks: list[Block] = []
    if settings["env"].get("CLAUDE_CODE_ATTRIBUTION_HEADER") != "0":
        text = f"x-anthropic-billing-header: cc_version={settings['version']}.0; cc_entrypoint=sdk-cli;"
        blocks.append({"type": "text", "text": text})
    blocks.append({"type": "text", "text": IDENTITY, "cache_control": EPHEMERAL})
    if settings["system"]:
        blocks.append({"type": "text", "text": settings["system"], "cache_control": EPHEMERAL})
    return blocks


# Traps for a caller that does not say `client_composed`

_MENTION = re.compile(r"(?<!\S)@(\S+)")


def mentioned_files(text: str, *, restricted: bool) -> list[str]:
    """What `@path` in a user text makes the CLI send before it: the file's content."""
    told: list[str] = []
    for name in _MENTION.findall(text):
        path, here = os.path.realpath(name), os.path.realpath(os.curdir)
        outside = os.path.commonpath([path, here]) != here
        if (restricted and outside) or not os.path.isfile(path):  # noqa: PTH113
            continue
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            lines = "".join(f"{n}\t{line}\n" for n, line in enumerate(file.read().split("\n"), 1))
        call = f'Called the Read tool with the following input: {{"file_path":"{path}"}}'
        told.append(f"<system-reminder>\n{call}\n</system-reminder>")
        told.append(f"<system-reminder>\nResult of calling the Read tool:\n{lines}</system-reminder>")
    return told


def local_command(text: str) -> str:
    """The CLI's own answer to a text that is one of its commands; "" if it is none."""
    command = text.split(maxsplit=1)[0] if text.startswith("/") else ""
    known = {"/clear", "/compact", "/config", "/context", "/cost", "/help", "/init", "/login", "/mcp", "/model"}
    return f"{command} isn't available in this environment." if command in known else ""


def unknown_command_note(text: str) -> str:
    """What the model is told before a text that looks like a command but is none."""
    command = re.match(r"/[a-z][\w-]*(?=\s|$)", text)
    if not command:
        return ""
    said = f"The user's message starts with the slash command {command[0]}, but no command with that name is available"
    return f"<system-reminder>\n{said} in this session, so it did not run.\n</system-reminder>"
