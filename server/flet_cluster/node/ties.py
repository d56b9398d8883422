"""Sessions that left their objects here, in a form that keeps what they share with others (layer 3).

Good for nothing but to wake from the commit of which it is the state: whatever has another one since, here or
on another node, is rebuilt from its record.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from flet_cluster.host.shared import Shared

if TYPE_CHECKING:
    from flet_cluster.host.shared import Tied
    from flet_cluster.model import Commit
    from flet_cluster.node.node import Node
    from flet_cluster.node.seat import Seat

MAX_BYTES: Final = 64 << 20
"""All of them together; the oldest go first (I7)."""


class Ties:
    """Those of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._shared = Shared(node.host)
        self._ties: OrderedDict[str, tuple[bytes, Tied, float]] = OrderedDict()
        self._bytes = 0

    def holds(self, seat: Seat) -> bool:
        """Whether the app itself keeps something of a session, in one of its modules."""
        return seat.live is not None and self._shared.holds(seat.live)

    def keep(self, seat: Seat) -> None:
        """Remember what a session shares; it is at rest, its last commit its state."""
        if seat.live is None or seat.committed is None or not seat.portable:
            return
        tied = self._shared.tie(seat.live)
        self.drop(seat.id)
        if tied is not None:
            until = self._node.loop.time() + self._node.settings.session_timeout
            self._ties[seat.id] = (seat.committed.image, tied, until)
            self._bytes += len(tied.packed)
            self._bound()

    def take(self, session_id: str, commit: Commit) -> Tied | None:
        """Return what is remembered of the session at this commit, once."""
        found = self.drop(session_id)
        return found[1] if found is not None and found[0] == commit.image else None

    def follow(self, session_id: str, before: Commit, after: Commit) -> None:
        """The same state was committed again."""
        found = self._ties.get(session_id)
        if found is not None and found[0] == before.image:
            self._ties[session_id] = (after.image, *found[1:])

    def drop(self, session_id: str) -> tuple[bytes, Tied, float] | None:
        """Forget a session."""
        found = self._ties.pop(session_id, None)
        if found is not None:
            self._bytes -= len(found[1].packed)
        return found

    def _bound(self) -> None:
        """Forget what is too old or too much; sessions that never came back are the first ones."""
        now = self._node.loop.time()
        while self._ties:
            session_id, (_, _, until) = next(iter(self._ties.items()))
            if until > now and self._bytes <= MAX_BYTES:
                break
            self.drop(session_id)
