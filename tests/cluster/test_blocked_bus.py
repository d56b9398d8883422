"""Redis forbids all messages between nodes from some moment on: sessions still move, only later (I4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.cluster.tools import PATIENCE, Place, World, eventually, seconds
from tests.servers import command
from tests.shell.running import SLOWNESS
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flet_cluster.embedded import EmbeddedServer

MANY = int(200 * SLOWNESS)
"""Attempts of two nodes to listen, with backoff, while the test goes on; doubling ones are far more."""


@pytest.fixture(scope="module")
def valkey(server: EmbeddedServer) -> str:
    return server.url


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_CLUSTER_DISCONNECT_GRACE": seconds(0.3),
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    }


def listeners(world: World) -> int:
    """How many clients hear what sessions publish."""
    channel = f"fc:{world.fleet.app_name}:bus:pubsub"
    ((_, count),) = world.records.redis.pubsub_numsub(channel)
    return int(count)


def tries(world: World) -> int:
    """How many clients have ever tried to subscribe."""
    stats: Any = world.records.redis.info("commandstats")
    return int(stats.get("cmdstat_subscribe", {}).get("rejected_calls", 0))


async def test_sessions_move_though_channels_are_forbidden(world: World, server: EmbeddedServer) -> None:
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        command(server.port, "ACL", "SETUSER", "default", "resetchannels")
        place.move(second)
        await tab.cut()
        await tab.until(lambda: tab.resumes == 1, 2 * PATIENCE)
        await tab.do(Click("plus"))
        place.move(first)
        second.kill()
        await tab.until(lambda: tab.resumes == 2, 2 * PATIENCE)
        await tab.do(Click("plus"))
        assert listeners(world) == 0
        assert tries(world) < MANY, "each failure started more attempts"
        command(server.port, "ACL", "SETUSER", "default", "allchannels")
        await eventually(lambda: listeners(world) == 1, "the node listens again")
        third = world.fleet.add()
        place.move(third)
        await tab.cut()
        await tab.do(Click("plus"))
        assert "Count: 4" in tab.client.texts()
