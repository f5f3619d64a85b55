"""The tool calls of one answer: who answers them, when, and what `claude` 2.1.330 writes of them."""

from __future__ import annotations

import json
from typing import Any

import _claude_lines as lines
import _claude_tools as tools

Block = dict[str, Any]

UNPARSED = "__unparsedToolInput"
REJECTED = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit, the"
    " new_string was NOT written to the file). STOP what you are doing and wait for the user to tell you how to"
    " proceed."
)
STOPPED = (
    " Correction to the text above: this call was stopped while running, not refused before it ran. It may have run in"
    " part or in full, and its changes may have been written. No permission prompt was involved. Work it started"
    " elsewhere (a remote command, a background process) may still be running, so check before starting the same work"
    " again. The instruction to stop and wait still stands."
)
DENIED = (
    "Permission to use {} has been denied because Claude Code is running in don't ask mode. IMPORTANT: You *may*"
    " attempt to accomplish this action using other tools that might naturally be used to accomplish this goal, e.g."
    " using head instead of cat. But you *should not* attempt to work around this denial in malicious ways, e.g. do not"
    " use your ability to run tests to execute non-test actions. You should only try to work around this restriction in"
    " reasonable ways that do not attempt to bypass the intent behind this denial. If you believe this capability is"
    " essential to complete the user's request, STOP and explain to the user what you were trying to do and why you"
    " need this permission. Let the user decide how to proceed."
)
UNPARSABLE = (
    "InputValidationError: {name} was called with input that could not be parsed as JSON.\nYou sent (first {length} of"
    " {length} bytes): {raw}\nCommon causes: unescaped backslashes in file paths (use / or \\\\), unescaped control"
    " characters, or truncated output. Retry with valid JSON."
)


def arguments(raw: str) -> dict[str, Any]:
    """A call's arguments as the CLI keeps them."""
    try:
        return json.loads(raw or "{}")
    except ValueError:
        return {UNPARSED: {"raw": raw, "len": len(raw.encode())}}


class Call:
    """One call."""

    def __init__(self, block: Block, tool: tools.Tool | None) -> None:
        self.block = block
        self.tool = tool
        self.number: int | None = None
        """Of the request to the server, once it is sent."""
        self.line: dict[str, Any] | None = None
        """The user line with its result, once there is one."""
        self.told = False

    @property
    def running(self) -> bool:
        """Whether its server has been asked and has not answered."""
        return self.number is not None and self.line is None

    def answer(self, result: Block, told: Any, **meta: Any) -> None:
        """Keep its result; `told` is what a person would be shown."""
        about = {"tool_result_meta": [{"id": self.block["id"], **meta}]} if meta else {}
        self.line = {"message": {"role": "user", "content": [result]}, "tool_use_result": told, **about}

    def fail(self, text: str, told: str, **meta: Any) -> None:
        """Keep an error as its result."""
        failed = {"type": "tool_result", "content": text, "is_error": True, "tool_use_id": self.block["id"]}
        self.answer(failed, told, **meta)


class ToolCalls:
    """The calls of one answer, in their order."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._calls: list[Call] = []
        self._holds_back = True
        self.results: list[Block] = []
        """What has been told of them so far."""
        self.denials: list[dict[str, Any]] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def meta(self, block: Block) -> dict[str, Any]:
        """The fields of the `assistant` line of a call."""
        if block.get("type") != "tool_use":
            return {}
        tool = self._session.tools.find(block["name"])
        about = {"id": block["id"], "display_name": tool.title if tool else tools.display_name(block["name"])}
        if tool:
            about |= {"server_display_name": tool.server, "tool_name": tool.name}
        return {"tool_use_meta": [about]}

    def notice(self, block: Block) -> None:
        """A block is whole, and its end has not yet been told."""
        if block.get("type") != "tool_use":
            return
        call = Call(block, self._session.tools.find(block["name"]))
        self._calls.append(call)
        if call.tool is None:
            wrong = f"Error: No such tool available: {block['name']}"
            call.fail(f"<tool_use_error>{wrong}</tool_use_error>", wrong)
            self._tell(call)

    def start(self) -> None:
        """The end of a block has been told: refuse the call in it, or have it run as soon as it may."""
        call = self._calls[-1] if self._calls else None
        if call and call.tool and call.number is None and not call.line:
            self._check(call, call.tool)
        self._start_next()

    def _check(self, call: Call, tool: tools.Tool) -> None:
        unparsed = call.block["input"].get(UNPARSED)
        if unparsed:
            wrong = UNPARSABLE.format(name=tool.wire_name, length=unparsed["len"], raw=unparsed["raw"])
            shown = f"InputValidationError: JSON parse failed ({unparsed['len']} bytes)"
            call.fail(f"<tool_use_error>{wrong}</tool_use_error>", shown)
            self._tell(call)
        elif not self._session.tools.may_call(tool):
            self._deny(call, tool)

    def _deny(self, call: Call, tool: tools.Tool) -> None:
        said = DENIED.format(tool.wire_name)
        named = {"tool_name": tool.wire_name, "tool_use_id": call.block["id"]}
        line = {**named, "decision_reason_type": "mode", "message": said}
        self._session.emit({"type": "system", "subtype": "permission_denied", **line})
        self.denials.append({**named, "tool_input": call.block["input"]})
        decision = {"decision": "reject", "source": "config", "reason_type": "mode"}
        call.fail(said, f"Error: {said}", non_execution_kind="permission-rule", permission_decision=decision)
        self._tell(call)

    def _start_next(self) -> None:
        """Run calls in their order: those that only read beside each other, any other alone."""
        for call in self._calls:
            running = [other for other in self._calls if other.running]
            if call.line or call.running or call.tool is None:
                continue
            together = call.tool.read_only and all(other.tool.read_only for other in running if other.tool)
            if running and not together:
                return
            about = {"claudecode/toolUseId": call.block["id"]}
            params = {"name": call.tool.name, "arguments": call.block["input"], "_meta": about}
            reply_to = lambda reply, call=call: self._answered(call, reply)  # noqa: E731
            call.number = self._session.tools.ask(call.tool.server, "tools/call", params, reply_to)

    def _answered(self, call: Call, reply: dict[str, Any]) -> None:
        if call.line or call.tool is None:
            return
        result = reply.get("result") or {}
        content = result.get("content") or []
        meta = {"permission_decision": {"decision": "accept", "source": "config", "reason_type": "rule"}}
        if "error" in reply or result.get("isError"):
            text = "".join(block.get("text", "") for block in content) or (reply.get("error") or {}).get("message", "")
            call.fail(text, f"Error: {text}", **meta)
        else:
            shown = content or f"({call.tool.wire_name} completed with no output)"
            call.answer({"tool_use_id": call.block["id"], "type": "tool_result", "content": shown}, content, **meta)
        if not self._holds_back:
            self._tell_in_order()
        self._start_next()

    def finish(self) -> None:
        """The answer is whole: wait for all results, and tell each.

        Raises:
            Interrupted: The turn shall end.
        """
        self._holds_back = False
        self._tell_in_order()
        self._session.wait_until(lambda: all(call.line for call in self._calls))

    def cancel(self) -> None:
        """Take back what servers are still asked for."""
        for call in self._calls:
            if call.running and call.tool:
                about = {"requestId": call.number, "reason": "AbortError: remote-cancel"}
                self._session.tools.notify(call.tool.server, "notifications/cancelled", **about)
                self._reject(call, REJECTED + STOPPED)

    def abandon(self) -> None:
        """Tell that nobody will answer what has no result."""
        self.cancel()
        for call in self._calls:
            if call.line is None:
                self._reject(call, REJECTED)
        self._tell_in_order()

    def _reject(self, call: Call, text: str) -> None:
        call.fail(text, "User rejected tool use", non_execution_kind="user-rejected")

    def _tell_in_order(self) -> None:
        for call in self._calls:
            if call.line is None:
                return
            self._tell(call)

    def _tell(self, call: Call) -> None:
        if call.told or call.line is None:
            return
        call.told = True
        self.results += call.line["message"]["content"]
        stamp = {"parent_tool_use_id": None, "timestamp": lines.timestamp()}
        self._session.emit({"type": "user", **call.line, **stamp})
