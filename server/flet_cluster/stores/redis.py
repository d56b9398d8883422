"""The session store in Redis 7 or Valkey, single or cluster (layer 2).

All decisions are made by the scripts in ``lua/``, each atomic on one session's slot, by the server's clock.
"""

# ruff: noqa: ASYNC109 - `timeout` is the session's timeout, not the call's
from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

from flet_cluster.errors import (
    Fenced,
    InboxFull,
    SessionDeleted,
    SessionExists,
    SessionExpired,
    SessionMissing,
    StoreRecovering,
)
from flet_cluster.model import NOBODY, Commit, Entry, Held, Lease, MainState, NodeInfo, Record, Touched
from flet_cluster.stores import scripts
from flet_cluster.stores.app_stream import AppStream
from flet_cluster.stores.base import ENDED_SECONDS, GRACE, INBOX_LIMIT, TOMBSTONE
from flet_cluster.stores.batch import Batcher
from flet_cluster.stores.deadlines import Deadlines
from flet_cluster.stores.health import problems
from flet_cluster.stores.keys import Keys
from flet_cluster.stores.presence import Presence
from flet_cluster.stores.sights import Sights, written
from flet_cluster.stores.wire import ClusterWire, open_wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from flet_cluster.events import Observer
    from flet_cluster.facts import Note, Sample, SketchPage, Story
    from flet_cluster.model import Post, StreamPage
    from flet_cluster.stores.wire import Value

_GRACE = int(GRACE * 1000)
_REPEATS = 15.0
"""How long a command may be repeated at most, seconds: longer than any patience."""


class RedisStore:
    """See :class:`flet_cluster.stores.base.SessionStore`.

    Args:
        url: see :mod:`flet_cluster.stores.connect`.
        app: name of the app; keeps the keys of apps apart.
        patience: how long a command is tried, seconds, before it raises ``StoreUnavailable``.
        observer: counts what goes wrong.
    """

    def __init__(
        self, url: str, app: str, *, patience: float = 5.0, observer: Observer | None = None
    ) -> None:
        wire = open_wire(url, timeout=min(2.0, patience))
        self._keys = Keys(app, cluster=isinstance(wire, ClusterWire))
        self._batcher = Batcher(wire, patience=patience, observer=observer)
        self._deadlines = Deadlines(self._batcher, self._keys)
        self._presence = Presence(self._batcher, self._keys)
        self._stream = AppStream(self._batcher, self._keys)
        self._sights = Sights(self._batcher, self._keys)

    async def start(self) -> None:
        """Connect and note which data set is there."""
        try:
            await self._presence.incarnation()
        except BaseException:
            await self._batcher.stop()
            raise

    async def stop(self) -> None:
        """Close every connection."""
        await self._batcher.stop()

    async def create(self, session_id: str, owner: str, commit: Commit, timeout: float) -> Lease:
        """Write the first record of a session."""
        # The index first: a crash in between then leaves an entry too many, not a session nobody closes.
        await self._deadlines.lower(session_id, timeout)
        args = (owner, _ms(timeout), _GRACE, *_pack(commit))
        status, *_ = await self._batcher.script(scripts.CREATE, self._keys.session(session_id), args)
        if status == b"deleted":
            raise _deleted(session_id)
        if status == b"exists":
            raise SessionExists(f"session {session_id} has a record already: choose another id")
        return Lease(session_id, 1, owner)

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
        seized = (seize.owner, seize.epoch) if seize else ("", 0)
        args = (owner, _ms(timeout), _GRACE, *seized, int(expired_ok))
        status, *rest = await self._batcher.script(scripts.ACQUIRE, self._keys.session(session_id), args)
        if status == b"taken":
            earlier, expired, *fields = rest
            await self._follow(session_id, timeout, earlier)
            return _unpack(session_id, fields, expired=bool(expired))
        if status == b"held":
            return Held(Lease(session_id, rest[1], rest[0].decode()))
        if status == b"deleted":
            raise _deleted(session_id)
        if status == b"expired":
            raise SessionExpired(f"session {session_id} has expired")
        if await self._presence.recovering():
            raise StoreRecovering("the store lost data and is being refilled: retry later")
        raise SessionMissing(f"there is no session {session_id}")

    async def peek(self, session_id: str) -> Record | None:
        """Read a record."""
        record, _ = self._keys.session(session_id)
        status, *fields = await self._batcher.script(scripts.PEEK, [record])
        return _unpack(session_id, fields) if status == b"found" else None

    async def commit(self, lease: Lease, commit: Commit, timeout: float) -> None:
        """Compare-and-set on (epoch, owner, n - 1 → n)."""
        args = (lease.owner, _ms(timeout), _GRACE, lease.epoch, *_pack(commit))
        keys = self._keys.session(lease.session_id)
        status, *rest = await self._batcher.script(scripts.COMMIT, keys, args)
        if status == b"fenced":
            raise Fenced(lease.session_id, rest[0].decode(), rest[1])
        if status == b"deleted":
            raise _deleted(lease.session_id)
        if status == b"lost":
            raise await self._lost(lease)
        await self._follow(lease.session_id, timeout, rest[0])

    async def release(self, lease: Lease, timeout: float, notes: Sequence[Note] = ()) -> bool:
        """Give the session up."""
        args = (lease.owner, _ms(timeout), _GRACE, lease.epoch, *written(notes))
        keys = self._keys.session(lease.session_id)
        status, *rest = await self._batcher.script(scripts.RELEASE, keys, args)
        if status == b"lost":
            raise await self._lost(lease)
        if status == b"stale":
            return False
        await self._follow(lease.session_id, timeout, rest[0])
        return True

    async def touch(
        self, session_ids: Sequence[str], timeout: float, notes: Mapping[str, Sequence[Note]] | None = None
    ) -> Touched:
        """Move deadlines, and mend the index on the way."""
        args = [_ms(timeout), _GRACE]

        def touch(session_id: str) -> Awaitable[list[Any]]:
            told = written(notes.get(session_id, ())) if notes else []
            return self._batcher.script(scripts.TOUCH, self._keys.session(session_id)[:1], args + told)

        touches = [touch(session_id) for session_id in session_ids]
        replies = dict(zip(session_ids, await asyncio.gather(*touches), strict=True))
        found = {session_id: reply for session_id, reply in replies.items() if reply[0] == b"ok"}
        await self._deadlines.restore({session_id: int(reply[2]) for session_id, reply in found.items()})
        follow = (self._follow(session_id, timeout, reply[1]) for session_id, reply in found.items())
        await asyncio.gather(*follow)
        return Touched(
            missing=[session_id for session_id in session_ids if session_id not in found],
            mail=[session_id for session_id, reply in found.items() if reply[3]],
        )

    async def post(self, session_id: str, key: str, payload: bytes) -> str:
        """Put an entry into a session's inbox."""
        keys = (*self._keys.session(session_id), self._keys.inbox(session_id))
        status, *rest = await self._batcher.script(scripts.POST, keys, (key, payload, INBOX_LIMIT))
        if status == b"ok":
            owner: str = rest[0].decode()
            return owner
        if status == b"deleted":
            raise _deleted(session_id)
        if status == b"missing":
            raise SessionMissing(f"there is no session {session_id}")
        if status == b"expired":
            raise SessionExpired(f"session {session_id} has expired")
        raise InboxFull(f"{INBOX_LIMIT} entries wait for session {session_id} already")

    async def inbox(self, session_id: str) -> list[Entry]:
        """List what is in a session's inbox."""
        found = await self._batcher.script(scripts.INBOX, [self._keys.inbox(session_id)])
        pairs = zip(found[::2], found[1::2], strict=True)
        return sorted((_entry(key, value) for key, value in pairs), key=lambda entry: entry.n)

    async def clear_inbox(self, session_id: str, upto: int) -> None:
        """Remove entries."""
        await self._batcher.script(scripts.CLEAR, [self._keys.inbox(session_id)], [upto])

    async def keep(self, name: str, value: bytes, seconds: float) -> None:
        """Keep a value."""
        await self._batcher.script(scripts.KEEP, [self._keys.kept(name)], [value, _ms(seconds)])

    async def kept(self, name: str) -> bytes | None:
        """Look at a value."""
        status, *rest = await self._batcher.script(scripts.KEPT, [self._keys.kept(name)])
        return rest[0] if status == b"kept" else None

    async def take(self, name: str) -> bytes | None:
        """Take a value."""
        args = (secrets.token_hex(8), _ms(_REPEATS))
        status, *rest = await self._batcher.script(scripts.TAKE, [self._keys.kept(name)], args)
        return rest[0] if status == b"taken" else None

    async def claim(
        self, name: str, value: bytes, seconds: float, *, instead_of: bytes | None = None
    ) -> bytes | None:
        """Keep a value unless there is another."""
        args = (value, _ms(seconds), instead_of or b"")
        status, *rest = await self._batcher.script(scripts.CLAIM, [self._keys.kept(name)], args)
        return rest[0] if status == b"held" else None

    async def stream_append(
        self, posts: Sequence[Post], *, age: float, length: int, size: int, memory: float
    ) -> int:
        """Put messages at the end of the app's stream."""
        return await self._stream.append(posts, age=age, length=length, size=size, memory=memory)

    async def stream_read(self, after: int, limit: int) -> StreamPage:
        """Read on in the app's stream."""
        return await self._stream.read(after, limit)

    async def stream_end(self, known: int = 0) -> int:
        """Return how far the app's stream has come."""
        return await self._stream.end(known)

    async def delete(self, lease: Lease, reason: str = "") -> bool:
        """Replace the record by a tombstone."""
        args = (lease.owner, lease.epoch, _GRACE, _ms(TOMBSTONE), reason, _ms(ENDED_SECONDS))
        keys = self._all_of(lease.session_id)
        status, *_ = await self._batcher.script(scripts.DELETE, keys, args)
        if status == b"lost":
            raise await self._lost(lease)
        if status == b"stale":
            return False
        await self._deadlines.remove(lease.session_id)
        return True

    async def kick(self, session_id: str, reason: str = "kicked") -> str:
        """Replace the record by a tombstone, whoever holds it."""
        args = (_GRACE, _ms(TOMBSTONE), reason, _ms(ENDED_SECONDS))
        status, *rest = await self._batcher.script(scripts.KICK, self._all_of(session_id), args)
        if status == b"missing":
            raise SessionMissing(f"there is no session {session_id}")
        await self._deadlines.remove(session_id)
        return rest[0].decode() if rest else NOBODY

    def _all_of(self, session_id: str) -> tuple[str, ...]:
        """Return where a session's record, its tombstone, its inbox and, in the end, its life are."""
        return (
            *self._keys.session(session_id),
            self._keys.inbox(session_id),
            self._keys.life(session_id),
        )

    async def sketches(self, cursor: str = "", limit: int = 100, prefix: str = "") -> SketchPage:
        """Read on in the list of sessions."""
        return await self._sights.sketches(cursor, limit, prefix)

    async def story(self, session_id: str) -> Story | None:
        """Read one session."""
        return await self._sights.story(session_id)

    async def sample(self, info: NodeInfo) -> None:
        """Put a node's figures into the history."""
        await self._sights.sample(info)

    async def history(self, since: float = 0.0, limit: int = 20_000) -> list[Sample]:
        """Read the nodes' figures."""
        return await self._sights.history(since, limit)

    async def expired(self, limit: int) -> list[str]:
        """List sessions whose deadline has passed."""
        return await self._deadlines.due(limit)

    async def refill(self, record: Record, timeout: float) -> bool:
        """Write back what a node holds unless the store has something as new."""
        await self._deadlines.lower(record.session_id, timeout)
        args = (record.owner, _ms(timeout), _GRACE, record.epoch, *_pack(record.commit))
        keys = self._keys.session(record.session_id)
        status, *_ = await self._batcher.script(scripts.REFILL, keys, args)
        if status == b"deleted":
            raise _deleted(record.session_id)
        return bool(status != b"older")

    async def incarnation(self) -> str:
        """Return the random id of this data set."""
        return await self._presence.incarnation()

    async def heartbeat(self, info: NodeInfo, ttl: float) -> None:
        """Say that a node lives."""
        await self._presence.heartbeat(info, ttl)

    async def nodes(self) -> list[NodeInfo]:
        """List the nodes that are alive, ordered by id."""
        return await self._presence.nodes()

    async def alive(self, node_id: str) -> bool:
        """Whether a node's last heartbeat is still valid."""
        return await self._presence.alive(node_id)

    async def retire(self, node_id: str) -> None:
        """Forget a node."""
        await self._presence.retire(node_id)

    async def check(self) -> list[str]:
        """Look for settings of the server that endanger sessions."""
        return await problems(self._batcher.wire.client)

    async def _follow(self, session_id: str, timeout: float, earlier: int) -> None:
        """Let the index follow a deadline that came earlier than it was."""
        if earlier:
            await self._deadlines.lower(session_id, timeout)

    async def _lost(self, lease: Lease) -> SessionMissing:
        """Look at the incarnation, so that other nodes hear of the loss, and say what happened."""
        await self._presence.incarnation()
        return SessionMissing(
            f"the store has lost session {lease.session_id} or its latest state: refill it, then repeat",
        )


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


def _deleted(session_id: str) -> SessionDeleted:
    return SessionDeleted(f"session {session_id} was closed for good: start a new one")


def _pack(commit: Commit) -> tuple[Value, ...]:
    """Order the fields as the scripts name them."""
    return (
        commit.n,
        commit.instance,
        commit.rx,
        commit.tx,
        commit.main.value,
        commit.image,
        commit.tail,
        commit.inflight,
        commit.meta,
        commit.inbox,
        commit.stream,
        commit.outbox,
    )


def _entry(key: bytes, value: bytes) -> Entry:
    n, _, payload = value.partition(b" ")
    return Entry(int(n), key.decode(), payload)


def _unpack(session_id: str, fields: list[Any], *, expired: bool = False) -> Record:
    epoch, owner, deadline, posted, n, instance, rx, tx, main, image, tail, inflight, meta, *more = fields
    inbox, stream, outbox = more
    commit = Commit(
        n=int(n),
        instance=instance.decode(),
        rx=int(rx),
        tx=int(tx),
        main=MainState(main.decode()),
        image=image,
        tail=tail,
        inflight=inflight,
        meta=meta.decode(),
        inbox=int(inbox or 0),
        stream=int(stream or 0),
        outbox=outbox or b"",
    )
    until = int(deadline) / 1000
    return Record(session_id, int(epoch), owner.decode(), commit, until, expired, int(posted or 0))
