"""A node's sign of life, from a thread of its own (layer 3; I9).

An async handler that blocks the loop must not get the node declared dead at once: its sessions would be taken
by force. So the heartbeat does not run on the loop. It stops only when the loop has been stuck for long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

from flet_cluster.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.model import NodeInfo
    from flet_cluster.stores.base import SessionStore

logger = logging.getLogger("flet_cluster.node")

STUCK_SECONDS = 30.0
"""A loop that has not turned for so long is not coming back: let others have its sessions."""
LAG_SECONDS = 0.5
"""A loop that lags by more than this has an async handler that blocks: worth a line in the log."""


class Heartbeat:
    """Writes :class:`NodeInfo` to the store every ``interval`` seconds until stopped.

    Args:
        open_store: makes a store of this thread's own; stores belong to one loop.
        describe: returns what to say; called in the thread.
        lagged: told how long the node's loop was stuck, in seconds.
    """

    def __init__(
        self,
        open_store: Callable[[], SessionStore],
        describe: Callable[[], NodeInfo],
        interval: float,
        ttl: float,
        lagged: Callable[[float], None],
    ) -> None:
        self._open_store = open_store
        self._describe = describe
        self._interval = interval
        self._ttl = ttl
        self._lagged = lagged
        self._last_turn = time.monotonic()
        self._loop_thread = threading.get_ident()
        self._named_turn = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._ticker: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, from the node's loop."""
        self._loop_thread = threading.get_ident()
        self._tick()
        self._thread.start()

    async def stop(self) -> None:
        """End and wait for the thread."""
        self._stop.set()
        if self._ticker is not None:
            self._ticker.cancel()
        await asyncio.to_thread(self._thread.join)

    def _tick(self) -> None:
        """On the node's loop: it turns."""
        now = time.monotonic()
        lag = now - self._last_turn - self._interval
        if lag > LAG_SECONDS:
            logger.warning("the event loop was blocked for %.1f s", lag)
            self._lagged(lag)
        self._last_turn = now
        self._ticker = asyncio.get_running_loop().call_later(self._interval, self._tick)

    def _run(self) -> None:
        """In the thread."""
        asyncio.run(self._beat())

    def _name_who_blocks(self) -> None:
        """Log once where the loop's thread is, while it is stuck: an async handler that does not await."""
        turn = self._last_turn
        if time.monotonic() - turn < self._interval + LAG_SECONDS or turn == self._named_turn:
            return
        self._named_turn = turn
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001  the documented way to look at a thread
        place = "".join(traceback.format_stack(frame, limit=8)) if frame else "?"
        logger.warning("an async handler blocks the event loop and with it every session here:\n%s", place)

    async def _beat(self) -> None:
        store = self._open_store()
        with contextlib.suppress(StoreError):
            await store.start()
        while not self._stop.is_set():
            try:
                self._name_who_blocks()
            except Exception:  # nobody must be taken for dead over a log line
                logger.exception("cannot say who blocks the event loop")
            if time.monotonic() - self._last_turn < STUCK_SECONDS:
                try:
                    await store.heartbeat(self._describe(), self._ttl)
                except StoreError as error:
                    logger.warning("no heartbeat, the store is away: %s", error)
                except Exception:
                    logger.exception("no heartbeat")
            await asyncio.to_thread(self._stop.wait, self._interval)
        await store.stop()
