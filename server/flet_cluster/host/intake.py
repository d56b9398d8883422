"""How inputs come into a session and get their turn (layer 3: may import Flet).

From the browser, each with a number, and from the node itself. They start in order, one after the other, as
far as the lane is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flet.messaging.protocol import MessageAction

from flet_cluster.errors import ProtocolError
from flet_cluster.host import wire
from flet_cluster.host.current import derive
from flet_cluster.host.dispatch import Dispatch
from flet_cluster.host.inputs import Inbox, Input, Kind, Progress
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from flet_cluster.host.connection import ClientInfo
    from flet_cluster.host.live import LiveSession
    from flet_cluster.host.sign_in import OwnEvent

KINDS: dict[MessageAction, Kind] = {
    MessageAction.INVOKE_METHOD: "reply",
    MessageAction.CONTROL_EVENT: "event",
    MessageAction.UPDATE_CONTROL_PROPS: "props",
    MessageAction.REGISTER_CLIENT: "register",
}
"""What a client may send."""


class Intake:
    """The inputs of one session, until they start. On the loop, but for :meth:`own_event`.

    Attributes:
        inbox: those that wait for their turn.
        progress: how far the browser's have come.
        own_events: events that Flet fired itself and whose handlers have not begun; they travel.
    """

    __slots__ = ("_dispatch", "_live", "inbox", "own_events", "progress")

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self._dispatch = Dispatch(live, self)
        self.inbox = Inbox(live.host.limits)
        self.progress = Progress()
        self.own_events: list[OwnEvent] = []

    def accept(self, seq: int, packet: bytes, client: ClientInfo, *, again: bool = False) -> Kind | None:
        """Take one packet of the browser; repeats of what was accepted before are dropped.

        Returns what it is; None for a repeat.

        Args:
            seq: its number.
            packet: one packet of Flet.
            client: what the handshake said of its sender.
            again: the browser had sent it before, to a node that may have started it.

        Raises:
            BadPacket: the packet is not Flet's.
            ProtocolError: too much waits already; it is not accepted, and has to come again.
        """
        message = wire.decode(packet)
        if self.progress.knows(seq):
            self._live.host.observer.count("repeats_dropped")
            return None
        kind = KINDS.get(message.action)
        if kind is None:
            raise wire.BadPacket(f"a client does not send {message.action.name}")
        if self.inbox.full and kind != "register":  # those of a page are dropped when the next one comes
            raise ProtocolError(CloseCode.OVERLOADED, "too many inputs wait")
        self.progress.accept(seq)
        instance = self._live.instance
        self.queue(Input(kind, seq, message.body, client, instance, message.weight, again=again))
        return kind

    def page_event(self, name: str, data: Any = None) -> None:
        """Queue an event of the page that the node itself causes (``connect``, ``disconnect``, ``close``)."""
        target = self._live.page._i  # noqa: SLF001
        self.queue(Input("event", 0, {"target": target, "name": name, "data": data}))

    def own_event(self, own: OwnEvent) -> None:
        """Queue an event that Flet fires itself, for good: it travels until it begins; from any thread."""
        live = self._live
        key, again = derive(own.name)
        own.key, again = (key.removeprefix(f"{live.id}:"), again) if key else (own.key, live.again)
        self.own_events.append(own)
        live.host.loop.call_soon(self.queue, Input("own", 0, own, key=own.key, again=again))

    def wake(self) -> None:
        """After a restore: queue again the events that Flet had fired."""
        for own in self.own_events:
            self._live.host.loop.call_soon(self.queue, Input("own", 0, own, key=own.key, again=True))

    def queue(self, item: Input) -> None:
        """Add an input that waits for its turn."""
        live = self._live
        if live.gone:
            return
        item.mark = live.trail.arrived(item.kind, item.cause)
        self.inbox.put(item)
        self.pump()

    def pump(self) -> None:
        """Start queued inputs, in order, as far as the lane is free."""
        live, inbox = self._live, self.inbox
        while inbox and live.lane.free and not (live.handlers.starting or live.preparing or live.gone):
            self._dispatch.start(inbox.take())

    def begin(self, item: Input) -> None:
        """An input starts. One of an earlier page load does not count: numbers began anew with the page."""
        if item.instance == self._live.instance:
            self.progress.start(item.seq)

    def restart(self, instance: str) -> None:
        """The page was loaded anew, and its inputs are numbered from 1 again."""
        if instance:  # plain clients number nothing: their inputs are counted here, and go on
            self.progress.restart()
        # What the old page sent is done, as in Flet; but its request for a page would answer the new one's.
        for item in self.inbox.drop_registrations():
            self._live.trail.done(item.mark)
