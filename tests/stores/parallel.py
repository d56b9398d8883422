"""One history on several stores at once, from synchronous code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.servers import fresh_app
from tests.stores.actors import same_outcome

from flet_cluster.errors import StoreError
from flet_cluster.stores.memory import MemoryStore
from flet_cluster.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from flet_cluster.model import Record
    from flet_cluster.stores.base import SessionStore


class ParallelStores:
    """The memory store, and a real server if there is a URL."""

    def __init__(self, url: str | None = None, memory: type[MemoryStore] = MemoryStore) -> None:
        self.loop = asyncio.new_event_loop()
        self.memory = memory(clock=lambda: 1_000_000.0)
        self.app = fresh_app()
        self.redis = RedisStore(url, self.app) if url else None
        if self.redis is not None:
            self.loop.run_until_complete(self.redis.start())

    @property
    def all(self) -> list[SessionStore]:
        return [self.memory, *([self.redis] if self.redis else [])]

    def close(self) -> None:
        if self.redis is not None:
            self.loop.run_until_complete(self.remove_keys())
            self.loop.run_until_complete(self.redis.stop())
        self.loop.close()

    def run(self, call: Callable[[Any], Any]) -> Any:
        """Run an operation on each; the outcomes must agree. Returns it, errors included."""
        outcomes = [self.loop.run_until_complete(self.outcome(call(store))) for store in self.all]
        for outcome in outcomes[1:]:
            assert same_outcome(outcomes[0], outcome), outcomes
        return outcomes[0]

    @staticmethod
    async def outcome(operation: Any) -> Any:
        try:
            return await operation
        except StoreError as error:
            return error

    def peek(self, session_id: str) -> Record | None:
        record: Record | None = self.run(lambda store: store.peek(session_id))
        return record

    def expired(self) -> list[str]:
        found = [sorted(self.loop.run_until_complete(store.expired(100))) for store in self.all]
        assert all(ids == found[0] for ids in found)
        return found[0]

    def wipe(self) -> None:
        self.memory.wipe()
        if self.redis is not None:
            self.loop.run_until_complete(self.remove_keys())

    def copy_data(self) -> object:
        keys = self.loop.run_until_complete(self.dump()) if self.redis else {}
        return self.memory.copy_data(), keys

    def roll_back(self, saved: Any) -> None:
        data, keys = saved
        self.memory.roll_back(data)
        if self.redis is not None:
            self.loop.run_until_complete(self.restore(keys))

    @property
    def client(self) -> Any:
        assert self.redis is not None
        return self.redis._batcher.wire.client

    async def keys(self) -> list[bytes]:
        found: list[bytes] = await self.client.keys(f"fc:{self.app}:*")
        return found

    async def remove_keys(self) -> None:
        if keys := await self.keys():
            await self.client.delete(*keys)

    async def dump(self) -> dict[bytes, tuple[int, bytes]]:
        return {
            key: (max(0, await self.client.pttl(key)), await self.client.dump(key))
            for key in await self.keys()
        }

    async def restore(self, dumped: dict[bytes, tuple[int, bytes]]) -> None:
        await self.remove_keys()
        for key, (ttl, value) in dumped.items():
            await self.client.restore(key, ttl, value)
