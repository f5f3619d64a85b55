"""The dialogue with a child, played with a few lines of the test's own as a real one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from uutel_bridge.core.errors import CLIExited, ProtocolError, RequestRefused, UUError
from uutel_bridge.core.jsonrpc import Call, Notification
from uutel_bridge.core.process import Child, LaunchPlan
from uutel_bridge.core.rpc import Dialogue

BOUND = 60
_PRELUDE = """
import json, sys
def say(**line):
    sys.stdout.write(json.dumps(line) + "\\n")
    sys.stdout.flush()
def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else sys.exit()
"""


class Told:
    """What a dialogue told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, object]] = []
        self.lost: list[UUError] = []

    def hear(self, message: Notification | Call) -> bool:
        """Only calls of `known` are ours."""
        self.heard.append((message.method, message.params.get("n")))
        return message.method == "known"


@asynccontextmanager
async def dialogue(code: str, at_once: int = 8) -> AsyncIterator[tuple[Dialogue, Told]]:
    """One with a child that does what the test says, of which nothing is left."""
    told = Told()
    with anyio.fail_after(BOUND):
        child = await Child.start(LaunchPlan((sys.executable, "-S", "-c", _PRELUDE + code), ()))
        spoken = Dialogue(child, "toy", hear=told.hear, lost=told.lost.append, at_once=at_once)
        spoken.begin()
        try:
            yield spoken, told
        finally:
            await spoken.aclose()
            assert not spoken.busy
            assert not spoken.alive


async def test_replies_find_those_who_asked() -> None:
    """In whatever order they come."""
    code = "first, second = hear(), hear()\nsay(id=second['id'], result=2)\nsay(id=first['id'], result=1)\nhear()"
    async with dialogue(code) as (spoken, _):
        assert await asyncio.gather(spoken.ask("a", {}), spoken.ask("b", {})) == [1, 2]


async def test_a_refusal_is_told_in_the_childs_words() -> None:
    """With its number; the dialogue goes on."""
    code = "say(id=hear()['id'], error={'code': 7, 'message': 'not today'})\nsay(id=hear()['id'], result='yes')\nhear()"
    async with dialogue(code) as (spoken, _):
        with pytest.raises(RequestRefused) as caught:
            await spoken.ask("a", {})
        assert (caught.value.code, caught.value.evidence) == (7, "not today")
        assert await spoken.ask("b", {}) == "yes"


async def test_what_the_child_says_by_itself_is_heard_in_order() -> None:
    """Its requests too; one that is none of ours is refused."""
    code = """
say(method='news', params={'n': 1})
say(method='known', id=1, params={'n': 2})
say(method='unknown', id='x', params={'n': 3})
refusal, asked = sorted([hear(), hear()], key=lambda line: 'method' in line)
say(id=asked['id'], result=[refusal['id'], refusal['error']['code']])
hear()
"""
    async with dialogue(code) as (spoken, told):
        assert await spoken.ask("a", {}) == ["x", -32601]
    assert told.heard == [("news", 1), ("known", 2), ("unknown", 3)]


@pytest.mark.parametrize(
    ("code", "expected"), [("hear()", CLIExited), ("hear()\nprint('what?', flush=True)\nhear()", ProtocolError)]
)
async def test_whoever_waits_is_told_when_it_is_over(code: str, expected: type[UUError]) -> None:
    """Each with an error of their own; whoever asks later, too."""
    async with dialogue(code) as (spoken, told):
        first, second = await asyncio.gather(spoken.ask("a", {}), spoken.ask("b", {}), return_exceptions=True)
        assert isinstance(first, expected)
        assert isinstance(second, UUError)
        assert first is not second
        with pytest.raises(UUError):
            await spoken.ask("c", {})
        assert [type(error) for error in told.lost] == [expected]


async def test_only_so_many_wait_for_a_reply_at_once() -> None:
    """The next one is asked when there is room."""
    code = """
first, second = hear(), hear()
say(method='news', params={'n': 'two were asked'})
say(id=first['id'], result=1)
third = hear()
say(id=second['id'], result=2)
say(id=third['id'], result=3)
hear()
"""
    async with dialogue(code, at_once=2) as (spoken, told):
        assert await asyncio.gather(*(spoken.ask(name, {}) for name in "abc")) == [1, 2, 3]
    assert told.heard == [("news", "two were asked")]


async def test_a_child_that_does_not_get_ready_is_told_so() -> None:
    """With what it complained of."""
    code = "sys.stderr.write('no')\nsys.stderr.flush()\nwhile True: hear()"
    told = Told()
    with anyio.fail_after(BOUND):
        child = await Child.start(LaunchPlan((sys.executable, "-S", "-c", _PRELUDE + code), ()))
        spoken = Dialogue(child, "toy", hear=told.hear, lost=told.lost.append, at_once=1)
        try:
            with pytest.raises(ProtocolError, match=r"did not get ready within 2 s") as caught:
                await spoken.open(2.0, {})
            assert caught.value.evidence == "no"
        finally:
            await spoken.aclose()
