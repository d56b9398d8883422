"""Who acts in a simulation, and what must be true after each act."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import SessionMissing, StoreError, StoreRecovering
from flet_cluster.model import NOBODY, Commit, Lease, Record

if TYPE_CHECKING:
    from flet_cluster.ownership import Situation


@dataclass(eq=False)
class Actor:
    """One node's view of one session."""

    name: str
    session_id: str
    lease: Lease | None = None
    state: Commit | None = None
    """What it knows to be committed."""
    sent: Commit | None = None
    """A commit whose outcome it does not know."""
    pursuit: Situation | None = None
    paused: bool = False

    def drop(self) -> None:
        """Forget the session."""
        self.lease = self.state = self.sent = self.pursuit = None

    def take(self, record: Record) -> None:
        """Begin to hold the session."""
        self.drop()
        self.lease, self.state = record.lease, record.commit

    def record(self) -> Record:
        """What it can write back after a loss of data."""
        assert self.lease is not None
        assert self.state is not None
        return Record(self.session_id, self.lease.epoch, self.lease.owner, self.state, 0.0)


@dataclass
class Truth:
    """What is known about one session from outside."""

    last: Record | None = None
    deleted: bool = False
    owners: dict[int, str] = field(default_factory=dict)


def check_step(kind: str, before: Record, now: Record) -> None:
    """The state changed: by its writer, on top of the state before; or newer data was written back."""
    if kind == "refill":
        assert (now.epoch, now.commit.n) > (before.epoch, before.commit.n)
        return
    assert kind == "commit"
    assert now.lease == before.lease, "a commit changed the lease"
    assert now.commit.n == before.commit.n + 1
    assert now.commit.image.split(b">")[0] == before.commit.image.split(b">")[1], "the chain forked"


def check_owner(kind: str, before: Record | None, now: Record, truth: Truth) -> None:
    """An epoch has one owner; it changes with acquire only, and ends with release."""
    if before is not None and kind not in ("acquire", "refill"):
        assert now.epoch == before.epoch
        assert now.owner == before.owner or (kind == "release" and now.owner == NOBODY)
    if before is not None:
        assert now.epoch >= before.epoch
    if now.owner == NOBODY:
        return
    if kind == "refill":
        truth.owners[now.epoch] = now.owner
    assert truth.owners.setdefault(now.epoch, now.owner) == now.owner, "an epoch has two writers"


def same_outcome(one: Any, other: Any) -> bool:
    """Compare outcomes of two stores; clocks differ, and so may the moment when a loss is noticed."""
    absent = (SessionMissing, StoreRecovering)
    if isinstance(one, Record) and isinstance(other, Record):
        return replace(one, deadline=0.0) == replace(other, deadline=0.0)
    if isinstance(one, absent) and isinstance(other, absent):
        return True
    if isinstance(one, StoreError):
        return type(one) is type(other) and str(one) == str(other)
    return bool(one == other)
