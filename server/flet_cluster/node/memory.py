"""Gives the memory of sessions that are gone back to the system (layer 3).

A session's objects are cycles: only the garbage collector frees them, and on a node where nothing happens it
never runs. Nor does the C library return what is free by itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SHARE = 1 / 64
"""It is worth a collection when that part of a node's sessions has gone ..."""
LEAST = 20
"""... or so many of them, whichever is more ..."""
WAIT_SECONDS = 3.0
"""... or when those that have gone went so long ago."""
BUDGET = 0.05
"""The part of all time that collections may take."""


class Memory:
    """Counts what was let go of, and collects when that is worth it."""

    def __init__(self) -> None:
        self._gone = 0
        self._since = 0.0
        self._not_before = 0.0
        self._trim = _trimmer()

    def let_go(self, sessions: int) -> None:
        """So many sessions have lost their objects."""
        self._gone += sessions

    def tidy(self, sessions: int, now: float) -> None:
        """Collect and trim if it is worth it; holds the loop for as long as a collection takes.

        Args:
            sessions: how many the node has.
            now: seconds by the loop's clock.
        """
        if not self._gone:
            self._since = now
        worth_it = self._gone >= max(LEAST, sessions * SHARE) or now - self._since > WAIT_SECONDS
        if not self._gone or not worth_it or now < self._not_before:
            return
        self._gone, self._since = 0, now
        began = time.perf_counter()
        gc.collect()
        self._trim(0)
        self._not_before = now + (time.perf_counter() - began) / BUDGET


def _trimmer() -> Callable[[int], Any]:
    """Return the C library's ``malloc_trim`` where there is one."""
    with contextlib.suppress(OSError, AttributeError):
        return ctypes.CDLL(None).malloc_trim
    return lambda _padding: None
