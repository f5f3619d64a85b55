"""What the scenarios say that call no tool, whatever the API; part of the table in `_scenario_table.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from _scenario_answers import Answer, Counts, Step, in_pieces
from _scenario_asked import Asked
from _scenario_words import MARKER

Play = Callable[[Any, Any], Iterable[Step]]
"""From a request (`Asked`) and an answer to it that has not begun (`Answer`), both of one API's own classes."""
PLAYS: dict[str, Play] = {}
THOUGHT = ("Let me ", "think ", "this over.")
AFTER_THOUGHT = ("After ", "thought: ", "42.")


def _play(function: Play) -> Play:
    PLAYS[function.__name__] = function
    return function


def _numbered(prefix: str, count: int | str) -> list[str]:
    return [f"{prefix}{n} " for n in range(int(count))]


# Answers


@_play
def text(asked: Asked, answer: Answer) -> Iterable[Step]:
    """`n` pieces, default 4."""
    return answer.said(_numbered("part", asked.params.get("n", 4)))


@_play
def echo(asked: Asked, answer: Answer) -> Iterable[Step]:
    """The last user text without its marker, seven characters a piece."""
    return answer.said(in_pieces(MARKER.sub("", asked.text), 7))


@_play
def unicode(_asked: Asked, answer: Answer) -> Iterable[Step]:
    """Characters that break careless line splitting and decoding."""
    return answer.said(["emoji \U0001f469\u200d\U0001f680 ", "line\u2028para\u2029nel\x85 ", "漢字 ", "e\u0301\r\n"])


@_play
def long(asked: Asked, answer: Answer) -> Iterable[Step]:
    """`n` pieces, default 20,000."""
    return answer.said(_numbered("w", asked.params.get("n", 20_000)))


@_play
def slow(asked: Asked, answer: Answer) -> Iterable[Step]:
    """`n` pieces (10) with `delay` seconds (0.2) before each."""
    return answer.slowly(answer.said(_numbered("s", asked.params.get("n", 10))))


@_play
def thinking(_asked: Asked, answer: Answer) -> Iterator[Step]:
    """A thought, then text."""
    yield from answer.start()
    yield from answer.thought(THOUGHT)
    yield from answer.text(AFTER_THOUGHT)
    yield from answer.end("stop", Counts(said=7, thought=4))


@_play
def usage(_asked: Asked, answer: Answer) -> Iterator[Step]:
    """Every count is a different number."""
    counts = Counts(fresh=100, cache_read=40, cache_written=20, said=7, thought=3)
    yield from answer.start(counts)
    yield from answer.text(["counted"])
    yield from answer.end("stop", counts)


# Ends that are no plain end


@_play
def max_tokens(_asked: Asked, answer: Answer) -> Iterable[Step]:
    """Cut off by the token limit."""
    return answer.said(["cut ", "off"], "length")


@_play
def empty(_asked: Asked, answer: Answer) -> Iterator[Step]:
    """A proper end without any content."""
    yield from answer.start()
    yield from answer.end()


# Streams that break or never come


@_play
def hang(_asked: Asked, answer: Answer) -> Iterator[Step]:
    """An answer that starts and goes no further."""
    yield from answer.start()
    yield ("sleep", 3600.0)


@_play
def hang0(_asked: Asked, _answer: Answer) -> Iterable[Step]:
    """Not a single event."""
    return [("sleep", 3600.0)]


@_play
def sse_error(_asked: Asked, answer: Answer) -> Iterator[Step]:
    """The server fails after two pieces."""
    yield from answer.up_to_piece(2, answer.said(_numbered("p", 2)))
    yield from answer.failure()


@_play
def drop(_asked: Asked, answer: Answer) -> Iterator[Step]:
    """The connection breaks after three pieces."""
    yield from answer.up_to_piece(3, answer.said(_numbered("p", 3)))
    # At once, the break would overtake the pieces at the reader: a CLI that sees both together reports the break alone.
    yield ("sleep", 0.1)
    yield ("drop",)


@_play
def truncated(_asked: Asked, answer: Answer) -> Iterator[Step]:
    """A clean end of the HTTP body, but not of the answer."""
    yield from answer.start()
    yield from answer.text(_numbered("p", 6))


@_play
def badsse(_asked: Asked, answer: Answer) -> Iterator[Step]:
    """Data that is no JSON between the second and the third piece."""
    steps = answer.said(_numbered("p", 3))
    yield from answer.up_to_piece(2, steps)
    yield ("raw", answer.NO_JSON)
    yield from steps
