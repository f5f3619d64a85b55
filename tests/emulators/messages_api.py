"""An emulator of Anthropic's Messages API that records what it is asked.

`python -m tests.emulators.messages_api` serves until its stdin ends; its first line of output is its URL.
"""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

from tests.emulators.recording import FAKES, Emulator, Recorded, serve

__all__ = ["MessagesAPI", "Recorded", "scenarios"]

sys.path.append(str(FAKES))
scenarios: Any = importlib.import_module("_anthropic_scenarios")
for _name in importlib.import_module("_claude_mischief").ANSWERING:  # the CLI misbehaves, the model has no part in it
    scenarios.SCENARIOS[_name] = scenarios.SCENARIOS["text"]


class MessagesAPI(Emulator):
    """`POST /v1/messages`."""

    scenarios = scenarios

    def __post_init__(self) -> None:
        super().__post_init__()
        self.limited_until = 0
        """The Unix time until which the account's plan is used up, whatever is asked."""

    def is_model_request(self, method: str, path: str) -> bool:
        """Whether this asks the model."""
        return (method, path) == ("POST", "/v1/messages")

    def reply(self, recorded: Recorded, call: int) -> Any:
        """A plan that is used up is said first of all."""
        if time.time() < self.limited_until:
            return scenarios.used_up(self.limited_until)
        return super().reply(recorded, call)

    def plain_answer(self, recorded: Recorded) -> tuple[int, dict[str, Any]]:
        """What the CLI asks besides."""
        known = recorded.path in {"/api/hello", "/v1/messages/count_tokens"}
        return 200 if known else 404, {"input_tokens": 1} if recorded.path.endswith("count_tokens") else {}


if __name__ == "__main__":
    serve(MessagesAPI())
