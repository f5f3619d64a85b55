"""One model call as `claude` 2.1.330 makes it: retries, silent repeats, the answer's lines, its limits."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import _claude_failures as failures
import _claude_mischief as mischief
import _claude_models as models
from _claude_answer import Answer, synthetic, whole_message
from _claude_failures import Failure
from _claude_tool_calls import ToolCalls

RETRY_WORDS = {401: "authentication_failed", 429: "rate_limit", 529: "overloaded", None: "unknown"}


class ModelCall:
    """Asks the model with the session's conversation; `answer` is also there when the call was interrupted."""

    def __init__(self, session: Any, about: dict[str, Any], mischief_name: str, began: float) -> None:
        self._session = session
        self._about = about
        self._mischief = mischief_name
        self._began = began
        self._headers: dict[str, str] = {}
        self._login = session.login()
        self.tool_calls = session.tool_calls = ToolCalls(session)
        self.answer: Answer | None = None
        """As far as it came, once it began."""
        self.whole: dict[str, Any] | None = None
        """The message of a call without `stream`: the CLI's fallback."""
        self.refusal = ""
        """The CLI's own words about an answer that the vendor stopped."""

    def run(self) -> Failure | None:
        """Make the call; None: the model answered."""
        if self._login.method == "none":
            return failures.NOT_LOGGED_IN
        most = int(self._session.env.get("CLAUDE_CODE_MAX_RETRIES") or 10)
        tried = 0
        while True:
            tried += 1
            failure = self._request(self._session.body())
            if failure is None:
                return None
            if self.answer:
                return self._fall_back(failure)
            if failure.repeats >= tried:
                continue
            if failure.status == 401:  # tried twice, whatever the settings
                self._announce(tried if most else 0, most, 0.6 * tried if most else 0.28, failure)
                if tried == 2:
                    return failure
            elif failure.retry_delay is None or tried > most:
                return failure
            else:
                self._announce(tried, most, failure.retry_delay * (1.2 if most else 1) * 1.05**tried, failure)

    def _announce(self, attempt: int, most: int, delay: float, failure: Failure) -> None:
        line = {"attempt": attempt, "max_retries": most, "retry_delay_ms": int(delay * 1000)}
        line |= {"error_status": failure.status, "error": RETRY_WORDS.get(failure.status, "server_error")}
        self._session.emit({"type": "system", "subtype": "api_retry", **line})
        self._session.wait(delay)

    def _request(self, body: dict[str, Any]) -> Failure | None:
        steps: Iterator[Any] = self._session.calls.ask(body, self._login)
        try:
            for step in steps:
                ending = self.answer and self.answer.stop_reason
                if not ending:  # what comes with the end is taken as one piece
                    self._session.wait(step[1] if step[0] == "sleep" else 0)
                failure = self._take(step)
                if failure:
                    return failure
        finally:
            steps.close()  # type: ignore[attr-defined]
        return None

    def _take(self, step: tuple[Any, ...]) -> Failure | None:
        if step[0] == "head":
            self._headers = step[2]
            if step[1] != 200:
                return failures.refused(step[1], step[2], step[3], self._session.model)
        elif step[0] == "drop":
            return failures.LOST if self.answer else failures.dropped()
        elif step[0] == "raw":
            return _bad_data(step[1])
        elif step[0] == "message":
            self.whole = step[1]
        elif step[0] == "event":
            return self._event(step[1])
        return None

    def _event(self, event: dict[str, Any]) -> Failure | None:
        kind = event["type"]
        if kind == "error":
            return failures.in_stream(event["error"])
        if kind == "message_start":
            self.answer = Answer(self._session.emit, self._about, self._elapsed, self.tool_calls)
        answer = self.answer
        if answer is None:
            return failures.BAD_STREAM
        if kind == "message_delta" and event["delta"].get("stop_reason") == "refusal" and self._keeps_refusals():
            self._tell_refusal(answer)
        answer.feed(event)
        if kind == "content_block_delta":
            self._mischief = mischief.after_delta(self._mischief)
        if kind == "message_stop":
            self.tell_limits()
        return None

    def _elapsed(self) -> int:
        return int((time.monotonic() - self._began) * 1000)

    def _keeps_refusals(self) -> bool:
        return bool(self._session.env.get("CLAUDE_CODE_DISABLE_REFUSAL_RETRY"))

    def _tell_refusal(self, answer: Answer) -> None:
        model, refused = self._session.model, answer.message["id"]
        name = models.display(model)
        self.refusal = (
            f"API Error: {name}'s safeguards flagged this message (https://www.anthropic.com/legal/aup). This sometimes"
            f" happens with safe, normal conversations. Claude Code can't respond to this message with {name}.\n\nTry"
            " rephrasing the request in a new session or change your model.\n\nLearn more:"
            f" https://support.claude.com/en/articles/8106465\n\nRequest ID: req_fake\n\nMessage ID: {refused}"
        )
        line: dict[str, Any] = {"original_model": model, "request_id": "req_fake", "content": ""}
        line |= {"api_refusal_category": None, "api_refusal_explanation": None}
        line["refused_user_message_uuid"] = self._session.conversation.entries[-1].uuid
        self._session.emit({"type": "system", "subtype": "model_refusal_no_fallback", **line})
        marks = {"error": "invalid_request", "is_api_error_message": True, "refused_message_id": refused}
        self._session.emit(synthetic(self.refusal, "refusal", request_id="req_fake", **marks))

    def _fall_back(self, failure: Failure) -> Failure | None:
        """After a broken stream the CLI asks once more, without streaming, unless told not to."""
        answer = self.answer
        if self._session.env.get("CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK") or answer is None:
            return failure
        answer.abandon(was_open=answer.is_open, delta=False)
        self._session.account(answer.usage if not failure.kind else {})
        self.answer = None
        again = self._request({**self._session.body(), "stream": False})
        if again is None and self.whole:
            self.tell_limits()
            self._session.emit(whole_message(self.whole))
        return again

    def tell_limits(self) -> None:
        """A `rate_limit_event`, if what the vendor says of the limits has changed."""
        if self._login.method != "api_key":
            self._session.tell_limits(failures.rate_limits(self._headers, 200), failures.windows(self._headers))

    def tell_failed_limits(self, failure: Failure) -> None:
        """The same for a call that was refused because of a limit."""
        if failure.limits:
            self._session.tell_limits(failure.limits, failures.windows(self._headers))


def _bad_data(data: bytes) -> Failure:
    text = data.strip().rpartition(b"data: ")[2].decode(errors="replace")
    chunk = json.dumps(["event: content_block_delta", f"data: {text}"])
    os.write(2, f"Could not parse message into JSON: {text}\nFrom chunk: {chunk}\n".encode())
    return failures.BAD_STREAM
