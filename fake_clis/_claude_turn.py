"""One turn: user lines in, model calls, lines out up to the `result`. Order and fields as recorded on 2.1.330."""

from __future__ import annotations

import time
from typing import Any

import _claude_conversation as conversation
import _claude_images as images
import _claude_lines as lines
import _claude_models as models
from _anthropic_asked import blocks_of, text_of
from _claude_answer import Answer, synthetic
from _claude_call import ModelCall
from _claude_failures import Failure
from _scenario_words import named_in

FAIR_CHANCE = 0.05
"""Seconds that an `interrupt` has to stop the CLI's own second call; with the real one it is a race."""
BLANK = "Blank prompt \u2014 the message was only whitespace, so nothing was sent to the model."
GO_ON = {
    "max_tokens": (
        "Output token limit hit. Resume directly \u2014 no apology, no recap of what you were doing. Pick up"
        " mid-thought if that is where the cut happened. Break remaining work into smaller pieces."
    ),
    "refusal": (
        "Your response above was stopped by a safety classifier \u2014 this is not a tool or API error. The rest of it"
        " was withheld, and tool calls in it that had not finished did not run. Do not produce that content again, even"
        " reworded."
    ),
    "empty": "[Your previous response had no visible output. Please continue and produce a user-visible response.]",
    "cut": (
        "Your response above was cut off mid-stream. Resume directly from where it stops \u2014 no apology, no recap."
        " If none of it survived, answer the request from the start."
    ),
}
MOST_TIMES = {"max_tokens": 3, "refusal": 1, "empty": 1, "cut": 3}


class Interrupted(Exception):
    """Somebody asked to stop the turn."""


class Turn:
    """Runs one turn of a session; `asked` are its user lines, more than one if they had queued up."""

    def __init__(self, session: Any, asked: list[dict[str, Any]]) -> None:
        self._session = session
        self._emit = session.emit
        self._asked = asked
        self._composed = bool(asked[-1].get("client_composed"))
        self._queries = asked[-1].get("shouldQuery") is not False
        self._uuids = [line["uuid"] for line in asked if line.get("uuid")]
        self._marks = {"user_message_uuids": self._uuids} if self._uuids else {}
        self._began = time.monotonic()
        self._call: ModelCall | None = None
        self._mischief = ""
        self._usages: list[dict[str, Any]] = []
        self._begun: list[str] = []
        self._recoveries: list[str] = []
        self._results: list[dict[str, Any]] = []
        self._denials: list[dict[str, Any]] = []
        self._failed = False

    def run(self) -> None:
        """The whole turn, whatever becomes of it."""
        for uuid in self._uuids:
            self._emit({"type": "command_lifecycle", "command_uuid": uuid, "state": "started"})
        said = "\n".join(text_of(line["message"].get("content")) for line in self._asked)
        if self._queries:
            self._mischief = named_in(said)[0]
            self._session.bad_rewind |= self._mischief == "badrewind"
        self._emit(self._session.init_line() | self._marks)
        if not self._queries:
            self._take_in()
            self._result(num_turns=0, stop_reason=None, result="")
        elif not self._answered_locally(said):
            self._take_in()
            self._converse()
        for uuid in self._uuids:
            state = "cancelled" if self._failed else "completed"
            self._emit({"type": "command_lifecycle", "command_uuid": uuid, "state": state})

    def _take_in(self) -> None:
        """Put what was asked into the conversation; lines that had queued up become one message."""
        talk = self._session.conversation
        contents = [line["message"].get("content") for line in self._asked]
        if len(contents) == 1:
            content = contents[0]
        elif all(isinstance(content, str) for content in contents):
            content = "\n".join(contents)
        else:
            content = [block for content in contents for block in blocks_of(content)]
        if not self._composed:
            said = text_of(content)
            note = conversation.unknown_command_note(said)
            files = conversation.mentioned_files(said, restricted="restricted" in self._session.options)
            for told in [*files, *([note] if note else [])]:
                talk.add_user(told)
        uuid = self._uuids[-1] if self._uuids else lines.new_uuid()
        talk.add_user(images.taken_in(content), uuid, effort=self._session.effort, stops=True)

    def _answered_locally(self, said: str) -> bool:
        """Whether the CLI answers by itself: blank text, or one of its own commands."""
        if said and not said.strip() and isinstance(self._asked[-1]["message"]["content"], str):
            self._emit({"type": "system", "subtype": "informational", "content": BLANK, "level": "warning"})
            self._result(num_turns=0, stop_reason=None, result=BLANK)
            return True
        answer = "" if self._composed else conversation.local_command(said)
        if answer:
            source = f"<local-command-stdout>{answer}</local-command-stdout>"
            outcome = {"kind": "unavailable_headless"}
            self._emit(synthetic(answer, "end_turn", local_command_source=source, local_command_outcome=outcome))
            self._result(num_turns=0, stop_reason=None, result=answer)
        return bool(answer)

    # The model's side

    def _converse(self) -> None:
        try:
            while self._ask_model():
                pass
        except Interrupted:
            self._stopped()

    def _ask_model(self) -> bool:
        """One model call and what follows from it; True if the CLI goes on by itself."""
        self._emit({"type": "system", "subtype": "status", "status": "requesting", **self._marks})
        about = {"user_message_uuid": self._uuids[-1], **self._marks} if self._uuids and not self._call else {}
        self._call = call = ModelCall(self._session, about, self._mischief, self._began)
        if self._recoveries:
            self._session.wait(FAIR_CHANCE)
        if self._session.env.get("CLAUDE_CODE_BLOCKING_LIMIT_OVERRIDE") or self._session.conversation.is_too_long():
            self._blocked(about)
            return False
        self._session.conversation.tell_environment(self._session.model)
        self._session.tools.model_was_asked()
        failure = call.run()
        answer = call.answer
        if failure:
            self._fail(call, failure, about)
        elif answer and answer.complete and call.tool_calls:
            call.tool_calls.finish()
            self._count(answer)
            self._take_results(call)
            return True
        elif answer:
            self._count(answer)
            return self._goes_on(call, answer)
        elif call.whole:
            self._usages.append(call.whole["usage"])
            self._session.account(call.whole["usage"])
            self._session.conversation.add_assistant(call.whole["content"])
            text = text_of(call.whole["content"])
            self._result(stop_reason=call.whole["stop_reason"], result=text)
        return False

    def _count(self, answer: Answer) -> None:
        self._begun.append(answer.message["id"])
        self._usages.append({**answer.message["usage"], **answer.usage})
        self._session.account(answer.usage)
        if answer.blocks:
            self._session.conversation.add_assistant(answer.blocks, lines.new_uuid(), self._session.model)

    def _take_results(self, call: ModelCall) -> None:
        """Put what the tools said into the conversation."""
        self._results += call.tool_calls.results
        self._denials += call.tool_calls.denials
        if call.tool_calls.results:
            self._session.conversation.add_user(call.tool_calls.results)

    def _goes_on(self, call: ModelCall, answer: Answer) -> bool:
        """Ask the model to go on after an answer that came to a bad end, or write the result."""
        if call.refusal:
            failed = {"is_error": True, "terminal_reason": "api_error", "safety_stops": 1}
            self._result(stop_reason="refusal", result=call.refusal, **failed)
            return False
        why = answer.stop_reason or ""
        if not answer.complete:
            why = "cut"
            answer.abandon(was_open=answer.is_open, delta=False)
        elif not answer.blocks and why != "refusal":
            why = "empty"
        if why not in GO_ON or self._recoveries.count(why) >= MOST_TIMES[why]:
            self._result(stop_reason=answer.stop_reason, result=answer.text)
            return False
        self._recoveries.append(why)
        marks: dict[str, Any] = {"isSynthetic": True}
        if why == "refusal":
            marks["refused_message_id"] = answer.message["id"]
            name = models.display(self._session.model)
            note = f"{name}'s safeguards stopped the response above \u00b7 continuing once with that noted"
            self._emit({"type": "system", "subtype": "informational", "content": note, "level": "notice"})
        self._emit(lines.user(GO_ON[why], **marks))
        self._session.conversation.add_user([{"type": "text", "text": GO_ON[why]}])
        return True

    # Bad ends

    def _fail(self, call: ModelCall, failure: Failure, about: dict[str, Any]) -> None:
        call.tell_failed_limits(failure)
        marks: dict[str, Any] = {"error": failure.error}
        if failure.answered:
            marks["request_id"] = "req_fake"
        marks["is_api_error_message"] = True
        named = {"api_error_status": failure.status, "api_error": failure.api_error, "api_error_type": failure.kind}
        marks |= {key: value for key, value in named.items() if value}
        if failure.api_error == "usage_limit_reached":
            marks["api_error_params"] = {"rate_limit_info": failure.limits}
        self._emit(synthetic(failure.text, "stop_sequence", **marks, **about))
        if call.answer:
            self._begun.append(call.answer.message["id"])
            self._session.account(call.answer.usage if not failure.kind else {})
            call.answer.abandon(was_open=call.answer.is_open, delta=True)
        fields = {key: value for key, value in named.items() if value and key != "api_error_status"}
        self._usages.clear()
        self._result(
            stop_reason="stop_sequence",
            result=failure.text,
            is_error=True,
            terminal_reason=failure.terminal_reason,
            api_error_status=failure.status,
            **fields,
        )

    def _blocked(self, about: dict[str, Any]) -> None:
        """The context window is taken for full, so the model is not asked."""
        text = "Prompt is too long"
        self._emit(synthetic(text, "stop_sequence", error="invalid_request", is_api_error_message=True, **about))
        self._result(stop_reason="stop_sequence", result=text, is_error=True, terminal_reason="blocking_limit")

    def _stopped(self) -> None:
        """The turn was interrupted: by a control request or by SIGINT."""
        answer = self._call.answer if self._call else None
        before = "null" if answer or not self._recoveries else self._recoveries[-1]
        was_open = answer.is_open if answer else False
        if answer:
            answer.write_partial()
            if answer.blocks:
                self._session.conversation.add_assistant(answer.blocks, lines.new_uuid(), self._session.model)
        whole = bool(answer and answer.complete)
        if self._call:
            self._call.tool_calls.abandon()
            self._take_results(self._call)
        said = conversation.INTERRUPTED_TOOLS if whole else conversation.INTERRUPTED
        self._emit(lines.user(said))
        self._session.conversation.add_user([{"type": "text", "text": said}])
        if answer:
            self._begun.append(answer.message["id"])
            self._session.account(answer.usage)
            if not whole:
                answer.abandon(was_open=was_open, delta=True)
        self._failed = True
        if answer and whole:
            before = answer.stop_reason or "null"
        reason = "aborted_tools" if whole else "aborted_streaming"
        turns = {"num_turns": 2 + len(self._recoveries) + len(self._results), "terminal_reason": reason}
        if before == "empty":
            self._result(stop_reason="end_turn", result="", **turns)
            return
        said = f"[ede_diagnostic] result_type=user last_content_type=n/a stop_reason={before}"
        stop = None if before == "null" else before
        self._result(stop_reason=stop, subtype="error_during_execution", is_error=True, errors=[said], **turns)

    def _result(self, **fields: Any) -> None:
        """Write the turn's `result`; `fields` stand over the ones of a good end."""
        elapsed = int((time.monotonic() - self._began) * 1000)
        fields = {
            "is_error": False,
            "num_turns": 1 + len(self._recoveries) + len(self._results),
            "safety_stops": 0,
            **fields,
        }
        fields["safety_stops"] += self._recoveries.count("refusal")
        if fields["num_turns"]:
            fields = {"terminal_reason": "completed", **fields, "begun_message_ids": self._begun}
        if "errors" not in fields:
            fields = {"subtype": "success", **fields}
            if fields["num_turns"]:
                fields.setdefault("api_error_status", None)
        if fields.get("result") and not fields["is_error"]:
            fields["ttft_ms"] = elapsed
        if self._uuids:
            fields |= {"user_message_uuid": self._uuids[-1], **self._marks}
        fields["permission_denials"] = self._denials
        self._failed |= fields["is_error"]
        self._session.write_result(lines.usage_total(self._usages), elapsed, fields)
