"""What a session is given to do, and what it has started (layer 3; imports no Flet).

``rx`` is the highest input that was *started* (I3). Inputs start in the order of their numbers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from flet_cluster.protocol.limits import Limits

Kind = Literal["register", "event", "props", "reply", "deliver", "entry", "own", "hook", "upgrade"]


@dataclass(slots=True)
class Input:
    """One thing to do, in order.

    Attributes:
        kind: a registration, a control's event, changed properties, a client call's answer, a message, an
            entry of the session's inbox, an event that Flet fires itself, a call that the app asked for, the
            news of changed code.
        seq: number of the browser's input; 0 for what the node itself caused.
        body: decoded message body, or what is to be delivered.
        client: for a registration: what the handshake said.
        instance: the page load that gave it its number.
        weight: what it takes of the inbox, in bytes; 0 for what the node itself caused.
        key: names one without a number that is reported when it is cut short; "" for others.
        again: a node that died may have started it before, and no record tells.
        cause: header of the trace that it follows from, see :mod:`flet_cluster.spans`.
        mark: its own place in the session's traces.
    """

    kind: Kind
    seq: int
    body: Any
    client: Any = None
    instance: str = ""
    weight: int = 0
    key: str = ""
    again: bool = False
    cause: str = ""
    mark: Any = None


class Inbox:
    """Inputs that wait for their turn, in order.

    What clients sent is bounded (I7), also over page loads: a new page has a window of its own, but what the
    old ones sent still waits. Who accepts inputs asks :attr:`full` first.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._items: deque[Input] = deque()
        self._frames = 0
        self._weight = 0
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def full(self) -> bool:
        """Whether clients have to wait."""
        return self._frames >= self._limits.max_inbox_frames or self._weight >= self._limits.max_inbox_bytes

    def put(self, item: Input) -> None:
        """Add an input."""
        self._items.append(item)
        self._count(item, 1)

    def take(self) -> Input:
        """Return the next one."""
        item = self._items.popleft()
        self._count(item, -1)
        return item

    def drop_registrations(self) -> list[Input]:
        """Forget who asked for a page that is gone; returns them."""
        items, self._items = self._items, deque()
        dropped = []
        for item in items:
            if item.kind == "register":
                self._count(item, -1)
                dropped.append(item)
            else:
                self._items.append(item)
        return dropped

    async def room(self) -> None:
        """Wait until it is not full, or nobody empties it any more."""
        await self._room.wait()

    def close(self) -> None:
        """Nobody empties it any more."""
        self._room.set()

    def _count(self, item: Input, sign: int) -> None:
        if item.weight:
            self._frames += sign
            self._weight += sign * item.weight
            if self.full:
                self._room.clear()
            else:
                self._room.set()


@dataclass(frozen=True, slots=True)
class Started:
    """An input whose handler has started and not finished; travels in each commit.

    Attributes:
        key: the same for every delivery of this event: an idempotency key.
        what: which handler, for people: ``Button(12).on_click``.
    """

    seq: int
    key: str
    what: str


@dataclass(slots=True)
class Progress:
    """How far the inputs of one page instance have come; ``running`` outlives a reload of the page."""

    rx: int = 0
    accepted: int = 0
    running: dict[str, Started] = field(default_factory=dict)

    def knows(self, seq: int) -> bool:
        """Whether an input was taken in before."""
        return seq <= self.accepted

    def accept(self, seq: int) -> None:
        """Take an input in."""
        self.accepted = seq

    def start(self, seq: int) -> None:
        """An input starts; 0 is none of the browser's."""
        self.rx = max(self.rx, seq)

    def restart(self) -> None:
        """The page was loaded anew: its inputs are numbered from 1 again."""
        self.rx = self.accepted = 0
