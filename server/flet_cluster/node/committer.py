"""Writes a session's snapshots to the store, one at a time, newest wins (layer 3).

While one commit is on its way, later snapshots replace each other: only the newest state matters, and it
accounts for all the output before it. Release follows the store's answer (I1); a refusal ends the seat (I2).
"""

from __future__ import annotations

import asyncio
import functools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flet_cluster.errors import (
    ClusterError,
    Fenced,
    GraphChanged,
    SessionDeleted,
    SessionExists,
    SessionMissing,
    SnapshotError,
    StoreError,
    StoreUnavailable,
)
from flet_cluster.node.feed import placed
from flet_cluster.node.tokens import binding_in
from flet_cluster.node.vault import Meta
from flet_cluster.protocol.close import CloseCode
from flet_cluster.threads import SEALING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.host.live import LiveSession
    from flet_cluster.host.picture import Captured
    from flet_cluster.host.pubsub import Publication
    from flet_cluster.host.sign_in import SignIn
    from flet_cluster.model import Commit
    from flet_cluster.node.seat import Seat

logger = logging.getLogger("flet_cluster.node")

CHANGED_SECONDS = 0.02
"""Pause between attempts to take a snapshot of a session whose threads are in the middle of something."""
TIDY_SECONDS = 1.0
"""How long a record may say that messages are to be published which are already."""
RETRY_SECONDS = 0.25
"""Pause between attempts while the store is away; the store's client has its own backoff below that."""
BIG = 1_000_000
"""From so many bytes on a state is sealed in a thread: it takes milliseconds, and others have work (I9)."""
HUGE = 5_000_000
"""Bytes of a state that the log names: to write it holds up everybody, which no thread helps against."""


@dataclass(slots=True)
class Staged:
    """A snapshot that waits for its commit."""

    captured: Captured
    tx: int
    tail: bytes
    publications: list[Publication]


@dataclass(slots=True)
class Pending:
    """A commit on its way.

    Attributes:
        meta: its facts, with what the commit before subscribed to.
        hears: what it subscribes to; None until that is in it.
    """

    commit: Commit
    meta: Meta
    keys: frozenset[str]
    hears: dict[str, int] | None = None


@dataclass(slots=True)
class Unsealed:
    """A commit that is to be sealed.

    Attributes:
        seal: makes the commit; from any thread, as it asks nothing of the session.
        size: bytes to be sealed.
    """

    seal: Callable[[], Commit]
    size: int
    meta: Meta
    keys: frozenset[str]
    hears: dict[str, int] | None = None

    def sealed(self) -> Pending:
        """Seal it."""
        return Pending(self.seal(), self.meta, self.keys, self.hears)


class Committer:
    """The commit pipeline of one seat."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._node = seat.node
        self._staged: Staged | None = None
        self._dirty = False
        self._scheduled = False
        self._warned = ""
        self._named_huge = False
        self._failed = False
        self._carried: list[Publication] = []
        self._sign_ins: list[SignIn] = []
        self._timer: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._tidy: asyncio.TimerHandle | None = None
        self._rewrite_due = False
        self.running: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether everything is committed."""
        busy = self._seat.publisher.busy
        return self.running is None and self._staged is None and not self._dirty and not busy

    def request(self) -> None:
        """Commit soon: at the end of this turn of the loop, so that what belongs together is together."""
        self._dirty = True
        if not self._scheduled and not self._seat.lost:
            self._scheduled = True
            self._node.loop.call_soon(self._turn)

    def stage(self) -> None:
        """Take a snapshot now and commit it as soon as the one before is through."""
        seat = self._seat
        if seat.lost or seat.live is None:
            return
        captured = self._capture(seat.live)
        if captured is None:
            return
        seat.trail.captured(output=bool(captured.packets or captured.publications))
        self._node.host.faults.hit("captured", seat.id)
        self._sign_ins += captured.sign_ins
        earlier = self._staged.publications if self._staged else self._carried
        self._carried = []
        tx = seat.showing.queue(captured.packets)
        tail = seat.showing.outbox.dump() if tx else b""
        self._staged = Staged(captured, tx, tail, [*earlier, *captured.publications])
        self._note_obstacle(captured.obstacle)
        self._note_size(len(captured.graph))
        self._start()

    def _capture(self, live: LiveSession) -> Captured | None:
        """Take a snapshot. None: not now, it comes later; until then nothing is released (I1)."""
        self._dirty = True
        began = self._node.loop.time()
        if live.pictures.possible:
            try:
                with self._node.timed("capture_seconds"):
                    captured = live.pictures.take()
            except GraphChanged as error:
                self._node.observer.count("capture_retried")
                logger.debug("session %s: its snapshot has to wait: %s", self._seat.id, error)
            else:
                self._dirty = False
                return captured
        # The end of the lane's run asks by itself, as does the first answer.
        if live.lane.at_rest and not live.preparing and self._retry is None:
            pause = max(CHANGED_SECONDS, 4 * (self._node.loop.time() - began))  # others have work too (I9)
            self._retry = self._node.loop.call_later(pause, self._retry_due)
        return None

    def _retry_due(self) -> None:
        """Look whether the session's threads have got over it."""
        self._retry = None
        self._turn()

    def forget_output(self) -> None:
        """Output staged for a page that is gone must not count for the new one: take a new snapshot."""
        if self._staged is not None:
            self._carried += self._staged.publications
            self._staged = None
            self._dirty = True

    def _note_obstacle(self, obstacle: str) -> None:
        """Say once that a session cannot travel, and why."""
        if obstacle != self._warned:
            self._warned = obstacle
            if obstacle:
                self._node.observer.count("not_portable")
                self._seat.diary.note("not-portable", obstacle)
                logger.warning("session %s will not survive this node: %s", self._seat.id, obstacle)

    def _note_size(self, size: int) -> None:
        """Say once that a session is so big that others feel it."""
        if size > HUGE and not self._named_huge:
            self._named_huge = True
            logger.warning(
                "session %s: its state has %.1f MB, and everybody on this node waits while that is written, "
                "with each of its events; keep what is big in a file or a database, or in a module's global "
                "if it is the same for all users",
                self._seat.id,
                size / 1e6,
            )

    def _turn(self) -> None:
        """The end of a turn of the loop: take the snapshot, unless something must come first."""
        self._scheduled = False
        seat = self._seat
        if seat.lost or self.running is not None:
            return
        if seat.live is None:
            self._dirty = False
        elif self._dirty and self.early:
            seat.showing.release_early(seat.live.output.take_packets())
            self._wait()
        elif self._dirty:
            self.stage()
        self._start()

    @property
    def early(self) -> bool:
        """Whether output goes out before its commit just now: there is an interval, and nobody is leaving."""
        seat = self._seat
        if self._node.settings.commit_interval == 0 or seat.committed is None or seat.wants_rest:
            return False
        return seat.live is None or not seat.live.output.has_sign_ins

    def _wait(self) -> None:
        """Commit when the interval is over."""
        if self._timer is None:
            self._timer = self._node.loop.call_later(self._node.settings.commit_interval, self._due)

    def _due(self) -> None:
        """The interval is over."""
        self._timer = None
        live = self._seat.live
        if self._dirty and live is not None and not self._seat.lost:
            if live.pictures.possible:
                self.stage()
            else:
                self._wait()

    def _start(self) -> None:
        """Start the next commit, or settle when there is none."""
        if self.running is not None or self._seat.lost or self._failed:
            return
        if self._staged is not None:
            staged, self._staged = self._staged, None
            self._run(lambda: self._build(staged), self._seat.showing.generation)
        elif not self._dirty and self._takes_rewrite():
            self._run(self._rewritten, None)
        elif not self._dirty and not self._seat.publisher.busy:
            self._seat.settle()

    def _run(self, build: Callable[[], Unsealed], generation: int | None) -> None:
        """Seal what ``build`` gives, here unless it is big, and write it; see :meth:`_commit`."""
        try:
            unsealed = build()
            pending = unsealed.sealed() if unsealed.size < BIG else unsealed
        except Exception as error:  # noqa: BLE001  # whatever it was, nobody must wait for this for ever
            self._cannot_build(error)
        else:
            self.running = self._node.spawn(self._commit(pending, generation))

    def _cannot_build(self, error: Exception) -> None:
        """End a session whose state cannot be made a commit: its user is told (I6)."""
        logger.error("session %s: its commit cannot be built", self._seat.id, exc_info=error)
        self._failed = True
        if not isinstance(error, ClusterError):
            error = SnapshotError(f"its state cannot be sealed ({type(error).__name__}: {error})")
        self._node.spawn(self._node.departures.reset(self._seat, error))

    async def _commit(self, sealed: Pending | Unsealed, generation: int | None) -> None:
        """Write one snapshot, then release what it covers. No generation: it covers nothing new."""
        seat = self._seat
        try:
            with self._node.timed("commit_seconds"):
                pending = await self._in_thread(sealed) if isinstance(sealed, Unsealed) else sealed
                if pending is None:
                    return
                if generation is not None:
                    self._node.observer.observe("snapshot_bytes", len(pending.commit.image))
                elif seat.committed is not None:
                    self._node.ties.follow(seat.id, seat.committed, pending.commit)
                written = await self._write(pending)
        except (Fenced, SessionDeleted) as error:
            seat.fenced(error)
            return
        finally:
            self.running = None
        if not written:
            return
        self._let_out(pending, generation)
        if self._dirty:
            self._turn()
        else:
            self._start()

    def _let_out(self, pending: Pending, generation: int | None) -> None:
        """Let out what has waited for a commit that the store has now (I1)."""
        seat, commit = self._seat, pending.commit
        accounted, seat.committed = seat.committed.inbox if seat.committed else 0, commit
        if commit.inbox > accounted:
            self._node.mail.accounted(seat.id, commit.inbox)
        if generation is not None:
            seat.trail.committed(len(commit.image))
        self._node.host.faults.hit("committed", seat.id)
        if generation is not None:
            seat.showing.committed(commit, generation)
            seat.trail.shown()
        self._node.host.faults.hit("released", seat.id)
        self._node.publications.follow(seat, pending.hears or {}, commit.stream)
        seat.publisher.stored(commit.n)
        self._node.host.faults.hit("published", seat.id)

    async def _in_thread(self, unsealed: Unsealed) -> Pending | None:
        """Seal a big one while others go on; None when that failed."""
        try:
            return await SEALING.run(unsealed.sealed)
        except Exception as error:  # noqa: BLE001  # as in _run
            self._cannot_build(error)
            return None

    # -- the same state once more -------------------------------------------------------------------

    def published(self) -> None:
        """What was to be published is: the record may forget it, and whoever waits for rest goes on."""
        if not self._seat.lost:
            self._start()
            if self._tidy is None:
                self._tidy = self._node.loop.call_later(TIDY_SECONDS, self._tidy_due)

    def _tidy_due(self) -> None:
        self._tidy = None
        self.renew()

    def renew(self) -> None:
        """Write the same state again, with how far it has heard and published since, if that is further."""
        if not self._seat.lost:
            self._rewrite_due = True
            self._start()

    def _takes_rewrite(self) -> bool:
        """Whether the same state is to be written again now; asked for once."""
        seat = self._seat
        due, self._rewrite_due = self._rewrite_due, False
        if seat.committed is None or seat.lease is None or seat.publisher.busy:
            return False
        if seat.committed.outbox:
            return due or seat.wants_rest  # who takes it over need not publish it again
        return due and self._stream > seat.committed.stream

    @property
    def _stream(self) -> int:
        """How far the state of the last commit has heard: to the cursor, unless it is not in it what came."""
        seat = self._seat
        committed = seat.committed.stream if seat.committed else 0
        moved = seat.live is not None and seat.live.messages.latest > committed
        return max(committed, 0 if moved else seat.feed.cursor)

    def _rewritten(self) -> Unsealed:
        seat = self._seat
        last = seat.committed
        assert last is not None
        seal = functools.partial(
            self._node.vault.again, seat.id, last, stream=self._stream, outbox=list(seat.publisher.groups)
        )
        return Unsealed(seal, len(last.image), Meta(), frozenset(), seat.feed.hears)

    # -- a new state --------------------------------------------------------------------------------

    def _build(self, staged: Staged) -> Unsealed:
        """Make of a snapshot the commit that follows the last one."""
        seat, captured = self._seat, staged.captured
        live, last = seat.live, seat.committed
        n = (last.n if last else 0) + 1
        seat.publisher.add(n, staged.publications)
        meta = Meta(
            version=self._node.version,
            obstacle=captured.obstacle,
            background=len(live.background.calls) if live else 0,
            hears=seat.feed.hears,
            due=captured.due,
            away=seat.away,
            extra=dict(seat.trail.committing(n)),
        )
        seal = functools.partial(
            self._node.vault.commit,
            seat.id,
            n,
            instance=seat.instance,
            rx=captured.rx,
            tx=staged.tx,
            main=captured.main,
            graph=captured.graph,
            tail=staged.tail,
            running=captured.running,
            meta=meta,
            inbox=captured.inbox,
            stream=max(captured.stream, last.stream if last else 0),
            outbox=list(seat.publisher.groups),
        )
        return Unsealed(seal, len(captured.graph), meta, captured.hears)

    async def _write(self, pending: Pending) -> bool:
        """Write until the store has it. False: the seat was lost meanwhile.

        Raises:
            Fenced, SessionDeleted: it never will.
        """
        seat = self._seat
        patience = self._node.loop.time() + self._node.settings.store_patience
        while not seat.lost:
            try:
                await self._attempt(pending)
            except (Fenced, SessionDeleted):
                raise
            except Exception as error:
                # Whatever it was, output waits for this commit: for as long as it may, then it says so.
                self._node.observer.count("commit_retries")
                seat.trail.retried(type(error).__name__)
                if not isinstance(error, StoreError):
                    logger.exception("session %s: commit failed, retrying", seat.id)
                elif not isinstance(error, StoreUnavailable):
                    logger.warning("session %s: commit failed, retrying: %s", seat.id, error)
                if self._node.loop.time() > patience:
                    self._output_waits_too_long(error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return True
        return False

    def _output_waits_too_long(self, error: Exception) -> None:
        """I1: output is never released instead; the browser is asked to come back later."""
        if self._seat.socket is not None:
            logger.error("session %s: closing its socket, nothing can be stored: %s", self._seat.id, error)
            self._seat.socket.close(CloseCode.STORE_UNAVAILABLE)

    async def _attempt(self, pending: Pending) -> None:
        """Create the record or replace its state; refill a store that lost it."""
        seat, store, timeout = self._seat, self._node.store, self._seat.timeout
        if pending.hears is None:
            pending.commit, pending.hears = await placed(pending.commit, pending.meta, pending.keys, store)
        commit = pending.commit
        while self._sign_ins:  # before the output that leads their users away
            await self._node.sign_ins.keep(seat.id, binding_in(seat.token), self._sign_ins[0])
            del self._sign_ins[0]
        if seat.lease is None:
            try:
                seat.lease = await store.create(seat.id, self._node.id, commit, timeout)
            except SessionExists as error:
                raise Fenced(seat.id, "another node", 0) from error
            return
        try:
            await store.commit(seat.lease, commit, timeout)
        except SessionMissing:
            if not await seat.refill(commit):
                raise Fenced(seat.id, "another node", seat.lease.epoch) from None
