"""A session store in this process's memory (layer 2): for tests, demos and single-node use.

All nodes of one process share one instance. It decides exactly like the Redis scripts, which its tests
compare it with. Nothing in here awaits, so every operation is atomic on the event loop.
"""

# ruff: noqa: ASYNC109 - `timeout` is the session's timeout, not the call's
from __future__ import annotations

import copy
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flet_cluster.errors import (
    Fenced,
    InboxFull,
    SessionDeleted,
    SessionExists,
    SessionExpired,
    SessionMissing,
    StoreRecovering,
)
from flet_cluster.facts import NOTE_LENGTH, LifeEvent, Sample, Sketch, SketchPage, Story
from flet_cluster.model import NOBODY, Commit, Entry, Held, Lease, NodeInfo, Record, Touched
from flet_cluster.stores.base import (
    ENDED_SECONDS,
    GRACE,
    HISTORY_SECONDS,
    INBOX_LIMIT,
    LIFE_LENGTH,
    RECOVERY,
    TOMBSTONE,
)
from flet_cluster.stores.memory_stream import MemoryStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from flet_cluster.facts import Note
    from flet_cluster.model import Post, StreamPage


@dataclass(frozen=True, slots=True)
class _Row:
    """A record, the timeout it was last written with, when it becomes garbage, and what operators read."""

    record: Record
    timeout: float
    garbage_at: float
    created: float = 0.0
    seen: float = 0.0
    life: tuple[LifeEvent, ...] = ()


@dataclass(slots=True)
class _Inbox:
    """What waits for a session, and what was posted last."""

    entries: dict[str, Entry] = field(default_factory=dict)
    last_key: str = ""


@dataclass(slots=True)
class _Data:
    """Everything that a loss of data takes away."""

    incarnation: str = field(default_factory=lambda: secrets.token_hex(8))
    rows: dict[str, _Row] = field(default_factory=dict)
    tombstones: dict[str, tuple[Lease, float]] = field(default_factory=dict)
    heartbeats: dict[str, tuple[NodeInfo, float]] = field(default_factory=dict)
    lives: dict[str, tuple[tuple[LifeEvent, ...], float]] = field(default_factory=dict)
    history: list[Sample] = field(default_factory=list)
    inboxes: dict[str, _Inbox] = field(default_factory=dict)
    kept: dict[str, tuple[bytes | None, float]] = field(default_factory=dict)
    stream: MemoryStream = field(default_factory=MemoryStream)


class MemoryStore:
    """See :class:`flet_cluster.stores.base.SessionStore`.

    Args:
        clock: seconds since the Unix epoch; tests pass their own.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._data = _Data()
        self._recovering_until = float("-inf")

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to close; the data stays for the other nodes."""

    async def create(self, session_id: str, owner: str, commit: Commit, timeout: float) -> Lease:
        """Write the first record of a session."""
        lease = Lease(session_id, 1, owner)
        self._refuse_deleted(session_id)
        row = self._row(session_id)
        if row is None:
            self._write(
                Record(session_id, 1, owner, commit, 0.0), timeout, self._event("created", owner), seen=True
            )
            self._data.rows[session_id] = replace(self._data.rows[session_id], created=self._clock())
        elif row.record.lease != lease or row.record.commit != commit:
            raise SessionExists(f"session {session_id} has a record already: choose another id")
        return lease

    async def acquire(
        self,
        session_id: str,
        owner: str,
        timeout: float,
        *,
        seize: Lease | None = None,
        expired_ok: bool = False,
    ) -> Record | Held:
        """Take a record that is free, ours, or named by ``seize``."""
        self._refuse_deleted(session_id)
        row = self._row(session_id)
        if row is None:
            raise self._unknown(session_id)
        found = row.record
        expired = found.deadline <= self._clock()
        if expired and not expired_ok:
            raise SessionExpired(f"session {session_id} has expired")
        if found.owner not in (NOBODY, owner) and seize != found.lease:
            return Held(found.lease)
        taken = replace(found, epoch=found.epoch + 1, owner=owner, expired=expired)
        seized = seize == found.lease and found.owner != NOBODY
        event = self._event("seized", owner, found.owner) if seized else self._event("taken", owner)
        return self._write(taken, timeout, event, keep_deadline=expired, seen=not expired)

    async def peek(self, session_id: str) -> Record | None:
        """Read a record."""
        row = self._row(session_id)
        return row.record if row else None

    async def commit(self, lease: Lease, commit: Commit, timeout: float) -> None:
        """Compare-and-set on (epoch, owner, n - 1 → n)."""
        self._refuse_deleted(lease.session_id)
        found = self._not_lost(lease)
        behind = commit.n - found.commit.n
        if found.lease != lease or behind < 0:
            raise Fenced(lease.session_id, found.owner, found.epoch)
        if behind > 1:
            raise SessionMissing(_LOST.format(lease.session_id))
        if behind == 0 and found.commit != commit:
            raise Fenced(lease.session_id, found.owner, found.epoch)
        self._write(replace(found, commit=commit), timeout)

    async def release(self, lease: Lease, timeout: float, notes: Sequence[Note] = ()) -> bool:
        """Give the session up."""
        if self._tombstone(lease.session_id):
            return False
        found = self._not_lost(lease)
        if found.lease == lease:
            events = [*self._noted(notes), *self._event("released", lease.owner)]
            self._write(replace(found, owner=NOBODY), timeout, events)
            return True
        return found.epoch == lease.epoch and found.owner == NOBODY

    async def touch(
        self, session_ids: Sequence[str], timeout: float, notes: Mapping[str, Sequence[Note]] | None = None
    ) -> Touched:
        """Move deadlines."""
        missing, mail = [], []
        for session_id in session_ids:
            row = self._row(session_id)
            if row is None:
                missing.append(session_id)
            else:
                events = self._noted(notes.get(session_id, ())) if notes else ()
                self._write(row.record, timeout, events, seen=True)
                mail += [session_id] if row.record.mail else []
        return Touched(missing, mail)

    async def post(self, session_id: str, key: str, payload: bytes) -> str:
        """Put an entry into a session's inbox."""
        self._refuse_deleted(session_id)
        row = self._row(session_id)
        if row is None:
            raise SessionMissing(f"there is no session {session_id}")
        record, now = row.record, self._clock()
        if record.deadline <= now:
            raise SessionExpired(f"session {session_id} has expired")
        inbox = self._data.inboxes.setdefault(session_id, _Inbox())
        if inbox.last_key == key or key in inbox.entries:
            return record.owner
        if len(inbox.entries) >= INBOX_LIMIT:
            raise InboxFull(f"{INBOX_LIMIT} entries wait for session {session_id} already")
        n = max(int(now * 1e6), record.commit.inbox + 1, record.posted + 1)
        inbox.entries[key], inbox.last_key = Entry(n, key, payload), key
        self._data.rows[session_id] = replace(row, record=replace(record, posted=n))
        return record.owner

    async def inbox(self, session_id: str) -> list[Entry]:
        """List what is in a session's inbox."""
        self._row(session_id)
        inbox = self._data.inboxes.get(session_id)
        return sorted(inbox.entries.values(), key=lambda entry: entry.n) if inbox else []

    async def clear_inbox(self, session_id: str, upto: int) -> None:
        """Remove entries."""
        inbox = self._data.inboxes.get(session_id, _Inbox())
        inbox.entries = {key: entry for key, entry in inbox.entries.items() if entry.n > upto}

    async def keep(self, name: str, value: bytes, seconds: float) -> None:
        """Keep a value, and forget those that nobody took in time."""
        now = self._clock()
        self._data.kept = {other: kept for other, kept in self._data.kept.items() if kept[1] > now}
        if self._data.kept.get(name, (value, now))[0] is not None:
            self._data.kept[name] = (value, now + seconds)

    async def kept(self, name: str) -> bytes | None:
        """Look at a value."""
        value, until = self._data.kept.get(name, (None, 0.0))
        return value if until > self._clock() else None

    async def take(self, name: str) -> bytes | None:
        """Take a value."""
        value = await self.kept(name)
        if value is not None:
            self._data.kept[name] = (None, self._data.kept[name][1])
        return value

    async def claim(
        self, name: str, value: bytes, seconds: float, *, instead_of: bytes | None = None
    ) -> bytes | None:
        """Keep a value unless there is another."""
        now = self._clock()
        held, until = self._data.kept.get(name, (None, 0.0))
        if held is not None and until > now and held not in (value, instead_of):
            return held
        await self.keep(name, value, seconds)
        return None

    async def stream_append(
        self, posts: Sequence[Post], *, age: float, length: int, size: int, memory: float
    ) -> int:
        """Put messages at the end of the app's stream."""
        stream = self._data.stream
        return stream.append(posts, self._clock(), age=age, length=length, size=size, memory=memory)

    async def stream_read(self, after: int, limit: int) -> StreamPage:
        """Read on in the app's stream."""
        return self._data.stream.read(after, limit, self._clock())

    async def stream_end(self, known: int = 0) -> int:
        """Return how far the app's stream has come."""
        return self._data.stream.end(known, self._clock())

    async def delete(self, lease: Lease, reason: str = "") -> bool:
        """Replace the record by a tombstone."""
        tombstone = self._tombstone(lease.session_id)
        if tombstone is not None:
            return tombstone == lease
        found = self._not_lost(lease)
        if found.lease != lease:
            return False
        self._bury(lease, self._event("ended", lease.owner, reason))
        return True

    async def kick(self, session_id: str, reason: str = "kicked") -> str:
        """Replace the record by a tombstone, whoever holds it."""
        if self._tombstone(session_id) is not None:
            return NOBODY
        row = self._row(session_id)
        if row is None:
            raise SessionMissing(f"there is no session {session_id}")
        self._bury(Lease(session_id, row.record.epoch + 1, "-"), self._event("ended", "", reason))
        return row.record.owner

    def _bury(self, lease: Lease, last: Iterable[LifeEvent]) -> None:
        """Put a tombstone with this lease in place of a record."""
        now, session_id = self._clock(), lease.session_id
        row = self._data.rows.pop(session_id)
        self._data.inboxes.pop(session_id, None)
        self._data.tombstones[session_id] = (lease, now + max(TOMBSTONE, row.timeout + GRACE))
        self._data.lives = {key: life for key, life in self._data.lives.items() if life[1] > now}
        self._data.lives[session_id] = (_longer(row.life, last), now + ENDED_SECONDS)

    async def sketches(self, cursor: str = "", limit: int = 100, prefix: str = "") -> SketchPage:
        """List sessions in the order of their ids; a cursor is the last one of a page."""
        fitting = [key for key in list(self._data.rows) if key > cursor and key.startswith(prefix)]
        ids = sorted(key for key in fitting if self._row(key))
        page, more = ids[:limit], len(ids) > limit
        rows = [self._data.rows[session_id] for session_id in page]
        return SketchPage(tuple(_sketch(row) for row in rows), page[-1] if more else "", self._clock())

    async def story(self, session_id: str) -> Story | None:
        """Read one session."""
        row, now = self._row(session_id), self._clock()
        if row is not None:
            return Story(_sketch(row), row.life, now)
        if self._tombstone(session_id) is None:
            return None
        life, until = self._data.lives.get(session_id, ((), 0.0))
        return Story(None, life if until > now else (), now)

    async def sample(self, info: NodeInfo) -> None:
        """Note a node's figures."""
        now = self._clock()
        kept = [sample for sample in self._data.history if sample.at > now - HISTORY_SECONDS]
        self._data.history = [*kept, Sample(now, info.node_id, dict(info.extra.get("figures", {})))]

    async def history(self, since: float = 0.0, limit: int = 20_000) -> list[Sample]:
        """Return the nodes' figures."""
        return [sample for sample in self._data.history if sample.at > since][-limit:]

    async def expired(self, limit: int) -> list[str]:
        """Sessions whose deadline has passed."""
        now = self._clock()
        rows = [row.record for key in list(self._data.rows) if (row := self._row(key)) is not None]
        late = sorted((record.deadline, record.session_id) for record in rows if record.deadline <= now)
        return [session_id for _, session_id in late[:limit]]

    async def refill(self, record: Record, timeout: float) -> bool:
        """Write back what a node holds unless the store has something as new."""
        self._refuse_deleted(record.session_id)
        row = self._row(record.session_id)
        if row is None or _version(row.record) < _version(record):
            event = self._event("refilled", record.owner)
            self._write(replace(record, posted=row.record.posted if row else 0), timeout, event)
            return True
        return _version(row.record) == _version(record) and row.record.owner == record.owner

    async def incarnation(self) -> str:
        """Return the random id of this data set."""
        return self._data.incarnation

    async def heartbeat(self, info: NodeInfo, ttl: float) -> None:
        """Note that a node lives."""
        self._data.heartbeats[info.node_id] = (info, self._clock() + ttl)

    async def nodes(self) -> list[NodeInfo]:
        """List the nodes that are alive, ordered by id."""
        now = self._clock()
        beats = sorted(self._data.heartbeats.copy().items())
        return [info for _, (info, until) in beats if until > now]

    async def alive(self, node_id: str) -> bool:
        """Whether a node's last heartbeat is still valid."""
        beat = self._data.heartbeats.get(node_id)
        if beat is not None and beat[1] > self._clock():
            return True
        if self._clock() < self._recovering_until:
            raise StoreRecovering("the store lost data, and nodes have not all been heard again: retry later")
        return False

    async def retire(self, node_id: str) -> None:
        """Forget a node."""
        self._data.heartbeats.pop(node_id, None)

    async def check(self) -> list[str]:
        """Say that memory is not shared with other processes."""
        return ["the memory store dies with this process and is shared with no other: use Redis"]

    def wipe(self) -> None:
        """Lose all data, as FLUSHALL does. For tests."""
        self._data = _Data()
        self._recovering_until = self._clock() + RECOVERY

    def copy_data(self) -> object:
        """Copy what the store holds now, for :meth:`roll_back`. For tests."""
        return copy.deepcopy(self._data)

    def roll_back(self, data: object) -> None:
        """Go back to an earlier copy, as the promotion of a replica that lagged does. For tests."""
        assert isinstance(data, _Data)
        self._data = copy.deepcopy(data)

    def _row(self, session_id: str) -> _Row | None:
        row = self._data.rows.get(session_id)
        if row is not None and row.garbage_at <= self._clock():
            del self._data.rows[session_id]
            self._data.inboxes.pop(session_id, None)
            return None
        return row

    def _tombstone(self, session_id: str) -> Lease | None:
        entry = self._data.tombstones.get(session_id)
        if entry is not None and entry[1] <= self._clock():
            del self._data.tombstones[session_id]
            return None
        return entry[0] if entry else None

    def _refuse_deleted(self, session_id: str) -> None:
        if self._tombstone(session_id) is not None:
            raise SessionDeleted(f"session {session_id} was closed for good: start a new one")

    def _unknown(self, session_id: str) -> Exception:
        if self._clock() < self._recovering_until:
            return StoreRecovering("the store lost data and is being refilled: retry later")
        return SessionMissing(f"there is no session {session_id}")

    def _not_lost(self, lease: Lease) -> Record:
        row = self._row(lease.session_id)
        if row is None or row.record.epoch < lease.epoch:
            raise SessionMissing(_LOST.format(lease.session_id))
        return row.record

    def _event(self, kind: str, node: str, detail: str = "") -> tuple[LifeEvent]:
        return (LifeEvent(self._clock(), kind, node, detail),)

    def _noted(self, notes: Iterable[Note]) -> list[LifeEvent]:
        now = self._clock()
        return [LifeEvent(now - note.ago, note.kind, note.node, note.detail[:NOTE_LENGTH]) for note in notes]

    def _write(
        self,
        record: Record,
        timeout: float,
        events: Iterable[LifeEvent] = (),
        *,
        keep_deadline: bool = False,
        seen: bool = False,
    ) -> Record:
        now, before = self._clock(), self._data.rows.get(record.session_id)
        created, last_seen, life = (before.created, before.seen, before.life) if before else (0.0, 0.0, ())
        life = _longer(life, events)
        if not keep_deadline:
            record = replace(record, deadline=now + timeout)
        stored = replace(record, expired=False)
        self._data.rows[record.session_id] = _Row(
            stored, timeout, now + timeout + GRACE, created, now if seen else last_seen, life
        )
        return record


_LOST = "the store has lost session {} or its latest state: refill it, then repeat"


def _version(record: Record) -> tuple[int, int]:
    return record.epoch, record.commit.n


def _longer(life: tuple[LifeEvent, ...], events: Iterable[LifeEvent]) -> tuple[LifeEvent, ...]:
    """Add events; the first stays, and the latest."""
    whole = (*life, *events)
    return whole if len(whole) <= LIFE_LENGTH else (whole[0], *whole[1 - LIFE_LENGTH :])


def _sketch(row: _Row) -> Sketch:
    record, commit = row.record, row.record.commit
    return Sketch(
        record.session_id,
        record.owner,
        record.epoch,
        created=row.created,
        seen=row.seen,
        written=record.deadline - row.timeout,
        deadline=record.deadline,
        commits=commit.n,
        instance=commit.instance,
        rx=commit.rx,
        tx=commit.tx,
        main=commit.main,
        meta=commit.meta,
        snapshot=len(commit.image),
        tail=len(commit.tail),
        mail=record.mail,
    )
