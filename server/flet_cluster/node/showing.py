"""What a session shows its browser: numbered, held until it is committed, then released (layer 3).

The numbers belong to one load of the page. Runs on the loop only.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from flet_cluster.protocol.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flet_cluster.model import Commit
    from flet_cluster.node.seat import Seat

MOST_MEASURED = 1000
"""Events of which a session remembers when they came; no more can be on their way for long."""


class Showing:
    """The output of one seat.

    Attributes:
        outbox: what the browser may need once more, under its numbers.
        generation: counts page loads on this seat; the numbers of a link belong to one of them.
        durable: (rx, tx) of the present generation that the store has.
    """

    __slots__ = ("_events", "_held", "_seat", "durable", "generation", "outbox")

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self.outbox = Outbox(seat.node.limits)
        self.generation = 0
        self.durable = (0, 0)
        self._held: list[tuple[int, bytes]] = []
        self._events: tuple[tuple[int, float], ...] = ()  # takes no memory while the user does nothing

    def go_on_from(self, commit: Commit, outbox: Outbox) -> None:
        """Take over what a record says was shown."""
        self.durable = (commit.rx, commit.tx)
        self.outbox = outbox

    def start_over(self) -> None:
        """The page was loaded anew: numbers start at 1, what was for the old page is dropped."""
        self.generation += 1
        self.durable = (0, 0)
        self.outbox = Outbox(self._seat.node.limits)
        self.drop_held()
        self._events = ()

    def drop_held(self) -> None:
        """What was not released yet is not needed: the page comes whole, or nobody is to see it."""
        self._held.clear()

    @property
    def holds(self) -> bool:
        """Whether output waits for its commit."""
        return bool(self._held)

    @property
    def last(self) -> int:
        """The last output frame a browser may have: what is committed, unless output is ahead of that."""
        return self.outbox.tx if self._seat.node.settings.commit_interval else self.durable[1]

    def replay(self, rx: int) -> list[tuple[int, bytes]] | None:
        """Return the frames that a browser misses that has them up to ``rx``; None: they are not kept."""
        if rx > self.last and self._seat.node.settings.commit_interval > 0:
            return None
        return self.outbox.replay(rx, self.last)

    def came(self, seq: int, when: float | None) -> None:
        """Note when an event came, by ``time.perf_counter``; None: now."""
        if len(self._events) < MOST_MEASURED:
            self._events = (*self._events, (seq, perf_counter() if when is None else when))

    def queue(self, packets: Iterable[bytes]) -> int:
        """Number packets that are to be released; return the number of the last one there ever was."""
        seat = self._seat
        keep = seat.instance or seat.socket is not None
        for packet in packets if keep else ():
            self._held.append((self.outbox.append(packet), packet))
        if not seat.instance:
            self.outbox.restart()  # plain clients acknowledge nothing and get the page whole when they return
        return self.outbox.tx

    def release_early(self, packets: Iterable[bytes]) -> None:
        """Let output go before its commit: what a commit interval asks for."""
        seat = self._seat
        self.queue(packets)
        due, self._held = self._held, []
        if seat.socket is not None and due:
            with seat.trail.frames(due):
                seat.socket.release(due, self.durable[0])
        if seat.live is not None:
            self._answered(seat.live.inputs.progress.rx)

    def committed(self, commit: Commit, generation: int) -> None:
        """A commit is in the store: its output may be seen, its input is acknowledged (I1)."""
        seat = self._seat
        if seat.lost or generation != self.generation:
            return
        self.durable = (commit.rx, commit.tx)
        due = [frame for frame in self._held if frame[0] <= commit.tx]
        del self._held[: len(due)]
        if seat.socket is not None:
            with seat.trail.frames(due):
                seat.socket.release(due, commit.rx)
            seat.node.host.faults.hit("acknowledged", seat.id)
        self._answered(commit.rx)

    def _answered(self, rx: int) -> None:
        """Measure how long events up to input ``rx`` took until what they caused was released."""
        node, now = self._seat.node, perf_counter()
        while self._events and self._events[0][0] <= rx:
            seconds = now - self._events[0][1]
            self._events = self._events[1:]
            node.observer.observe("event_seconds", seconds)
            node.figures.tally.event(seconds)
