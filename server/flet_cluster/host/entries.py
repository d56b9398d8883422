"""Events from outside that came through a session's inbox (layer 3: may import Flet).

They are taken one at a time, in order. How far the session has come is part of its commits: an entry counts
as handled when what handles it has ended, so one that is cut short is taken again by the next node.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flet_cluster.host import sign_in
from flet_cluster.host.current import Event, within
from flet_cluster.host.inputs import Input

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flet_cluster.host.live import LiveSession

logger = logging.getLogger("flet_cluster.host")

KINDS: dict[str, Callable[[LiveSession, dict[str, Any]], Awaitable[None]]] = {"oauth": sign_in.finish}
"""What to do with an entry, by its kind."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry as it came out of the inbox.

    Attributes:
        n: its number.
        kind: one of :data:`KINDS`; anything else is passed over.
        body: plain values.
    """

    n: int
    kind: str
    body: dict[str, Any]


class Entries:
    """The entries that one session was given.

    Attributes:
        position: the highest number that its state accounts for.
    """

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self.position = 0
        self._known = 0
        self._waiting: deque[Arrival] = deque()
        self._current: Arrival | None = None

    def go_on_from(self, position: int) -> None:
        """Set how far the record says the session has come."""
        self.position = self._known = position

    def put(self, arrival: Arrival) -> None:
        """Take an entry in; one that came before is dropped."""
        if arrival.n > self._known:
            self._known = arrival.n
            self._waiting.append(arrival)
            self.pump()

    def pump(self) -> None:
        """Queue the next one, unless one is being handled, or the page is only about to come."""
        live = self._live
        if self._waiting and self._current is None and live.registered and not live.output.muted:
            self._current = self._waiting.popleft()
            live.inputs.queue(Input("entry", 0, self._current))

    def start(self, arrival: Arrival, mark: Any = None) -> None:
        """Its turn has come; ``mark``: its place in the session's traces."""
        handle = KINDS.get(arrival.kind)
        if handle is None:
            if arrival.kind:
                logger.warning("session %s: nothing is known of %r in its inbox", self._live.id, arrival.kind)
            self._done(arrival, mark)
            return
        what = f"inbox entry ({arrival.kind})"
        event = Event(f"{self._live.id}:entry.{arrival.n}", what, self._live.again)
        around = self._live.trail.handling(mark, what, event.key)
        work = within(event, _call(handle, self._live, arrival), around)
        self._live.handlers.run(work, None, what, lambda: self._done(arrival, mark))

    def _done(self, arrival: Arrival, mark: Any) -> None:
        """It has ended, in the same step as the last of what it did."""
        self._live.trail.done(mark)
        self.position = arrival.n
        self._current = None
        self._live.changed()
        self.pump()


async def _call(handle: Callable[..., Awaitable[None]], live: LiveSession, arrival: Arrival) -> None:
    await handle(live, arrival.body)
