"""One `session/prompt`: model requests, notes, calls of MCP tools, records. Order as recorded on 0.61.0."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from typing import Any

import _acp_files as files
import _acp_history as history
import _acp_lines as lines
import _acp_login as login
import _acp_mcp as mcp
import _acp_models as models
import _server_mischief as mischief
from _acp_api import Call
from _acp_failures import FETCH_FAILED, NO_JSON, TERMINATED, Failure, failed, for_google_login, refused
from _acp_options import at
from _scenario_words import named_in

Part = dict[str, Any]
RETRY_AFTER = 0.2
"""Seconds to the one retry where `maxAttempts` does not forbid it; the real one goes on for minutes."""
_UNSEEN = re.compile("[\u200b-\u200d\ufeff\u200e\u200f]")
_SUBJECT = re.compile(r"\*\*(.*?)\*\*", re.DOTALL)
_EMPTY = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"}
"""Reasons that make any answer without a call one that never was."""


class Cancelled(Exception):
    """The client asked to stop."""


class Answer:
    """What came of one model request so far."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.thoughts: list[Part] = []
        self.calls: list[Part] = []
        self.reason = ""
        self.usage: dict[str, Any] | None = None
        self.counted: tuple[int, int] = (0, 0)

    def text(self) -> str:
        """The text as it is recorded."""
        return _UNSEEN.sub("", "".join(part.get("text", "") for part in self.parts)).strip()

    def counts(self) -> bool:
        """Whether it is an answer at all; else the CLI drops it without a word."""
        return bool(self.calls) or bool(self.reason and self.reason not in _EMPTY and self.text())

    def tokens(self) -> dict[str, int] | None:
        """The counts as they are recorded."""
        if self.usage is None:
            return None
        names = {
            "input": "promptTokenCount",
            "output": "candidatesTokenCount",
            "cached": "cachedContentTokenCount",
            "thoughts": "thoughtsTokenCount",
            "tool": "toolUsePromptTokenCount",
            "total": "totalTokenCount",
        }
        return {name: self.usage.get(theirs, 0) for name, theirs in names.items()}


def thought(text: str) -> Part:
    """A thought's heading and the rest."""
    found = _SUBJECT.search(text)
    if not found:
        return {"subject": "", "description": text.strip()}
    return {"subject": found[1].strip(), "description": (text[: found.start()] + text[found.end() :]).strip()}


class Turn:
    """Runs on a thread of its own; `cancel` comes from another."""

    def __init__(self, session: Any, prompt: list[Part]) -> None:
        self._session = session
        self._server = session.server
        self._prompt = prompt
        self._stopped = threading.Event()
        self._call: Call | None = None
        self._usage: dict[str, tuple[int, int]] = {}
        self._mischief = ""
        self._numbers = 0

    def cancel(self) -> None:
        """Stop it; the answer is written when it has stopped."""
        self._stopped.set()
        if self._call:
            self._call.hang_up()
        for server in self._session.servers:
            server.hang_up()

    def run(self) -> dict[str, Any] | None:
        """The whole turn: the answer to `session/prompt`; None: there will be none."""
        said = self._parts()
        if self._is_command(said):
            return lines.stopped("end_turn", {})
        with self._session.one_turn:
            try:
                reason = self._converse(said)
            except Cancelled:
                reason = "cancelled"
        return lines.stopped(reason, self._usage) if reason else None

    def _parts(self) -> list[Part]:
        parts: list[Part] = []
        for given in self._prompt:
            if given.get("type") == "text":
                parts.append({"text": given["text"]})
            elif given.get("type") in {"image", "audio"}:
                parts.append({"inlineData": {"mimeType": given["mimeType"], "data": given["data"]}})
        return parts

    def _is_command(self, parts: list[Part]) -> bool:
        text = "".join(part.get("text", "") for part in parts).strip()
        name = text[1:].split(" ")[0] if text[:1] in {"/", "$"} else ""
        if name in lines.COMMANDS:
            self._session.tell(lines.chunk("agent_message", f"fake gemini: {name}"))
        return name in lines.COMMANDS

    def _converse(self, parts: list[Part]) -> str:
        """Why it ended; "": it goes on for ever."""
        session = self._session
        if not parts:
            raise Failure(500, "partOrString cannot be an empty array")
        before, records = len(session.turns), len(session.file.messages)
        history.close(session.turns)
        session.file.say(parts)
        session.turns.append(history.said(parts))
        self._mischief = named_in(_last_text(session.turns))[0]
        if not mischief.on_turn(self._mischief, self._server):
            return ""
        session.replayed.wait()
        while True:
            if 0 <= session.most_requests <= session.asked:
                return "max_turn_requests"
            if session.is_too_long:
                self._take_back(before, records)
                return "max_tokens"
            self._check()
            session.asked += 1
            try:
                answer = self._ask_again()
            except (Failure, Cancelled):
                self._take_back(before, records)
                raise
            if not answer.counts():
                self._take_back(before, records)
                return "end_turn"
            self._keep(answer)
            if not answer.calls:
                return "end_turn"
            session.turns.append(history.said([part for call in answer.calls for part in self._run(call)]))
            before, records = len(session.turns), len(session.file.messages)

    def _take_back(self, turns: int, records: int) -> None:
        del self._session.turns[turns:]
        self._session.file.take_back(records)

    # The model

    def _ask_again(self) -> Answer:
        """One answer; tried once more where the settings leave the CLI its retries."""
        try:
            answer = self._ask()
            if answer.counts() or self._tries_once():
                return answer
        except Failure as failure:
            stubborn = self._session.wire_model() == models.STUBBORN
            if not failure.retried or (self._tries_once() and not stubborn):
                raise
        self._stopped.wait(RETRY_AFTER)
        return self._ask()

    def _tries_once(self) -> bool:
        return at(self._session.settings, "general.maxAttempts") == 1

    def _ask(self) -> Answer:
        session, answer = self._session, Answer()
        if models.is_routed(session.model):
            self._call = router = self._server.api.ask(
                session.settings, models.ROUTER, session.body(), "generateContent"
            )
            list(router.steps())
            self._check()
        self._call = call = self._server.api.ask(session.settings, session.wire_model(), session.body())
        try:
            for step in call.steps():
                self._check()
                if step[0] == "event":
                    self._take(answer, step[1])
                else:
                    _end(step, google=login.kind(session.settings) in login.CODE_ASSIST)
        except Failure as failure:
            self._report(failure)
            raise
        finally:
            call.hang_up()
        self._check()
        given, out = self._usage.get(session.wire_model(), (0, 0))
        if any(answer.counted):
            self._usage[session.wire_model()] = (given + answer.counted[0], out + answer.counted[1])
        return answer

    def _check(self) -> None:
        if self._stopped.is_set():
            raise Cancelled

    def _take(self, answer: Answer, event: dict[str, Any]) -> None:
        candidate = (event.get("candidates") or [{}])[0]
        parts = (candidate.get("content") or {}).get("parts") or []
        answer.usage = event.get("usageMetadata") or answer.usage
        for part in parts:
            if part.get("thought"):
                told = thought(part.get("text", ""))
                answer.thoughts.append({**told, "timestamp": files.now()})
                self._session.tell(lines.chunk("agent_thought", f"**{told['subject']}**\n{told['description']}"))
            else:
                _add(answer.parts, part)
        text = "".join(part.get("text", "") for part in parts if not part.get("thought"))
        if text:
            self._session.tell(lines.chunk("agent_message", text))
            self._mischief = mischief.after_delta(self._mischief)
        answer.calls += [self._named(part["functionCall"]) for part in parts if "functionCall" in part]
        if candidate.get("finishReason"):
            answer.reason = candidate["finishReason"]
            usage = event.get("usageMetadata") or {}
            answer.counted = (usage.get("promptTokenCount", 0), usage.get("candidatesTokenCount", 0))

    def _named(self, call: Part) -> Part:
        name = call.get("name", "")
        own = call.get("id") or f"{name}_{time.time_ns() // 1_000_000}_{self._numbers}"
        self._numbers += 1
        return {"id": f"{name}__{own}", "name": name, "args": call.get("args") or {}}

    def _keep(self, answer: Answer) -> None:
        session = self._session
        session.file.answer(answer.text(), answer.thoughts, answer.tokens(), session.wire_model())
        calls = iter(answer.calls)
        parts = [{**part, "functionCall": next(calls)} if "functionCall" in part else part for part in answer.parts]
        session.turns.append({"id": "", "role": "model", "parts": parts})

    def _report(self, failure: Failure) -> None:
        """The CLI writes the whole conversation where it can be read by all."""
        session = self._session
        stamp = re.sub(r"[:.]", "-", files.now())
        folder = os.environ.get("TMPDIR", "/tmp")  # noqa: S108 -- where the real one writes, too
        name = f"{folder}/gemini-client-error-Turn.run-sendMessageStream-{stamp}.json"
        context = history.contents(session.turns, session.wire_model())
        with open(name, "w", encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
            json.dump({"error": {"message": str(failure), "stack": str(failure)}, "context": context}, file, indent=2)
        os.write(2, f"Error when talking to Gemini API Full report available at: {name} {failure}\n".encode())

    # Calls

    def _run(self, call: Part) -> list[Part]:
        """One call; what the model is told of it."""
        session, name = self._session, call["name"]
        if name not in session.tools:
            return [_result(call, error=f'Tool "{name}" not found in registry.')]
        server, own, declaration = session.tools[name]
        title = f"{own} ({server.name} MCP Server)"
        try:
            self._permit(call, title, declaration["parametersJsonSchema"])
            session.tell(lines.call_begun(call["id"], title, _shown(call["args"])))
            result = server.call(own, call["args"], self._stopped)
        except mcp.Failed as error:
            why = str(error)
            session.tell(lines.call_failed(call["id"], why))
            told, about = [_result(call, error=why)], declaration["description"]
            session.file.call({**_record(call, "error", told, why), "description": about, **_titled(title)})
            return told
        said = "".join(part.get("text", "") for part in result.get("content") or [])
        session.tell(lines.call_done(call["id"], title, said))
        told = [_result(call, output=f"<untrusted_context>\n{said}\n</untrusted_context>")]
        about = json.dumps(call["args"], ensure_ascii=False, separators=(",", ":"))
        session.file.call({**_record(call, "success", told, said), "description": about, **_titled(title)})
        return told

    def _permit(self, call: Part, title: str, schema: Any) -> None:
        wrong = mcp.wrong_arguments(schema, call["args"])
        if wrong:
            raise mcp.Failed(wrong)
        if self._stopped.is_set() or self._session.policy() == "deny":
            raise mcp.Failed(f'Tool execution for "{title}" denied by policy.')
        if self._session.policy() == "ask" and not self._server.permitted(self._session.id, call["id"], title):
            raise mcp.Failed(f'Tool "{call["name"]}" was canceled by the user.')


def _end(step: tuple[Any, ...], *, google: bool) -> None:
    """Raise what a step that is no event means, if that is a failure."""
    if step[0] == "head" and step[1] != 200:
        failure = refused(step[1], step[2])
        raise for_google_login(failure, step[2]) if google else failure
    if step[0] == "unsent":
        raise Failure(500, FETCH_FAILED, retried=True)
    if step[0] == "error":
        raise failed(step[1])
    if step[0] in {"drop", "no_json"}:
        raise Failure(500, TERMINATED if step[0] == "drop" else NO_JSON)


def _add(parts: list[Part], part: Part) -> None:
    """Text after text is one part."""
    if parts and parts[-1].keys() == part.keys() == {"text"}:
        parts[-1] = {"text": parts[-1]["text"] + part["text"]}
    elif part != {"text": ""}:
        parts.append(part)


def _result(call: Part, **response: str) -> Part:
    return {"functionResponse": {"id": call["id"], "name": call["name"], "response": response}}


def _record(call: Part, status: str, told: list[Part], shown: str) -> Part:
    made = {"id": call["id"], "name": call["name"], "args": call["args"], "result": told, "status": status}
    return {**made, "timestamp": files.now(), "resultDisplay": shown}


def _titled(title: str) -> Part:
    return {"displayName": title, "renderOutputAsMarkdown": True}


def _shown(arguments: Part) -> str:
    text = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    if len(text) > 500:
        return f"[Payload omitted due to length with parameters: {', '.join(arguments)}]"
    return text


def _last_text(turns: list[Part]) -> str:
    """What the user said last."""
    texts = (
        "".join(part.get("text", "") for part in turn["parts"]) for turn in reversed(turns) if turn["role"] == "user"
    )
    return next((text for text in texts if text), "")
