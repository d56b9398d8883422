"""What a node has too many of for a moment only stays (automatic rebalancing)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.node.desk import desk

from flet_cluster.model import NodeInfo
from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    import pytest

RATE, SECONDS = 50.0, 1.0


async def test_only_what_lasts_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as work:
        node = work.node
        await work.until(lambda: work.seat.movable)
        monkeypatch.setattr(node, "describe", lambda: NodeInfo(node.id, node.version, connected=20))

        async def others_say(connected: int) -> None:
            await work.store.heartbeat(NodeInfo("other", node.version, connected=connected), 60)

        await others_say(0)  # as before the users of a node came here that has died
        assert await node.rebalance.level(RATE, SECONDS) == 0
        await others_say(20)
        assert await node.rebalance.level(RATE, SECONDS) == 0
        await others_say(0)
        assert await node.rebalance.level(RATE, SECONDS) == 0
        assert work.wire.code is None
        assert await node.rebalance.level(RATE, SECONDS) == 1
        assert work.wire.code is CloseCode.MOVED


async def test_who_asks_need_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as work:
        node = work.node
        await work.until(lambda: work.seat.movable)
        monkeypatch.setattr(node, "describe", lambda: NodeInfo(node.id, node.version, connected=20))
        await work.store.heartbeat(NodeInfo("other", node.version), 60)
        assert await node.rebalance.level(RATE) == 1
