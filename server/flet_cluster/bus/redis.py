"""A bus over Redis pub/sub (layer 2).

A single server: one connection with many channels, ``SUBSCRIBE`` and ``PUBLISH``. A cluster: one connection
per primary in use, with the sharded commands ``SSUBSCRIBE`` and ``SPUBLISH``, so that a message visits one
shard only, and the number of receivers is exact there too (all listen at the primary that owns the channel's
slot).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from typing import TYPE_CHECKING

from redis.exceptions import RedisError, ResponseError

from flet_cluster.bus.listener import Listener
from flet_cluster.errors import BusUnavailable, StoreError
from flet_cluster.events import NullObserver
from flet_cluster.stores.batch import Batcher
from flet_cluster.stores.connect import backoff
from flet_cluster.stores.keys import app_prefix
from flet_cluster.stores.wire import ClusterWire, open_wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from redis.asyncio.connection import AbstractConnection

    from flet_cluster.bus.base import Handler, Unsubscribe
    from flet_cluster.events import Observer

_log = logging.getLogger(__name__)
_TROUBLE = (RedisError, OSError, TimeoutError)


class RedisBus:
    """See :class:`flet_cluster.bus.base.Bus`.

    Args:
        url: see :mod:`flet_cluster.stores.connect`.
        app: name of the app; keeps the channels of apps apart.
        patience: how long publishing or subscribing is tried, seconds.
        disturbed: called when a connection has broken on which messages came until then.
        observer: counts what goes wrong.
    """

    def __init__(
        self,
        url: str,
        app: str,
        *,
        patience: float = 2.0,
        disturbed: Callable[[], None] = lambda: None,
        observer: Observer | None = None,
    ) -> None:
        wire = open_wire(url, timeout=min(2.0, patience))
        self._client = wire.client
        self._observer = observer or NullObserver()
        self._batcher = Batcher(wire, patience=patience, observer=observer)
        self._sharded = isinstance(wire, ClusterWire)
        self._prefix = f"{app_prefix(app)}:bus:"
        self._patience = patience
        self._disturbed = disturbed
        self._handlers: dict[str, list[Handler]] = {}
        self._listeners: dict[str, Listener] = {}
        self._attaching: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._connecting = asyncio.Lock()
        self._backoff = backoff()
        self._trouble: BaseException | None = None
        self._stopped = False

    async def start(self) -> None:
        """Connect."""
        try:
            await self.publish("start", b"")
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Drop every subscription and connection."""
        self._stopped = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        async with self._connecting:  # who is in the middle of it would leave a connection behind
            listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            await listener.stop()
        self._handlers.clear()
        await self._batcher.stop()

    async def publish(self, channel: str, payload: bytes) -> int | None:
        """Send to whoever listens now; returns their number."""
        verb = "SPUBLISH" if self._sharded else "PUBLISH"
        try:
            return int(await self._batcher.command(verb, self._prefix + channel, payload))
        except StoreError as error:
            raise BusUnavailable(f"cannot publish: {error}") from error

    async def subscribe(self, channel: str, handler: Handler) -> Unsubscribe:
        """Listen on a channel."""
        full = self._prefix + channel
        handlers = self._handlers.setdefault(full, [])
        handlers.append(handler)
        try:
            async with asyncio.timeout(self._patience):
                await self._attach_patiently(full)
        except BaseException as error:
            await self._forget(full, handler)
            if isinstance(error, TimeoutError):
                reason = f"no confirmation within {self._patience:g} s"
                raise BusUnavailable(f"cannot listen on {channel}: {reason}") from (self._trouble or error)
            raise
        gone = False

        async def unsubscribe() -> None:
            nonlocal gone
            if not gone:
                gone = True
                await self._forget(full, handler)

        return unsubscribe

    async def _forget(self, channel: str, handler: Handler) -> None:
        handlers = self._handlers.get(channel, [])
        if handler in handlers:
            handlers.remove(handler)
        if handlers:
            return
        self._handlers.pop(channel, None)
        for listener in list(self._listeners.values()):
            with contextlib.suppress(*_TROUBLE):
                await listener.remove(channel)

    def _deliver(self, channel: str, payload: bytes) -> None:
        for handler in list(self._handlers.get(channel, ())):
            try:
                handler(payload)
            except Exception:  # noqa: BLE001 - one bad handler must not disturb the others
                _log.exception("a handler of bus channel %s failed", channel)

    async def _attach_patiently(self, channel: str) -> None:
        """Try until it works, or nobody wants it any more."""
        self._attaching[channel] += 1
        try:
            await self._attach_until_it_holds(channel)
        finally:
            self._attaching[channel] -= 1

    async def _attach_until_it_holds(self, channel: str) -> None:
        failures = 0
        while channel in self._handlers:
            try:
                listener = await self._attach(channel)
            except _TROUBLE as error:
                failures += 1
                self._trouble = error
                kind = "refused" if isinstance(error, ResponseError) else "unreachable"
                self._observer.count("redis_errors", operation="subscribe", kind=kind)
                _log.debug("listening on %s failed: %s", channel, error)
                await asyncio.sleep(self._backoff.compute(failures))
                await self._read_topology()
            else:
                self._trouble = None
                if listener in self._listeners.values():  # it may have been lost in the same moment
                    return
        self._refuse_if_stopped()

    def _refuse_if_stopped(self) -> None:
        if self._stopped:
            raise BusUnavailable("this node's bus was stopped")

    async def _attach(self, channel: str) -> Listener:
        async with self._connecting:
            self._refuse_if_stopped()
            name, connection = await self._route(channel)
            listener = self._listeners.get(name)
            if listener is None:
                listener = Listener(
                    connection,
                    sharded=self._sharded,
                    deliver=self._deliver,
                    lost=self._lost,
                )
                await listener.start()
                self._listeners[name] = listener
        await listener.add(channel, self._patience)
        return listener

    async def _route(self, channel: str) -> tuple[str, AbstractConnection]:
        """Name the server that serves a channel, and prepare a connection in case there is none yet."""
        if not self._sharded:
            return "", self._client.connection_pool.make_connection()
        await self._client.initialize()
        node = self._client.get_node_from_key(channel)
        if node is None:
            raise OSError(f"no server of the cluster serves the slot of {channel}")
        return node.name, node.connection_class(**node.connection_kwargs)

    async def _read_topology(self) -> None:
        if self._sharded:
            with contextlib.suppress(*_TROUBLE):
                await self._client.nodes_manager.initialize()

    def _lost(self, listener: Listener) -> None:
        """Open the listener's channels elsewhere; what is sent until then is lost."""
        if listener.was_heard:
            self._disturbed()
        self._listeners = {name: other for name, other in self._listeners.items() if other is not listener}
        # Who still tries to attach a channel goes on by himself; a second one each time would double them.
        channels = [channel for channel in listener.channels if not self._attaching[channel]]
        if channels and not self._stopped:
            task = asyncio.get_running_loop().create_task(self._restore(channels))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _restore(self, channels: Iterable[str]) -> None:
        await self._read_topology()
        await asyncio.gather(*(self._attach_patiently(channel) for channel in channels))
