"""Whom a session is taken from, and how."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flet_cluster.model import Commit, Held, Lease, Record
from flet_cluster.ownership import (
    AcquireAgain,
    Action,
    AskOwner,
    CheckHolder,
    Policy,
    Relay,
    Reply,
    RetryLater,
    Seize,
    Situation,
    Take,
    decide,
)

LEASE = Lease("s", 3, "other")
OTHER_LEASE = Lease("s", 4, "third")
RECORD = Record("s", 4, "me", Commit(7), 0.0)
POLICY = Policy()
CANNOT_RELAY = replace(POLICY, can_relay=False)


def held(reply: Reply = Reply.NOT_ASKED, *, alive: bool | None = True) -> Situation:
    situation = Situation(Held(LEASE), alive=alive)
    return situation if reply is Reply.NOT_ASKED else situation.heard(reply, 0.1)


def test_a_record_is_taken_whatever_else_is_known() -> None:
    assert decide(Situation(RECORD, elapsed=99), POLICY) == Take(RECORD)


def test_the_heartbeat_is_looked_at_first() -> None:
    assert decide(held(alive=None), POLICY) == CheckHolder(LEASE)


def test_a_dead_holder_is_not_asked() -> None:
    assert decide(held(alive=False), POLICY) == Seize(LEASE, holder_is_dead=True)


def test_after_trouble_with_the_store_nothing_follows_from_what_is_missing() -> None:
    """All heartbeats expire while it is away, and who has not connected anew is not heard."""
    doubtful = replace(held(alive=False), doubtful=True)
    assert decide(doubtful, POLICY) == AskOwner(LEASE)
    unheard = doubtful.heard(Reply.NO_LISTENER, 0.1).heard(Reply.NO_LISTENER, 0.2)
    assert isinstance(decide(unheard, POLICY), AcquireAgain)
    assert decide(replace(unheard, doubtful=False), POLICY) == Seize(LEASE, holder_is_dead=True)
    living = replace(unheard, alive=True)
    assert isinstance(decide(living, POLICY), AcquireAgain)
    assert decide(replace(living, doubtful=False), POLICY) == Seize(LEASE, holder_is_dead=False)


def test_a_living_holder_is_asked() -> None:
    assert decide(held(), POLICY) == AskOwner(LEASE)


def test_nobody_listening_is_confirmed_before_force() -> None:
    once = held(Reply.NO_LISTENER)
    assert decide(once, POLICY) == AskOwner(LEASE, POLICY.confirm_wait)
    twice = once.heard(Reply.NO_LISTENER, 0.2)
    assert decide(twice, POLICY) == Seize(LEASE, holder_is_dead=False)


def test_a_holder_that_is_heard_again_is_not_forced() -> None:
    again = held(Reply.NO_LISTENER).heard(Reply.SILENT, 0.2).heard(Reply.NO_LISTENER, 0.3)
    assert decide(again, POLICY) == AskOwner(LEASE, POLICY.confirm_wait)


def test_a_silent_but_living_holder_is_never_forced() -> None:
    situation = held(Reply.SILENT)
    pauses = []
    while isinstance(action := decide(situation, POLICY), AcquireAgain):
        pauses.append(action.delay)
        again = situation.acquired(Held(LEASE), situation.elapsed + action.delay)
        situation = again.checked(alive=True, elapsed=again.elapsed).heard(Reply.SILENT, again.elapsed)
    assert isinstance(action, RetryLater)
    assert pauses == sorted(pauses)
    assert max(pauses) <= POLICY.longest_wait


def test_a_released_session_is_acquired_at_once() -> None:
    assert decide(held(Reply.RELEASED), POLICY) == AcquireAgain(0.0)


def test_a_holder_that_does_not_know_its_lease_loses_it() -> None:
    again = held(Reply.RELEASED).acquired(Held(LEASE), 0.1).checked(alive=True, elapsed=0.1)
    assert decide(again, POLICY) == AskOwner(LEASE)
    assert decide(again.heard(Reply.RELEASED, 0.2), POLICY) == Seize(LEASE, holder_is_dead=False)


def test_another_holder_is_asked_anew() -> None:
    situation = held(Reply.NO_LISTENER).acquired(Held(OTHER_LEASE), 0.1)
    assert (situation.unheard, situation.released, situation.alive) == (0, 0, None)
    assert decide(situation, POLICY) == CheckHolder(OTHER_LEASE)


def test_relaying_needs_a_node_that_can() -> None:
    assert decide(held(Reply.RELAY), POLICY) == Relay(LEASE)
    assert isinstance(decide(held(Reply.RELAY), CANNOT_RELAY), AcquireAgain)


def test_a_holder_that_is_busy_is_not_asked_for_ever() -> None:
    again = held(Reply.RELAY).acquired(Held(LEASE), 0.2).checked(alive=True, elapsed=0.2)
    assert decide(again, CANNOT_RELAY) == AskOwner(LEASE)
    action = decide(again.heard(Reply.RELAY, 0.3), CANNOT_RELAY)
    assert isinstance(action, RetryLater)
    assert "cannot let go" in action.reason


def test_a_bus_that_is_down_is_waited_for() -> None:
    assert isinstance(decide(held(Reply.BUS_DOWN), POLICY), AcquireAgain)


def test_patience_ends() -> None:
    late = replace(held(), elapsed=POLICY.patience)
    action = decide(late, POLICY)
    assert isinstance(action, RetryLater)
    assert "other" in action.reason


@given(
    replies=st.lists(st.sampled_from([reply for reply in Reply if reply is not Reply.NOT_ASKED])),
    alive=st.lists(st.booleans()),
    doubts=st.lists(st.booleans()),
    cost=st.floats(0.01, 1.0),
)
def test_force_needs_evidence_and_every_pursuit_ends(
    replies: list[Reply],
    alive: list[bool],
    doubts: list[bool],
    cost: float,
) -> None:
    """Whatever the holder does, and with a store that never gives the session away."""
    situation, steps = Situation(Held(LEASE)), 0
    while not isinstance(action := decide(situation, POLICY), (RetryLater, Relay, Take)):
        steps += 1
        assert steps < 5000
        if isinstance(action, Seize):
            assert_evidence(situation, action)
        situation = respond(situation, action, replies, alive, situation.elapsed + cost)
        if isinstance(action, CheckHolder):
            situation = replace(situation, doubtful=bool(doubts and doubts.pop()))


def assert_evidence(situation: Situation, action: Seize) -> None:
    assert action.lease == LEASE
    assert action.holder_is_dead == (situation.alive is False and not situation.doubtful)
    unheard = situation.unheard >= POLICY.confirmations and not situation.doubtful
    assert action.holder_is_dead or unheard or situation.released > 1


def respond(
    situation: Situation,
    action: Action,
    replies: list[Reply],
    alive: list[bool],
    elapsed: float,
) -> Situation:
    if isinstance(action, CheckHolder):
        return situation.checked(alive=alive.pop() if alive else True, elapsed=elapsed)
    if isinstance(action, AskOwner):
        return situation.heard(replies.pop() if replies else Reply.SILENT, elapsed + action.delay)
    return situation.acquired(Held(LEASE), elapsed)
