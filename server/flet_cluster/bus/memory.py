"""A bus within one process (layer 2): for tests, demos and single-node use."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from flet_cluster.errors import BusUnavailable

if TYPE_CHECKING:
    from flet_cluster.bus.base import Handler, Unsubscribe

_log = logging.getLogger(__name__)


class MemoryHub:
    """What the buses of one process share: who listens where."""

    def __init__(self) -> None:
        self.listeners: dict[str, list[_Listener]] = {}


class _Listener:
    """One subscription."""

    def __init__(self, channel: str, handler: Handler) -> None:
        self.channel = channel
        self.handler = handler
        self.active = True

    def deliver(self, payload: bytes) -> None:
        """Hand over a message unless the subscription ended while it was on its way."""
        if not self.active:
            return
        try:
            self.handler(payload)
        except Exception:  # noqa: BLE001 - one bad handler must not disturb the others
            _log.exception("a handler of bus channel %s failed", self.channel)


class MemoryBus:
    """See :class:`flet_cluster.bus.base.Bus`. Messages arrive in a later step of the loop, never inline.

    Args:
        hub: shared with the other nodes of this process; a hub of its own if left out.
    """

    def __init__(self, hub: MemoryHub | None = None) -> None:
        self._hub = hub or MemoryHub()
        self._mine: list[_Listener] = []
        self._running = False

    async def start(self) -> None:
        """Allow publishing and subscribing."""
        self._running = True

    async def stop(self) -> None:
        """Drop every subscription of this node."""
        self._running = False
        for listener in list(self._mine):
            self._remove(listener)

    async def publish(self, channel: str, payload: bytes) -> int | None:
        """Send to all listeners of the hub; returns their number."""
        self._require_running()
        listeners = list(self._hub.listeners.get(channel, ()))
        loop = asyncio.get_running_loop()
        for listener in listeners:
            loop.call_soon(listener.deliver, payload)
        return len(listeners)

    async def subscribe(self, channel: str, handler: Handler) -> Unsubscribe:
        """Listen on a channel."""
        self._require_running()
        listener = _Listener(channel, handler)
        self._hub.listeners.setdefault(channel, []).append(listener)
        self._mine.append(listener)

        async def unsubscribe() -> None:
            self._remove(listener)

        return unsubscribe

    def _require_running(self) -> None:
        if not self._running:
            raise BusUnavailable("this node's bus is not started, or was stopped")

    def _remove(self, listener: _Listener) -> None:
        if not listener.active:
            return
        listener.active = False
        self._mine.remove(listener)
        others = self._hub.listeners[listener.channel]
        others.remove(listener)
        if not others:
            del self._hub.listeners[listener.channel]
