"""What a pool decides, by table and story by story."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from uutel_bridge.core.pool_state import Decision, Hand, Limits, PoolState, Reset, Start, Stop

MAX_USES = {"A": 3, "B": 3, "C": 3, "once": 1, "S": 4, "T": 4, "twice": 2}
AT_ONCE = {"S": 3, "T": 3, "twice": 3}
IDLE = 300.0
NOW = 100.0


def pool(max_processes: int = 4, spares: int = 0) -> PoolState[str]:
    """An empty pool."""
    return PoolState(Limits(max_processes, spares, IDLE))


def wait(state: PoolState[str], key: str, now: float = NOW) -> int:
    """One more waiter."""
    return state.add_waiter(key, MAX_USES[key], now, turns_at_once=AT_ONCE.get(key, 1))


def leased(state: PoolState[str], key: str, now: float = NOW) -> int:
    """A fresh member in somebody's hands."""
    wait(state, key, now)
    start = next(decision for decision in state.decide(now) if isinstance(decision, Start))
    state.started(start.member, now)
    assert [hand.member for hand in state.decide(now) if isinstance(hand, Hand)] == [start.member]
    return start.member


def shown(decisions: list[Decision[str]], members: list[int], waiters: list[int]) -> list[str]:
    """Decisions in the words of the table: m1 and w1 are the first of their column."""
    names = {member: f"m{place}" for place, member in enumerate(members, 1)}
    names |= {waiter: f"w{place}" for place, waiter in enumerate(waiters, 1)}
    words: list[str] = []
    for decision in decisions:
        if isinstance(decision, Start):
            words.append(f"start {decision.key}")
        elif isinstance(decision, Hand):
            words.append(f"hand {names[decision.member]} to {names[decision.waiter]}")
        else:
            words.append(f"{type(decision).__name__.lower()} {names[decision.member]}")
    return words


@dataclass(frozen=True)
class Case:
    """Members (key, status, idle since), the keys of those who wait, and what should follow at NOW."""

    name: str
    members: str
    waiting: str
    decided: list[str]
    max_processes: int = 4
    spares: int = 0

    def build(self) -> tuple[PoolState[str], list[int], list[int]]:
        """The state by events alone, without spares of its own."""
        state = pool(self.max_processes)
        wanted = [member.split() for member in self.members.split(",") if member]
        for key, *_ in wanted:
            wait(state, key, 0)
        starts = [decision for decision in state.decide(0) if isinstance(decision, Start)]
        members = [start.member for start in starts]
        for waiter in list(state.waiters):
            state.drop_waiter(waiter)
        for (key, status, *_), member in zip(wanted, members, strict=True):
            if status != "starting":
                wait(state, key, 0)
                state.started(member, 0)
                state.decide(0)
        for (_, status, *since), member in zip(wanted, members, strict=True):
            if status not in {"starting", "leased"}:
                at = float(since[0]) if since else 0.0
                state.released(member, at, used=status == "resetting", broken=status == "stopping")
        state.decide(0)
        state.limits = replace(state.limits, spares=self.spares)
        return state, members, [wait(state, key) for key in self.waiting.split()]


CASES = [
    Case("nothing to do", "", "", []),
    Case("an empty pool starts", "", "A", ["start A"]),
    Case("each waiter has its own start", "", "A A B", ["start A", "start A", "start B"]),
    Case("an idle one is handed out", "A idle 10", "A", ["hand m1 to w1"]),
    Case(
        "the most recently used one first", "A idle 10, A idle 30, A idle 20", "A A", ["hand m2 to w1", "hand m3 to w2"]
    ),
    Case("a starting one is waited for", "A starting", "A", []),
    Case("a resetting one is waited for", "A resetting", "A", []),
    Case("but only by one", "A starting", "A A", ["start A"]),
    Case("idle is better than resetting", "A resetting, A idle 10", "A", ["hand m2 to w1"]),
    Case("another key's reset is no use", "B resetting", "A", ["start A"]),
    Case("a free slot is better than evicting", "B idle 10", "A", ["start A"]),
    Case("a full pool evicts the longest idle", "B idle 20, C idle 10", "A", ["stop m2"], max_processes=2),
    Case("one eviction each", "B idle 20, C idle 10", "A A", ["stop m2", "stop m1"], max_processes=2),
    Case("an idle one beats one that is stopping anyway", "B idle, C stopping", "A", ["stop m1"], max_processes=2),
    Case("all leased: wait", "A leased, B leased", "A B C", [], max_processes=2),
    Case("nobody evicts what starts or resets", "B starting, B resetting", "A", [], max_processes=2),
    Case("the first in line wins over a better fit", "B idle", "A B", ["stop m1"], max_processes=1),
    Case("later ones still get what earlier ones cannot use", "A leased, B idle", "A B", ["stop m2"], max_processes=2),
    Case("and what they do not need", "A starting, B idle", "A B", ["hand m2 to w2"], max_processes=2),
    Case("a spare beyond the waiter's own", "", "A", ["start A", "start A"], spares=1),
    Case("a spare replaces the one handed out", "A idle", "A", ["hand m1 to w1", "start A"], spares=1),
    Case("a second idle one is spare enough", "A idle, A idle", "A", ["hand m2 to w1"], spares=1),
    Case("no spare for what is used once", "", "once", ["start once"], spares=2),
    Case("no spare without room", "", "A", ["start A"], spares=1, max_processes=1),
    Case("no spare evicts", "A idle, B idle", "A", ["hand m1 to w1"], spares=2, max_processes=2),
    Case("no spare before a waiter", "", "A B", ["start A", "start B"], spares=1, max_processes=2),
    Case("one start for as many as it will serve", "", "S S S S", ["start S", "start S"]),
    Case("a start under way, too", "S starting", "S S S S", ["start S"]),
    Case("and a reset", "S resetting", "S S S S", ["start S"]),
    Case("one in use has places left", "S leased", "S S S", ["hand m1 to w1", "hand m1 to w2", "start S"]),
    Case("an idle one serves several", "S idle, A idle", "S S", ["hand m1 to w1", "hand m1 to w2"]),
    Case("another key's places are no use", "S leased", "T", ["start T"]),
    Case("one in use with places left is spare enough", "S leased", "S", ["hand m1 to w1"], spares=1),
    Case("so is a start with places left", "", "S S", ["start S"], spares=1),
    Case("but as one, however many they are", "", "S", ["start S", "start S"], spares=2),
    Case("no more at once than it may serve at all", "", "twice twice twice", ["start twice", "start twice"]),
    Case("a full one is not", "S leased", "S S", ["hand m1 to w1", "hand m1 to w2", "start S"], spares=1),
    Case("nor a start that will be full", "", "S S S", ["start S", "start S"], spares=1),
    Case("no newcomer overtakes one who needs the slot", "S leased", "A S", [], max_processes=1),
    Case("where another one is not in the way", "S leased, T leased", "A S T", ["hand m2 to w3"], max_processes=2),
    Case("one slot for as many as it will serve", "B idle, C idle", "S S S", ["stop m1"], max_processes=2),
    Case("one full member's key waits for its own", "S leased, A leased", "A S", ["hand m1 to w2"], max_processes=2),
    Case("earlier ones still join", "S leased", "S A S", ["hand m1 to w1"], max_processes=1),
    Case(
        "nobody is kept out of one for an idle one's slot", "S leased, B idle", "A S", ["stop m2", "hand m1 to w2"], 2
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_table_of_decisions(case: Case) -> None:
    """Members and waiters on the left, decisions on the right; asked again, there is nothing more."""
    state, members, waiters = case.build()
    assert shown(state.decide(NOW), members, waiters) == case.decided
    assert state.decide(NOW) == []


def test_a_slot_made_free_belongs_to_its_waiter() -> None:
    """The waiter that had a member stopped does not have another one stopped, and starts as soon as it can."""
    state = pool(2)
    first, second = leased(state, "B"), leased(state, "C")
    state.released(first, NOW, used=False, broken=False)
    wait(state, "A")
    assert state.decide(NOW) == [Stop(first)]
    state.released(second, NOW, used=False, broken=False)
    assert state.decide(NOW) == []
    state.stopped(first)
    (start,) = state.decide(NOW)
    assert isinstance(start, Start)
    assert start.key == "A"


def test_a_slot_made_free_serves_one_waiter() -> None:
    """The next one has to make room of its own."""
    state = pool(2)
    first, second = leased(state, "B"), leased(state, "C")
    state.released(first, NOW, used=False, broken=False)
    wait(state, "A")
    assert state.decide(NOW) == [Stop(first)]
    state.released(second, NOW, used=False, broken=False)
    wait(state, "A")
    assert state.decide(NOW) == [Stop(second)]


def test_an_eviction_is_not_wasted_when_its_waiter_leaves() -> None:
    """The next waiter takes over the slot instead of evicting once more."""
    state = pool(2)
    first, second = leased(state, "B"), leased(state, "C")
    state.released(first, NOW, used=False, broken=False)
    gone = wait(state, "A")
    assert state.decide(NOW) == [Stop(first)]
    state.drop_waiter(gone)
    state.released(second, NOW, used=False, broken=False)
    wait(state, "A")
    assert state.decide(NOW) == []


def test_a_rare_key_is_not_starved_by_a_frequent_one() -> None:
    """A member that comes back goes to the earliest waiter, not to the best match."""
    state = pool(1)
    member = leased(state, "A")
    rare, frequent = wait(state, "B"), wait(state, "A")
    state.released(member, NOW, used=True, broken=False)
    assert state.decide(NOW) == [Reset(member)]
    state.reset_done(member, NOW, clean=True)
    assert state.decide(NOW) == [Stop(member)]
    state.stopped(member)
    (start,) = state.decide(NOW)
    assert isinstance(start, Start)
    assert start.key == "B"
    state.started(start.member, NOW)
    assert state.decide(NOW) == [Hand(rare, start.member)]
    assert list(state.waiters) == [frequent]


def test_a_used_member_is_reset_and_an_unused_one_is_not() -> None:
    """What was never sent anything is as clean as it was."""
    state = pool()
    member = leased(state, "A")
    state.released(member, NOW, used=False, broken=False)
    assert state.decide(NOW) == []
    assert (state.members[member].status, state.members[member].uses) == ("idle", 0)
    waiter = wait(state, "A")
    assert state.decide(NOW) == [Hand(waiter, member)]
    state.released(member, NOW, used=True, broken=False)
    assert state.decide(NOW) == [Reset(member)]
    assert state.members[member].uses == 1


def test_a_worn_out_member_is_stopped_instead_of_reset() -> None:
    """The last use that the plan allows is the last."""
    state = pool()
    member = leased(state, "A")
    for _ in range(MAX_USES["A"] - 1):
        state.released(member, NOW, used=True, broken=False)
        assert state.decide(NOW) == [Reset(member)]
        state.reset_done(member, NOW, clean=True)
        waiter = wait(state, "A")
        assert state.decide(NOW) == [Hand(waiter, member)]
    state.released(member, NOW, used=True, broken=False)
    assert state.decide(NOW) == [Stop(member)]


def test_a_broken_or_unclean_member_is_stopped() -> None:
    """Nobody gets what another request may have left behind."""
    state = pool()
    broken, unclean = leased(state, "A"), leased(state, "A")
    state.released(broken, NOW, used=False, broken=True)
    state.released(unclean, NOW, used=True, broken=False)
    assert state.decide(NOW) == [Stop(broken), Reset(unclean)]
    state.reset_done(unclean, NOW, clean=False)
    assert state.decide(NOW) == [Stop(unclean)]


def test_an_unused_single_use_member_is_not_kept() -> None:
    """Its waiter left before it was ready; no spare is made of it."""
    state = pool()
    waiter = wait(state, "once")
    (start,) = state.decide(NOW)
    state.drop_waiter(waiter)
    state.started(start.member, NOW)
    assert state.decide(NOW) == [Stop(start.member)]


def test_a_failed_start_fails_one_waiter_and_the_others_start_their_own() -> None:
    """Each start is counted on by one waiter; no failure is repeated for the same one."""
    state = pool(1)
    first, second = wait(state, "A"), wait(state, "A")
    (start,) = state.decide(NOW)
    assert state.start_failed(start.member) == [first]
    (again,) = state.decide(NOW)
    assert isinstance(again, Start)
    assert state.start_failed(again.member) == [second]
    assert state.decide(NOW) == []
    assert not state.members


def test_the_waiter_that_counted_on_the_failed_start_fails() -> None:
    """Those who wait for another member's reset or start do not."""
    state = pool()
    resetting = leased(state, "A")
    state.released(resetting, NOW, used=True, broken=False)
    first, second, third = (wait(state, "A") for _ in range(3))
    assert state.decide(NOW)[0] == Reset(resetting)
    starts = [member for member in state.members if member != resetting]
    assert state.start_failed(starts[1]) == [third]
    state.reset_done(resetting, NOW, clean=True)
    assert state.start_failed(starts[0]) == [second]  # also before the idle one was handed to the first
    assert state.decide(NOW) == [Hand(first, resetting)]


def test_a_failed_spare_is_not_tried_again_until_something_changes() -> None:
    """The next waiter of the key, or a start that works, ends the pause."""
    state = pool(spares=1)
    waiter = wait(state, "A")
    own, spare = (decision.member for decision in state.decide(NOW))
    assert state.start_failed(spare) == []
    assert state.decide(NOW) == []
    state.started(own, NOW)
    (hand, again) = state.decide(NOW)
    assert hand == Hand(waiter, own)
    assert state.start_failed(again.member) == []
    assert state.decide(NOW) == []
    state.released(own, NOW, used=True, broken=True)
    assert state.decide(NOW) == [Stop(own)]
    wait(state, "A")
    assert shown(state.decide(NOW), [], []) == ["start A", "start A"]


def test_the_key_used_last_has_its_spare_first() -> None:
    """Where room is short, the warmth goes where it is likely to be used."""
    state = pool(2)
    for key, now in [("A", 1.0), ("B", 3.0), ("C", 2.0)]:
        state.want_spares(key, MAX_USES[key], 1, now)
    assert shown(state.decide(4.0), [], []) == ["start B", "start C"]


def test_a_key_is_in_use_when_it_is_asked_for_served_or_released() -> None:
    """Each of them begins the time anew after which it has no more spares."""
    state = pool(3, spares=1)
    waiter = wait(state, "A", 0.0)
    member, spare = (decision.member for decision in state.decide(0.0))
    state.start_failed(spare)
    state.started(member, 400.0)
    hand, start = state.decide(400.0)
    assert hand == Hand(waiter, member)
    assert shown([start], [], []) == ["start A"]
    state.started(start.member, 400.0)
    assert state.decide(400.0 + IDLE) == [Stop(start.member)]
    state.stopped(start.member)
    assert state.decide(800.0) == []
    state.released(member, 800.0, used=True, broken=True)
    assert shown(state.decide(800.0), [member], []) == ["stop m1", "start A"]
    state.drop_waiter(wait(state, "A", 900.0))
    state.decide(900.0)
    assert state.next_wakeup(900.0) == 900.0 + IDLE


def test_a_key_used_once_is_forgotten_at_once() -> None:
    """Every request may bring another one."""
    state = pool(spares=1)
    member = leased(state, "once")
    state.released(member, NOW, used=True, broken=False)
    assert state.decide(NOW) == [Stop(member)]
    state.stopped(member)
    assert state.decide(NOW) == []
    assert state.kinds == {}


def test_wanted_spares_are_started_once() -> None:
    """Warming is not a standing order: what is handed out later is replaced up to the usual number only."""
    state = pool(4, spares=1)
    state.want_spares("A", MAX_USES["A"], 3, NOW)
    starts = state.decide(NOW)
    assert shown(starts, [], []) == ["start A"] * 3
    for start in starts:
        state.started(start.member, NOW)
    wait(state, "A")
    assert [type(decision) for decision in state.decide(NOW)] == [Hand]
    assert state.decide(NOW) == []


def test_wanted_spares_stay_within_the_limit_and_the_plan() -> None:
    """Room is room, and a single-use process is nobody's spare."""
    state = pool(2)
    state.want_spares("once", 1, 3, NOW)
    assert state.decide(NOW) == []
    state.want_spares("A", MAX_USES["A"], 3, NOW)
    assert shown(state.decide(NOW), [], []) == ["start A"] * 2


def test_an_idle_member_is_stopped_when_its_time_has_come() -> None:
    """Not a moment earlier; the pool says itself when that is, and forgets the key."""
    state = pool()
    member = leased(state, "A", 0.0)
    state.released(member, 10.0, used=False, broken=False)
    assert state.decide(10.0) == []
    assert state.next_wakeup(10.0) == IDLE  # the key was last used at 0
    assert state.decide(IDLE) == []
    assert state.next_wakeup(IDLE) == 10.0 + IDLE
    assert state.decide(9.9 + IDLE) == []
    assert state.decide(10.0 + IDLE) == [Stop(member)]
    state.stopped(member)
    assert state.decide(10.0 + IDLE) == []
    assert state.next_wakeup(10.0 + IDLE) is None
    assert (state.members, state.waiters, state.kinds) == ({}, {}, {})


def test_a_spare_is_stopped_too_and_not_replaced_when_nobody_uses_the_key() -> None:
    """A key out of use has no spares."""
    state = pool(spares=1)
    member = leased(state, "A", 0.0)
    (spare,) = set(state.members) - {member}
    state.started(spare, 1.0)
    state.released(member, 1.0, used=True, broken=True)
    assert state.decide(1.0) == [Stop(member)]
    state.stopped(member)
    assert state.decide(1.0 + IDLE) == [Stop(spare)]
    state.stopped(spare)
    assert state.decide(1.0 + IDLE) == []


def test_a_dead_idle_member_gives_its_slot_back() -> None:
    """Its place is taken by a new one when somebody waits."""
    state = pool(1)
    member = leased(state, "A")
    state.released(member, NOW, used=False, broken=False)
    wait(state, "A")
    state.died(member)
    assert shown(state.decide(NOW), [], []) == ["start A"]


def shared(state: PoolState[str], waiters: int) -> int:
    """A member that several have."""
    member = leased(state, "S")
    wanted = [wait(state, "S") for _ in range(waiters - 1)]
    assert state.decide(NOW) == [Hand(waiter, member) for waiter in wanted]
    return member


def test_a_shared_member_is_reset_when_its_last_lease_is_back() -> None:
    """If anybody used it, whoever comes last; and it counts every use."""
    state = pool()
    member = shared(state, 3)
    for used in [False, True, False]:
        assert state.decide(NOW) == []
        assert state.members[member].status == "leased"
        state.released(member, NOW, used=used, broken=False)
    assert state.decide(NOW) == [Reset(member)]
    assert state.members[member].uses == 1
    state.reset_done(member, NOW, clean=True)
    again = wait(state, "S")
    assert state.decide(NOW) == [Hand(again, member)]
    state.released(member, NOW, used=False, broken=False)
    assert state.decide(NOW) == []
    assert state.members[member].status == "idle"


def test_a_shared_member_is_not_promised_more_uses_than_it_has() -> None:
    """Those under way count; one that came to nothing is free again."""
    state = pool(1)
    member = shared(state, 3)
    state.released(member, NOW, used=True, broken=False)
    fourth, fifth = wait(state, "S"), wait(state, "S")
    assert state.decide(NOW) == [Hand(fourth, member)]
    state.released(member, NOW, used=True, broken=False)
    assert state.decide(NOW) == []
    state.released(member, NOW, used=False, broken=False)
    assert state.decide(NOW) == [Hand(fifth, member)]
    state.released(member, NOW, used=True, broken=False)
    assert state.decide(NOW) == []
    state.released(member, NOW, used=True, broken=False)
    assert state.decide(NOW) == [Stop(member)]


@pytest.mark.parametrize("how", ["broken", "dead"])
def test_a_shared_member_that_is_broken_or_dead_serves_nobody_new(how: str) -> None:
    """The others keep their leases; it is stopped after the last one."""
    state = pool()
    member = shared(state, 3)
    if how == "dead":
        state.died(member)
    state.released(member, NOW, used=True, broken=how == "broken")
    wait(state, "S")
    (start,) = state.decide(NOW)
    assert isinstance(start, Start)
    state.released(member, NOW, used=True, broken=False)
    assert state.decide(NOW) == []
    state.released(member, NOW, used=False, broken=False)
    assert state.decide(NOW) == [Stop(member)]


def test_the_busiest_member_is_filled_first() -> None:
    """So that the others can grow old."""
    state = pool()
    busy = shared(state, 3)
    other = leased(state, "S")
    state.released(other, NOW, used=False, broken=False)
    state.released(busy, NOW, used=False, broken=False)
    waiters = [wait(state, "S") for _ in range(2)]
    assert state.decide(NOW) == [Hand(waiters[0], busy), Hand(waiters[1], other)]
    state.released(busy, NOW, used=False, broken=False)
    waiter = wait(state, "S")
    assert state.decide(NOW) == [Hand(waiter, busy)]


def test_a_failed_start_fails_all_that_it_would_have_served() -> None:
    """One start for each of them in turn would take as long as all together."""
    state = pool()
    member = shared(state, 2)
    waiters = [wait(state, "S") for _ in range(5)]
    hand, first, second = state.decide(NOW)
    assert hand == Hand(waiters[0], member)
    state.released(member, NOW, used=False, broken=False)
    assert isinstance(first, Start)
    assert isinstance(second, Start)
    assert state.start_failed(first.member) == waiters[2:5]  # the place that came free is the second one's
    assert state.decide(NOW) == [Hand(waiters[1], member)]
    assert state.start_failed(second.member) == []


def test_a_rare_key_is_not_starved_by_a_shared_member() -> None:
    """Newcomers that overlap would keep it in use for ever."""
    state = pool(1)
    member = shared(state, 2)
    rare, frequent = wait(state, "A"), wait(state, "S")
    state.released(member, NOW, used=True, broken=False)
    assert state.decide(NOW) == []
    state.released(member, NOW, used=False, broken=False)
    assert state.decide(NOW) == [Reset(member)]
    state.reset_done(member, NOW, clean=True)
    assert state.decide(NOW) == [Stop(member)]
    assert list(state.waiters) == [rare, frequent]


def test_newcomers_join_again_when_the_one_who_needed_the_slot_has_left() -> None:
    """Keeping them out is for one decision only."""
    state = pool(1)
    member = shared(state, 1)
    rare, frequent = wait(state, "A"), wait(state, "S")
    assert state.decide(NOW) == []
    state.drop_waiter(rare)
    assert state.decide(NOW) == [Hand(frequent, member)]


def variant(state: PoolState[str], wanted: str, key: str = "S") -> int:
    """One more waiter that wants a member to be so."""
    return state.add_waiter(key, MAX_USES[key], NOW, turns_at_once=AT_ONCE[key], variant=wanted)


def served(state: PoolState[str]) -> dict[int, int]:
    """Who is handed which member now."""
    return {each.waiter: each.member for each in state.decide(NOW) if isinstance(each, Hand)}


def test_only_waiters_of_one_variant_share_a_member() -> None:
    """One that wants another gets one of its own."""
    state = pool()
    first, second, other = variant(state, "x"), variant(state, "x"), variant(state, "y")
    starts = [each.member for each in state.decide(NOW) if isinstance(each, Start)]
    assert len(starts) == 2
    for member in starts:
        state.started(member, NOW)
    found = served(state)
    assert found[first] == found[second] != found[other]


def test_an_idle_member_is_changed_before_another_is_started() -> None:
    """Whatever it was before."""
    state = pool()
    variant(state, "x")
    (start,) = state.decide(NOW)
    assert isinstance(start, Start)
    state.started(start.member, NOW)
    served(state)
    state.released(start.member, NOW, used=True, broken=False)
    state.decide(NOW)
    state.reset_done(start.member, NOW, clean=True)
    other = variant(state, "y")
    assert served(state) == {other: start.member}


def test_a_rare_variant_is_not_starved_by_a_frequent_one() -> None:
    """The shared member gets no more of the frequent ones, until it is free for the rare one."""
    state = pool(max_processes=1)
    variant(state, "x")
    (start,) = state.decide(NOW)
    assert isinstance(start, Start)
    state.started(start.member, NOW)
    served(state)
    rare = variant(state, "y")
    variant(state, "x")
    assert served(state) == {}
    state.released(start.member, NOW, used=True, broken=False)
    state.decide(NOW)
    state.reset_done(start.member, NOW, clean=True)
    assert served(state) == {rare: start.member}


def test_closing_stops_everything_and_late_news_change_nothing() -> None:
    """Whoever still holds a member or works on one may report to a closed pool."""
    state = pool(4)
    held, resetting, stopping = (leased(state, "A") for _ in range(3))
    state.released(resetting, NOW, used=True, broken=False)
    waiter = wait(state, "B")
    (_, start) = state.decide(NOW)
    state.released(stopping, NOW, used=True, broken=True)
    assert state.decide(NOW) == [Stop(stopping)]
    assert state.close() == [waiter]
    assert state.decide(NOW) == [Stop(held), Stop(resetting), Stop(start.member)]
    state.released(held, NOW, used=True, broken=False)
    state.reset_done(resetting, NOW, clean=True)
    state.started(start.member, NOW)
    assert state.start_failed(start.member) == []
    state.died(held)
    assert {member.status for member in state.members.values()} == {"stopping"}
    for member in list(state.members):
        state.stopped(member)
    assert state.decide(NOW) == []
    assert state.next_wakeup(NOW) is None
