"""A session lives as long as its timeout says, wherever its node is, and ends visibly."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place, World, closed_with, eventually, seconds, session_of
from tests.shell.running import SLOWNESS
from tests.steps import Click
from tests.tab import TabEnded

from flet_cluster.protocol.close import CloseCode
from flet_cluster.stores.base import GRACE

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 2.0 * SLOWNESS


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_SESSION_TIMEOUT": seconds(2),
        "FLET_CLUSTER_DISCONNECT_GRACE": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    }


async def test_the_record_lives_for_the_timeout_and_the_grace(world: World) -> None:
    async with world.tab(Place(world.pair()[0])) as tab:
        await tab.do(Click("plus"))
        assert TIMEOUT + GRACE - 1.5 * SLOWNESS < world.records.ttl(session_of(tab)) <= TIMEOUT + GRACE


async def test_an_idle_session_with_a_user_outlives_its_timeout(world: World) -> None:
    async with world.tab(Place(world.pair()[0])) as tab:
        await tab.do(Click("plus"))
        before = world.row(tab)
        await asyncio.sleep(TIMEOUT * 1.5)
        after = world.row(tab)
        assert after.commit == before.commit, "it was not idle"
        assert int(after.fields["deadline"]) > int(before.fields["deadline"])
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        assert tab.resumes == 0
    assert "disconnect" not in world.noted()[:1]


async def test_a_killed_nodes_session_expires_and_is_closed_once_elsewhere(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        session_id = session_of(tab)
        place.move()
        holder.kill()
        await world.until_noted("close")
        await eventually(lambda: world.records.row(session_id) is None, "the record is gone")
        place.move(other)
        with pytest.raises(TabEnded, match="reset: deleted"):
            await tab.until(lambda: tab.resumes > 0)
        await closed_with(tab, CloseCode.DELETED)
    closed = [pid for what, pid in world.marks.all(world.route) if what == "close"]
    assert closed == [other.process.pid]


async def test_whoever_comes_back_too_late_is_told(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        place.move()
        holder.kill()
        # Its time is over, and no node has come to close it yet: the index of deadlines does not know.
        world.records.redis.hset(world.records.key(session_of(tab)), "deadline", "1")
        place.move(other)
        with pytest.raises(TabEnded, match="reset: expired"):
            await tab.until(lambda: tab.resumes > 0)
        await closed_with(tab, CloseCode.EXPIRED)


async def test_a_session_that_its_user_left_is_closed_once(world: World) -> None:
    async with world.tab(Place(*world.pair())) as tab:
        await tab.do(Click("plus"))
        session_id = session_of(tab)
    await world.until_noted("close")
    await eventually(lambda: world.records.row(session_id) is None, "the record is gone")
    await asyncio.sleep(TIMEOUT)
    assert world.noted("disconnect", "close") == ["disconnect", "close"]
