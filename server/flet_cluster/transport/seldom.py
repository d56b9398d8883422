"""Keeps what happens again and again from filling the log (layer 3: standard library only)."""

from __future__ import annotations


class Seldom:
    """Says whether something is to be said again.

    Args:
        seconds: how long each thing is not repeated.
        most: how many things are remembered. While all are recent, new ones are not said at all, so that
            nobody fills the log with things that he makes up.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._said: dict[str, float] = {}

    def due(self, thing: str, now: float) -> bool:
        """Return whether to say it now, and remember that it was said.

        Args:
            thing: what it is about.
            now: seconds of any clock that does not go back.
        """
        if thing in self._said and now - self._said[thing] < self._seconds:
            return False
        self._said.pop(thing, None)
        if len(self._said) >= self._most:
            oldest = next(iter(self._said))
            if now - self._said[oldest] < self._seconds:
                return False
            del self._said[oldest]
        self._said[thing] = now
        return True
