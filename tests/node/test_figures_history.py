"""A history that does not take a node's figures says nothing of who lives."""

from __future__ import annotations

import asyncio

from flet_cluster.errors import StoreError
from flet_cluster.host.fence import SignOfLife
from flet_cluster.model import NodeInfo
from flet_cluster.node.heartbeat import Heartbeat
from flet_cluster.stores.memory import MemoryStore


async def test_figures_that_are_not_taken_raise_no_doubt() -> None:
    """With doubt, sessions of nodes that have died are not taken over."""
    tried: list[str] = []

    class Full(MemoryStore):
        async def sample(self, info: NodeInfo) -> None:
            """Refuse it."""
            tried.append(info.node_id)
            raise StoreError("something else is at the history's place")

    life = SignOfLife(ttl=30.0)
    beat = Heartbeat(Full, lambda: NodeInfo("n"), 0.02, 30.0, lambda: 0.0, life)
    beat.start()
    async with asyncio.timeout(10):
        while not tried:  # noqa: ASYNC110  another thread has no event of ours
            await asyncio.sleep(0.01)
        await beat.stop()
    assert life.valid
    assert not life.doubtful
