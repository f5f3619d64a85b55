"""One discovery of a login's project for all who ask."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from uutel_bridge.core.errors import PermissionDenied, UUError
from uutel_bridge.providers.cloud_code.project import STANDARD, Project, Projects

BOUND = 20
FOUND = Project("made-up-project", STANDARD, "")


@dataclass
class Slow:
    """Answers once `go` is set, or fails then or on the way out; counts how often it was asked."""

    told: Any = field(default_factory=lambda: {"currentTier": {"id": STANDARD}, "cloudaicompanionProject": FOUND.id})
    go: anyio.Event = field(default_factory=anyio.Event)
    asked: int = 0
    left: anyio.Event = field(default_factory=anyio.Event)
    """Whoever asked is gone."""

    async def call(self, method: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Waits."""
        self.asked += 1
        try:
            await self.go.wait()
        finally:
            self.left.set()
            if isinstance(self.told, UUError):
                raise self.told
        return self.told

    async def operation(self, name: str) -> Mapping[str, Any]:
        """Is never done."""
        return {"name": name}


async def wait_for(projects: Projects, assist: Slow, count: int, found: list[Any]) -> None:
    """So many who ask at once; what each gets."""

    async def one() -> None:
        try:
            found.append(await projects.of(assist, "login", ""))
        except UUError as error:
            found.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(one)
        await anyio.wait_all_tasks_blocked()
        assist.go.set()


async def test_a_project_is_found_once_for_all_who_ask() -> None:
    """At once, and later; another login and another project are asked for by themselves."""
    projects, assist = Projects(), Slow()
    found: list[Any] = []
    with anyio.fail_after(BOUND):
        await wait_for(projects, assist, 10, found)
        await wait_for(projects, assist, 1, found)
        assert found == [FOUND] * 11
        assert assist.asked == 1
        await projects.of(assist, "other", "")
        await projects.of(assist, "login", "mine")
        assert assist.asked == 3


async def test_a_failure_is_told_to_all_who_wait_and_not_remembered() -> None:
    """The next one asks anew."""
    projects, refusal = Projects(), PermissionDenied("No.")
    failing, working = Slow(told=refusal), Slow()
    found: list[Any] = []
    with anyio.fail_after(BOUND):
        await wait_for(projects, failing, 3, found)
        assert (found, failing.asked) == ([refusal] * 3, 1)
        await wait_for(projects, working, 1, found)
    assert found[-1] == FOUND


async def test_whoever_came_first_may_leave() -> None:
    """The others still get their answer, from the same discovery."""
    projects, assist = Projects(), Slow()
    with anyio.fail_after(BOUND):
        first = asyncio.ensure_future(projects.of(assist, "login", ""))
        await anyio.wait_all_tasks_blocked()
        second = asyncio.ensure_future(projects.of(assist, "login", ""))
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert not assist.left.is_set()
        assist.go.set()
        assert (await second, assist.asked) == (FOUND, 1)


@pytest.mark.parametrize("told", [Slow().told, PermissionDenied("No.")])
async def test_a_discovery_that_nobody_waits_for_ends(told: Any, caplog: pytest.LogCaptureFixture) -> None:
    """By the deadline of the last one, at once and in silence; the next one begins another."""
    projects, assist, again = Projects(), Slow(told=told), Slow()
    found: list[Any] = []
    with anyio.fail_after(BOUND):
        with anyio.move_on_after(0.01) as scope:
            await projects.of(assist, "login", "")
        assert scope.cancelled_caught
        assert assist.left.is_set()
        await wait_for(projects, again, 1, found)
    gc.collect()
    assert (found, again.asked, caplog.messages) == ([FOUND], 1, [])


async def test_not_every_login_is_remembered_for_ever() -> None:
    """A caller may bring a new token with each request."""
    projects, assist = Projects(), Slow()
    assist.go.set()
    with anyio.fail_after(BOUND):
        for number in range(1001):
            await projects.of(assist, f"login {number}", "")
        await projects.of(assist, "login 1000", "")
        assert assist.asked == 1001
        await projects.of(assist, "login 0", "")
        assert assist.asked == 1002
