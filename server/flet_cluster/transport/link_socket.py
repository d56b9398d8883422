"""A browser with ``resume.js``: the socket speaks the link (layer 3)."""

from __future__ import annotations

import contextlib
import logging
from time import perf_counter
from typing import TYPE_CHECKING

from flet_cluster import logscope
from flet_cluster.errors import (
    ClusterError,
    ProtocolError,
    SealBroken,
    SessionElsewhere,
    SessionMissing,
    SnapshotError,
)
from flet_cluster.host.wire import BadPacket
from flet_cluster.node.refusals import code_for
from flet_cluster.node.tokens import binding_of
from flet_cluster.protocol.close import CUT, GOODBYE, NORMAL, ClientAction, CloseCode, action
from flet_cluster.protocol.frames import encode
from flet_cluster.protocol.instance import is_earlier
from flet_cluster.protocol.link import (
    Acknowledged,
    DatagramReceived,
    Event,
    HelloReceived,
    InputReceived,
    LinkState,
    ServerLink,
)
from flet_cluster.transport.front import Front
from flet_cluster.transport.outgoing import outgoing_of

if TYPE_CHECKING:
    from flet_cluster.host.entry import Entry
    from flet_cluster.model import Lease
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat
    from flet_cluster.node.tokens import Claim
    from flet_cluster.protocol.frames import Hello
    from flet_cluster.transport.handshake import Visitor
    from flet_cluster.transport.outgoing import Wire

logger = logging.getLogger("flet_cluster.transport")


class LinkSocket:
    """One websocket that speaks ``flet-cluster.v1``; implements :class:`flet_cluster.node.seat.Socket`.

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
        self._link = ServerLink(node.limits)
        self._held = held
        self._out = outgoing_of(node, websocket, counted=held is None)
        self._front: Front | None = None
        self.seat: Seat | None = None
        self.heard_at = node.loop.time()
        self._came = 0.0
        self._instance = ""

    # -- for the seat -----------------------------------------------------------------------------

    @property
    def relayed(self) -> bool:
        """Whether the client is at another node."""
        return self._held is not None

    def release(self, frames: list[tuple[int, bytes]], rx: int) -> None:
        """Send committed output, with the news of what is committed as far as this socket brought it."""
        if self._link.state is not LinkState.OPEN:
            return
        self._link.acknowledge(min(rx, self._link.received))
        with contextlib.suppress(ProtocolError):  # a reader too slow: the link has closed itself
            self._link.release(frames)
        self.flush()

    def datagram(self, packet: bytes) -> None:
        """Send raw channel bytes unless congested."""
        if self._link.send_datagram(packet):
            self.flush()

    def close(self, code: CloseCode) -> None:
        """Close; a reset is said in a frame as well."""
        if self._link.state is LinkState.CLOSED:
            return
        if action(code) is ClientAction.RESET:
            self._link.reset(code.reason)
        else:
            self._link.close(code)
        self.flush()

    def check_silence(self, now: float) -> None:
        """Close a socket that said no hello in time, or nothing for long: it is half-open (I7)."""
        silence = now - self.heard_at
        if self._link.hello is None and silence > self._node.settings.handshake_timeout:
            self.close(CloseCode.HANDSHAKE_TIMEOUT)
        elif silence > self._node.limits.idle_seconds:
            self.close(CloseCode.IDLE)

    def flush(self) -> None:
        """Hand what the link wants sent to the websocket."""
        for message in self._link.data_to_send():
            self._out.put(message)
        if self._link.close_code is not None:
            self._out.close(self._link.close_code, self._link.close_reason)

    # -- the socket's life ------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the socket until it ends."""
        self._node.sockets.add(self)
        code = CUT
        try:
            code = await self._receive()
        finally:
            self._node.sockets.discard(self)
            if self._front is not None:
                self._front.close(code)
            if self.seat is not None:
                self.seat.detach(self, for_good=code in GOODBYE)
            self._link.close(CloseCode.SUPERSEDED)
            self._out.close(code if code in GOODBYE else NORMAL, "")
            await self._out.ended(1)

    async def _receive(self) -> int:
        """Take messages until the websocket ends; return its close code."""
        while True:
            message = await self._websocket.receive()
            self.heard_at = self._node.loop.time()
            self._came = perf_counter()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or CUT)
            data = message.get("bytes")
            await self._take(data if data is not None else message.get("text") or "")
            del message, data  # an idle socket waits here for long

    async def _take(self, data: str | bytes) -> None:
        """Handle one message; whatever is wrong with it closes the socket with the fitting code."""
        if self._front is not None:
            await self._front.send(data)
            return
        try:
            for event in self._link.receive(data):
                await self._handle(event)
        except ProtocolError as error:
            self._link.close(CloseCode(error.code), error.reason)
        except BadPacket as error:
            self._link.close(CloseCode.PROTOCOL, str(error))
        except (SealBroken, SnapshotError) as error:
            if self.seat is not None:
                await self._node.departures.reset(self.seat, error)
        self.flush()

    async def _handle(self, event: Event) -> None:
        if isinstance(event, HelloReceived):
            await self._hello(event.hello)
        elif self.seat is None:
            return
        elif isinstance(event, InputReceived):
            await self._node.restores.turn(self.seat)
            if self.seat.lost or self.seat.socket is not self:
                return  # it comes again, where the session is by now
            if event.seq <= self.seat.resent:
                self._node.observer.count("link_resends", direction="from_browser")
            self.seat.accept(event.seq, event.payload, self._visitor.client, self._came)
            self._acknowledge_repeats(event.seq)
        elif isinstance(event, Acknowledged):
            self.seat.acknowledged(event.seq)
        elif isinstance(event, DatagramReceived):
            with contextlib.suppress(BadPacket):
                self.seat.wake().connection.deliver_datagram(event.payload)

    def _acknowledge_repeats(self, seq: int) -> None:
        """An input that was committed before this socket came: say so again."""
        if (
            self.seat is not None
            and self.seat.instance == self._instance
            and seq <= self.seat.showing.durable[0]
        ):
            self._link.acknowledge(seq)

    async def _hello(self, hello: Hello) -> None:
        """Find the session a browser asks for, and welcome it."""
        if self._node.draining and self._held is None:
            self._link.close(CloseCode.DRAINING)
            return
        try:
            if hello.token is None:
                self._begin(hello)
            else:
                await self._come_back(hello, hello.token)
        except ClusterError as error:
            if isinstance(error, ProtocolError):
                raise
            if isinstance(error, SessionElsewhere) and self._node.relays.available:  # others came meanwhile
                await self._relay(error.lease, hello)
                return
            self._refuse(error)

    async def _relay(self, lease: Lease, hello: Hello) -> None:
        """Be the front of a session that its holder cannot let go of: from here on all goes there."""
        if self._link.state is LinkState.CLOSED:
            return
        self._front = Front(self._node, lease, self._visitor, self._out, plain=False)
        await self._front.send(encode(hello))

    async def _find(self, claim: Claim) -> Seat:
        """Return the session's seat: the one this socket is relayed to, or wherever it is."""
        if self._held is None:
            return await self._node.seat_of(claim)
        if self._held.id != claim.session_id or self._held.lost or self._held.leaving:
            raise ProtocolError(CloseCode.MOVED, "the session has left the node it was relayed to")
        return self._held

    def _refuse(self, error: ClusterError) -> None:
        """Say why a session cannot be had, in a way that decides what the browser does next."""
        logger.info("refused: %s", error)
        code = code_for(error)
        if action(code) is ClientAction.RESET:
            self._node.observer.count("reset", reason=code.reason)
        self.close(code)

    def _begin(self, hello: Hello, again: str = "") -> None:
        """Begin a session: it is created in the store with its first commit. ``again``: under this id."""
        binding = binding_of(self._visitor.cookie)
        seat = self._node.new_seat(binding, hello.instance, again, entry=self._entry)
        seat.begun_before = bool(again)
        self._settle_on(seat, hello)
        self._link.welcome(seat.token, self._node.id, 0, resumed=False)

    async def _come_back(self, hello: Hello, token: str) -> None:
        """Resume a session for the same page, or restart its link for a page that was loaded anew."""
        claim = self._node.tokens.verify(token, self._visitor.cookie)
        if claim.session_id not in self._node.seats and self._node.rebalance.turns_away(claim.session_id):
            self.close(CloseCode.MOVED)
            return
        try:
            seat = await self._find(claim)
            if seat.is_behind(hello):  # another node had the session meanwhile; the store knows
                seat.lose(CloseCode.MOVED, "the browser has seen a newer state")
                seat = await self._find(claim)
        except SessionMissing:
            if hello.rx or hello.durable or hello.instance != claim.instance:
                raise
            # Its node died before anything was stored or seen: nothing is lost. But ``main`` may have begun.
            self._begin(hello, claim.session_id)
            return
        if self._link.state is LinkState.CLOSED:
            if seat.socket is None:
                self._settle_on(seat, hello)  # so that somebody notices that its user is gone
            return
        try:
            if seat.instance == hello.instance and self._node.upgrades.begins_anew(seat):
                self.close(await self._node.upgrades.let_reload(seat))
                return
            self._welcome_back(seat, hello)
        except (SealBroken, SnapshotError) as error:
            self.close(await self._node.departures.reset(seat, error))

    def _welcome_back(self, seat: Seat, hello: Hello) -> None:
        if seat.instance == hello.instance:
            self._resume(seat, hello)
        elif hello.rx or hello.durable or is_earlier(hello.instance, seat.instance):
            raise ProtocolError(CloseCode.REPLACED, "the page was loaded anew elsewhere")
        else:
            self._reload(seat, hello)
        # Whoever edits the code is to see at once, and not with the next click, when it does not fit.
        if self._node.settings.reload:
            seat.wake()
        elif seat.needs_objects:
            self._node.restores.later(seat)

    def _resume(self, seat: Seat, hello: Hello) -> None:
        """Go on with the same page: send again what it has not had."""
        resumed, replay = seat.resume(hello)
        self._settle_on(seat, hello)
        self._link.welcome(
            seat.token,
            self._node.id,
            seat.showing.durable[0],
            resumed=resumed,
            replay=replay,
            tx=None if resumed else seat.showing.outbox.tx,
        )
        self._node.observer.count("resumed")
        seat.diary.note("resumed")
        if replay:
            self._node.observer.count("link_resends", len(replay), direction="to_browser")
        seat.say_back()

    def _reload(self, seat: Seat, hello: Hello) -> None:
        """Go on with a page that was loaded anew: it has nothing yet, and its numbers begin anew."""
        if self._node.upgrades.begins_anew(seat):
            self._node.upgrades.begin_anew(seat, self._entry)
        self._settle_on(seat, hello)
        seat.restart_link(hello.instance)
        self._link.welcome(seat.token, self._node.id, 0, resumed=False)
        self._node.observer.count("reloaded")
        seat.diary.note("reloaded")

    def _settle_on(self, seat: Seat, hello: Hello) -> None:
        self.seat = seat
        logscope.scope.set(logscope.Scope(seat.id, self._node.id))
        self._instance = hello.instance
        seat.attach(self, hello.instance)
        seat.resent = hello.resent
