"""The same on Redis 7.0 and on a Redis Cluster of three primaries: kill, ask over the bus, go on."""

from __future__ import annotations

import asyncio

import pytest
from tests.fleet import fleet
from tests.servers import running
from tests.steps import Click
from tests.tab import open_tab


@pytest.mark.parametrize("kind", ["redis7", "cluster"])
async def test_a_session_moves_by_force_and_by_request(kind: str) -> None:
    with running(kind) as url, fleet("tests/apps/counter.py", url, 3) as nodes:
        async with open_tab(lambda: nodes.urls) as tab:
            await tab.do(Click("plus"))
            assert await asyncio.to_thread(nodes.node(tab.node).kill) == -9
            await tab.do(Click("plus"))
            assert "Count: 2" in tab.client.texts()
            while len(tab.nodes) < 4:  # two nodes are left, and take turns
                await tab.cut()
                await tab.do(Click("plus"))
            assert tab.resumes == len(tab.nodes) - 1
            assert f"Count: {len(tab.nodes)}" in tab.client.texts()
            assert not tab.ended
