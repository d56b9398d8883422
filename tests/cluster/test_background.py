"""Work that goes on between events: background tasks, messages between sessions, and what cannot travel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.browser import Browser
from tests.cluster.tools import Place, World, closed_with, eventually, leave, seconds
from tests.steps import Click
from tests.tab import TabEnded

from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import Mapping

WARNING = "will not survive this node"


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    }


@pytest.mark.parametrize("how", ["kill", "leave", "cut"])
async def test_a_background_task_starts_again_where_the_session_is(world: World, how: str) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("tick"))
        await world.until_noted("tick-start")
        await tab.do(Click("plus"))  # a task that never ends keeps no event from its commit
        place.move(other)
        if how == "kill":
            holder.kill()
        elif how == "leave":
            assert await leave(holder) == 0
        else:
            await tab.cut()
        await world.until_noted("tick-start", 2)
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        started = [pid for what, pid in world.marks.all(world.route) if what == "tick-start"]
        assert started == [holder.process.pid, other.process.pid]


async def test_messages_reach_other_nodes_and_restored_sessions(world: World) -> None:
    first, second = world.pair()
    places = Place(first), Place(second)
    routes = f"{world.route}a", f"{world.route}b"
    async with (
        world.tab(places[0], Browser(route=routes[0])) as one,
        world.tab(places[1], Browser(route=routes[1])) as two,
    ):
        for tab in (one, two):
            await tab.do(Click("listen"))
        await one.do(Click("say"))
        for tab in (one, two):
            await tab.until(lambda tab=tab: f"Heard: from {routes[0]}" in tab.client.texts())  # type: ignore[misc]

        third = world.fleet.add()
        places[1].move(third)
        second.kill()
        await two.until(lambda: two.resumes == 1)
        await two.do(Click("plus"))
        await one.do(Click("say"))
        await two.do(Click("say"))
        for tab in (one, two):
            await tab.until(lambda tab=tab: f"Heard: from {routes[1]}" in tab.client.texts())  # type: ignore[misc]


async def test_a_restored_session_that_nobody_touches_hears_what_others_say(world: World) -> None:
    first, second = world.pair()
    place = Place(first)
    routes = f"{world.route}a", f"{world.route}b"
    async with (
        world.tab(place, Browser(route=routes[0])) as quiet,
        world.tab(Place(second), Browser(route=routes[1])) as speaker,
    ):
        await quiet.do(Click("listen"))
        place.move(world.fleet.add())
        first.kill()
        await quiet.until(lambda: quiet.resumes == 1)
        await speaker.do(Click("say"))
        await quiet.until(lambda: f"Heard: from {routes[1]}" in quiet.client.texts())


async def test_what_cannot_travel_is_named_once_and_its_loss_is_visible(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("hold socket"))
        await tab.do(Click("plus"))
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        (warning,) = [line for line in holder.log.read_text().splitlines() if WARNING in line]
        assert "held" in warning, "the path names the variable"
        assert "socket" in warning
        await tab.cut()
        await tab.do(Click("plus"))
        assert "Count: 3" in tab.client.texts(), "on its own node it goes on as any other"
        place.move(other)
        holder.kill()
        with pytest.raises(TabEnded, match="reset: lost"):
            await tab.do(Click("plus"))
        await closed_with(tab, CloseCode.LOST)


async def test_what_cannot_travel_waits_for_its_node(world: World) -> None:
    """The tab comes to another node while the holder lives: the session must not be lost for that."""
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("hold socket"))
        place.move(other)
        await tab.cut()
        await eventually(lambda: tab.closes, "the socket was cut")
        place.move(other, holder)
        await tab.do(Click("plus"))
        assert "Count: 1" in tab.client.texts()
        assert not tab.ended
