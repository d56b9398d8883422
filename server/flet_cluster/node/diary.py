"""What happens to a session on its node, until it is in the store (layer 3).

It goes there with what is written anyway, when the session's deadline moves or its lease goes back: an event
of its user costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flet_cluster.facts import Note

if TYPE_CHECKING:
    from flet_cluster.node.node import Node

MOST: Final = 16
"""Notes that wait; of more, the oldest are dropped."""


class Diary:
    """One seat's. Takes hardly any memory while it is empty, as it mostly is."""

    __slots__ = ("_node", "_waiting")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._waiting: tuple[tuple[float, str, str], ...] = ()

    def note(self, kind: str, detail: str = "") -> None:
        """Note a turn in the session's life."""
        self._waiting = (*self._waiting[1 - MOST :], (self._node.loop.time(), kind, detail))

    def waiting(self) -> list[Note]:
        """Return what waits."""
        now = self._node.loop.time()
        return [Note(kind, self._node.id, detail, now - at) for at, kind, detail in self._waiting]

    def written(self, count: int) -> None:
        """Forget the first so many: they are in the store."""
        self._waiting = self._waiting[count:]
