"""A node that is asked to leave hands over everything and leaves in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place, World, eventually, leave, seconds, send
from tests.shell.running import SLOWNESS
from tests.steps import Change, Click, Find

from flet_cluster.protocol.close import ClientAction, CloseCode, action

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERRUPTED = "on_click was interrupted"


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {"FLET_CLUSTER_DRAIN_TIMEOUT": seconds(3), "NAP": "0.7"}


async def test_a_leaving_node_commits_hands_over_and_ends_well(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        send(tab, Change(Find(type="TextField"), "Ada"), Click("plus"))  # on its way when the signal comes
        place.move(other)
        assert await leave(holder) == 0
        await tab.do(Click("show"))
        assert {"Count: 2", "Form: Ada False"} <= set(tab.client.texts())
        assert CloseCode.DRAINING in tab.closes
        assert action(CloseCode.DRAINING) is ClientAction.RETRY_NOW
        assert tab.resumes == 1
    assert world.noted("main", "connect") == ["main"]


async def test_a_handler_in_flight_finishes_before_the_node_leaves(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        send(tab, Click("nap"))
        await world.until_noted("nap-start")
        place.move(other)
        assert await leave(holder) == 0
        await tab.until(lambda: "Naps: 1" in tab.client.texts())
        await tab.do(Click("plus"))
        assert "Count: 1" in tab.client.texts()
    assert world.noted("nap-start", "nap-end") == ["nap-start", "nap-end"]
    assert INTERRUPTED not in world.fleet.logs()


async def test_a_handler_that_takes_too_long_is_reported_and_not_repeated(world: World) -> None:
    _, other = world.pair()
    holder = world.fleet.add(NAP=str(60 * SLOWNESS))
    place = Place(holder)
    async with world.tab(place) as tab:
        send(tab, Click("nap"))
        await world.until_noted("nap-start")
        place.move(other)
        assert await leave(holder) == 0
        await tab.do(Click("plus"))
        assert {"Count: 1", "Naps: 0"} <= set(tab.client.texts())
        third = world.fleet.add()
        place.move(third)
        await leave(other)
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
    assert world.noted("nap-start", "nap-end") == ["nap-start"]
    assert world.fleet.logs().count(INTERRUPTED) == 1


async def test_who_was_cut_off_just_before_has_left_for_the_app(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        place.move()
        await tab.cut()
        await eventually(lambda: tab.closes, "the socket was cut")
        assert await leave(holder) == 0
        assert world.noted("disconnect", "connect") == ["disconnect"]
        place.move(other)
        await tab.do(Click("plus"))
        await world.until_noted("connect")
        assert "Count: 2" in tab.client.texts()


async def test_a_leaving_node_sends_its_tabs_elsewhere(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        send(tab, Click("nap"))
        await world.until_noted("nap-start")
        place.move(holder, other)
        await leave(holder)
        await eventually(lambda: tab.node == other.node_id, "the tab is elsewhere")
        await tab.until(lambda: "Naps: 1" in tab.client.texts())
