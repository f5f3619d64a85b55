"""Who is in a pool: its members, of which kind they are, and the requests that wait for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

Status = Literal["starting", "idle", "leased", "resetting", "stopping"]
KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass(slots=True, eq=False)
class Kind(Generic[KeyT]):
    """What is known of a key. One object per key, compared by identity: hashing a launch plan costs microseconds."""

    key: KeyT
    max_uses: int
    turns_at_once: int
    last_used: float
    wanted: int = 0
    """Spares asked for by `want_spares`, until the next decision."""
    suspended: bool = False
    """No spares for now: a start failed, and the next one probably would."""

    @property
    def reusable(self) -> bool:
        """Whether a member may serve more than one request."""
        return self.max_uses > 1

    @property
    def places(self) -> int:
        """How many waiters a fresh member can take."""
        return min(self.turns_at_once, self.max_uses)


@dataclass(slots=True, eq=False)
class Member(Generic[KeyT]):
    """A child process, from the decision to start it until it has stopped."""

    id: int
    kind: Kind[KeyT]
    status: Status = "starting"
    variant: str | None = None
    """None until its first use."""
    leases: int = 0
    uses: int = 0
    used: bool = False
    """Whether it has anything to forget."""
    retiring: bool = False
    """No more waiters for it, and it is stopped when its last lease is back."""
    idle_since: float = 0.0
    evicted: bool = False
    """Stopping so that a waiter of another key can have its slot."""

    @property
    def places(self) -> int:
        """How many more waiters it can take, as soon as it is ready."""
        if self.retiring:
            return 0
        return min(self.kind.turns_at_once, self.kind.max_uses - self.uses) - self.leases

    @property
    def open(self) -> bool:
        """Whether it can take a waiter now."""
        return self.status in {"idle", "leased"} and self.places > 0

    def fits(self, waiter: Waiter[KeyT]) -> bool:
        """Whether it can serve the waiter, now or as soon as it is ready."""
        return self.kind is waiter.kind and (self.leases == 0 or self.variant == waiter.variant)


@dataclass(frozen=True, slots=True, eq=False)
class Waiter(Generic[KeyT]):
    """A request that has no member yet."""

    kind: Kind[KeyT]
    variant: str


class Coming(Generic[KeyT]):
    """Places in members that will be ready, which waiters come to count on one after another."""

    def __init__(self, members: Iterable[Member[KeyT]]) -> None:
        self._free: dict[Kind[KeyT], list[int]] = {}
        """Places of each member that nobody counts on yet."""
        self._shared: Counter[tuple[Kind[KeyT], str]] = Counter()
        """Places left in those that somebody of this variant counts on."""
        for member in members:
            self._free.setdefault(member.kind, []).append(member.places)

    def take(self, waiter: Waiter[KeyT]) -> bool:
        """Whether there is a place for the waiter, who then has it."""
        shared, free = (waiter.kind, waiter.variant), self._free.get(waiter.kind)
        if not self._shared[shared]:
            if not free:
                return False
            self._shared[shared] = free.pop()
        self._shared[shared] -= 1
        return True

    def promise(self, waiter: Waiter[KeyT]) -> None:
        """One more member is to come, for this waiter and others of its variant."""
        self._shared[waiter.kind, waiter.variant] += waiter.kind.places - 1

    def left(self) -> Counter[Kind[KeyT]]:
        """The places that nobody counts on."""
        left = Counter({kind: sum(places) for kind, places in self._free.items()})
        for (kind, _), places in self._shared.items():
            left[kind] += places
        return left


def rank(member: Member[Any]) -> tuple[int, float]:
    """Idle ones first, the longest idle at the front; then those in use, the busiest at the end."""
    return member.leases, member.idle_since
