"""One interface over the memory store with a fake clock and real servers with real time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, cast

from tests.servers import fresh_app

from flet_cluster.stores.connect import RedisCluster
from flet_cluster.stores.memory import MemoryStore
from flet_cluster.stores.redis import RedisStore

if TYPE_CHECKING:
    from flet_cluster.stores.base import SessionStore


class World(Protocol):
    """A data set, the nodes' stores on it, and its time."""

    async def store(self) -> SessionStore:
        """Start one more node's store."""

    async def wait(self, seconds: float) -> None:
        """Let time pass."""

    async def lose_data(self) -> None:
        """Empty the data set."""

    async def close(self) -> None:
        """Stop all stores."""


class MemoryWorld:
    """Nodes share one memory store; time is a number."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.memory = MemoryStore(clock=lambda: self.now)

    async def store(self) -> SessionStore:
        await self.memory.start()
        return self.memory

    async def wait(self, seconds: float) -> None:
        self.now += seconds

    async def lose_data(self) -> None:
        self.memory.wipe()

    async def close(self) -> None:
        await self.memory.stop()


class RedisWorld:
    """Every node has a store of its own on one server, under an app name nobody else uses."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.app = fresh_app()
        self.stores: list[RedisStore] = []

    async def store(self) -> SessionStore:
        store = RedisStore(self.url, self.app)
        await store.start()
        self.stores.append(store)
        return store

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds + 0.005)

    async def lose_data(self) -> None:
        client = cast("Any", self.client())
        target = {"target_nodes": RedisCluster.PRIMARIES} if isinstance(client, RedisCluster) else {}
        await client.execute_command("FLUSHALL", **target)

    async def close(self) -> None:
        for store in self.stores:
            await store.stop()

    def client(self) -> Any:
        """The redis client of the first store."""
        return self.stores[0]._batcher.wire.client


def make_world(kind: str, url: str) -> World:
    """Build the world of a kind; ``url`` counts for real servers only."""
    return MemoryWorld() if kind == "memory" else RedisWorld(url)
