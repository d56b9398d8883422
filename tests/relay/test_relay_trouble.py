"""What may happen to a relay on its way: nothing is lost by it, nothing is done twice."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.cluster.tools import PATIENCE, Marks, Place, World, eventually, metric, send
from tests.fleet import Fleet
from tests.relay.conftest import APP
from tests.relay.relay_tools import at_work, number
from tests.soak import STEPS
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CLICKS = 2 * STEPS


@pytest.fixture(scope="module")
def nodes(
    valkey: str, options: Mapping[str, str], marks: Marks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    fleet = Fleet(
        APP,
        valkey,
        tmp_path_factory.mktemp("fleet"),
        {**marks.env, **options, "STEPS": "100000", "LOSS": os.environ.get("LOSS", "0.03")},
        launcher=("-m", "tests.relay.lossy", "run"),
    )
    yield fleet
    fleet.stop()


async def test_a_bus_that_loses_doubles_and_reorders_costs_no_click(world: World) -> None:
    holder, front = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await at_work(tab)
        place.move(front)
        await tab.cut()
        for _ in range(CLICKS):
            send(tab, Click("plus"))
            await asyncio.sleep(0.02)
        await tab.until(lambda: number(tab, "Count") == CLICKS and tab.link.pending == 0, 2 * PATIENCE)
        assert (tab.node, tab.ended) == (holder.node_id, "")
        first = number(tab, "Step")
        await tab.until(lambda: number(tab, "Step") > first)
    assert world.noted("main", "work-start") == ["main", "work-start"]
    assert [what for what in world.noted() if what.startswith("plus")] == [
        f"plus {click}" for click in range(1, CLICKS + 1)
    ]
    assert metric(front, "relays_ended", role="front", reason="gap") >= 1


async def test_the_connection_of_the_bus_is_cut_again_and_again(world: World) -> None:
    holder, front = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await at_work(tab)
        place.move(front)
        await tab.cut()
        for click in range(1, 31):
            send(tab, Click("plus"))
            if click % 10 == 0:
                redis: Any = world.records.redis
                killed = redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
                assert killed >= 2
            await asyncio.sleep(0.03)
        await tab.until(lambda: number(tab, "Count") == 30 and tab.link.pending == 0, 2 * PATIENCE)
        await tab.until(lambda: tab.node == holder.node_id)
        first = number(tab, "Step")
        await tab.until(lambda: number(tab, "Step") > first)
    assert [what for what in world.noted() if what.startswith("plus")] == [
        f"plus {click}" for click in range(1, 31)
    ]


async def test_a_holder_that_says_nothing_is_given_up_and_comes_back(world: World) -> None:
    holder, front = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await at_work(tab)
        place.move(front)
        await tab.cut()
        await tab.until(lambda: tab.resumes >= 1)
        holder.pause()  # its heartbeat expires, and its session is taken
        try:
            send(tab, Click("plus"))
            await tab.until(lambda: tab.node == front.node_id, 2 * PATIENCE)
            await tab.until(lambda: number(tab, "Count") == 1)
        finally:
            holder.go_on()
        await tab.do(Click("plus"))
        assert number(tab, "Count") == 2
        await eventually(lambda: metric(holder, "relays_held") == 0, "the old holder's end is gone")
