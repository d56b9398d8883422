"""Finds out when the event loop is stuck, and who is to blame, from a thread of its own (layer 3; I9).

An async handler that blocks cannot be isolated: it stops every session of its node. So it is detected, named
in the log while it still blocks, and counted.
"""

from __future__ import annotations

import asyncio
import linecache
import logging
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

logger = logging.getLogger("flet_cluster.node")

TURN_SECONDS = 0.25
"""How often the loop shows that it turns, and how often the thread looks."""
LAG_SECONDS = 0.5
"""A loop that is later than this has something that blocks in it: worth a line in the log."""
REMEDY = "let it await, or give its work to asyncio.to_thread"
DEPTH = 8
"""So many lines of the stack are logged, the innermost ones."""


class LoopWatch:
    """Watches the running loop from :meth:`start` to :meth:`stop`.

    Args:
        is_app: tells whether a module is the app's own, by its name.
        looked: told on the loop at each look how late it was, in seconds, and whether that is worth a line.
    """

    def __init__(self, is_app: Callable[[str], bool], looked: Callable[[float, bool], None]) -> None:
        self._is_app = is_app
        self._looked = looked
        self._last_turn = time.monotonic()
        self._named_turn = 0.0
        self._loop_thread = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loop-watch", daemon=True)
        self._ticker: asyncio.TimerHandle | None = None

    @property
    def stuck_for(self) -> float:
        """Seconds since the loop last showed that it turns; callable from any thread."""
        return time.monotonic() - self._last_turn

    @property
    def works(self) -> bool:
        """Whether it has begun, and not ended before it was told to; callable from any thread."""
        return self._stop.is_set() or self._thread.is_alive()

    def start(self) -> None:
        """Begin, on the loop that is to be watched."""
        self._loop_thread = threading.get_ident()
        self._last_turn = time.monotonic()
        self._tick()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._ticker is not None:
            self._ticker.cancel()

    def _tick(self) -> None:
        """On the loop: it turns."""
        now = time.monotonic()
        lag = max(0.0, now - self._last_turn - TURN_SECONDS)
        blocked = lag > LAG_SECONDS
        if blocked:
            logger.warning("the event loop was blocked for %.1f s", lag)
        if self._ticker is not None:  # not the first one, which nobody waited for
            self._looked(lag, blocked)
        self._last_turn = now
        self._ticker = asyncio.get_running_loop().call_later(TURN_SECONDS, self._tick)

    def _run(self) -> None:
        """In the thread."""
        while not self._stop.wait(TURN_SECONDS):
            try:
                self._look()
            except Exception:  # the watch goes on
                logger.exception("cannot say who blocks the event loop")

    def _look(self) -> None:
        """Log once where the loop's thread is, while it is stuck."""
        turn = self._last_turn
        if self.stuck_for < TURN_SECONDS + LAG_SECONDS or turn == self._named_turn:
            return
        self._named_turn = turn
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001  the documented way to look at a thread
        if frame is not None:
            stack = "".join(traceback.format_stack(frame, limit=DEPTH))
            linecache.clearcache()  # or it keeps the text of all these files
            logger.warning("%s:\n%s", self._diagnosis(frame), stack)

    def _diagnosis(self, frame: FrameType) -> str:
        """Name the innermost function of the app; what it called may be deep in some library."""
        inner: FrameType | None = frame
        while inner is not None:
            if self._is_app(inner.f_globals.get("__name__", "")):
                code = inner.f_code
                who = f"{code.co_qualname} ({code.co_filename}:{inner.f_lineno})"
                return f"{who} blocks the event loop, and with it every session here; {REMEDY}"
            inner = inner.f_back
        return "the event loop does not turn, and no code of the app is in it; is the machine too busy?"
