"""The relays of one node: sessions served here over another node's socket, and the reverse (layer 3).

The node that has the browser's socket is the *front*, the one that has the session the *holder*. All relays
of a node share one channel, ``relay:NODE``, so that beginning one costs no subscription. Like all of the bus
it is a hint (I4): whatever goes wrong, the socket is closed with "retry at once", and the link starts again
from what the store has.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flet_cluster.errors import BusUnavailable, ProtocolError
from flet_cluster.node.pipe import WINDOW, Pipe
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.relay import CLOSE, GONE, OPEN, Envelope, RelayEnd

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flet_cluster.model import Lease
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat, Socket
    from flet_cluster.spans import Span

    Serve = Callable[[Node, Seat, Pipe, dict[str, Any]], Socket]

logger = logging.getLogger("flet_cluster.node")

TICK_SECONDS: Final = 0.1
"""How often relays are looked after, and so how soon a session that is quiet moves."""
STOP_SECONDS: Final = 1.0
"""How long ending relays may take to say so, when the node leaves."""
REMEMBERED: Final = 1000
"""Relays that ended a moment ago: a late copy of what began them must not begin them again."""


def channel_of(node_id: str) -> str:
    """Return the channel on which a node hears its relays."""
    return f"relay:{node_id}"


@dataclass(frozen=True, slots=True)
class _Served:
    """A session of ours whose browser is at another node."""

    seat: Seat
    socket: Socket
    moves: bool


class Relays:
    """All relays that end at one node.

    Attributes:
        serve: begins to serve a socket at another node: ``(node, seat, pipe, visitor)`` → the seat's socket.
            Given by whoever puts the node together; without it nothing is relayed.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.serve: Serve | None = None
        self._pipes: dict[str, Pipe] = {}
        self._served: dict[str, _Served] = {}
        self._sockets: dict[int, Socket] = {}
        self._fronts: set[str] = set()
        self._senders: set[asyncio.Task[None]] = set()
        self._ended: deque[str] = deque(maxlen=REMEMBERED)
        self._spans: dict[str, Span] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], Awaitable[None]] | None = None
        node.observer.gauge("relays_fronted", lambda: len(self._fronts))
        node.observer.gauge("relays_held", lambda: self.held)

    # -- life -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen. Raises BusUnavailable."""
        self._unsubscribe = await self._node.bus.subscribe(channel_of(self._node.id), self._heard)

    async def stop(self) -> None:
        """End every relay, telling the other ends, and listen no more."""
        for pipe in list(self._pipes.values()):
            pipe.close(CloseCode.DRAINING)
        if self._senders:
            await asyncio.wait(self._senders, timeout=STOP_SECONDS)
        if self._unsubscribe is not None:
            await self._unsubscribe()

    @property
    def possible(self) -> bool:
        """Whether this node relays at all."""
        return self.serve is not None and self._node.settings.max_relays > 0

    @property
    def available(self) -> bool:
        """Whether one more relay may begin here."""
        return self.possible and len(self._pipes) < self._node.settings.max_relays

    @property
    def held(self) -> int:
        """How many sockets at other nodes are served here."""
        return len(self._served)

    def carries(self, socket: Socket | None) -> bool:
        """Whether a seat's socket is at another node."""
        return id(socket) in self._sockets

    def leave_fronts(self) -> None:
        """Send browsers whose sessions are elsewhere there by another node: this one is about to leave."""
        for relay in list(self._fronts):
            pipe = self._pipes.get(relay)
            if pipe is not None and not pipe.reason:
                pipe.close(CloseCode.DRAINING)
                pipe.ended(CloseCode.DRAINING)

    # -- the front --------------------------------------------------------------------------------

    def front(self, lease: Lease, opening: dict[str, Any]) -> Pipe:
        """Begin to relay a socket of this node to the holder of a session.

        Args:
            lease: the holder's.
            opening: what the holder's ``serve`` must know.
        """
        relay = secrets.token_urlsafe(12)
        pipe = self._begin(relay, lease.owner, lease.epoch)
        self._fronts.add(relay)
        self._count_start("front")
        facts = {"session": lease.session_id, "version": self._node.upgrades.version, **opening}
        span = self._trace(relay, "relay front", lease.session_id)
        if span.header:
            facts["trace"] = span.header
        pipe.put(OPEN, facts)
        logger.info("session %s: relayed to node %s, which has it", lease.session_id, lease.owner)
        return pipe

    def _begin(self, relay: str, peer: str, epoch: int) -> Pipe:
        """Make this node's end of a relay."""

        async def publish(data: bytes) -> int | None:
            return await self._publish(peer, data)

        node = self._node
        end = RelayEnd(node.id, relay, epoch, WINDOW)
        pipe = self._pipes[relay] = Pipe(end, publish, node.settings.heartbeat_timeout, node.loop.time)
        sender = node.spawn(self._run(relay, pipe))
        self._senders.add(sender)
        sender.add_done_callback(self._senders.discard)
        if self._ticker is None:
            self._ticker = node.spawn(self._tick())
        return pipe

    async def _run(self, relay: str, pipe: Pipe) -> None:
        """Send for one relay until it has ended, then forget it."""
        try:
            await pipe.run()
        finally:
            pipe.fail(CloseCode.NO_PROGRESS, "cut")  # whatever it was: nothing if it has ended
            del self._pipes[relay]
            role = "front" if relay in self._fronts else "holder"
            self._fronts.discard(relay)
            served = self._served.pop(relay, None)
            if served is not None:
                del self._sockets[id(served.socket)]
            self._ended.append(relay)
            self._end_trace(relay, pipe.reason)
            self._node.observer.count("relays_ended", role=role, reason=pipe.reason)

    async def _publish(self, peer: str, data: bytes) -> int | None:
        channel = channel_of(peer)
        return await self._node.bus.publish(channel, self._node.vault.seal_message(channel, data))

    def _trace(self, relay: str, name: str, session_id: str, parent: str = "") -> Span:
        """Begin the span of a relay; it lasts as long as that."""
        span = self._spans[relay] = self._node.tracer.span(name, session_id, parent=parent)
        return span

    def _end_trace(self, relay: str, reason: str) -> None:
        span = self._spans.pop(relay, None)
        if span is not None:
            span.note(reason=reason)
            span.end()

    def _count_start(self, role: str) -> None:
        self._node.observer.count("relays_started", role=role)

    # -- what comes -------------------------------------------------------------------------------

    def _heard(self, sealed: bytes) -> None:
        """Take an envelope; what does not verify is ignored."""
        data = self._node.vault.open_message(channel_of(self._node.id), sealed)
        if data is None:
            return
        try:
            envelope = Envelope.load(data)
        except ProtocolError as error:
            logger.warning("%s", error)
            return
        pipe = self._pipes.get(envelope.relay)
        first: tuple[str, Any] = envelope.items[0] if envelope.items else ("", None)
        if pipe is not None:
            pipe.heard(envelope)
        elif first[0] == OPEN and envelope.n == 1 and envelope.relay not in self._ended:
            self._opened(envelope, first[1])
        elif first[0] != GONE:
            self._answer(envelope, (GONE, None))

    def _opened(self, envelope: Envelope, opening: dict[str, Any]) -> None:
        """Another node has a socket for one of our sessions."""
        seat = self._node.seats.get(opening["session"])
        lost = seat is None or seat.lost or seat.leaving
        if seat is None or lost or seat.lease is None or seat.lease.epoch != envelope.epoch:
            self._answer(envelope, (CLOSE, int(CloseCode.MOVED)))
        elif not self.available or self.serve is None:
            self._answer(envelope, (CLOSE, int(CloseCode.BUSY)))
        else:
            pipe = self._begin(envelope.relay, envelope.sender, envelope.epoch)
            self._count_start("holder")
            self._trace(envelope.relay, "relay holder", seat.id, opening.get("trace", ""))
            socket = self.serve(self._node, seat, pipe, opening)
            moves = not opening.get("plain") and opening["version"] in {"", self._node.version}
            self._served[envelope.relay] = _Served(seat, socket, moves)
            self._sockets[id(socket)] = socket
            pipe.heard(envelope)

    def _answer(self, envelope: Envelope, item: tuple[str, Any]) -> None:
        """Say one thing to the other end of a relay that is none."""
        answer = Envelope(self._node.id, envelope.relay, envelope.epoch, 1, 0, (item,))
        self._node.spawn(self._say(envelope.sender, answer))

    async def _say(self, peer: str, answer: Envelope) -> None:
        try:
            await self._publish(peer, answer.dump())
        except BusUnavailable as error:
            logger.debug("a relay's end was not told: %s", error)

    # -- by the clock -----------------------------------------------------------------------------

    async def _tick(self) -> None:
        """Look after all relays while there are any."""
        while self._pipes:
            await asyncio.sleep(TICK_SECONDS)
            now = self._node.loop.time()
            for pipe in list(self._pipes.values()):
                pipe.tick(now)
            for served in list(self._served.values()):
                self._move_if_quiet(served)
        self._ticker = None

    def _move_if_quiet(self, served: _Served) -> None:
        """Let a session go to where its browser is: the lease is free then, and its socket is told so.

        Not for clients without the link: they would have to load their page anew. Nor to a node with other
        code, as long as there is one with the session's.
        """
        seat = served.seat
        here = seat.socket is served.socket and not (seat.lost or seat.leaving)
        if served.moves and here and seat.at_rest and seat.portable:
            self._node.spawn(self._node.departures.give_up(seat, CloseCode.MOVED, 0.0))
