"""One end of a relay on the loop: sends in order, watches for silence (layer 3).

What is put in is published by one task, so that the order is kept. An end that hears nothing, whose messages
nobody gets, or that misses one, ends the relay; who has the websocket closes it with "retry at once" then.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from flet_cluster.errors import BusUnavailable, ProtocolError
from flet_cluster.protocol.close import CloseCode
from flet_cluster.protocol.relay import CLOSE, GONE, MESSAGE, Item, RelayEnd

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flet_cluster.protocol.relay import Envelope

logger = logging.getLogger("flet_cluster.node")

WINDOW: Final = 2 << 20
"""Bytes on their way in one direction; a single larger message goes alone."""
CHUNK: Final = 256 << 10
"""Bytes of messages that share an envelope."""
BEAT_SECONDS: Final = 0.5
"""At least so often each end says that it lives, and how far it is: a lost last message is noticed by it."""


class Pipe:
    """One end of one relay.

    Args:
        end: numbers what is sent.
        publish: hands bytes to the other end; returns how many got them, None if nobody knows.
        silence: seconds without a sign of life after which the other end is given up.
        now: the loop's clock.

    Attributes:
        deliver: called with (number of the envelope, message).
        ended: called once with a close code when the relay ends, unless this end closed it.
        reason: why it ended, for metrics; "" while it lasts.
    """

    def __init__(
        self,
        end: RelayEnd,
        publish: Callable[[bytes], Awaitable[int | None]],
        silence: float,
        now: Callable[[], float],
    ) -> None:
        self.end = end
        self.deliver: Callable[[int, str | bytes], None] = _nothing
        self.ended: Callable[[int], None] = _nothing
        self.reason = ""
        self._publish = publish
        self._silence = silence
        self._now = now
        self._heard_at = self._said_at = now()
        self._waiting: deque[Item] = deque()
        self._bytes = 0
        self._untold = 0
        self._beat = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    # -- out --------------------------------------------------------------------------------------

    def put(self, kind: str, value: Any) -> None:
        """Send something after what was put before; nothing once the relay has ended."""
        if not self.reason:
            self._waiting.append((kind, value))
            self._bytes += _size(value)
            self._wake.set()

    async def room(self) -> None:
        """Wait until the other end has used up enough of what was sent, or the relay has ended."""
        while not self.reason and self._bytes + self.end.flying_bytes >= WINDOW:
            self._room.clear()
            await self._room.wait()

    def close(self, code: int) -> None:
        """End the relay from this side; the other one is told after what waits."""
        self.put(CLOSE, code)
        self._stop(CloseCode(code).reason if code in frozenset(CloseCode) else "by-client")

    async def run(self) -> None:
        """Send until the relay has ended and the other end was told."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._send_what_may_go()
                if self.reason:
                    return
        except BusUnavailable as error:
            logger.debug("a relay ends: %s", error)
            self.fail(CloseCode.NO_PROGRESS, "bus-down")

    async def _send_what_may_go(self) -> None:
        """Publish in envelopes what waits, as far as the window goes."""
        while self._waiting and (self.end.has_room or self.reason):
            items, size = self._take()
            await self._say(self.end.pack(items, size))
            self._room.set()
        if self._beat and not self.reason:
            await self._say(self.end.pack())

    def _take(self) -> tuple[tuple[Item, ...], int]:
        """Take as much as fits into one envelope."""
        items: list[Item] = []
        size = 0
        while self._waiting and (not items or size + _size(self._waiting[0][1]) <= CHUNK):
            item = self._waiting.popleft()
            items.append(item)
            size += _size(item[1])
        self._bytes -= size
        return tuple(items), size

    async def _say(self, data: bytes) -> None:
        self._beat = False
        self._untold = 0
        self._said_at = self._now()
        if await self._publish(data) == 0:
            self.fail(CloseCode.NO_PROGRESS, "nobody-listens")

    def consumed(self, n: int) -> None:
        """The content of the other end's envelopes up to ``n`` is used up: it may send more."""
        self.end.consumed = max(self.end.consumed, n)
        if self.end.consumed - self.end.told > _TELL_EVERY or self._untold > WINDOW // 4:
            self._beat = True
            self._wake.set()

    # -- in ---------------------------------------------------------------------------------------

    def heard(self, envelope: Envelope) -> None:
        """Take an envelope of the other end."""
        if self.reason:
            return
        self._heard_at = self._now()
        if any(kind == GONE for kind, _ in envelope.items):
            self.fail(CloseCode.NO_PROGRESS, "gone")
            return
        try:
            items = self.end.unpack(envelope)
        except ProtocolError as error:
            self.fail(CloseCode(error.code), CloseCode(error.code).reason)
            return
        self._room.set()
        self._wake.set()
        for kind, value in items:
            self._untold += _size(value)
            if kind == MESSAGE:
                self.deliver(envelope.n, value)
            elif kind == CLOSE:
                self._stop(CloseCode(value).reason if value in frozenset(CloseCode) else "by-client")
                self.ended(value)

    def tick(self, now: float) -> None:
        """Look at the clock; called a few times a second."""
        if now - self._heard_at > self._silence:
            self.fail(CloseCode.NO_PROGRESS, "silence")
        elif now - self._said_at >= BEAT_SECONDS:
            self._beat = True
            self._wake.set()

    def fail(self, code: CloseCode, reason: str) -> None:
        """End the relay: it cannot go on. The other end finds out by itself, or is told if it asks."""
        if not self.reason:
            self._waiting.clear()
            self._stop(reason)
            self.ended(code)

    def _stop(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._wake.set()
        self._room.set()


_TELL_EVERY: Final = 16
"""Envelopes consumed after which the other end is told at once."""


def _size(value: object) -> int:
    return len(value) + 16 if isinstance(value, (str, bytes)) else 64


def _nothing(*_args: object) -> None:
    """Nobody wants to know."""
