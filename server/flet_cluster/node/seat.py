"""One session on this node: its record, its objects when needed, its socket when there (layer 3).

The seat is where the invariants meet: it commits before it releases (I1), under its lease (I2), with what has
been started (I3), and tells the browser when continuity is lost (I6). Runs on the loop only.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol, cast

from flet_cluster.errors import (
    Fenced,
    ProtocolError,
    SealBroken,
    SessionDeleted,
    SnapshotError,
    StoreError,
)
from flet_cluster.host import rest
from flet_cluster.host.live import LiveSession
from flet_cluster.model import Commit, Lease, MainState, Record
from flet_cluster.node import interruptions
from flet_cluster.node.committer import Committer
from flet_cluster.node.diary import Diary
from flet_cluster.node.feed import Feed
from flet_cluster.node.publisher import Publisher
from flet_cluster.node.showing import Showing
from flet_cluster.node.tokens import binding_in
from flet_cluster.node.vault import Meta, trace_in
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.host.connection import ClientInfo
    from flet_cluster.host.entry import Entry
    from flet_cluster.host.limbo import Limbo
    from flet_cluster.node.node import Node
    from flet_cluster.protocol.frames import Hello

logger = logging.getLogger("flet_cluster.node")

LAZY_COMMIT_SECONDS = 0.1
"""How long input without output (typing) may wait for its commit."""


class Socket(Protocol):
    """What a seat needs of a client's socket. Methods return at once."""

    @property
    def relayed(self) -> bool:
        """Whether the client is at another node."""

    def release(self, frames: list[tuple[int, bytes]], rx: int) -> None:
        """Send committed output, in order, and say that inputs up to ``rx`` are committed."""

    def datagram(self, packet: bytes) -> None:
        """Send raw channel bytes, or drop them."""

    def close(self, code: CloseCode) -> None:
        """Close it."""


class Seat:
    """A session that this node holds, or is about to create.

    Attributes:
        committed: the last commit the store has; None before the first.
        showing: what its browser sees, once it is committed.
        live: the objects; None while the session is dormant.
        entry: what it is to begin with, until its objects have that; None for the program's own.
        limbo: objects that were let go of, as long as nobody asked for them again.
        used: when the objects were last needed, seconds by the loop's clock.
        slept: when they were last let go of before their time; 0 if they were not.
        restless: they were needed again before that time was over.
        taken_from: the node this session was taken from by force, as long as it may still live.
        seized: it was taken by force, so nobody has said what ended with the node that had it.
        lapses: how often the node's sign of life had lapsed when the session was taken.
        mail: something may wait in its inbox.
        away: the app was told that its user has left, and not yet that the user is back.
        stays: its user has left, and it is still here: for its work, since it cannot travel, or since the app
            keeps its page.
        resent: the browser had sent its inputs up to here before it opened its present socket.
        diary: what happens to it here, for its life in the store.
        begun_before: it has no record, but a node that died may have begun it.
        lost: somebody else has the session now, or nobody ever will: nothing may be sent any more.
    """

    def __init__(self, node: Node, session_id: str, token: str, instance: str = "") -> None:
        self.node = node
        self.id = session_id
        self.token = token
        self.lease: Lease | None = None
        self.committed: Commit | None = None
        self.instance = instance
        self.live: LiveSession | None = None
        self.entry: Entry | None = None
        self.limbo: Limbo | None = None
        self.used = node.loop.time()
        self.slept = 0.0
        self.restless = False
        self.socket: Socket | None = None
        self.lost = False
        self.leaving = False
        self.taken_from = ""
        self.seized = False
        self.lapses = node.host.life.lapses
        self.away = False
        self.stays = False
        self.mail = False
        self.resent = 0
        self.begun_before = False
        self.detached_at: float | None = None
        self.diary = Diary(node)
        self.trail = node.tracer.trail(session_id)
        self.committer = Committer(self)
        self.publisher = Publisher(self)
        self.feed = Feed(self)
        self.showing = Showing(self)
        self._lazy: asyncio.TimerHandle | None = None
        self._gone_timer: asyncio.TimerHandle | None = None
        self._quiet: list[Callable[[], None]] = []

    # -- made from nothing, or from a record ------------------------------------------------------

    @classmethod
    def taken(cls, node: Node, record: Record, token: str, trace: str = "") -> Seat:
        """Return the seat of a record this node has just acquired.

        ``trace``: header of the span in which it was.

        Raises:
            SealBroken: the record does not verify.
            SnapshotError: its tail is of another format.
        """
        seat = cls(node, record.session_id, token, record.commit.instance)
        seat.lease = record.lease
        seat.committed = record.commit
        seat.away = Meta.load(record.commit.meta).away
        seat.trail.came(trace_in(record.commit.meta), trace)
        tail = node.vault.tail(record.session_id, record.commit)
        seat.showing.go_on_from(record.commit, Outbox.load(tail, node.limits))
        seat.publisher.adopt(node.vault.outbox(record.session_id, record.commit), record.commit.n)
        return seat

    def wake(self) -> LiveSession:
        """Return the session's objects, rebuilding them from the record if they are not there.

        Raises:
            SealBroken, SnapshotError: they cannot be rebuilt; :meth:`Departures.reset` is the only way on.
        """
        self.used = self.node.loop.time()
        if self.live is not None or self.recall():
            return cast("LiveSession", self.live)
        if self.committed is None:
            entry, self.entry = self.entry, None
            self.live = LiveSession.fresh(self.node.host, self.id, self.instance, self, entry)
            self.live.trail = self.trail
            self.live.token, self.live.again = self.token, self.begun_before
            self.live.bound = bool(binding_in(self.token))
            return self.live
        commit = self.committed
        live = self._rebuilt(commit)
        live.trail = self.trail
        self.node.hibernation.woke(self, self.node.loop.time() - self.used)
        live.token, live.bound = self.token, bool(binding_in(self.token))
        live.fence.seen = self.lapses
        live.main = commit.main
        live.entries.go_on_from(commit.inbox)
        live.messages.passed(max(commit.stream, self.feed.cursor))
        live.inputs.progress.rx = live.inputs.progress.accepted = commit.rx
        interruptions.report(self, live, commit)
        self.live = live
        live.wake()
        self.node.spawn(self._restart_background(live))
        return live

    def _rebuilt(self, commit: Commit) -> LiveSession:
        """Rebuild the objects of a commit, and count how that went. Raises SealBroken, SnapshotError."""
        outcome = "failed"
        try:
            graph = self.node.vault.graph(self.id, commit)
            if not graph:
                raise SnapshotError(Meta.load(commit.meta).obstacle or "the session could not travel")
            tied = self.node.ties.take(self.id, commit)
            if tied is not None:
                graph = tied.graph
            with self.node.timed("restore_seconds"), self.trail.restoring():
                live = LiveSession.restored(
                    self.node.host, self.id, self.instance, self, graph, tied.shared if tied else {}
                )
            outcome = "done"
        except SealBroken:
            outcome = "unsealed"
            raise
        finally:
            self.node.observer.count("restores", outcome=outcome)
        return live

    def recall(self) -> bool:
        """Take back objects that were let go of and are still there; whether there are any."""
        limbo, self.limbo = self.limbo, None
        if limbo is not None and not self.lost:
            self.live = limbo.recall()
            if self.live is not None:
                self.live.resources.come_back()
                self.live.messages.passed(self.feed.cursor)
        return self.live is not None

    async def _restart_background(self, live: LiveSession) -> None:
        """Start background work again, never while the node it was taken from by force may still run it."""
        while self.taken_from and not self.lost:
            try:
                if await self.node.dead(self.taken_from):
                    self.taken_from = ""
            except StoreError as error:
                logger.warning("session %s: background work waits for the store: %s", self.id, error)
            if self.taken_from:
                await asyncio.sleep(self.node.settings.heartbeat_interval)
        if not self.lost and not live.gone:
            live.background.restart()

    @property
    def needs_objects(self) -> bool:
        """Whether the record says that something of the session should be running."""
        if self.committed is None:
            return False
        meta = Meta.load(self.committed.meta)
        due = self.committed.main is MainState.PENDING or bool(self.committed.inflight)
        return due or meta.background > 0 or meta.due > 0

    @property
    def timeout(self) -> float:
        """Seconds from now until the session expires, if nothing else happens."""
        full = self.node.settings.session_timeout
        if self.detached_at is None:
            return full
        return max(0.001, self.detached_at + full - self.node.loop.time())

    def adopt(self, live: LiveSession) -> None:
        """Take objects that were not made from the record: the session begins anew."""
        self.trail.ended("begun anew")
        live.trail = self.trail
        self.live = live
        self.away = False

    def expect_user(self) -> None:
        """Wait for a socket like after one that was cut off: it was promised, and may never come."""
        self.detached_at = self.node.loop.time()
        self._gone_timer = self.node.loop.call_later(self.node.settings.disconnect_grace, self._user_left)

    # -- sockets ----------------------------------------------------------------------------------

    def attach(self, socket: Socket, instance: str) -> None:
        """Give the session a new socket; the old one, if any, is told why it ends."""
        old, self.socket = self.socket, socket
        if old is not None and old is not socket:
            old.close(CloseCode.SUPERSEDED if instance == self.instance else CloseCode.REPLACED)
        self.detached_at = None
        if self._gone_timer is not None:
            self._gone_timer.cancel()
            self._gone_timer = None
        if self.mail:
            self.node.mail.look(self)

    def is_behind(self, hello: Hello) -> bool:
        """Whether the browser has seen more of its page than this seat has committed."""
        same_page = hello.instance == self.instance
        return same_page and (hello.durable > self.showing.durable[0] or hello.rx > self.showing.last)

    def resume(self, hello: Hello) -> tuple[bool, list[tuple[int, bytes]]]:
        """Return (resumed, frames to replay) for a page instance that comes back.

        When its missed output is no longer kept, the page is sent whole through the next commit.

        Raises:
            ProtocolError: the record is older than what the browser knows (rollback).
            SealBroken, SnapshotError: the whole page is needed and cannot be rebuilt.
        """
        durable = self.showing.durable[0]
        if hello.durable > durable:
            message = f"input {hello.durable} was committed, the record has {durable}"
            raise ProtocolError(CloseCode.ROLLBACK, message)
        replay = self.showing.replay(hello.rx)
        if replay is not None:
            return True, replay
        live = self.wake()
        self.showing.outbox.restart(hello.rx)
        self.showing.drop_held()
        live.whole_page()
        return False, []

    def restart_link(self, instance: str) -> None:
        """The page was loaded anew: numbers start at 1, what was for the old page is dropped."""
        self.instance = instance
        self.showing.start_over()
        self.committer.forget_output()
        self.wake().restart_link(instance)
        self.away = False  # the page registers anew, which tells the app

    def detach(self, socket: Socket, *, for_good: bool) -> None:
        """A socket ended. ``for_good``: the client said goodbye, so Flet's ``on_disconnect`` is due now."""
        if self.socket is not socket:
            return
        self.socket = None
        self.detached_at = self.node.loop.time()
        if self.lost or self.leaving:
            return
        if self.committed is None and self.live is None:
            self.node.forget(self)
        elif for_good:
            self._user_left()
        else:
            self._gone_timer = self.node.loop.call_later(self.node.settings.disconnect_grace, self._user_left)

    def _user_left(self) -> None:
        """Fire ``on_disconnect``, then let the session sleep in the store."""
        self._gone_timer = None
        if self.lost or self.leaving or self.socket is not None:
            return
        if self.live is not None and not self.live.registered:  # begun anew, and nobody has seen it
            self.node.spawn(self.node.departures.give_up(self, unless_connected=True))
            return
        self.diary.note("left")
        self.note_absence()
        self.when_quiet(self.let_sleep)
        self.changed(urgent=True)

    def note_absence(self) -> None:
        """Tell the app that its user has left if there is none: nobody else will, once this node has left."""
        if self.socket is not None or self.lost or self.leaving:
            return
        if self.live is not None and not self.live.registered:
            return
        try:
            self.say_away()
        except (SealBroken, SnapshotError) as error:
            logger.warning("session %s: no on_disconnect: %s", self.id, error)

    def say_away(self) -> None:
        """Tell the app that its user has left, unless it knows. Raises SealBroken, SnapshotError."""
        if not self.away:
            self.wake().inputs.page_event("disconnect")
            self.away = True

    def say_back(self) -> None:
        """Tell the app that its user is back, if it thinks otherwise. Raises SealBroken, SnapshotError."""
        if self.away:
            self.wake().inputs.page_event("connect")
            self.away = False

    def let_sleep(self) -> None:
        """Give a session without user and work back to the store, unless it can only be here.

        What stays is looked at again by the sweep.
        """
        live = self.live
        self.stays = False
        if self.socket is not None or self.lost or self.leaving:
            return
        works = live is not None and bool(live.background.calls)
        self.stays = works or self.cannot_travel or self.node.ties.holds(self)
        if not self.stays:
            self.node.spawn(self._leave())

    async def _leave(self) -> None:
        self.stays = not await self.node.departures.give_up(self, unless_connected=True)

    # -- input ------------------------------------------------------------------------------------

    def accept(self, seq: int, packet: bytes, client: ClientInfo, came: float | None = None) -> None:
        """Take one input of the browser, which came at this time of ``time.perf_counter``, by default now.

        Raises:
            BadPacket: it is not a packet of Flet.
            ProtocolError: too much waits already.
            SealBroken, SnapshotError: the session cannot be rebuilt here.
        """
        if self.leaving:  # it crossed our goodbye, and comes again elsewhere
            return
        live = self.wake()
        number = seq or live.inputs.progress.accepted + 1
        kind = live.inputs.accept(number, packet, client, again=0 < seq <= self.resent)
        if kind == "event":
            self.showing.came(number, came)

    def acknowledged(self, seq: int) -> None:
        """The browser has all output up to ``seq``."""
        self.showing.outbox.acknowledge(seq)

    # -- what the live session says -----------------------------------------------------------------

    def changed(self, urgent: bool) -> None:
        """Commit now or soon."""
        self.used = self.node.loop.time()
        if self.live is None:  # the app has kept objects of a session that sleeps, and uses them
            self.recall()
        if urgent:
            self.committer.request()
        elif self._lazy is None and not self.lost:
            self._lazy = self.node.loop.call_later(LAZY_COMMIT_SECONDS, self._lazy_due)

    def _lazy_due(self) -> None:
        self._lazy = None
        self.committer.request()

    def stage(self) -> None:
        """Take the snapshot now; with a commit interval, at least show what there is to see."""
        if self.committer.early and self.live is not None:
            self.showing.release_early(self.live.output.take_packets())
            self.committer.request()
        else:
            self.committer.stage()

    def datagram(self, packet: bytes) -> None:
        """Send raw channel bytes if there is a socket."""
        if self.socket is not None and not self.lost:
            self.socket.datagram(packet)

    # -- rest -------------------------------------------------------------------------------------

    @property
    def wants_rest(self) -> bool:
        """Whether somebody waits for this session to have nothing left to commit."""
        return bool(self._quiet)

    @property
    def departing(self) -> bool:
        """Whether the session is to leave as soon as it can, with no user here to see its threads wait."""
        held = self.live is not None and rest.has_lasting_work(self.live)
        return self.wants_rest and self.socket is None and not held

    @property
    def busy(self) -> bool:
        """Whether something of it waits for the store, for its turn or for somebody who wants it to rest."""
        waits = self._lazy is not None or self.showing.holds or self._quiet or self.mail
        return bool(waits) or self.publisher.busy or not self.committer.idle

    @property
    def at_rest(self) -> bool:
        """Whether nothing of the session runs and all of it is committed, or it is not ours any more."""
        committed = self._lazy is None and self.committer.idle
        return self.lost or (committed and (self.live is None or rest.releasable(self.live)))

    @property
    def movable(self) -> bool:
        """Whether another node may have it now, and its user would not notice.

        Plain clients show it, and so does work that would start again from its beginning.
        """
        connected = bool(self.socket and self.lease and self.instance)
        works = bool(self.live.background.calls) if self.live is not None else self.needs_objects
        return connected and self.portable and self.at_rest and not works

    @property
    def portable(self) -> bool:
        """Whether another node could rebuild the session from its record."""
        return self.committed is not None and bool(self.committed.image)

    @property
    def cannot_travel(self) -> bool:
        """Whether its record says that nobody could rebuild it: it lives here or not at all."""
        return self.committed is not None and not self.committed.image

    def when_quiet(self, action: Callable[[], None]) -> None:
        """Run ``action`` once everything has ended and is committed."""
        self._quiet.append(action)
        if self._lazy is not None:  # what waited for its time is in this commit
            self._lazy.cancel()
            self._lazy = None
        self.committer.request()

    def settle(self) -> None:
        """Nothing is left to commit: run what waited for that, if nothing runs either."""
        if self._quiet and (self.live is None or rest.releasable(self.live)):
            actions, self._quiet = self._quiet, []
            for action in actions:
                action()

    async def refill(self, commit: Commit) -> bool:
        """Write a commit back into a store that lost it; False when the store holds something newer.

        Raises:
            SessionDeleted: the session was closed for good.
        """
        if self.lease is None:
            return False
        record = Record(self.id, self.lease.epoch, self.lease.owner, commit, 0.0)
        written = await self.node.store.refill(record, self.timeout)
        if written:
            self.node.observer.count("refilled")
        return written

    async def holds(self) -> bool:
        """Ask the store whether the session is still ours; if another node has it, drop it.

        Raises:
            StoreError: the store does not answer.
        """
        if self.lost or self.lease is None:
            return not self.lost
        record = await self.node.store.peek(self.id)
        if record is None or record.lease == self.lease:
            return not self.lost  # a store that lost the record is refilled by the next commit
        self.fenced(Fenced(self.id, record.owner, record.epoch))
        return False

    # -- the end ----------------------------------------------------------------------------------

    def lose(self, code: CloseCode, reason: str) -> None:
        """Stop being the writer: drop everything, send nothing more, close the socket."""
        if self.lost:
            return
        self.recall()  # whoever still holds one of its objects is to be told
        self.lost = True
        self.trail.ended(code.reason)
        logger.debug("session %s leaves this node: %s", self.id, reason)
        for timer in (self._lazy, self._gone_timer):
            if timer is not None:
                timer.cancel()
        if self.live is not None:
            self.live.dispose()
            self.live = None
        self.showing.drop_held()
        socket, self.socket = self.socket, None
        if socket is not None:
            socket.close(code)
        self.node.forget(self)
        quiet, self._quiet = self._quiet, []
        for action in quiet:
            action()

    def fenced(self, error: Fenced | SessionDeleted) -> None:
        """The store refused our write: another node has the session, or it is deleted (I2)."""
        self.node.observer.count("fenced")
        deleted = isinstance(error, SessionDeleted)
        self.lose(CloseCode.DELETED if deleted else CloseCode.MOVED, str(error))
