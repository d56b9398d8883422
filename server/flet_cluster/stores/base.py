"""The session store's contract (layer 2: may import layers 0 and 1, never a concrete store).

The store is the only truth about a session: who may write it, and what was last committed. Every operation is
atomic per session. The same contract suite runs against every implementation.

**Repeating.** An operation that raised :class:`StoreUnavailable` may or may not have been applied. Each one
may be repeated with the same arguments: ``create``, ``commit``, ``release``, ``delete``, ``touch`` and
``refill`` recognise what they did before; ``acquire`` raises the epoch once more, which hurts nobody but
the caller's own older lease.

**Time.** A session expires when its record's ``deadline`` has passed *by the store's clock*. Records stay
:data:`GRACE` seconds longer, so that ``on_close`` can run; after that they are garbage.

**Lost data.** A store may come back empty (restart without persistence) or older (a replica that lagged was
promoted). ``commit``, ``release`` and ``delete`` then raise :class:`SessionMissing`: the record is absent,
or older than the lease. The holder answers with ``refill(record)`` and repeats the operation. Readers are
protected by the *recovering rule*: when the data set's incarnation is found to have **replaced another one
that this node knew**, the node announces the recovery in the store, and for :data:`RECOVERY` seconds from
then every node's ``acquire`` of an unknown session raises :class:`StoreRecovering` instead of
:class:`SessionMissing`. A data set that replaced nothing anybody knew (a new cluster) is never recovering.
Nodes look at the incarnation with every heartbeat and every time a record is missing. Tombstones are lost
with the data; nobody refills those.
"""

# ruff: noqa: ASYNC109 - `timeout` is the session's timeout, not the call's
from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flet_cluster.facts import Note, Sample, SketchPage, Story
    from flet_cluster.model import Commit, Entry, Held, Lease, NodeInfo, Post, Record, StreamPage, Touched

GRACE: Final = 600.0
"""How long a record outlives its deadline, seconds: the time in which some node should close it properly.

Minutes, since thousands may expire together, and the nodes may be away for a moment just then.
"""

RECOVERY: Final = 10.0
"""How long after an announced loss of data unknown sessions answer "retry later", seconds."""

TOMBSTONE: Final = 86_400.0
"""The least time a deleted session stays deleted, seconds; longer when the session's timeout is longer."""


ENDED_SECONDS: Final = 3600.0
"""How long the life of a session that has ended may be read, seconds."""

LIFE_LENGTH: Final = 32
"""Events in a session's life: the first one, and the latest."""

HISTORY_SECONDS: Final = 3600.0
"""How long the nodes' figures are kept, seconds."""

INBOX_LIMIT: Final = 100
"""Entries that may wait in a session's inbox."""

PAGE_BYTES: Final = 1 << 20
"""A page of the app's stream ends with the message that makes it so long."""


class SessionStore(Protocol):
    """Where sessions live between two events, and how nodes know of each other.

    Every method but ``start`` and ``stop`` may raise :class:`StoreUnavailable`. An instance belongs to one
    event loop; a heartbeat thread with a loop of its own needs an instance of its own.
    """

    async def start(self) -> None:
        """Connect. Raises :class:`StoreUnavailable` when the store does not answer within its patience."""

    async def stop(self) -> None:
        """Close every connection. Harmless when repeated."""

    async def create(self, session_id: str, owner: str, commit: Commit, timeout: float) -> Lease:
        """Write the first record of a session (``commit.n == 1``); it is held by ``owner`` at epoch 1.

        Raises:
            SessionExists: another record has that id.
            SessionDeleted: the id was used and closed.
        """

    async def acquire(
        self,
        session_id: str,
        owner: str,
        timeout: float,
        *,
        seize: Lease | None = None,
        expired_ok: bool = False,
    ) -> Record | Held:
        """Ask for the right to write a session, and for its state.

        A record that is free or already ``owner``'s is taken: its epoch goes up by one, which makes every
        older lease stale. A record of another node is taken only if ``seize`` is exactly its current lease;
        otherwise the answer is :class:`Held` and nothing changes.

        Taking a record moves its deadline to now + timeout. A record whose deadline has passed is taken
        only with ``expired_ok``; its deadline then stays in the past (its user must not come back to it)
        and the answer says ``expired``. An ``expired_ok`` acquire may find that somebody touched the
        session in the meantime: check ``expired`` before closing it.

        Raises:
            SessionMissing: there is no record.
            SessionDeleted: there is a tombstone.
            SessionExpired: the deadline has passed and ``expired_ok`` is not set.
            StoreRecovering: there is no record, and the store has lost data a moment ago; retry later.
        """

    async def peek(self, session_id: str) -> Record | None:
        """Read a record, expired or not, without changing anything; None when there is none."""

    async def commit(self, lease: Lease, commit: Commit, timeout: float) -> None:
        """Replace the session's state by ``commit`` and move its deadline to now + timeout.

        A compare-and-set on (epoch, owner, ``n - 1`` → ``n``). Repeating the very same commit is a success.

        Raises:
            Fenced: the lease is not the current one, or this ``n`` was written with other content.
            SessionDeleted: the session was deleted.
            SessionMissing: the store lost the record or its latest state: refill, then repeat.
        """

    async def release(self, lease: Lease, timeout: float, notes: Sequence[Note] = ()) -> bool:
        """Give the session up, keeping its state; the deadline moves to now + timeout.

        ``notes``: go into its life.

        Returns:
            False when the lease was not the current one any more; nothing changed then. A repetition of
            one's own release is a success and changes nothing.

        Raises:
            SessionMissing: the store lost the record: refill, then repeat.
        """

    async def touch(
        self, session_ids: Sequence[str], timeout: float, notes: Mapping[str, Sequence[Note]] | None = None
    ) -> Touched:
        """Move the deadlines of sessions with a connected user to now + timeout; needs no lease.

        ``notes``: by session, go into its life.

        Returns:
            Which of them have no record (deleted, or lost with the store's data: try ``refill``), and which
            have something in their inbox.
        """

    async def post(self, session_id: str, key: str, payload: bytes) -> str:
        """Put an entry into a session's inbox; needs no lease. It waits there for whoever holds the session.

        Entries are numbered upwards, also after a loss of data. A repetition (the same ``key``) while the
        entry waits, or before another one was posted, is a success and adds nothing. An entry is kept at
        least as long as the record would be if nobody touched it from now on.

        Returns:
            The node that holds the session now; :data:`NOBODY` if none does: the next one finds the entry.

        Raises:
            SessionMissing, SessionExpired, SessionDeleted: nobody will ever take it.
            InboxFull: :data:`INBOX_LIMIT` entries wait already.
        """

    async def inbox(self, session_id: str) -> list[Entry]:
        """List what is in a session's inbox, in order. Some of it may be accounted for already."""

    async def clear_inbox(self, session_id: str, upto: int) -> None:
        """Remove the entries up to a number: a commit that accounts for them is in the store."""

    async def keep(self, name: str, value: bytes, seconds: float) -> None:
        """Keep a value for some time, to be taken once.

        Kept again, it replaces the one before, unless that was taken a moment ago: then it is a repetition.

        Args:
            name: of its own; the app's other names are in the same space.
            value: sealed.
            seconds: how long it is kept.
        """

    async def kept(self, name: str) -> bytes | None:
        """Return a kept value, and leave it there; None if there is none, or somebody took it."""

    async def take(self, name: str) -> bytes | None:
        """Return a kept value, and never again; None if there is none, or somebody took it.

        After :class:`StoreUnavailable` it may be gone.
        """

    async def claim(
        self, name: str, value: bytes, seconds: float, *, instead_of: bytes | None = None
    ) -> bytes | None:
        """Keep a value if there is none of that name, or if it is exactly ``instead_of``.

        Args:
            name: as for :meth:`keep`, which replaces the value whoever has claimed it.
            value: sealed; unlike any other, so that a repetition is known as one.
            seconds: how long it is kept.
            instead_of: a value that was read before and does not count any more.

        Returns:
            None if ``value`` is there now, also for a repetition; else what is there.
        """

    async def stream_append(
        self, posts: Sequence[Post], *, age: float, length: int, size: int, memory: float
    ) -> int:
        """Put messages of one session at the end of the app's stream, all or none.

        Those of a commit that is not later (by epoch and n) than one of the same session that is in already
        are repetitions: they add nothing. So a session's commits are to be appended in order, each with all
        of its messages in one call. This holds as long as the session is remembered, ``memory``.

        Args:
            posts: at least one; of one session, in order.
            age: messages older than this are dropped, seconds.
            length: with more messages than this in the stream, the oldest are dropped.
            size: likewise with more bytes than about this; the last message stays in any case.
            memory: how long it is remembered what this session has published, seconds.

        Returns:
            The number up to which the stream has come now.
        """

    async def stream_read(self, after: int, limit: int) -> StreamPage:
        """Read what follows a number, at most ``limit`` messages and about :data:`PAGE_BYTES`.

        What is not there any more shows by the numbers: see :attr:`Posted.before` and
        :attr:`StreamPage.last`. A stream that was lost with the store's data begins anew, with higher numbers
        than ever before; one that lost only its end is as :meth:`stream_end` says.
        """

    async def stream_end(self, known: int = 0) -> int:
        """Return the number up to which the stream has come; a stream that is not there begins now.

        Args:
            known: a number that the stream once had. If it does not reach so far any more, it has lost its
                end: numbers go on after this one, and whoever reads on from before finds a gap there.
        """

    async def delete(self, lease: Lease, reason: str = "") -> bool:
        """Close a session for good: its record goes, a tombstone stays (at least :data:`TOMBSTONE` seconds).

        ``reason``: one word for its life, which stays for :data:`ENDED_SECONDS`.

        Returns:
            False when the lease was not the current one any more; nothing changed then.

        Raises:
            SessionMissing: the store lost the record: refill, then repeat.
        """

    async def kick(self, session_id: str, reason: str = "kicked") -> str:
        """Close a session for good whoever holds it: the holder's next write is refused.

        Returns:
            The node that held it; :data:`NOBODY` if none did, or if it was closed before.

        Raises:
            SessionMissing: there is no such session.
        """

    async def sketches(self, cursor: str = "", limit: int = 100, prefix: str = "") -> SketchPage:
        """List sessions, about ``limit`` at a time, from where ``cursor`` of the page before says.

        ``prefix``: only those whose id begins so.
        """

    async def story(self, session_id: str) -> Story | None:
        """Read what there is of one session without a key, and its life; None when it is not known.

        One that was closed for good is known for :data:`TOMBSTONE` seconds, its life for
        :data:`ENDED_SECONDS`.
        """

    async def sample(self, info: NodeInfo) -> None:
        """Put a node's figures (``info.extra["figures"]``) into the history of the last hour."""

    async def history(self, since: float = 0.0, limit: int = 20_000) -> list[Sample]:
        """Return the nodes' figures after a time, the oldest first; of more than so many the latest."""

    async def expired(self, limit: int) -> list[str]:
        """List at most ``limit`` sessions whose deadline has passed.

        A hint: several nodes may get the same ids, and ``acquire(expired_ok=True)`` decides.
        """

    async def refill(self, record: Record, timeout: float) -> bool:
        """Write back, after a loss of data, what this node holds; the deadline moves to now + timeout.

        The highest (epoch, n) wins, whatever the order in which nodes refill.

        Returns:
            Whether the store now holds exactly this (epoch, n, owner); False when it holds something newer.

        Raises:
            SessionDeleted: there is a tombstone; the session stays deleted.
        """

    async def incarnation(self) -> str:
        """Return the random id of this data set, created if absent. A change means that data was lost."""

    async def heartbeat(self, info: NodeInfo, ttl: float) -> None:
        """Say that a node lives; it counts as alive for ``ttl`` seconds. Also notices a loss of data."""

    async def nodes(self) -> list[NodeInfo]:
        """List the nodes that are alive, ordered by id."""

    async def alive(self, node_id: str) -> bool:
        """Whether a node's last heartbeat is still valid.

        Raises:
            StoreRecovering: it is not here, but the store has lost its data: it may have been.
        """

    async def retire(self, node_id: str) -> None:
        """Forget a node's heartbeat at once: it has left on purpose."""

    async def check(self) -> list[str]:
        """Say what an operator should know at start: one sentence per problem, empty when all is well."""
