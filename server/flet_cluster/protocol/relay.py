"""One end of a relay: envelopes over a bus that may lose, double and reorder (layer 1: msgpack, layer 0).

A relay carries the messages of one websocket between the node that has it (the *front*) and the node that
holds the session (the *holder*), both ways, unchanged: the link's own frames are inside, and so the link's
guarantees are kept from end to end. Here is only what notices that the bus was no wire: envelopes are
numbered, the next one is taken, a repeated one dropped, and a gap ends the relay. Nothing is lost by that,
since the browser and the holder's outbox keep what was not acknowledged.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from flet_cluster.errors import ProtocolError
from flet_cluster.protocol.close import CloseCode

OPEN: Final = "open"
"""An item that begins a relay: what the holder must know of the socket."""
MESSAGE: Final = "message"
"""An item that is one message of the websocket, text or bytes."""
CLOSE: Final = "close"
"""An item that ends the relay: the close code of the websocket."""
GONE: Final = "gone"
"""An item that says: no such relay here."""

Item = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is published at once.

    Attributes:
        sender: the node it comes from.
        relay: the relay's random id; it stands for one socket, one page instance and one lease.
        epoch: of the lease under which the session is held.
        n: number of this envelope; of the last one before it if there are no items (a sign of life).
        got: highest envelope of the other end that was consumed.
        items: what it carries, in order.
    """

    sender: str
    relay: str
    epoch: int
    n: int
    got: int
    items: tuple[Item, ...] = ()

    def dump(self) -> bytes:
        """Return it as bytes."""
        packed: bytes = msgpack.packb(
            (self.sender, self.relay, self.epoch, self.n, self.got, [list(item) for item in self.items])
        )
        return packed

    @classmethod
    def load(cls, data: bytes) -> Envelope:
        """Read what :meth:`dump` wrote.

        Raises:
            ProtocolError: it is no envelope; another release may have written it.
        """
        try:
            sender, relay, epoch, n, got, items = msgpack.unpackb(data)
            return cls(sender, relay, epoch, n, got, tuple((kind, value) for kind, value in items))
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise ProtocolError(CloseCode.PROTOCOL, f"not an envelope of a relay: {error}") from error


class RelayEnd:
    """Numbers and bounds what one end sends, and checks what it hears.

    Args:
        sender: this node.
        relay: id of the relay.
        epoch: of the session's lease.
        window: bytes that may be on their way, not yet consumed by the other end; one envelope always may.

    Attributes:
        consumed: highest envelope whose content was used up here; its owner raises it.
        told: what the other end was last told of that.
    """

    def __init__(self, sender: str, relay: str, epoch: int, window: int) -> None:
        self._sender = sender
        self._relay = relay
        self._epoch = epoch
        self._window = window
        self._sent = 0
        self._received = 0
        self._flying: deque[tuple[int, int]] = deque()
        self.flying_bytes = 0
        self.consumed = 0
        self.told = 0

    @property
    def has_room(self) -> bool:
        """Whether one more envelope may be sent."""
        return self.flying_bytes < self._window

    def pack(self, items: tuple[Item, ...] = (), size: int = 0) -> bytes:
        """Return the next envelope; without items, a sign of life.

        In: ``size`` of the items, bytes, for the window.
        """
        if items:
            self._sent += 1
            self._flying.append((self._sent, size))
            self.flying_bytes += size
        self.told = self.consumed
        return Envelope(self._sender, self._relay, self._epoch, self._sent, self.consumed, items).dump()

    def unpack(self, envelope: Envelope) -> tuple[Item, ...]:
        """Return what is new in an envelope of the other end; its number is ``received`` then.

        Raises:
            ProtocolError: something before it was lost or comes later (GAP), or it is about another lease.
        """
        if envelope.epoch != self._epoch:
            raise ProtocolError(CloseCode.MOVED, f"epoch {envelope.epoch}, not {self._epoch}")
        while self._flying and self._flying[0][0] <= envelope.got:
            self.flying_bytes -= self._flying.popleft()[1]
        new = envelope.n > self._received
        if new and (envelope.n > self._received + 1 or not envelope.items):
            raise ProtocolError(CloseCode.GAP, f"envelope {envelope.n} after {self._received}")
        if not new:
            return ()
        self._received = envelope.n
        return envelope.items

    @property
    def received(self) -> int:
        """Number of the last envelope taken."""
        return self._received
