"""The plain data of a session (layer 0: imports the standard library only).

A session is one *record* in the store. Who may write it is said by a *lease*; what is written, by a
*commit*. Bytes are opaque to the store: they are sealed by the node that wrote them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

NOBODY = ""
"""Owner of a record that no node holds."""


class MainState(enum.StrEnum):
    """How far the app's ``main(page)`` has come, as of a commit."""

    PENDING = "pending"
    """Not started in this record's state: a node that takes over runs it."""
    RUNNING = "running"
    """Started and not finished: a node that takes over reports it as interrupted."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one session: valid while the record has this owner and this epoch."""

    session_id: str
    epoch: int
    owner: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One atomic write of a session's state.

    Attributes:
        n: number of the commit; the record must hold ``n - 1`` (or ``n`` already, for a retry).
        instance: random id of the page load the link counters belong to; "" for plain clients.
        rx: highest input *started* when the state was captured.
        inbox: highest entry of the session's inbox that the state accounts for.
        tx: highest output frame the state accounts for.
        main: state of ``main``.
        image: the sealed snapshot; empty when the session cannot travel at present.
        tail: sealed output frames the browser has not acknowledged.
        inflight: sealed list of what was started and had not finished.
        meta: small plain JSON object about the session, for operators and version checks.
        stream: highest number of the app's stream that the state accounts for; 0 when it hears nothing.
        outbox: sealed messages that are to be published, and are perhaps not in the app's stream yet.
    """

    n: int
    instance: str = ""
    rx: int = 0
    tx: int = 0
    main: MainState = MainState.PENDING
    image: bytes = b""
    tail: bytes = b""
    inflight: bytes = b""
    meta: str = "{}"
    inbox: int = 0
    stream: int = 0
    outbox: bytes = b""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something from outside that waits in a session's inbox.

    Attributes:
        n: its number; each session's go up, with gaps.
        key: what it is known by to whoever put it there.
        payload: sealed by the node that put it there.
    """

    n: int
    key: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Origin:
    """Which commit of which session published a message; known to all who read it, and never used twice.

    Attributes:
        epoch: of the lease under which the commit was written.
        n: the commit's number.
        index: which of the commit's messages.
    """

    session_id: str
    epoch: int
    n: int
    index: int


@dataclass(frozen=True, slots=True)
class Post:
    """A message on its way into the app's stream. ``payload`` is sealed."""

    origin: Origin
    payload: bytes


@dataclass(frozen=True, slots=True)
class Posted:
    """A message in the app's stream.

    Attributes:
        n: its number; they go up, with gaps.
        before: the number after which it came. Who has read up to there, or further, has missed nothing.
    """

    n: int
    before: int
    origin: Origin
    payload: bytes


@dataclass(frozen=True, slots=True)
class StreamPage:
    """What follows a position in the app's stream.

    Attributes:
        posted: the next messages, in order.
        last: the number up to which the stream has come. With no messages it says: there is nothing between
            the position and this number any more.
    """

    posted: tuple[Posted, ...]
    last: int


@dataclass(frozen=True, slots=True)
class Record:
    """What the store knows of one session.

    Attributes:
        epoch: raised by every acquire; never goes down.
        owner: node id of the holder, or :data:`NOBODY`.
        commit: the last commit.
        deadline: when the session expires, seconds since the Unix epoch by the store's clock.
        expired: in an answer to ``acquire``: the deadline had passed when the record was taken.
        posted: highest number that an entry of its inbox ever got.
    """

    session_id: str
    epoch: int
    owner: str
    commit: Commit
    deadline: float
    expired: bool = False
    posted: int = 0

    @property
    def mail(self) -> bool:
        """Whether something waits in the inbox that the state does not account for."""
        return self.posted > self.commit.inbox

    @property
    def lease(self) -> Lease:
        """The lease that may write this record now."""
        return Lease(self.session_id, self.epoch, self.owner)


@dataclass(frozen=True, slots=True)
class Held:
    """Answer to an acquire: another node holds the session."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Touched:
    """Answer to a touch.

    Attributes:
        missing: sessions that have no record: deleted, or lost with the store's data.
        mail: sessions with something in their inbox that their state does not account for.
    """

    missing: list[str]
    mail: list[str]


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What a node says about itself with each heartbeat.

    Attributes:
        node_id: unique for each process start.
        version: fingerprint of the app's code.
        sessions: how many sessions the node holds.
        draining: whether the node is about to leave.
        connected: how many clients' sockets it has.
        extra: for operators (see :class:`flet_cluster.node.figures.Figures`); nodes of other releases may
            say less or more.
    """

    node_id: str
    version: str = ""
    sessions: int = 0
    draining: bool = False
    connected: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
