"""A client without ``resume.js``: the socket speaks plain Flet (layer 3).

Its token is the ``session_id`` of Flet's own register messages. It numbers nothing, so it comes back the way
Flet knows: it registers again and gets the page whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from time import perf_counter
from typing import TYPE_CHECKING

from flet_cluster import logscope
from flet_cluster.errors import ClusterError, SealBroken, SessionElsewhere, SnapshotError
from flet_cluster.host import wire
from flet_cluster.node.refusals import code_for
from flet_cluster.node.tokens import binding_of
from flet_cluster.protocol.close import NORMAL, ClientAction, CloseCode, action
from flet_cluster.transport.front import Front
from flet_cluster.transport.outgoing import outgoing_of

if TYPE_CHECKING:
    from flet_cluster.host.entry import Entry
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat
    from flet_cluster.transport.handshake import Visitor
    from flet_cluster.transport.outgoing import Wire

logger = logging.getLogger("flet_cluster.transport")

LASTING = frozenset(
    code for code in CloseCode if action(code) in {ClientAction.RETRY_NOW, ClientAction.RETRY_LATER}
)
"""Refusals that say "again": the session is safe, so the client must not be given another one."""


class PlainSocket:
    """One websocket that speaks plain Flet; implements :class:`flet_cluster.node.seat.Socket`.

    Args:
        entry: what a session begins with that this socket begins; None for the program's own.
        held: for a socket that is at another node: the seat that it is relayed to.
    """

    def __init__(
        self,
        node: Node,
        websocket: Wire,
        visitor: Visitor,
        entry: Entry | None = None,
        *,
        held: Seat | None = None,
    ) -> None:
        self._node = node
        self._websocket = websocket
        self._visitor = visitor
        self._entry = entry
        self._held = held
        self._out = outgoing_of(node, websocket, counted=held is None)
        self._front: Front | None = None
        self.seat: Seat | None = None
        self._opened_at = node.loop.time()

    def check_silence(self, now: float) -> None:
        """Close a socket that did not register in time (I7)."""
        if (
            self.seat is None
            and self._front is None
            and now - self._opened_at > self._node.settings.handshake_timeout
        ):
            self.close(CloseCode.HANDSHAKE_TIMEOUT)

    @property
    def relayed(self) -> bool:
        """Whether the client is at another node."""
        return self._held is not None

    def release(self, frames: list[tuple[int, bytes]], rx: int) -> None:
        """Send committed output; plain clients keep nothing that could be acknowledged."""
        del rx
        for _, packet in frames:
            self._out.put(packet)

    def datagram(self, packet: bytes) -> None:
        """Send raw channel bytes."""
        self._out.put(packet)

    def close(self, code: CloseCode) -> None:
        """Close; plain clients reconnect by themselves after any close."""
        self._out.close(code, code.reason)

    async def run(self) -> None:
        """Serve the socket until it ends."""
        self._node.sockets.add(self)
        try:
            await self._receive()
        finally:
            self._node.sockets.discard(self)
            if self._front is not None:
                self._front.close(NORMAL)
            if self.seat is not None:
                self.seat.detach(self, for_good=True)
            self._out.close(NORMAL, "")
            await self._out.ended(1)

    async def _receive(self) -> None:
        """Take packets until the websocket ends."""
        while not self._out.closed:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            packet = message.get("bytes")
            if packet is None or len(packet) > self._node.limits.max_frame:
                self.close(CloseCode.PROTOCOL if packet is None else CloseCode.TOO_BIG)
                return
            await self._take(packet)
            await self._until_room()
            del message, packet  # an idle socket waits here for long

    async def _until_room(self) -> None:
        """Read no more while as much waits as may: then the client waits too, and nothing is lost (I7)."""
        live = self.seat.live if self.seat is not None else None
        if live is None or not live.inputs.inbox.full:
            return
        waits = [asyncio.ensure_future(wait) for wait in (live.inputs.inbox.room(), self._out.ended())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _take(self, packet: bytes) -> None:
        """Handle one packet of Flet's protocol."""
        if self._out.closing:  # it crossed our close: the session may be another node's by now
            return
        came = perf_counter()
        if self._front is not None:
            await self._front.send(packet)
            return
        try:
            if wire.is_channel(packet):
                if self.seat is not None:
                    with contextlib.suppress(wire.BadPacket):
                        self.seat.wake().connection.deliver_datagram(packet)
                return
            if self.seat is None or wire.is_registration(packet):
                await self._register(packet)
            if self.seat is not None and not self._out.closing:
                self.seat.accept(0, packet, self._visitor.client, came)
        except wire.BadPacket as error:
            logger.info("bad packet: %s", error)
            self.close(CloseCode.PROTOCOL)
        except (SealBroken, SnapshotError) as error:
            if self.seat is not None:
                await self._node.departures.reset(self.seat, error)

    async def _register(self, packet: bytes) -> None:
        """Find the session that a client registers for.

        Without a valid token that is the one the socket has, as in Flet, or else a new one.
        """
        if not wire.is_registration(packet):
            raise wire.BadPacket("the first packet must register the client")
        message = wire.decode(packet)
        if self._node.draining and self._held is None:
            self.close(CloseCode.DRAINING)
            return
        token = message.body.get("session_id")
        if token is not None and not isinstance(token, str):
            raise wire.BadPacket("a session id is text")
        found = await self._find(token) if token else None
        if found is not None:
            self._settle_on(found)
        elif self._out.closing or await self._relayed(packet):
            return
        elif self.seat is not None:
            self._take_over(self.seat)
        else:
            seat = self._node.new_seat(binding_of(self._visitor.cookie), entry=self._entry)
            seat.attach(self, "")
            self._settle_on(seat)

    async def _relayed(self, packet: bytes) -> bool:
        """Pass a registration on to where the session is, if that was found to be another node."""
        if self._front is None:
            return False
        await self._front.send(packet)
        return True

    def _settle_on_held(self, session_id: str) -> Seat | None:
        """Take over the session this socket is relayed to; for any other, the client has to come anew."""
        seat = self._held
        if seat is None or seat.id != session_id or seat.lost or seat.leaving:
            self.close(CloseCode.MOVED)
            return None
        self._take_over(seat)
        return seat

    def _leave_seat(self) -> None:
        left, self.seat = self.seat, None
        if left is not None:
            left.detach(self, for_good=True)

    def _settle_on(self, seat: Seat) -> None:
        """Be this session's socket, and no other's."""
        left, self.seat = self.seat, seat
        logscope.scope.set(logscope.Scope(seat.id, self._node.id))
        if left is not None and left is not seat:
            left.detach(self, for_good=True)

    async def _find(self, token: str) -> Seat | None:
        """Take the session of a token over; None when there is none to be had.

        When it is only not to be had *now*, the socket is closed: a new session would lose the old one.
        """
        seat: Seat | None = None
        try:
            claim = self._node.tokens.verify(token, self._visitor.cookie)
            if self._held is not None:
                return self._settle_on_held(claim.session_id)
            seat = await self._node.seat_of(claim)
            await self._node.restores.turn(seat)
            self._take_over(seat)
        except ClusterError as error:
            if isinstance(error, SessionElsewhere) and self._node.relays.available:  # others came meanwhile
                self._leave_seat()
                self._front = Front(self._node, error.lease, self._visitor, self._out, plain=True)
                return None
            code = code_for(error) if seat is None else await self._node.departures.reset(seat, error)
            logger.info("a client's session is not there (%s): %s", code.reason, error)
            if code in LASTING:
                self.close(code)
            return None
        return seat

    def _take_over(self, seat: Seat) -> None:
        """Take the session over, also from a socket that still looks alive."""
        if self._node.upgrades.begins_anew(seat):
            self._node.upgrades.begin_anew(seat, self._entry)
        seat.wake()  # before the socket is attached: it goes on with a new session if this fails
        seat.attach(self, "")
        seat.restart_link("")
