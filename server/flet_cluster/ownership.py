"""Who gets a session: pure decisions (layer 1: imports layer 0 only; no I/O, no clock).

A node that wants a session acquires it, puts the answer into a :class:`Situation`, asks :func:`decide` what
to do, does it, notes the outcome (``acquired``, ``checked``, ``heard``), and asks again. The store's
compare-and-set makes every decision safe; the rules here make it considerate: a node that lives is asked,
and force is used only against one that is gone or does not want the session.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flet_cluster.model import Held, Record

if TYPE_CHECKING:
    from flet_cluster.model import Lease


class Reply(enum.Enum):
    """What came of asking the holder to release."""

    NOT_ASKED = "not asked"
    RELEASED = "released"
    """It says that it let the session go under that lease, or does not hold it."""
    RELAY = "relay"
    """It cannot let go yet and offers to carry frames."""
    NO_LISTENER = "no listener"
    """Nobody listens on its channel."""
    SILENT = "silent"
    """It was asked and did not answer in time."""
    BUS_DOWN = "bus down"
    """It could not be asked."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient a node is, in seconds.

    Attributes:
        patience: how long it tries to get a session before the browser is told to retry later.
        first_wait: pause before the second attempt; doubles with every further one.
        longest_wait: most it ever pauses.
        confirmations: how often nobody must have listened before force is used: a node that reconnects its
            subscription is not heard for a moment.
        confirm_wait: pause between two of these.
        can_relay: whether this node knows how to relay.
    """

    patience: float = 5.0
    first_wait: float = 0.05
    longest_wait: float = 0.8
    confirmations: int = 2
    confirm_wait: float = 0.03
    can_relay: bool = True


@dataclass(frozen=True, slots=True)
class Situation:
    """What a node knows when it decides; begins with the first answer alone.

    Attributes:
        answer: what ``acquire`` said last.
        reply: what came of asking the holder since then.
        alive: whether the holder's heartbeat is valid; None if the store was not asked since then.
        elapsed: seconds since the node began to want the session.
        attempt: how many times ``acquire`` was called.
        unheard: how many times in a row nobody listened on the holder's channel.
        released: how many times the holder said that it has released this very lease.
        doubtful: whether the store had been away or had lost its data shortly before that, so that nothing
            follows from what is missing there: neither from a heartbeat nor from a listener.
    """

    answer: Record | Held
    reply: Reply = Reply.NOT_ASKED
    alive: bool | None = None
    elapsed: float = 0.0
    attempt: int = 1
    unheard: int = 0
    released: int = 0
    doubtful: bool = False

    def acquired(self, answer: Record | Held, elapsed: float) -> Situation:
        """Note the answer to one more acquire. What was known of the holder is old now."""
        fresh = Situation(answer, elapsed=elapsed, attempt=self.attempt + 1)
        if answer != self.answer or self.doubtful:
            return fresh
        return replace(fresh, unheard=self.unheard, released=self.released)

    def checked(self, *, alive: bool, elapsed: float, doubtful: bool = False) -> Situation:
        """Note whether the holder's heartbeat is valid, and whether that says anything."""
        return replace(self, alive=alive, elapsed=elapsed, doubtful=doubtful)

    def heard(self, reply: Reply, elapsed: float) -> Situation:
        """Note what came of asking the holder."""
        return replace(
            self,
            reply=reply,
            elapsed=elapsed,
            unheard=self.unheard + 1 if reply is Reply.NO_LISTENER else 0,
            released=self.released + (reply is Reply.RELEASED),
        )


@dataclass(frozen=True, slots=True)
class Take:
    """The session is ours."""

    record: Record


@dataclass(frozen=True, slots=True)
class CheckHolder:
    """Find out whether the holder's heartbeat is valid, then decide again."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class AskOwner:
    """After ``delay`` seconds ask the holder over the bus to release, then decide again."""

    lease: Lease
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class AcquireAgain:
    """Acquire once more after ``delay`` seconds, without force, then decide again."""

    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Seize:
    """Acquire once more with ``seize=lease``.

    Attributes:
        lease: whose holder is gone; the store refuses if it is not the current one any more.
        holder_is_dead: its heartbeat has expired. If not, background tasks of the session must wait until it
            has: the old holder may be running them still.
    """

    lease: Lease
    holder_is_dead: bool


@dataclass(frozen=True, slots=True)
class Relay:
    """Carry frames to and from the holder until the session is quiet."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Give up for now: close the socket with "retry later"."""

    reason: str


Action = Take | CheckHolder | AskOwner | AcquireAgain | Seize | Relay | RetryLater


def decide(situation: Situation, policy: Policy) -> Action:
    """Say what to do next. Every path ends in Take, Relay or RetryLater after at most ``policy.patience``."""
    answer = situation.answer
    if isinstance(answer, Record):
        return Take(answer)
    lease = answer.lease
    if situation.elapsed >= policy.patience:
        return RetryLater(f"node {lease.owner} did not release the session within {policy.patience:g} s")
    if situation.alive is None:
        return CheckHolder(lease)
    if not (situation.alive or situation.doubtful):
        return Seize(lease, holder_is_dead=True)
    return _about_living_holder(lease, situation, policy)


def _about_living_holder(lease: Lease, situation: Situation, policy: Policy) -> Action:
    reply = situation.reply
    if reply is Reply.NOT_ASKED:
        return AskOwner(lease)
    if reply is Reply.NO_LISTENER:
        return _about_unheard_holder(lease, situation, policy)
    if reply is Reply.RELEASED:
        # Said twice of the same lease: it does not know that it holds it (the answer to its acquire was
        # lost).
        return AcquireAgain() if situation.released == 1 else Seize(lease, holder_is_dead=False)
    if reply is Reply.RELAY:
        return _about_busy_holder(lease, situation, policy)
    return AcquireAgain(_pause(situation.attempt, policy))


def _about_unheard_holder(lease: Lease, situation: Situation, policy: Policy) -> Action:
    if situation.unheard < policy.confirmations:
        return AskOwner(lease, policy.confirm_wait)
    if situation.doubtful:
        return AcquireAgain(_pause(situation.attempt, policy))
    return Seize(lease, holder_is_dead=False)


def _about_busy_holder(lease: Lease, situation: Situation, policy: Policy) -> Action:
    if policy.can_relay:
        return Relay(lease)
    if situation.attempt == 1:  # it may be about to
        return AcquireAgain(_pause(situation.attempt, policy))
    # It has waited as long as it thought fit. The browser does better to look for that node itself.
    return RetryLater(f"node {lease.owner} cannot let go of the session yet")


def _pause(attempt: int, policy: Policy) -> float:
    return min(policy.longest_wait, float(policy.first_wait * 2 ** max(0, attempt - 1)))
