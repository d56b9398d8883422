"""Remembers how often sessions could not be rebuilt on this node (layer 3: standard library only)."""

from __future__ import annotations

REMEMBERED = 1000
"""How many sessions are remembered (I7): the last ones."""


class Vain:
    """Counts attempts that failed, by session."""

    def __init__(self) -> None:
        self._tries: dict[str, int] = {}

    def add(self, session_id: str) -> int:
        """Count one more; return how many there were."""
        tries = self._tries[session_id] = self._tries.pop(session_id, 0) + 1
        if len(self._tries) > REMEMBERED:
            del self._tries[next(iter(self._tries))]
        return tries


def is_worth_saying(tries: int) -> bool:
    """Return whether the log is to hear of an attempt: of the first, second, fourth, eighth and so on."""
    return tries & (tries - 1) == 0
