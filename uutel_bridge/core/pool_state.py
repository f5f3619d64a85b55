"""What a pool should do next. It decides and touches nothing: no I/O, no await, no clock of its own.

A member is a child process, a waiter is a request that has none yet. Events change the state, and `decide()` says
what follows from it:

    starting   -> idle, when it is ready; gone, when it fails
    idle       -> leased, by Hand; stopping, when it is idle too long or in the way; gone, when it is found dead
    leased     -> resetting, by Reset; stopping, when it is worn out or broken; idle, when it was not used at all
    resetting  -> idle, when proven clean; stopping, when not
    stopping   -> gone

Where a kind allows several turns at once, a leased member with free places is handed out again, and leaves `leased`
when the last of its leases is back. One that is broken or found dead retires: it is handed out no more.

A waiter may want a variant of its kind. A member is of the variant of its last waiter, and is shared by waiters of
that one only; when nobody has it, it can be made any other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import count
from math import ceil
from typing import Generic, TypeAlias

from uutel_bridge.core.pool_members import Coming, KeyT, Kind, Member, Status, Waiter, rank


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a pool may grow, and how long it stays so."""

    max_processes: int
    """How many members there may be at once, those still stopping included."""
    spares: int
    """How many members to keep ready for each key in use, where there is room."""
    idle_seconds: float
    """How long a member may be idle, and how long a key counts as in use after its last use."""


@dataclass(frozen=True, slots=True)
class Start(Generic[KeyT]):
    """Start a child for this key; answered by `started` or `start_failed`."""

    key: KeyT
    member: int


@dataclass(frozen=True, slots=True)
class Hand:
    """Give the member to the waiter; answered, in the end, by `released`."""

    waiter: int
    member: int


@dataclass(frozen=True, slots=True)
class Reset:
    """Make the member forget what it was used for; answered by `reset_done`."""

    member: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the member, whatever it is doing; answered by `stopped`."""

    member: int


Decision: TypeAlias = Start[KeyT] | Hand | Reset | Stop


class PoolState(Generic[KeyT]):
    """Members, waiters in order of arrival, keys in use.

    Events about a member that is already stopping, and about a waiter that waits no more, change nothing.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.members: dict[int, Member[KeyT]] = {}
        self.waiters: dict[int, Waiter[KeyT]] = {}
        self.kinds: dict[KeyT, Kind[KeyT]] = {}
        self.started_total = 0
        """Starts decided so far, failed ones included."""
        self._ids = count(1)
        self._decided: list[Decision[KeyT]] = []

    # What happened

    def add_waiter(self, key: KeyT, max_uses: int, now: float, *, turns_at_once: int = 1, variant: str = "") -> int:
        """A request came; its number is what `Hand` and `start_failed` call it."""
        waiter = next(self._ids)
        self.waiters[waiter] = Waiter(self._use(key, max_uses, turns_at_once, now), variant)
        return waiter

    def drop_waiter(self, waiter: int) -> None:
        """The request was given up."""
        self.waiters.pop(waiter, None)

    def want_spares(self, key: KeyT, max_uses: int, n: int, now: float, *, turns_at_once: int = 1) -> None:
        """The next decision keeps `n` spares of the key, as if it was used now."""
        self._use(key, max_uses, turns_at_once, now).wanted = n

    def started(self, member: int, now: float) -> None:
        """A child is ready for its first use."""
        if found := self._member(member, "starting"):
            found.kind.suspended = False
            self._rest(found, now)

    def start_failed(self, member: int) -> list[int]:
        """A child could not be started, and nothing is left of it.

        Returns:
            The waiters that were counting on this start, which wait no more: at most `turns_at_once` of its kind.
        """
        failed = self._member(member, "starting")
        if failed is None:
            return []
        failed.kind.suspended = True
        waiters = self._counting_on(failed)
        del self.members[member]
        for waiter in waiters:
            del self.waiters[waiter]
        return waiters

    def released(self, member: int, now: float, *, used: bool, broken: bool) -> None:
        """A lease of a member came back: used (or nothing was done with it), and sound (or broken)."""
        found = self._member(member, "leased")
        if found is None:
            return
        found.leases -= 1
        found.retiring |= broken
        if used:
            found.uses += 1
            found.used = True
            found.kind.last_used = now
        if found.leases == 0:
            self._retake(found, now)

    def reset_done(self, member: int, now: float, *, clean: bool) -> None:
        """A reset has ended: proven clean, or not."""
        if found := self._member(member, "resetting"):
            if clean:
                self._rest(found, now)
            else:
                self._stop(found)

    def died(self, member: int) -> None:
        """A member was found dead: gone, if it was idle; a leased one is stopped when its last lease is back."""
        if self._member(member, "idle"):
            del self.members[member]
        elif found := self._member(member, "leased"):
            found.retiring = True

    def stopped(self, member: int) -> None:
        """A stop has ended; the slot is free."""
        if self._member(member, "stopping"):
            del self.members[member]

    def close(self) -> list[int]:
        """Everything is to stop, now and for good.

        Returns:
            The waiters that get nothing any more.
        """
        waiters = list(self.waiters)
        self.waiters.clear()
        self.kinds.clear()
        for member in self.members.values():
            if member.status != "stopping":
                self._stop(member)
        return waiters

    # What follows

    def decide(self, now: float) -> list[Decision[KeyT]]:
        """What is to be done now. It counts as begun: asked again, the state has nothing to add."""
        coming = self._serve(now)
        for member in self._idle():
            if not member.kind.reusable or now >= member.idle_since + self.limits.idle_seconds:
                self._stop(member)
        self._start_spares(coming, now)
        self._forget_kinds(now)
        decided, self._decided = self._decided, []
        return decided

    def next_wakeup(self, now: float) -> float | None:
        """When to decide again if nothing happens until then; None for never. To be asked after `decide(now)`."""
        since = [member.idle_since for member in self._idle()]
        since += [kind.last_used for kind in self.kinds.values()]
        return min((at for start in since if (at := start + self.limits.idle_seconds) > now), default=None)

    def _serve(self, now: float) -> Counter[Kind[KeyT]]:
        """Let each waiter in turn take the best that the earlier ones left.

        Returns:
            How many places in starting and resetting members no waiter counts on, by kind.
        """
        members = [member for member in self.members.values() if member.open]
        coming = Coming(member for member in self.members.values() if member.status in {"starting", "resetting"})
        vacated = sum(member.evicted for member in self.members.values())
        for number, waiter in list(self.waiters.items()):
            members = sorted((member for member in members if member.open), key=rank)
            # The busiest one, so that few serve all; or the most recently used one, which has the warmest caches.
            own = next((member for member in reversed(members) if member.fits(waiter)), None)
            if own is not None:
                self._hand(number, own, now)
                continue
            if coming.take(waiter):
                continue
            coming.promise(waiter)
            if self._has_room():
                self._start(waiter.kind)
            elif vacated:
                vacated -= 1
            else:
                self._make_room(waiter, members)
        return coming.left()

    def _make_room(self, waiter: Waiter[KeyT], members: list[Member[KeyT]]) -> None:
        if members and members[0].status == "idle":
            self._stop(members[0], evicted=True)
        elif members and not any(member.fits(waiter) for member in self.members.values()):
            # Later waiters would keep it in use for ever: it gets none of them, in this decision.
            del members[0]
        # Else the slot of the next member that comes back or stops: free slots go by this same order.

    def _start_spares(self, coming: Counter[Kind[KeyT]], now: float) -> None:
        # Room is left only when every waiter has its member or its slot, so no spare takes what a waiter needs.
        ready = Counter(member.kind for member in self.members.values() if member.open)
        for kind, places in coming.items():
            ready[kind] += ceil(places / kind.places)
        for kind in sorted(self.kinds.values(), key=lambda kind: kind.last_used, reverse=True):
            target = max(self.limits.spares, kind.wanted)
            kind.wanted = 0
            if not kind.reusable or kind.suspended or self._lapsed(kind, now):
                continue
            for _ in range(target - ready[kind]):
                if self._has_room():
                    self._start(kind)

    def _forget_kinds(self, now: float) -> None:
        lapsed = [kind for kind in self.kinds.values() if not kind.reusable or self._lapsed(kind, now)]
        if lapsed:
            held = {member.kind for member in self.members.values()} | {each.kind for each in self.waiters.values()}
            for kind in lapsed:
                if kind not in held:
                    del self.kinds[kind.key]

    # Small steps

    def _use(self, key: KeyT, max_uses: int, turns_at_once: int, now: float) -> Kind[KeyT]:
        kind = self.kinds.get(key)
        if kind is None:
            kind = self.kinds[key] = Kind(key, max_uses, turns_at_once, now)
        kind.last_used = now
        kind.suspended = False
        return kind

    def _member(self, member: int, status: Status) -> Member[KeyT] | None:
        found = self.members.get(member)
        return found if found is not None and found.status == status else None

    def _idle(self) -> list[Member[KeyT]]:
        return [member for member in self.members.values() if member.status == "idle"]

    def _has_room(self) -> bool:
        return len(self.members) < self.limits.max_processes

    def _lapsed(self, kind: Kind[KeyT], now: float) -> bool:
        return now >= kind.last_used + self.limits.idle_seconds

    def _counting_on(self, member: Member[KeyT]) -> list[int]:
        """The waiters whose turn comes with this member: resets come first, being fast, then starts by age."""
        kin = [other for other in self.members.values() if other.kind is member.kind]
        order: tuple[Status, ...] = ("leased", "idle", "resetting", "starting")
        in_line = [other for status in order for other in kin if other.status == status]
        waiting = [number for number, waiter in self.waiters.items() if waiter.kind is member.kind]
        before = sum(other.places for other in in_line[: in_line.index(member)])
        return waiting[before : before + member.places]

    def _retake(self, member: Member[KeyT], now: float) -> None:
        if member.retiring or member.uses >= member.kind.max_uses:
            self._stop(member)
        elif member.used:
            member.status = "resetting"
            self._decided.append(Reset(member.id))
        else:
            self._rest(member, now)

    def _rest(self, member: Member[KeyT], now: float) -> None:
        member.status = "idle"
        member.used = False
        member.idle_since = now

    def _hand(self, waiter: int, member: Member[KeyT], now: float) -> None:
        member.variant = self.waiters.pop(waiter).variant
        member.status = "leased"
        member.leases += 1
        member.kind.last_used = now
        self._decided.append(Hand(waiter, member.id))

    def _start(self, kind: Kind[KeyT]) -> None:
        member = Member(next(self._ids), kind)
        self.members[member.id] = member
        self.started_total += 1
        self._decided.append(Start(kind.key, member.id))

    def _stop(self, member: Member[KeyT], *, evicted: bool = False) -> None:
        member.status = "stopping"
        member.evicted = evicted
        self._decided.append(Stop(member.id))
