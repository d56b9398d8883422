"""What happens to a session on its node, until it is in the store (layer 3).

It goes there with what is written anyway, when the session's deadline moves or its lease goes back: an event
of its user costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flet_cluster.facts import Note

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 16
"""Notes that wait; of more, the oldest are dropped."""


class Diary:
    """One seat's.

    Args:
        node_id: where it is.
        clock: seconds.
    """

    __slots__ = ("_clock", "_node_id", "_waiting")

    def __init__(self, node_id: str, clock: Callable[[], float]) -> None:
        self._node_id = node_id
        self._clock = clock
        self._waiting: list[tuple[float, str, str]] = []

    def note(self, kind: str, detail: str = "") -> None:
        """Note a turn in the session's life."""
        self._waiting.append((self._clock(), kind, detail))
        del self._waiting[:-MOST]

    def take(self) -> list[Note]:
        """Return what waits, and forget it: it is about to be written."""
        now, waiting, self._waiting = self._clock(), self._waiting, []
        return [Note(kind, self._node_id, detail, now - at) for at, kind, detail in waiting]
