"""Which options `claude` takes, and how it refuses the others. Vendor's wording, measured on 2.1.330."""

from __future__ import annotations

import os
import re

# As `claude --help` prints them, then those it hides. <x>: needs a value, [x]: may have one, "...": takes several.
SIGNATURES = """
--add-dir <directories...>
--agent <agent>
--agents <json-or-file>
--allow-dangerously-skip-permissions
--allowedTools, --allowed-tools <tools...>
--append-system-prompt <prompt>
--autocompact <auto|tokens>
--ax-screen-reader
--bare
--betas <betas...>
--bg, --background
--brief
--chrome
--cloud [description|session_id|url]
-c, --continue
--dangerously-skip-permissions
-d, --debug [filter]
--debug-file <path>
--desktop
--disable-slash-commands
--disallowedTools, --disallowed-tools <tools...>
--effort <level>
--environment <environment_id>
--exclude-dynamic-system-prompt-sections
--fallback-model <model>
--file <specs...>
--fork-session
--forward-subagent-text
--from-pr [value]
-h, --help
--ide
--include-hook-events
--include-partial-messages
--input-format <format>
--json-schema <schema>
--max-budget-usd <amount>
--mcp-config <configs...>
--model <model>
-n, --name <name>
--no-chrome
--no-session-persistence
--output-format <format>
--permission-mode <mode>
--permission-prompts <target>
--plugin-dir <path>
--plugin-url <url>
-p, --print
--prompt-suggestions [value]
--remote-control [name]
--remote-control-session-name-prefix <prefix>
--replay-user-messages
--restricted
-r, --resume [value]
--safe-mode
--session-id <uuid>
--setting-sources <sources>
--settings <file-or-json>
--strict-mcp-config
--system-prompt <prompt>
--system-prompt-snapshot <on|off>
--teleport [session]
--tmux
--tools <tools...>
--verbose
-v, --version
-w, --worktree [name]
--advisor <model>
--agent-color <color>
--agent-id <id>
--agent-name <name>
--agent-type <type>
--append-subagent-system-prompt <prompt>
--append-subagent-system-prompt-file <file>
--append-system-prompt-file <file>
--await-initialize
--channels <servers...>
--enable-auth-status
--enable-auto-mode
--fast-mode <on|off>
--include-unsupported-models
--init
--init-only
--maintenance
--managed-settings <json>
--max-thinking-tokens <tokens>
--max-turns <turns>
--permission-prompt-tool <tool>
--plan-mode-instructions <instructions>
--plugin-dir-no-mcp <path>
--prefill <text>
--proactivity <level>
--resume-session-at <message id>
--rewind-files <user-message-id>
--sdk-url <url>
--session-mirror
--system-prompt-file <file>
--task-budget <tokens>
--thinking <mode>
--thinking-display <display>
--workload <tag>
"""
CHOICES = {
    "input-format": ("text", "stream-json"),
    "output-format": ("text", "json", "stream-json"),
    "permission-mode": ("acceptEdits", "auto", "bypassPermissions", "manual", "dontAsk", "plan"),
    "permission-prompts": ("host", "none"),
    "system-prompt-snapshot": ("on", "off"),
    "thinking": ("enabled", "adaptive", "disabled"),
    "thinking-display": ("summarized", "omitted", "highlights"),
}
NUMBERS = ("max-turns", "max-thinking-tokens")
EFFORTS = ("low", "medium", "high", "xhigh", "max")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Refused(Exception):
    """What `claude` writes to stderr before it exits with 1."""


def _table() -> dict[str, tuple[str, str]]:
    """Every spelling of a flag -> (its canonical name, its signature)."""
    table = {}
    for signature in SIGNATURES.strip().splitlines():
        spellings = re.findall(r"(?<!\S)--?[\w-]+", signature)
        name = next(spelling for spelling in spellings if spelling.startswith("--"))[2:]
        table |= dict.fromkeys(spellings, (name, signature))
    return table


def parse(argv: list[str]) -> dict[str, str]:
    """Options by canonical name; a flag without a value is "". Positional arguments are let pass, as the vendor does.

    Raises:
        Refused: An option that does not exist, or a value that it does not take.
    """
    table = _table()
    options: dict[str, str] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            continue
        flag, equals, value = word.partition("=")
        if flag not in table:
            raise Refused(f"error: unknown option '{word}'")
        name, signature = table[flag]
        if not equals:
            value = _value(signature, rest)
        options[name] = _checked(name, signature, value)
    return options


def _value(signature: str, rest: list[str]) -> str:
    """Take from `rest` what belongs to the option."""
    if "<" not in signature and "[" not in signature:
        return ""
    if "<" in signature and not rest:
        raise Refused(f"error: option '{signature}' argument missing")
    if "[" in signature:
        return rest.pop(0) if rest and not rest[0].startswith("-") else ""
    taken = [rest.pop(0)]
    while "..." in signature and rest and not rest[0].startswith("-"):
        taken.append(rest.pop(0))
    return ",".join(taken)


def _checked(name: str, signature: str, value: str) -> str:
    wrong = f"error: option '{signature}' argument '{value}' is invalid. "
    if name in CHOICES and value not in CHOICES[name]:
        raise Refused(wrong + f"Allowed choices are {', '.join(CHOICES[name])}.")
    if name in NUMBERS and not value.isdigit():
        raise Refused(wrong + "must be a number")
    return value


def check(options: dict[str, str]) -> None:
    """What `claude` checks once all options are read.

    Raises:
        Refused: They do not go together, or name what is not there.
    """
    if options.get("input-format") == "stream-json" and options.get("output-format") != "stream-json":
        raise Refused("Error: --input-format=stream-json requires output-format=stream-json.")
    if options.get("output-format") == "stream-json" and "verbose" not in options:
        raise Refused("Error: When using --print, --output-format=stream-json requires --verbose")
    for source in filter(None, options.get("setting-sources", "").split(",")):
        if source not in {"user", "project", "local"}:
            allowed = "Valid options are: user, project, local"
            raise Refused(f"Error processing --setting-sources: Invalid setting source: {source}. {allowed}")
    if "restricted" in options and options.get("permission-mode") == "bypassPermissions":
        raise Refused("Error: bypassPermissions not supported in restricted mode")
    if "session-id" in options and not _UUID.fullmatch(options["session-id"]):
        raise Refused("Error: Invalid session ID. Must be a valid UUID.")
    if "resume" in options and not os.path.isfile(options["resume"]):  # noqa: PTH113 -- pathlib costs start-up time
        raise Refused(f"No conversation found with session ID: {options['resume']}")
    for name, what in (("system-prompt-file", "System"), ("append-system-prompt-file", "Append system")):
        if name in options and not os.path.isfile(options[name]):  # noqa: PTH113 -- pathlib costs start-up time
            raise Refused(f"Error: {what} prompt file not found: {options[name]}")
