"""The messages that one session hears (layer 3: may import Flet).

They are taken one at a time, in the order of the app's stream. How far the session has come is part of its
commits. When a message's turn comes, what is to be called for it becomes part of the session's state: each
call is there until it begins, and then among what has started (I3). So each happens once, or is reported as
interrupted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flet_cluster.host import message_codec
from flet_cluster.host.inputs import Input
from flet_cluster.host.missed import MissedMessages

if TYPE_CHECKING:
    from flet_cluster.host.live import LiveSession

logger = logging.getLogger("flet_cluster.host")

MOST_WAITING: Final = 100
"""Messages that a session may have waiting in memory; the others wait in the store."""
MOST_BYTES: Final = 4 << 20
"""The same in bytes; one message is always allowed."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Something that comes to a session out of the app's stream.

    Attributes:
        n: its number.
        body: the message, verified; None: some are gone.
        before: the number after which it came.
        trace: header of the span that published it; "" if there is none.
    """

    n: int
    body: bytes | None
    before: int
    trace: str = ""


@dataclass(slots=True, eq=False)
class Delivery:
    """One call of a handler, until it begins; travels with the session.

    Attributes:
        key: an idempotency key: the same on every node.
    """

    handler: Any
    arguments: tuple[Any, ...]
    key: str

    @property
    def what(self) -> str:
        """Name the handler, for people."""
        return f"pubsub handler {getattr(self.handler, '__qualname__', type(self.handler).__name__)}"


class Messages:
    """What one session has heard, and what it is about to hear.

    Attributes:
        due: calls whose turn has come and that have not begun.
        latest: number of the last one that was put.
        room: set unless it is full.
    """

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self._known = 0
        self.latest = 0
        self._bytes = 0
        self._waiting: deque[Arrived] = deque()
        self.due: list[Delivery] = []
        self.room = asyncio.Event()
        self.room.set()

    def adopt(self, due: list[Delivery]) -> None:
        """Take over calls from a snapshot."""
        self.due = due

    def wake(self) -> None:
        """Queue what was due in the snapshot."""
        for delivery in self.due:
            self._live.host.loop.call_soon(self._queue, delivery)

    @property
    def position(self) -> int:
        """The highest number that the state accounts for."""
        return self._waiting[0].before if self._waiting else self._known

    @property
    def idle(self) -> bool:
        """Whether none waits."""
        return not self._waiting

    @property
    def full(self) -> bool:
        """Whether others have to wait in the store."""
        return len(self._waiting) >= MOST_WAITING or self._bytes >= MOST_BYTES

    def passed(self, n: int) -> None:
        """Nothing up to this number concerns the session any more but what was put."""
        self._known = max(self._known, n)

    def put(self, arrived: Arrived) -> None:
        """Take a message in; one that came before is dropped."""
        if arrived.n <= self._known:
            return
        self._known = self.latest = arrived.n
        self._waiting.append(arrived)
        self._count(arrived, 1)
        self.pump()

    def pump(self) -> None:
        """Let the next one's turn come, unless something of the one before has not begun."""
        while self._waiting and not self.due and not self._live.gone:
            arrived = self._waiting.popleft()
            self._count(arrived, -1)
            self.due = [
                Delivery(handler, arguments, f"m{arrived.n}.{index}")
                for index, (handler, arguments) in enumerate(self._calls(arrived))
            ]
            for delivery in list(self.due):
                self._queue(delivery, arrived.trace)
            if not self.due and not self._waiting:
                self._live.changed(urgent=False)

    def begun(self, delivery: Delivery) -> None:
        """A call has begun, or cannot begin."""
        if delivery in self.due:
            self.due.remove(delivery)
        if not self.due and self._waiting:
            self._live.host.loop.call_soon(self.pump)

    def _queue(self, delivery: Delivery, cause: str = "") -> None:
        self._live.inputs.queue(Input("deliver", 0, delivery, key=delivery.key, cause=cause))

    def _calls(self, arrived: Arrived) -> list[tuple[Any, tuple[Any, ...]]]:
        """Return the handlers to call, each with its arguments."""
        subscriptions = self._live.pubsub.subscriptions
        if arrived.body is None:
            missed = MissedMessages(arrived.before / 1e6, arrived.n / 1e6)
            return [(handler, (missed,)) for handler in subscriptions.missed]
        try:
            topic, message = message_codec.unpack(arrived.body)
        except Exception:  # the sender ran other code: for this session the message is gone
            logger.exception("session %s: a message of page.pubsub cannot be read here", self._live.id)
            self._live.host.observer.count("pubsub_gap", reason="unreadable")
            return self._calls(Arrived(arrived.n, None, arrived.before))
        return subscriptions.handlers(topic, message)

    def _count(self, arrived: Arrived, sign: int) -> None:
        self._bytes += sign * len(arrived.body or b"")
        if self.full:
            self.room.clear()
        else:
            self.room.set()
