"""One turn of a thread: model requests, lines, calls of the client's functions. Order as recorded on 0.169.0."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import _codex_conversation as conversation
import _codex_failures as failures
import _codex_lines as lines
import _codex_login as login
import _server_mischief as mischief
from _codex_api import Call, MissingKey
from _codex_failures import Failure
from _scenario_words import named_in

Item = dict[str, Any]
FAIR_CHANCE = 0.05
"""Seconds that an interrupt has to stop the CLI's own second request; with the real one it is a race."""
CANCELLED = "dynamic tool call was cancelled before receiving a response"
DEFAULT_RETRIES = 5
MOST_LOGINS = 2


class Interrupted(Exception):
    """The client asked to stop the turn."""


class ToolCall:
    """A function that the model calls; answered by the client, or, where it makes no sense, at once."""

    def __init__(self, item: Item, arguments: Any, refused: str = "") -> None:
        self.item = item
        self.arguments = arguments
        self.refused = refused
        self.asked = False
        self.began = lines.now()
        self.answered = threading.Event()
        self.answer: dict[str, Any] | None = None

    def reply(self, result: dict[str, Any] | None) -> None:
        """The client's answer; None: an error."""
        self.answer = result or {
            "contentItems": [{"type": "inputText", "text": "dynamic tool request failed"}],
            "success": False,
        }
        self.answered.set()

    def output(self) -> Any:
        """What the model is told."""
        if self.refused or self.answer is None:
            return self.refused or CANCELLED
        parts = [_part(each) for each in self.answer.get("contentItems") or []]
        return parts[0]["text"] if len(parts) == 1 and "text" in parts[0] else parts


def _part(given: Item) -> Item:
    if given["type"] == "inputText":
        return {"type": "input_text", "text": given["text"]}
    return {"type": "input_image", "image_url": given["imageUrl"]}


class Turn:
    """Runs on a thread of its own; `interrupt` comes from another."""

    def __init__(self, server: Any, thread: Any, params: dict[str, Any]) -> None:
        self._server = server
        self._thread = thread
        self._params = params
        self.id = conversation.new_id()
        self._began = lines.now()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._over = False
        self._waiting: list[Any] = []
        self._call: Call | None = None
        self._calls: list[ToolCall] = []
        self._said: list[Item] = []
        self._headers: dict[str, str] | None = None
        self._mischief = ""

    def interrupt(self, request: Any) -> bool:
        """Stop it; whether there was something to stop. The answer is written when it has stopped."""
        with self._lock:
            if self._over:
                return False
            self._waiting.append(request)
            self._stopped.set()
            if self._call:
                self._call.hang_up()
            for call in self._calls:
                call.answered.set()
        return True

    def take_input(self, said: list[Item]) -> None:
        """The texts that the turn was started with."""
        item = conversation.message("user", "")
        item["content"] = [{"type": "input_text", "text": part["text"]} for part in said]
        self._keep(item)
        shown = {"type": "userMessage", "id": conversation.new_id(), "clientId": None, "content": said}
        self._item("started", shown)
        self._item("completed", shown)

    def run(self) -> None:
        """The whole turn, whatever becomes of it."""
        self._mischief = named_in(conversation.said_last(self._thread.items))[0]
        if not mischief.on_turn(self._mischief, self._server):
            return
        try:
            login.refresh_if_expired()
            failure = self._converse()
        except Interrupted:
            self._end("interrupted")
            return
        if failure:
            self._fail(failure)
        else:
            self._end("completed")

    def _converse(self) -> Failure | None:
        tried = logins = 0
        while True:
            self._calls = []
            failure = self._ask()
            if failure is None:
                if not self._calls:
                    return None
                self._take_answers()
                self._tell_usage()
            elif failure.status == 401 and login.account() and logins < MOST_LOGINS:
                logins += 1  # first with the file as it is now, then with a new token
                if logins == MOST_LOGINS and not login.refresh_after_401():
                    return failure
            elif failure.retried and tried < self._thread.retries:
                tried += 1
                self._reconnect(tried, failure)
            else:
                return failure

    def _ask(self) -> Failure | None:
        """One model request; None: it was answered to the end."""
        body = conversation.body(self._thread, self._params, self.id)
        try:
            call = self._server.api.ask(body, self._server.client_headers(self._thread.id))
        except MissingKey as key:
            return Failure(f"Missing environment variable: `{key}`.", "other")
        with self._lock:
            self._call = call
        try:
            for step in call.steps():
                self._check()
                ended, failure = self._take(step)
                if ended:
                    return failure
        finally:
            call.hang_up()
        self._check()
        return failures.NOT_ENDED

    def _check(self) -> None:
        if self._stopped.is_set():
            raise Interrupted

    def _take(self, step: tuple[Any, ...]) -> tuple[bool, Failure | None]:
        """Whether the answer is at its end, and what is wrong with it."""
        if step[0] == "head":
            _, status, headers, refused = step
            if status == 200 or "x-codex-primary-used-percent" in headers:
                self._headers = headers
            return bool(refused), failures.refused(status, refused, self._server.api.url) if refused else None
        if step[0] == "event":
            return self._event(step[1])
        if step[0] == "refused" and self._thread.waits_for_network:
            self._stopped.wait()
            raise Interrupted
        ends = {"refused": failures.NOT_CONNECTED, "unsent": failures.UNSENT, "drop": failures.DROPPED}
        return True, ends.get(step[0], failures.NOT_ENDED)

    def _event(self, event: dict[str, Any]) -> tuple[bool, Failure | None]:
        kind = event["type"].removeprefix("response.")
        if kind == "completed":
            self._count(event["response"])
            self._ask_client()
            if not self._calls:
                self._tell_usage()
            return True, None
        self._ask_client()
        if kind == "failed":
            return True, failures.failed(event["response"]["error"])
        if kind == "incomplete":
            self._thread.count(lines.usage(event["response"].get("usage")), lines.usage(None))
            self._tell_usage(limits=False)
            return True, failures.incomplete(event["response"]["incomplete_details"]["reason"])
        self._piece(kind, event)
        return False, None

    def _piece(self, kind: str, event: dict[str, Any]) -> None:
        item = event.get("item") or {}
        if kind == "output_item.added" and item["type"] == "message":
            self._item("started", lines.agent_message(item["id"]))
        elif kind == "output_item.added" and item["type"] == "reasoning":
            self._item("started", lines.reasoning(item["id"], []))
        elif kind == "output_text.delta":
            self._tell("item/agentMessage/delta", itemId=event["item_id"], delta=event["delta"])
            self._mischief = mischief.after_delta(self._mischief)
        elif kind == "reasoning_summary_part.added":
            where = {"itemId": event["item_id"], "summaryIndex": event["summary_index"]}
            self._tell("item/reasoning/summaryPartAdded", **where)
        elif kind == "reasoning_summary_text.delta":
            where = {"itemId": event["item_id"], "delta": event["delta"], "summaryIndex": event["summary_index"]}
            self._tell("item/reasoning/summaryTextDelta", **where)
        elif kind == "output_item.done":
            self._take_item(item)

    def _take_item(self, item: Item) -> None:
        """An item that is whole."""
        if item["type"] == "message":
            if any(part["type"] == "refusal" for part in item["content"]):
                return  # it is dropped without a word
            said = lines.agent_message(item["id"], "".join(part["text"] for part in item["content"]))
            self._said = [said]
            self._item("completed", said)
        elif item["type"] == "reasoning":
            item = {**item, "content": None}
            self._item("completed", lines.reasoning(item["id"], [part["text"] for part in item["summary"]]))
        self._keep(item)
        if item["type"] == "function_call":
            self._calls.append(self._tool_call(item))

    def _tool_call(self, item: Item) -> ToolCall:
        if item["name"] not in {tool["name"] for tool in self._thread.tools}:
            return ToolCall(item, None, f"unsupported call: {item['name']}")
        try:
            return ToolCall(item, json.loads(item["arguments"]))
        except ValueError as error:
            at = getattr(error, "pos", 0) + 1
            return ToolCall(item, None, f"failed to parse function arguments: expected value at line 1 column {at}")

    def _ask_client(self) -> None:
        """Ask the client for every call that it was not yet asked for: the last one after its response has ended."""
        for call in self._calls:
            if call.refused or call.asked:
                continue
            call.asked = True
            self._item("started", lines.tool_call(call.item, call.arguments), began=call.began)
            where = {"threadId": self._thread.id, "turnId": self.id, "callId": call.item["call_id"]}
            asked = {**where, "namespace": None, "tool": call.item["name"], "arguments": call.arguments}
            self._server.call("item/tool/call", asked, call.reply)

    def _take_answers(self) -> None:
        """Wait for the client; what it says goes into the conversation."""
        for call in self._calls:
            if not call.refused:
                call.answered.wait()
                self._answered(call)
            self._keep(conversation.output(call.item["call_id"], call.output()))
        if all(call.refused for call in self._calls):
            self._stopped.wait(FAIR_CHANCE)
        self._check()

    def _answered(self, call: ToolCall) -> None:
        answer = call.answer or {"contentItems": [], "success": False}
        status = "completed" if answer["success"] else "failed"
        told = lines.tool_call(call.item, call.arguments, status, **answer, durationMs=lines.now() - call.began)
        self._item("completed", told, began=call.began)

    # What is told

    def _tell(self, method: str, **params: Any) -> None:
        self._server.tell(method, {"threadId": self._thread.id, "turnId": self.id, **params})

    def _item(self, state: str, item: Item, began: int | None = None) -> None:
        at = lines.now()
        done = state == "completed"
        item |= {"startedAtMs": began or at, "completedAtMs": at if done else None}
        where = {"item": item, "threadId": self._thread.id, "turnId": self.id}
        when = {"contentTokenCount": None, "completedAtMs": at} if done else {"startedAtMs": at}
        self._server.tell(f"item/{state}", {**where, **when})

    def _keep(self, item: Item) -> None:
        self._thread.items.append(item)
        self._thread.tell_raw(self.id, item)

    def _count(self, response: dict[str, Any]) -> None:
        counted = lines.usage(response.get("usage"))
        self._thread.count(counted, counted)
        if self._thread.raw:
            metadata = {"amount": None, "metadata": response.get("usage")}
            self._tell("rawResponse/completed", responseId=response["id"], usage=counted, usageMetadata=metadata)

    def _tell_usage(self, *, limits: bool = True) -> None:
        self._tell("thread/tokenUsage/updated", tokenUsage=self._thread.usage())
        if limits:
            self._tell_limits()

    def _tell_limits(self) -> None:
        if self._headers is not None:
            self._server.tell("account/rateLimits/updated", lines.limits(self._headers))

    def _reconnect(self, attempt: int, failure: Failure) -> None:
        info = {"responseStreamDisconnected": {"httpStatusCode": failure.status}}
        told = _error(f"Reconnecting... {attempt}/{self._thread.retries}", info, failure.message)
        self._tell("error", error=told, willRetry=True)
        self._stopped.wait(0.2 * 2 ** (attempt - 1))
        self._check()

    # Ends

    def _fail(self, failure: Failure) -> None:
        self._tell_limits()
        if failure.info == "contextWindowExceeded":
            self._thread.fill()
            self._tell_usage()
        error = _error(failure.message, failure.info, None)
        self._thread.tell_status({"type": "systemError"})
        where = {"threadId": self._thread.id, "turnId": self.id}
        self._server.tell("error", {"error": error, "willRetry": False, **where})
        self._close("failed", error=error)

    def _end(self, status: str) -> None:
        if status == "interrupted":
            self._abandon()
        self._thread.tell_status({"type": "idle"})
        self._close(status, items=self._said if status == "completed" else [])

    def _abandon(self) -> None:
        """What is said of a turn that was stopped."""
        answered = {item["call_id"] for item in self._thread.items if item["type"] == "function_call_output"}
        left = [call for call in self._calls if call.item["call_id"] not in answered]
        for call in left:
            if call.asked:
                self._answered(call)
        for call in left:
            self._keep(conversation.output(call.item["call_id"], call.output()))
        if self._calls:
            self._tell("thread/tokenUsage/updated", tokenUsage=self._thread.usage())
        self._tell_limits()
        self._keep(conversation.message("user", conversation.ABORTED))
        with self._lock:
            self._over = True
            waiting = list(self._waiting)
        for request in waiting:
            self._server.reply(request, {})

    def _close(self, status: str, **fields: Any) -> None:
        with self._lock:
            self._over = True
        self._thread.turn = None
        at = {
            "startedAt": self._began // 1000,
            "completedAt": int(time.time()),
            "durationMs": lines.now() - self._began,
        }
        self._server.tell(
            "turn/completed", {"threadId": self._thread.id, "turn": lines.turn(self.id, status, **at, **fields)}
        )


def _error(message: str, info: Any, details: str | None) -> dict[str, Any]:
    return {"message": message, "codexErrorInfo": info, "additionalDetails": details, "misalignment": None}
