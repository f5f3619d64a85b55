"""Any order of events: the pool's promises hold, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from math import ceil

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from uutel_bridge.core.pool_state import Hand, Limits, PoolState, Reset, Start

MAX_USES = {"A": 3, "B": 3, "C": 50, "once": 1}
IDLE = 300.0


class _PoolMachine(RuleBasedStateMachine):
    """Any order of events, decisions late or at once, beside a ledger of its own."""

    variants = ("",)

    @initialize(
        max_processes=st.integers(1, 4),
        spares=st.integers(0, 2),
        at_once=st.fixed_dictionaries(dict.fromkeys(sorted(MAX_USES), st.integers(1, 3))),
    )
    def open(self, max_processes: int, spares: int, at_once: dict[str, int]) -> None:
        self.now = 0.0
        self.at_once = at_once
        self.state: PoolState[str] = PoolState(Limits(max_processes, spares, IDLE))
        self.key: dict[int, str] = {}
        self.status: dict[int, str] = {}
        self.uses: Counter[int] = Counter()
        self.leases: Counter[int] = Counter()
        self.used: set[int] = set()
        self.retiring: set[int] = set()
        self.waiting: dict[int, str] = {}
        self.wants: dict[int, str] = {}
        self.variant: dict[int, str] = {}
        self.settled = False

    def of(self, status: str, key: str | None = None) -> list[int]:
        """Members in the ledger by status."""
        return [m for m, found in self.status.items() if found == status and key in {None, self.key[m]}]

    def places_of(self, member: int) -> int:
        """How many more waiters a member can take, once it is ready."""
        key = self.key[member]
        most = 0 if member in self.retiring else min(self.at_once[key], MAX_USES[key] - self.uses[member])
        return max(0, most - self.leases[member])

    def places(self, *statuses: str) -> Counter[str]:
        """How many waiters the members of these statuses can take, by key."""
        places: Counter[str] = Counter()
        for member in [member for status in statuses for member in self.of(status)]:
            places[self.key[member]] += self.places_of(member)
        return places

    def settle(self) -> None:
        """Carry the decisions out in the ledger, checking each."""
        for decision in self.state.decide(self.now):
            if isinstance(decision, Start):
                assert len(self.status) < self.state.limits.max_processes
                assert decision.member not in self.key
                self.key[decision.member] = decision.key
                self.status[decision.member] = "starting"
            elif isinstance(decision, Hand):
                key = self.waiting[decision.waiter]
                assert self.status[decision.member] in {"idle", "leased"}
                assert self.key[decision.member] == key
                assert decision.member not in self.retiring
                assert self.leases[decision.member] < self.at_once[key]
                assert self.leases[decision.member] + self.uses[decision.member] < MAX_USES[key]
                variant = self.wants[decision.waiter]
                assert not self.leases[decision.member] or self.variant[decision.member] == variant
                alike = [w for w, other in self.waiting.items() if (other, self.wants[w]) == (key, variant)]
                assert decision.waiter == min(alike)
                self.variant[decision.member] = variant
                del self.waiting[decision.waiter]
                self.status[decision.member] = "leased"
                self.leases[decision.member] += 1
            elif isinstance(decision, Reset):
                assert self.status[decision.member] == "must reset"
                self.status[decision.member] = "resetting"
            else:
                assert self.status[decision.member] in {"must stop", "idle"}
                self.status[decision.member] = "stopping"
        self.settled = True

    @rule(key=st.sampled_from(sorted(MAX_USES)), data=st.data(), now=st.booleans())
    def a_request_comes(self, key: str, data: st.DataObject, now: bool) -> None:
        variant = data.draw(st.sampled_from(self.variants))
        waiter = self.state.add_waiter(key, MAX_USES[key], self.now, turns_at_once=self.at_once[key], variant=variant)
        self.waiting[waiter], self.wants[waiter] = key, variant
        self.after(now)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), now=st.booleans())
    def a_request_is_given_up(self, data: st.DataObject, now: bool) -> None:
        waiter = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[waiter]
        self.state.drop_waiter(waiter)
        self.after(now)

    @rule(key=st.sampled_from(sorted(MAX_USES)), n=st.integers(0, 3), now=st.booleans())
    def spares_are_wanted(self, key: str, n: int, now: bool) -> None:
        self.state.want_spares(key, MAX_USES[key], n, self.now, turns_at_once=self.at_once[key])
        self.after(now)

    @precondition(lambda self: self.of("starting"))
    @rule(data=st.data(), works=st.booleans(), now=st.booleans())
    def a_start_ends(self, data: st.DataObject, works: bool, now: bool) -> None:
        member = data.draw(st.sampled_from(self.of("starting")))
        if works:
            self.state.started(member, self.now)
            self.status[member] = "idle"
        else:
            self.fail(member)
        self.after(now)

    def fail(self, member: int) -> None:
        """At most those whom it would have served pay for it, and none if all have another member to count on."""
        key = self.key[member]
        waiters = self.state.start_failed(member)
        del self.status[member]
        assert len(waiters) <= min(self.at_once[key], MAX_USES[key])
        for waiter in waiters:
            assert self.waiting.pop(waiter) == key
        self.check_that_the_others_count_on_somebody(key, failed=waiters)

    def check_that_the_others_count_on_somebody(self, key: str, failed: list[int]) -> None:
        """Where nobody failed, there must be places for all."""
        others = self.places("leased", "idle", "must reset", "resetting", "starting")
        if not failed:
            assert list(self.waiting.values()).count(key) <= others[key]

    @precondition(lambda self: self.of("leased"))
    @rule(data=st.data(), used=st.booleans(), broken=st.sampled_from([False, False, True]), now=st.booleans())
    def a_lease_comes_back(self, data: st.DataObject, used: bool, broken: bool, now: bool) -> None:
        self.release(data.draw(st.sampled_from(self.of("leased"))), used=used, broken=broken)
        self.after(now)

    def release(self, member: int, *, used: bool, broken: bool) -> None:
        """Note what must become of the member, if this was its last lease."""
        self.state.released(member, self.now, used=used, broken=broken)
        self.leases[member] -= 1
        self.uses[member] += used
        self.used |= {member} if used else set()
        self.retiring |= {member} if broken else set()
        if self.leases[member] == 0:
            worn_out = self.uses[member] >= MAX_USES[self.key[member]]
            must_stop, must_reset = member in self.retiring or worn_out, member in self.used
            self.status[member] = "must stop" if must_stop else "must reset" if must_reset else "idle"
            self.used.discard(member)

    @precondition(lambda self: self.of("resetting"))
    @rule(data=st.data(), clean=st.booleans(), now=st.booleans())
    def a_reset_ends(self, data: st.DataObject, clean: bool, now: bool) -> None:
        member = data.draw(st.sampled_from(self.of("resetting")))
        self.state.reset_done(member, self.now, clean=clean)
        self.status[member] = "idle" if clean else "must stop"
        self.after(now)

    @precondition(lambda self: self.of("stopping"))
    @rule(data=st.data(), now=st.booleans())
    def a_stop_ends(self, data: st.DataObject, now: bool) -> None:
        member = data.draw(st.sampled_from(self.of("stopping")))
        self.state.stopped(member)
        del self.status[member]
        self.after(now)

    @precondition(lambda self: self.of("idle"))
    @rule(data=st.data(), now=st.booleans())
    def an_idle_member_is_found_dead(self, data: st.DataObject, now: bool) -> None:
        member = data.draw(st.sampled_from(self.of("idle")))
        self.state.died(member)
        del self.status[member]
        self.after(now)

    @precondition(lambda self: self.of("leased"))
    @rule(data=st.data(), now=st.booleans())
    def a_member_in_use_is_found_dead(self, data: st.DataObject, now: bool) -> None:
        member = data.draw(st.sampled_from(self.of("leased")))
        self.state.died(member)
        self.retiring.add(member)
        self.after(now)

    @rule(seconds=st.sampled_from([0.1, 10.0, 150.0, IDLE]), now=st.booleans())
    def time_passes(self, seconds: float, now: bool) -> None:
        self.now += seconds
        self.after(now)

    def after(self, now: bool) -> None:
        """Decide at once, or let things pile up first."""
        self.settled = False
        if now:
            self.settle()

    @invariant()
    def no_member_is_lost_and_the_limit_holds(self) -> None:
        assert set(self.state.members) == set(self.status)
        assert len(self.status) <= self.state.limits.max_processes
        assert list(self.state.waiters) == sorted(self.waiting)
        for member, status in self.status.items():
            expected = {"must stop": "stopping", "must reset": "resetting"}.get(status, status)
            assert self.state.members[member].status == expected
            assert self.state.members[member].uses == self.uses[member]
            assert 0 <= self.state.members[member].leases == self.leases[member] <= self.at_once[self.key[member]]

    @invariant()
    def once_decided_nothing_is_left_to_decide(self) -> None:
        if self.settled:
            assert self.state.decide(self.now) == []
            assert not self.of("must stop")
            assert not self.of("must reset")
            wakeup = self.state.next_wakeup(self.now)
            assert wakeup is None or wakeup > self.now

    @invariant()
    def nobody_waits_for_what_is_there(self) -> None:
        if not self.settled:
            return
        waiting = Counter(self.waiting.values())
        unprovided = waiting - self.places("starting", "resetting")
        slots = sum(ceil(n / min(self.at_once[key], MAX_USES[key])) for key, n in unprovided.items())
        open_to_nobody = [m for m in self.of("leased") if self.key[m] in waiting and self.places_of(m)]
        assert not any(self.of("idle", key) for key in waiting)
        assert len(open_to_nobody) <= slots  # each is to empty for an earlier waiter of another key
        if len(self.status) < self.state.limits.max_processes:
            assert slots == 0
        if self.of("idle"):
            assert slots <= len(self.of("stopping"))
            assert not open_to_nobody

    @invariant()
    def nothing_stays_idle_too_long(self) -> None:
        if self.settled:
            idle = [self.state.members[member] for member in self.of("idle")]
            assert all(member.idle_since + IDLE > self.now and member.kind.key != "once" for member in idle)

    def teardown(self) -> None:
        """Everybody is served in the end, and then everything goes away."""
        if not hasattr(self, "state"):
            return
        for _ in range(4 * len(self.waiting) + 4):
            self.finish_what_is_under_way()
        assert not self.waiting
        deadline = self.now + 2 * IDLE
        while (wakeup := self.state.next_wakeup(self.now)) is not None:
            assert self.now < wakeup <= deadline
            self.now = wakeup
            self.finish_what_is_under_way()
        assert (self.state.members, self.state.waiters, self.state.kinds) == ({}, {}, {})

    def finish_what_is_under_way(self) -> None:
        """Each member one step further."""
        self.settle()
        for member, status in list(self.status.items()):
            if status == "starting":
                self.state.started(member, self.now)
                self.status[member] = "idle"
            elif status == "resetting":
                self.state.reset_done(member, self.now, clean=True)
                self.status[member] = "idle"
            elif status == "leased":
                while self.leases[member]:
                    self.release(member, used=True, broken=False)
            elif status == "stopping":
                self.state.stopped(member)
                del self.status[member]
        self.settle()
        self.nobody_waits_for_what_is_there()


class _VariantMachine(_PoolMachine):
    """The same where members can be changed: who may share one is checked, and that all are served in the end."""

    variants = ("x", "y", "z")

    def check_that_the_others_count_on_somebody(self, key: str, failed: list[int]) -> None:
        """A place is of use to some of them only."""

    @invariant()
    def nobody_waits_for_what_is_there(self) -> None:
        if not self.settled:
            return
        wanted = {(key, self.wants[waiter]) for waiter, key in self.waiting.items()}
        assert not any(self.of("idle", key) for key, _ in wanted)
        coming = {self.key[member] for member in (*self.of("starting"), *self.of("resetting"))}
        if len(self.status) < self.state.limits.max_processes:
            assert {key for key, _ in wanted} <= coming
        if self.of("idle"):
            assert {key for key, _ in wanted} <= coming or self.of("stopping")


TestAnyOrderOfVariants = pytest.mark.timeout(900)(_VariantMachine.TestCase)
TestAnyOrderOfEvents = pytest.mark.timeout(900)(_PoolMachine.TestCase)  # seconds of work, on a machine with time
TestAnyOrderOfEvents.settings = TestAnyOrderOfVariants.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
