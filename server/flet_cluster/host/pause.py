"""A thread that waits while something is done on the loop (layer 3; imports no Flet)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Pause:
    """One wait of one thread.

    The thread may hold a lock of the app while it waits, and code on the loop may want that lock: then the
    loop never comes. So it waits for the loop's turn for ``patience`` seconds only, and goes on without.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        self._loop = loop
        self._patience = patience
        self._claim = threading.Lock()
        self._over = threading.Event()

    def take(self, action: Callable[[Pause], None]) -> None:
        """In the thread: wait until ``action``, called on the loop, has resumed this pause."""
        self._loop.call_soon_threadsafe(self._begin, action)
        if not self._over.wait(self._patience) and self._claim.acquire(blocking=False):
            return  # from here on the action finds the claim taken
        self._over.wait()

    def _begin(self, action: Callable[[Pause], None]) -> None:
        """On the loop, with the thread waiting, unless it has given up."""
        if not self._claim.acquire(blocking=False):
            return
        try:
            action(self)
        except BaseException:
            self.resume()
            raise

    def resume(self) -> None:
        """Let the thread go on. Harmless when repeated."""
        self._over.set()
