"""Redis comes back empty: what the nodes hold is written back, and nobody loses anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from tests.cluster.tools import Place, World, eventually, seconds, send, session_of
from tests.steps import Click

from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fleet import FleetNode

    from flet_cluster.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def valkey(server: EmbeddedServer) -> str:
    return server.url


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_SESSION_TIMEOUT": seconds(30),
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
        "FLET_CLUSTER_STORE_PATIENCE": seconds(1),
    }


def ready(node: FleetNode) -> bool:
    return httpx.get(f"http://127.0.0.1:{node.port}/readyz").status_code == 200


@pytest.mark.parametrize("how", ["flush", "restart"])
async def test_busy_and_idle_sessions_are_written_back(
    world: World, server: EmbeddedServer, how: str
) -> None:
    first, second = world.pair()
    place, idle_place = Place(first), Place(second)
    async with world.tab(place) as tab, world.tab(idle_place) as idle:
        await tab.do(Click("plus"))
        await idle.do(Click("plus"))
        before = world.row(idle)
        if how == "flush":
            world.records.redis.flushall()
        else:
            server.kill()
            server.start()
        send(tab, Click("plus"))
        await eventually(lambda: world.records.row(session_of(idle)), "the idle session is written back")
        again = world.row(idle)
        assert (again.epoch, again.commit, again.owner) == (before.epoch, before.commit, before.owner)
        assert again.fields["image"] == before.fields["image"]
        await tab.until(lambda: "Count: 2" in tab.client.texts())

        # What was written back is as good as new: both sessions survive their nodes.
        third = world.fleet.add()
        for moved in (place, idle_place):
            moved.move(third)
        first.kill()
        second.kill()
        await tab.do(Click("plus"))
        await idle.do(Click("plus"))
        assert "Count: 3" in tab.client.texts()
        assert "Count: 2" in idle.client.texts()
        assert not tab.ended
        assert not idle.ended
    assert world.noted("main", "connect") == ["main", "main"]


async def test_while_redis_is_down_output_waits_and_then_all_goes_on(
    world: World, server: EmbeddedServer
) -> None:
    holder, other = world.pair()
    async with world.tab(Place(holder, other)) as tab:
        await tab.do(Click("plus"))
        server.kill()
        send(tab, Click("plus"))
        await tab.until(lambda: CloseCode.STORE_UNAVAILABLE in tab.closes)
        assert "Count: 1" in tab.client.texts(), "output came before its commit"
        assert ready(holder)
        assert ready(other)
        server.start()
        await tab.until(lambda: "Count: 2" in tab.client.texts(), 40)
        await tab.do(Click("plus"))
        assert "Count: 3" in tab.client.texts()
    assert world.noted("main", "connect") == ["main"]


async def test_a_short_outage_only_delays(world: World, server: EmbeddedServer) -> None:
    holder, _ = world.pair()
    node = world.fleet.add(FLET_CLUSTER_STORE_PATIENCE=seconds(60))
    async with world.tab(Place(node)) as tab:
        await tab.do(Click("plus"))
        server.pause()
        send(tab, Click("plus"))
        with pytest.raises(TimeoutError):
            await tab.until(lambda: "Count: 2" in tab.client.texts(), 1.0)
        assert ready(holder)
        server.resume()
        await tab.until(lambda: "Count: 2" in tab.client.texts())
        assert not tab.closes
    node.kill()


async def test_a_session_nobody_holds_any_more_is_a_visible_reset(world: World) -> None:
    """Its node died and Redis lost its record: nothing is left, and that is said at once."""
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        place.move()
        holder.kill()
        world.records.redis.delete(world.records.key(session_of(tab)))
        place.move(other)
        await eventually(lambda: tab.ended, "the tab is told")
        assert tab.ended == "reset: missing"
        await eventually(lambda: CloseCode.MISSING in tab.closes, "with a code")
