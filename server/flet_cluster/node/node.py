"""One process's part of the cluster: which sessions it holds and how they come and go (layer 3)."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import secrets
import weakref
from typing import TYPE_CHECKING, Any

from flet_cluster import logscope
from flet_cluster.errors import StoreError
from flet_cluster.host.resources import all_closed
from flet_cluster.model import NodeInfo
from flet_cluster.node.control import Control
from flet_cluster.node.departures import Departures
from flet_cluster.node.drain import Drain
from flet_cluster.node.exchanges import Exchanges
from flet_cluster.node.figures import Figures, History
from flet_cluster.node.heartbeat import STUCK_SECONDS, Heartbeat
from flet_cluster.node.hibernation import Hibernation
from flet_cluster.node.levels import show_levels
from flet_cluster.node.loop_watch import LoopWatch
from flet_cluster.node.mail import Mail
from flet_cluster.node.orders import Orders
from flet_cluster.node.publications import Publications
from flet_cluster.node.rebalance import Rebalance
from flet_cluster.node.relays import Relays
from flet_cluster.node.restores import Restores
from flet_cluster.node.seat import Seat
from flet_cluster.node.sign_ins import SignIns
from flet_cluster.node.takeover import take
from flet_cluster.node.ties import Ties
from flet_cluster.node.timed import Timed
from flet_cluster.node.tokens import Claim, Tokens, new_session_id
from flet_cluster.node.upgrades import Upgrades
from flet_cluster.node.upkeep import Upkeep
from flet_cluster.node.vault import Meta, Vault, trace_in
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from flet_cluster.bus.base import Bus
    from flet_cluster.host.entry import Entry
    from flet_cluster.host.environment import HostEnvironment
    from flet_cluster.model import Record
    from flet_cluster.protocol.limits import Limits
    from flet_cluster.settings import Settings
    from flet_cluster.snapshot import KeyRing
    from flet_cluster.stores.base import SessionStore

logger = logging.getLogger("flet_cluster.node")

_OURS = frozenset(CloseCode)


class Node:
    """One node. Everything runs on one loop; :meth:`start` and :meth:`stop` bracket its life.

    Args:
        settings: all options.
        limits: bounds of links and queues.
        store: the truth.
        bus: the hints.
        host: the app and what its sessions share.
        keys: seals what leaves the process.
        open_store: opens another client of the same store, for the heartbeat's own thread.

    Attributes:
        id: unique for each process start, so that a restarted process is another node.
        seats: the sessions held here, by id.
        sockets: the websockets open here.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a node, put together in one place
        self,
        settings: Settings,
        limits: Limits,
        store: SessionStore,
        bus: Bus,
        host: HostEnvironment,
        keys: KeyRing,
        open_store: Callable[[], SessionStore] | None = None,
    ) -> None:
        self.id = f"n-{secrets.token_hex(6)}"
        self.settings = settings
        self.limits = limits
        self.store = store
        self.bus = bus
        self.host = host
        host.node_id = self.id
        self.loop = host.loop
        self.observer = host.observer
        self.tracer = host.tracer
        self.tracer.at(self.id)
        self.vault = Vault(keys, settings.app_name, host.observer)
        self.tokens = Tokens(settings.key_ring(), settings.app_name)
        self.departures = Departures(self)
        self.ties = Ties(self)
        self.publications = Publications(self)
        self.mail = Mail(self)
        self.sign_ins = SignIns(self)
        host.once = Exchanges(self).once
        self.relays = Relays(self)
        self.upgrades = Upgrades(self)
        self.rebalance = Rebalance(self)
        self.control = self._control_channel()
        self.seats: dict[str, Seat] = {}
        self.sockets: set[Any] = set()
        self.version = ""
        self.draining = False
        interval, ttl = settings.heartbeat_interval, settings.heartbeat_timeout
        self.figures = Figures(self)
        self._watch = LoopWatch(host.program.is_app_module, self._looked)
        self._heartbeat = (
            Heartbeat(open_store, self.describe, interval, ttl, lambda: self._watch.stuck_for, host.life)
            if open_store
            else None
        )
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._jobs: set[asyncio.Task[Any]] = set()
        self._upkeep = Upkeep(self)
        self.hibernation = Hibernation(self)
        self.restores = Restores(self)
        show_levels(self)

    def _control_channel(self) -> Control:
        """Say what other nodes and operators may ask this one, and what they may hint at."""
        answers = {
            "release": self.departures.asked_to_release,
            "adopt": self.upgrades.asked_to_adopt,
            **Orders(self).answers,
        }
        hints: dict[str, Callable[[dict[str, Any]], None]] = {
            "mail": lambda body: self.mail.arrived(body["session"]),
            "moving": lambda body: self.rebalance.turn_away(body["sessions"]),
            "gone": lambda body: self._upkeep.look_for(body["session"]),
            "rebalance": lambda _body: self.rebalance.asked(),
        }
        return Control(self.bus, self.vault, self.id, answers, hints)

    # -- life -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect, listen, and say that this node lives.

        Raises:
            StoreUnavailable, BusUnavailable: Redis does not answer.
        """
        await self.store.start()
        if self.settings.store_warnings:
            level = logging.WARNING if self.settings.redis_url else logging.INFO  # memory is what was chosen
            for remark in await self.store.check():
                logger.log(level, "%s", remark)
        await self.bus.start()
        await self.relays.start()
        await self.control.start()
        await self.publications.start()
        self.version = self.host.code.version()
        logscope.nodes.add(self.id)
        logger.info("serving app %s, version %s, node id %s", self.settings.app_name, self.version, self.id)
        self._watch.start()
        if self._heartbeat is not None:
            self._heartbeat.start()
        else:
            self.spawn(self._beat())
        await self._upkeep.start()
        self.spawn(self.rebalance.run())

    async def drain(self) -> None:
        """Let every session go: others take them from here on. Bounded by the drain timeout."""
        self.draining = True
        self.relays.leave_fronts()
        await Drain(self).run(self.settings.drain_timeout)

    async def stop(self) -> None:
        """Drain, then leave."""
        await self.drain()
        await all_closed(self.host.closing)
        await self.relays.stop()
        self._watch.stop()
        if self._heartbeat is not None:
            await self._heartbeat.stop()
        for job in list(self._jobs):
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        await self.control.stop()
        await self.publications.stop()
        with contextlib.suppress(StoreError):
            await self.store.retire(self.id)
        await self.bus.stop()
        await self.store.stop()
        logscope.nodes.discard(self.id)
        self.host.lanes.shutdown()
        self.host.executor.shutdown(wait=False, cancel_futures=True)

    async def _beat(self) -> None:
        """Give signs of life from this loop: enough where the store is this process's own memory."""
        history = History()
        while True:
            with contextlib.suppress(StoreError):
                info = self.describe()
                await self.store.heartbeat(info, self.settings.heartbeat_timeout)
                await history.take(self.store, info, self.loop.time())
            await asyncio.sleep(self.settings.heartbeat_interval)

    async def dead(self, node_id: str) -> bool:
        """Whether another node has certainly given no sign of life for too long. Raises StoreError."""
        return not await self.store.alive(node_id) and not self.host.life.doubtful

    def describe(self) -> NodeInfo:
        """Return what this node says of itself with each heartbeat."""
        extra = self.figures.extra()
        return NodeInfo(self.id, self.version, len(self.seats), self.draining, self.connected, extra)

    @property
    def connected(self) -> int:
        """How many clients' sockets are here, without those at the nodes that relay them."""
        return max(0, len(self.sockets) - self.relays.held)

    def not_alive(self) -> str:
        """Say why this process does not work any more, "" if it does; from any thread.

        A loop that is late is no reason, nor is a store that is away: a restart would not help.
        """
        if not (self._watch.works and (self._heartbeat is None or self._heartbeat.works)):
            return "the thread of its heartbeat, or of what watches its event loop, has ended"
        stuck = self._watch.stuck_for
        return f"the event loop has been stuck for {stuck:.0f} s" if stuck > STUCK_SECONDS else ""

    def _looked(self, seconds: float, blocked: bool) -> None:
        self.observer.observe("loop_lag_seconds", seconds)
        self.figures.tally.lagged(seconds)
        if blocked:
            self.observer.count("loop_blocked")

    async def end(self, session_id: str) -> str:
        """End a session for good; see :meth:`flet_cluster.node.upkeep.Upkeep.end`."""
        return await self._upkeep.end(session_id)

    def closing(self, code: int) -> None:
        """Note that a socket ends, and why: codes below 4000 are the client's own."""
        self.observer.count("closed", reason=CloseCode(code).reason if code in _OURS else "by-client")

    def spawn(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run one of the node's own coroutines; it never belongs to a session."""
        task = self.loop.create_task(coro, context=contextvars.Context())
        self._jobs.add(task)
        task.add_done_callback(self._job_done)
        return task

    def _job_done(self, task: asyncio.Task[Any]) -> None:
        self._jobs.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a job of the node failed", exc_info=task.exception())

    def timed(self, name: str) -> Timed:
        """Measure a block, in seconds."""
        return Timed(self.observer, name)

    # -- sessions come ----------------------------------------------------------------------------

    def new_seat(
        self, binding: str, instance: str = "", session_id: str = "", entry: Entry | None = None
    ) -> Seat:
        """Return the seat of a session that does not exist yet; its first commit creates it.

        ``entry``: what it begins with, if not with the program's own ``main``.
        """
        claim = self.tokens.issue(session_id or new_session_id(), binding, instance)
        seat = Seat(self, claim.session_id, claim.text, instance)
        seat.entry = entry
        self.seats[seat.id] = seat
        return seat

    async def seat_of(self, claim: Claim) -> Seat:
        """Return the seat of an existing session, taking it over from wherever it is.

        Raises:
            SessionMissing, SessionExpired, SessionDeleted: it is no more (I6).
            SealBroken, SnapshotError: its record cannot be read.
            SessionElsewhere: its holder keeps it for now and would serve it over a socket here.
            StoreRecovering, StoreUnavailable, SessionBusy: come back later.
        """
        session_id = claim.session_id
        async with self.lock_of(session_id):
            seat = self.seats.get(session_id)
            if seat is not None and not seat.lost and not seat.leaving:
                return seat
            lapses = self.host.life.lapses
            with self.timed("acquire_seconds"), self.tracer.span("acquire", session_id) as span:
                taken = await take(self, session_id, claim.text, span.header)
                span.note(by_force=taken.by_force)
                span.link(trace_in(taken.record.commit.meta))
            seat = self.seat_from(taken.record, claim.text, span.header)
            seat.taken_from, seat.seized = taken.alive_owner, taken.by_force
            seat.lapses = lapses
            self.observer.count("acquired")
            return seat

    def seat_from(self, record: Record, token: str, trace: str = "") -> Seat:
        """Return the seat of a record that this node has just acquired.

        ``trace``: header of the span in which it was acquired.

        Raises:
            SealBroken, SnapshotError: it cannot be read.
        """
        seat = Seat.taken(self, record, token, trace)
        seat.mail = record.mail
        self.seats[seat.id] = seat
        self.publications.follow(seat, Meta.load(record.commit.meta).hears, record.commit.stream)
        return seat

    def lock_of(self, session_id: str) -> asyncio.Lock:
        """Return the lock under which a session comes to this node or ends on it."""
        return self._locks.setdefault(session_id, asyncio.Lock())

    def forget(self, seat: Seat) -> None:
        """Drop a seat that is no longer ours."""
        if self.seats.get(seat.id) is seat:
            del self.seats[seat.id]
