"""What "the model" answers: one table for every API, rendered by each, for its emulator and for the fake CLI alike.

The last user text of a request names its scenario: `[[scenario:NAME key=value ...]]`; without one it is `text`. With
`pause=SECONDS` any of them waits that long after its first event, as a model does.
Standard library only, and little of it: the fake CLIs have to start fast.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import _scenario_calls as calls
import _scenario_texts as texts
from _scenario_answers import Answer, Reply, Step
from _scenario_asked import Asked
from _scenario_texts import Play

RESETS_AT = int(time.time()) + 3600
"""Unix time at which every limit of a table is lifted. A CLI does not believe one in the far future."""

Scenario = Callable[[Asked], Reply]


class Table:
    """The scenarios of one API: those that all have, and what it adds.

    `violation` gives the first rule that a body breaks, in the vendor's words, or ""; `refused` the answer that says
    what is wrong.
    """

    def __init__(
        self,
        asked: type[Asked],
        answer: type[Answer],
        violation: Callable[[dict[str, Any]], str],
        refused: Callable[[str], Reply],
    ) -> None:
        self._asked, self._answer = asked, answer
        self._violation, self._refused = violation, refused
        self.scenarios: dict[str, Scenario] = {}
        for name, play in {**texts.PLAYS, **calls.PLAYS}.items():
            self._add(name, play)
        self.answering("drop0", Reply(status=0))  # the connection breaks before the first byte

    def marker(self, body: dict[str, Any]) -> str:
        """The marker of the scenario that a body asks for; empty: there is none."""
        return self._asked(body).marker

    def reply(self, body: dict[str, Any], call: int = 1) -> Reply:
        """The answer to a body; `call` counts the requests with this marker from 1."""
        asked = self._asked(body, call)
        if asked.name not in self.scenarios:
            return self._refused(f"no such scenario: {asked.name}")
        wrong = self._violation(body)
        if wrong:
            return self._refused(wrong)
        made = self.scenarios[asked.name](asked)
        if "pause" not in asked.params:
            return made
        return made._replace(steps=_paused(made.steps, float(asked.params["pause"])))

    def play(self, function: Play) -> Play:
        """Decorates a scenario that this API alone has, or has in its own way."""
        self._add(function.__name__, function)
        return function

    def _add(self, name: str, play: Play) -> None:
        self.scenarios[name] = lambda asked: Reply(steps=play(asked, self._answer(asked)))

    def answering(self, name: str, reply: Reply, *, times: int | None = None) -> None:
        """Add a scenario that has this answer without a stream to the first `times` requests (all, if not given).

        Its parameters: `times`, and `retry_after`, a header.
        """

        def scenario(asked: Asked) -> Reply:
            limit = asked.params.get("times", times)
            if limit is not None and asked.call > int(limit):
                return self.scenarios["text"](asked)
            after = asked.params.get("retry_after")
            return reply._replace(headers=(*reply.headers, ("retry-after", after))) if after else reply

        self.scenarios[name] = scenario

    def telling(self, name: str, headers: dict[str, str]) -> None:
        """Add a scenario that is `text` with these headers."""
        self.scenarios[name] = lambda asked: self.scenarios["text"](asked)._replace(headers=tuple(headers.items()))


def _paused(steps: Iterable[Step], seconds: float) -> Iterator[Step]:
    walk = iter(steps)
    yield from itertools.islice(walk, 1)
    yield ("sleep", seconds)
    yield from walk
