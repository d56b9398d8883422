"""Nodes that fight over sessions, step by step, in any order that Hypothesis can think of.

A :class:`Simulation` runs one history on one or more stores at once. Each operation must have the same
outcome on all of them, and after each the invariants are checked on what is stored: one chain of commits, one
writer per epoch, nothing resurrected, nothing acknowledged that is not there.

Every image is ``parent>name``: it says which state it was computed from.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.stores.actors import Actor, Truth, check_owner, check_step

from flet_cluster.errors import Fenced, SessionDeleted, SessionMissing, StoreError
from flet_cluster.model import Commit, Held, Lease, Record, Touched
from flet_cluster.ownership import (
    AcquireAgain,
    AskOwner,
    CheckHolder,
    Policy,
    Reply,
    Seize,
    Situation,
    Take,
    decide,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stores.parallel import ParallelStores

LONG = 1000.0
OVER = 0.0
"""A timeout that has passed as soon as it begins: how a history makes a session expire."""

SESSIONS = ("s0", "s1")
NODES = 3
POLICY = Policy(confirmations=1, can_relay=False)

timeouts = st.sampled_from([LONG, LONG, LONG, OVER])


class Simulation(RuleBasedStateMachine):
    """The rules; ``stores`` holds the implementations that run in parallel."""

    def __init__(self, stores: ParallelStores) -> None:
        super().__init__()
        self.stores = stores
        self.names = itertools.count()
        self.actors = [self.fresh_actor(sid) for sid in SESSIONS for _ in range(NODES)]
        self.truth = {sid: Truth() for sid in SESSIONS}
        self.late: list[tuple[str, Lease, Callable[[Any], Any]]] = []
        self.asked: list[tuple[Actor, Lease]] = []
        self.saved: object | None = None

    def teardown(self) -> None:
        """Close what the stores opened."""
        self.stores.close()

    def fresh_actor(self, session_id: str) -> Actor:
        """Start a process: it never has the name of an earlier one."""
        return Actor(f"n{next(self.names)}", session_id)

    # who can do something

    def choose(self, data: st.DataObject, candidates: list[Actor]) -> Actor:
        return data.draw(st.sampled_from(candidates))

    def holders(self, *, quiet: bool = False) -> list[Actor]:
        """List running nodes that believe they hold a session; only those that await no answer, if quiet."""
        holding = [actor for actor in self.actors if actor.lease is not None and not actor.paused]
        return [actor for actor in holding if actor.sent is None or not quiet]

    def idle(self) -> list[Actor]:
        return [actor for actor in self.actors if actor.lease is None and not actor.paused]

    def pursuers(self) -> list[Actor]:
        return [actor for actor in self.idle() if actor.pursuit is not None]

    # operations, and what must hold after each

    def do(self, kind: str, by: Lease | str, call: Callable[[Any], Any]) -> Any:
        """Run an operation on all stores and check the session; a store error is an outcome too.

        ``by`` is the lease it is done with, or the session if it needs none.
        """
        outcome = self.stores.run(call)
        self.check(kind, by)
        return outcome

    def check(self, kind: str, by: Lease | str) -> None:
        """Compare what is stored now with what was stored before the operation."""
        session_id = by if isinstance(by, str) else by.session_id
        truth, now = self.truth[session_id], self.stores.peek(session_id)
        before, truth.last = truth.last, now
        if isinstance(by, Lease) and before is not None and before.lease != by:
            assert now == before, f"a stale {kind} changed something"
        if now is None:
            assert before is None or kind == "delete", f"{kind} lost a session"
            return
        assert not truth.deleted, f"{kind} resurrected a deleted session"
        if before is None:
            assert kind in ("create", "refill")
        elif now.commit != before.commit:
            check_step(kind, before, now)
        check_owner(kind, before, now, truth)

    # a session's life

    @precondition(lambda self: self.idle())
    @rule(data=st.data())
    def create(self, data: st.DataObject) -> None:
        actor = self.choose(data, self.idle())
        first = Commit(1, image=f">{actor.name}".encode())
        outcome = self.do(
            "create",
            actor.session_id,
            lambda store: store.create(actor.session_id, actor.name, first, LONG),
        )
        if isinstance(outcome, Lease):
            actor.drop()
            actor.lease, actor.state = outcome, first

    @precondition(lambda self: self.holders())
    @rule(
        data=st.data(),
        timeout=timeouts,
        fate=st.sampled_from(["answered", "answered", "unknown", "late", "late twice"]),
    )
    def commit(self, data: st.DataObject, timeout: float, fate: str) -> None:
        actor = self.choose(data, self.holders())
        assert actor.lease is not None
        lease = actor.lease
        actor.sent = actor.sent or self.next_commit(actor)
        sent = actor.sent

        def call(store: Any) -> Any:
            return store.commit(lease, sent, timeout)

        if fate.startswith("late"):
            self.late += [("commit", lease, call)] * (2 if "twice" in fate else 1)
            return
        outcome = self.do("commit", lease, call)
        if fate == "answered":
            self.commit_answered(actor, outcome)

    def next_commit(self, actor: Actor) -> Commit:
        assert actor.state is not None
        parent = actor.state.image.split(b">")[1].decode()
        name = f"{actor.name}.{next(self.names)}"
        return Commit(actor.state.n + 1, image=f"{parent}>{name}".encode())

    def commit_answered(self, actor: Actor, outcome: Any) -> None:
        last = self.truth[actor.session_id].last
        if outcome is None:
            assert last is not None, "a commit was acknowledged and is not there"
            assert last.commit == actor.sent, "another commit was acknowledged than is there"
            actor.state, actor.sent = actor.sent, None
        elif isinstance(outcome, SessionMissing):
            self.refill_or_drop(actor)
        else:
            assert isinstance(outcome, (Fenced, SessionDeleted)), outcome
            actor.drop()

    def refill_or_drop(self, actor: Actor) -> bool:
        record = actor.record()
        outcome = self.do("refill", actor.session_id, lambda store: store.refill(record, LONG))
        if outcome is True:
            return True
        assert outcome is False or isinstance(outcome, SessionDeleted)
        actor.drop()
        return False

    @precondition(lambda self: self.holders(quiet=True))
    @rule(data=st.data(), timeout=timeouts, late=st.booleans())
    def release(self, data: st.DataObject, timeout: float, late: bool) -> None:
        self.let_go(self.choose(data, self.holders(quiet=True)), timeout, late=late)

    def let_go(self, actor: Actor, timeout: float, *, late: bool = False) -> None:
        lease = actor.lease
        assert lease is not None
        if late:
            self.late.append(("release", lease, lambda store: store.release(lease, timeout)))
            actor.drop()
            return
        outcome = self.do("release", lease, lambda store: store.release(lease, timeout))
        if isinstance(outcome, SessionMissing) and self.refill_or_drop(actor):
            outcome = self.do("release", lease, lambda store: store.release(lease, timeout))
            assert outcome is True
        actor.drop()

    @precondition(lambda self: self.holders())
    @rule(data=st.data(), late=st.booleans())
    def delete(self, data: st.DataObject, late: bool) -> None:
        actor = self.choose(data, self.holders())
        lease = actor.lease
        assert lease is not None
        if late:
            self.late.append(("delete", lease, lambda store: store.delete(lease)))
        else:
            self.delete_now(lease)
        actor.drop()

    def delete_now(self, lease: Lease) -> None:
        truth = self.truth[lease.session_id]
        outcome = self.do("delete", lease, lambda store: store.delete(lease))
        if outcome is True:
            truth.deleted = True
        else:
            assert outcome is False or isinstance(outcome, SessionMissing)

    @precondition(lambda self: self.holders())
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        index = self.actors.index(self.choose(data, self.holders()))
        self.actors[index] = self.fresh_actor(self.actors[index].session_id)

    @rule(data=st.data())
    def pause_or_resume(self, data: st.DataObject) -> None:
        actor = self.choose(data, self.actors)
        actor.paused = not actor.paused

    @precondition(lambda self: self.idle())
    @rule(data=st.data())
    def close_expired(self, data: st.DataObject) -> None:
        """Do what any node does with sessions whose deadline has passed."""
        actor = self.choose(data, self.idle())
        session_id = actor.session_id
        if session_id not in self.stores.expired():
            return
        last = self.truth[session_id].last
        seize = last.lease if last else None
        outcome = self.do(
            "acquire",
            session_id,
            lambda store: store.acquire(session_id, actor.name, LONG, seize=seize, expired_ok=True),
        )
        assert isinstance(outcome, Record)
        assert outcome.expired
        actor.drop()
        self.delete_now(outcome.lease)

    @rule(session_id=st.sampled_from(SESSIONS), timeout=timeouts)
    def touch(self, session_id: str, timeout: float) -> None:
        touched = self.do("touch", session_id, lambda store: store.touch([session_id], timeout))
        assert touched == Touched([] if self.truth[session_id].last else [session_id], [])

    # who gets it

    @precondition(lambda self: self.idle())
    @rule(data=st.data())
    def want(self, data: st.DataObject) -> None:
        self.acquire(self.choose(data, self.idle()), None)

    @precondition(lambda self: self.idle())
    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        """Take a session in one step, by force if it is held: its node seems dead."""
        actor = self.choose(data, self.idle())
        last = self.truth[actor.session_id].last
        self.acquire(actor, last.lease if last else None)
        if actor.pursuit is not None and isinstance(actor.pursuit.answer, Record):
            actor.take(actor.pursuit.answer)

    def acquire(self, actor: Actor, seize: Lease | None) -> None:
        session_id = actor.session_id
        outcome = self.do(
            "acquire",
            session_id,
            lambda store: store.acquire(session_id, actor.name, LONG, seize=seize),
        )
        if isinstance(outcome, StoreError):
            actor.pursuit = None
        elif actor.pursuit is None:
            actor.pursuit = Situation(outcome)
        else:
            actor.pursuit = actor.pursuit.acquired(outcome, 0.0)

    @precondition(lambda self: self.pursuers())
    @rule(data=st.data(), holder_seems_alive=st.booleans())
    def pursue(self, data: st.DataObject, holder_seems_alive: bool) -> None:
        """Take one step. Safety may not depend on what heartbeats say, so they may say anything."""
        actor = self.choose(data, self.pursuers())
        assert actor.pursuit is not None
        action = decide(actor.pursuit, POLICY)
        if isinstance(action, Take):
            actor.take(action.record)
        elif isinstance(action, CheckHolder):
            actor.pursuit = actor.pursuit.checked(alive=holder_seems_alive, elapsed=0.0)
        elif isinstance(action, AskOwner):
            self.asked.append((actor, action.lease))
            actor.pursuit = actor.pursuit.heard(Reply.SILENT, 0.0)
        elif isinstance(action, Seize):
            self.acquire(actor, action.lease)
        else:
            assert isinstance(action, AcquireAgain)
            self.acquire(actor, None)

    @precondition(lambda self: self.asked)
    @rule(
        data=st.data(),
        fate=st.sampled_from(["delivered", "delivered", "doubled", "lost", "answer lost"]),
    )
    def deliver(self, data: st.DataObject, fate: str) -> None:
        """Let a request to release arrive; the bus loses, doubles and delays."""
        index = data.draw(st.integers(0, len(self.asked) - 1))
        asker, lease = self.asked[index]
        if fate != "doubled":
            del self.asked[index]
        if fate == "lost":
            return
        holder = next((actor for actor in self.actors if actor.name == lease.owner), None)
        reply = Reply.NO_LISTENER if holder is None else self.asked_to_release(holder, lease)
        waiting = asker.pursuit is not None and asker.pursuit.answer == Held(lease)
        if waiting and asker.pursuit is not None and fate != "answer lost":
            asker.pursuit = asker.pursuit.heard(reply, 0.0)

    def asked_to_release(self, holder: Actor, lease: Lease) -> Reply:
        if holder.paused or (holder.lease == lease and holder.sent is not None):
            return Reply.SILENT
        if holder.lease == lease:
            self.let_go(holder, LONG)
        return Reply.RELEASED

    # the store's own troubles

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def something_late_arrives(self, data: st.DataObject) -> None:
        kind, lease, call = self.late.pop(data.draw(st.integers(0, len(self.late) - 1)))
        outcome = self.do(kind, lease, call)
        if kind == "delete" and outcome is True:
            self.truth[lease.session_id].deleted = True

    @rule()
    def lose_everything(self) -> None:
        self.stores.wipe()
        self.after_loss()

    @rule()
    def replicate(self) -> None:
        self.saved = self.stores.copy_data()

    @precondition(lambda self: self.saved is not None)
    @rule()
    def promote_a_replica_that_lagged(self) -> None:
        self.stores.roll_back(self.saved)
        self.after_loss()

    def after_loss(self) -> None:
        # Writes on their way to the server that died die with it. Tombstones are lost too.
        self.late.clear()
        for session_id in SESSIONS:
            self.truth[session_id] = Truth(last=self.stores.peek(session_id))

    @precondition(lambda self: any(actor.lease for actor in self.actors))
    @rule(order=st.permutations(range(NODES * len(SESSIONS))))
    def refill_all(self, order: list[int]) -> None:
        """Write back what running nodes hold, in any order: the highest (epoch, n) is there afterwards."""
        holders = [self.actors[i] for i in order if self.actors[i].lease and not self.actors[i].paused]
        versions: dict[str, list[tuple[int, int]]] = {sid: [] for sid in SESSIONS}
        for actor in holders:
            record = actor.record()
            if self.refill_or_drop(actor):
                versions[actor.session_id].append((record.epoch, record.commit.n))
        for session_id, refilled in versions.items():
            last = self.truth[session_id].last
            if refilled:
                assert last is not None
                assert (last.epoch, last.commit.n) >= max(refilled)
