"""What a session has to say, until the commit that accounts for it (layer 3: may import Flet).

Packets for the client, messages for other sessions, sign-ins that are to be remembered: nothing of it leaves
before the state that caused it is committed (I1). It comes from any thread, and goes with a picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flet_cluster.errors import MessageRefused
from flet_cluster.host import message_codec, wire
from flet_cluster.host.picture import drain

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.host.live import LiveSession
    from flet_cluster.host.pubsub import Publication
    from flet_cluster.host.sign_in import SignIn


@dataclass(slots=True)
class Taken:
    """What one picture takes along: packets for the client, publications, and sign-ins; each in order."""

    packets: list[bytes]
    publications: list[Publication]
    sign_ins: list[SignIn]


class Output:
    """The output of one session that waits.

    Attributes:
        muted: nothing for the client is taken: it gets the page whole before anything else.
        unpublished: bytes of messages that are not published yet, here and with the keeper.
    """

    __slots__ = ("_live", "_packets", "_publications", "_sign_ins", "muted", "unpublished")

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self._packets: list[bytes] = []
        self._publications: list[Publication] = []
        self._sign_ins: list[SignIn] = []
        self.muted = False
        self.unpublished = 0

    @property
    def empty(self) -> bool:
        """Whether nothing waits for a commit."""
        return not (self._packets or self._publications or self._sign_ins)

    @property
    def has_packets(self) -> bool:
        """Whether output for the client waits for its commit."""
        return bool(self._packets)

    @property
    def has_sign_ins(self) -> bool:
        """Whether a sign-in is to be remembered before anything is shown."""
        return bool(self._sign_ins)

    def emit(self, packet: bytes) -> None:
        """Queue a packet for the next commit; callable from any thread."""
        live = self._live
        if live.gone or self.muted:
            return
        self._packets.append(packet)
        if not live.lane.here:
            live.host.loop.call_soon(live.changed)  # a worker's output is looked at when it pauses or ends

    def datagram(self, packet: bytes) -> None:
        """Send raw channel bytes now; callable from any thread."""
        self._live.host.loop.call_soon(self._live.listener.datagram, packet)

    def publish(self, publication: Publication) -> None:
        """Queue a publication for the next commit; callable from any thread."""
        live = self._live
        with live.host.tracer.span("publish", live.id) as span:
            if span.header:
                publication = replace(publication, trace=span.header)
        self._publications.append(publication)
        self.unpublished += len(publication.body)
        live.host.loop.call_soon(live.changed)

    def pack(self, topic: object, message: object) -> bytes:
        """Turn a message into bytes; callable from any thread. Raises MessageRefused."""
        limits = self._live.host.limits
        if self.unpublished >= limits.max_outbox_bytes:
            raise MessageRefused(
                f"page.pubsub takes no more messages of this session: {self.unpublished} bytes of them wait "
                "to be published; let a handler end now and then, and is the store there?"
            )
        return message_codec.pack(topic, message, limits)

    def remember(self, begun: SignIn) -> None:
        """Remember a sign-in before the next commit, and so before its user leaves; from any thread."""
        self._sign_ins.append(begun)
        self._live.host.loop.call_soon(self._live.changed)

    def take_packets(self) -> list[bytes]:
        """Take the packets that wait, with or without the state that caused them."""
        return drain(self._packets)

    def take(self) -> Taken:
        """Take all there is, for a picture that accounts for it."""
        return Taken(self.take_packets(), drain(self._publications), drain(self._sign_ins))

    def put_back(self, taken: Taken) -> None:
        """There is no picture: all of it waits again, before what came meanwhile."""
        self._packets[:0], self._publications[:0] = taken.packets, taken.publications
        self._sign_ins[:0] = taken.sign_ins

    def start_over(self, page: Callable[[], bytes]) -> None:
        """The page goes out whole: it stands for all earlier output but the calls to the client.

        Args:
            page: encodes it. Called after the earlier output has gone: what a thread adds meanwhile stays.
        """
        self.muted = False
        calls = [packet for packet in self._packets if wire.is_client_call(packet)]
        self._packets.clear()
        self.emit(page())
        self._packets += calls
