"""What an answer is made of, whatever the API: an API's own class puts each part in its events."""

from __future__ import annotations

import itertools
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NamedTuple

from _scenario_asked import Asked

Step = tuple[Any, ...]
"""("event", SSE event dict), ("sleep", seconds), ("raw", bytes for the stream as they are) or ("drop",): cut here.

After the dict may stand in which form the event comes, where an API has several."""

_ids = itertools.count(1)


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int = 200
    """0: the connection is cut before the first byte."""
    headers: tuple[tuple[str, str], ...] = ()
    error: dict[str, Any] | list[Any] | None = None
    """The JSON body where `status` is neither 200 nor 0."""
    steps: Iterable[Step] = ()
    """The SSE stream where `status` is 200; can be walked once."""


class Counts(NamedTuple):
    """Tokens; none of them is counted twice but `thought`, which is a part of `said`."""

    fresh: int = 11
    cache_read: int = 7
    cache_written: int = 0
    said: int = 1
    thought: int = 0


PLAIN = Counts()


class Answer(ABC):
    """One answer, event by event. `pieces`: the deltas in which it comes, where the API can tell it in pieces."""

    NO_JSON: ClassVar[bytes]
    """Data that is no JSON, as it stands in the stream."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    @abstractmethod
    def start(self, counts: Counts = PLAIN) -> Iterable[Step]:
        """What opens an answer; of the counts, what the API tells that early."""

    @abstractmethod
    def text(self, pieces: Iterable[str]) -> Iterable[Step]:
        """A whole text."""

    @abstractmethod
    def thought(self, pieces: Iterable[str]) -> Iterable[Step]:
        """A whole thought, with whatever signs it."""

    @abstractmethod
    def call(self, name: str, pieces: Iterable[str], *, cut: bool = False) -> Iterable[Step]:
        """A call with its arguments; no pieces: without any. `cut`: the model is stopped amid them."""

    @abstractmethod
    def end(self, reason: str = "stop", counts: Counts = PLAIN) -> Iterable[Step]:
        """What ends an answer; `reason`: `stop`, `calls` (it ends in calls) or `length` (the token limit)."""

    @abstractmethod
    def failure(self) -> Iterable[Step]:
        """What ends an answer where the server fails in mid-stream."""

    @abstractmethod
    def is_piece(self, event: dict[str, Any]) -> bool:
        """Whether an event brings a piece of a text, of a thought or of arguments."""

    def said(self, pieces: list[str], reason: str = "stop") -> Iterator[Step]:
        """A whole answer that is one text."""
        yield from self.start()
        yield from self.text(pieces)
        yield from self.end(reason, Counts(said=max(1, len(pieces))))

    def up_to_piece(self, count: int, steps: Iterator[Step]) -> Iterator[Step]:
        """Of these steps those up to the piece of this number, from 1; the rest is left in `steps`."""
        for step in steps:
            yield step
            count -= step[0] == "event" and self.is_piece(step[1])
            if not count:
                return

    def slowly(self, steps: Iterable[Step]) -> Iterator[Step]:
        """These steps, with `delay` seconds (0.2) before each piece."""
        for step in steps:
            if step[0] == "event" and self.is_piece(step[1]):
                yield ("sleep", float(self.asked.params.get("delay", 0.2)))
            yield step


def number() -> str:
    """Twenty digits that no other id of this process has."""
    return f"{os.getpid():010d}{next(_ids):010d}"


def in_pieces(text: str, size: int = 6) -> list[str]:
    """A text, so many characters a piece."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def sse(event: dict[str, Any]) -> bytes:
    """An event as it stands in the stream; it is named where it has a type."""
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
