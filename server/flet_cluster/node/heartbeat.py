"""A node's sign of life, from a thread of its own (layer 3; I9).

An async handler that blocks the loop must not get the node declared dead at once: its sessions would be taken
by force. So the heartbeat does not run on the loop. It stops only when the loop has been stuck for long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from flet_cluster.errors import StoreError
from flet_cluster.node.figures import History

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.host.fence import SignOfLife
    from flet_cluster.model import NodeInfo
    from flet_cluster.stores.base import SessionStore

logger = logging.getLogger("flet_cluster.node")

STUCK_SECONDS = 30.0
"""A loop that has not turned for so long is not coming back: let others have its sessions."""


class Heartbeat:
    """Writes :class:`NodeInfo` to the store every ``interval`` seconds until stopped.

    Args:
        open_store: makes a store of this thread's own; stores belong to one loop.
        describe: returns what to say; called in the thread.
        interval: seconds from one to the next.
        ttl: seconds that each is good for: after that the node counts as dead.
        stuck_for: returns for how many seconds the node's loop has not turned; called in the thread.
        life: is told of each heartbeat that arrived.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a thread of its own needs
        self,
        open_store: Callable[[], SessionStore],
        describe: Callable[[], NodeInfo],
        interval: float,
        ttl: float,
        stuck_for: Callable[[], float],
        life: SignOfLife,
    ) -> None:
        self._open_store = open_store
        self._describe = describe
        self._interval = interval
        self._ttl = ttl
        self._stuck_for = stuck_for
        self._life = life
        self._stop = threading.Event()
        self._ended: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin, from the node's loop."""
        self._thread.start()

    @property
    def works(self) -> bool:
        """Whether its thread has not ended before it was told to; callable from any thread."""
        return self._stop.is_set() or self._thread.ident is None or self._thread.is_alive()

    async def stop(self) -> None:
        """End and wait for the thread, without one of the loop's own: the app may have them all."""
        self._stop.set()
        if self._thread.ident is not None:
            await asyncio.shield(asyncio.wrap_future(self._ended))

    def _run(self) -> None:
        """In the thread."""
        try:
            asyncio.run(self._beat())
        finally:
            self._ended.set_result(None)

    async def _beat(self) -> None:
        store, history = self._open_store(), History()
        with contextlib.suppress(StoreError):
            await store.start()
        while not self._stop.is_set():
            if self._stuck_for() < STUCK_SECONDS:
                try:
                    sent, info = self._life.time(), self._describe()
                    await store.heartbeat(info, self._ttl)
                    self._life.confirmed(sent, self._ttl)
                    if self._life.time() - sent > self._interval:
                        self._life.doubt()
                    await history.take(store, info, sent)
                except StoreError as error:
                    self._life.doubt()
                    logger.warning("no heartbeat, the store is away: %s", error)
                except Exception:
                    logger.exception("no heartbeat")
            await asyncio.to_thread(self._stop.wait, self._interval)  # not of the app's loop
        await store.stop()
