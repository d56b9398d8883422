"""``on_disconnect`` and ``on_connect`` alternate, whatever happens to node and network in between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place, World, eventually, seconds, send, session_of
from tests.shell.running import SLOWNESS
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = 4 * SLOWNESS


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_CLUSTER_DISCONNECT_GRACE": seconds(0.3),
        "FLET_SESSION_TIMEOUT": str(TIMEOUT),
        "NAP": seconds(1.5),
    }


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_a_user_who_comes_back_after_the_grace_is_announced(world: World, *, elsewhere: bool) -> None:
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        place.move()
        await tab.cut()
        await world.until_noted("disconnect")
        place.move(second if elsewhere else first)
        await tab.until(lambda: tab.resumes == 1)
        await world.until_noted("connect")
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        await tab.cut()  # a short one is noticed by nobody
        await tab.until(lambda: tab.resumes == 2)
        await tab.do(Click("plus"))
    await world.until_noted("disconnect", 2)
    assert world.noted() == ["main", "disconnect", "connect", "disconnect"]


async def test_a_session_whose_node_died_is_still_told_that_its_user_has_left(world: World) -> None:
    holder, _ = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        session_id = session_of(tab)
        place.move()
        holder.kill()
        await world.until_noted("close")
    await eventually(lambda: world.records.row(session_id) is None, "the record is gone")
    assert world.noted() == ["main", "disconnect", "close"]


async def test_a_user_who_leaves_while_the_session_cannot_move_is_missed(world: World) -> None:
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place) as tab:
        send(tab, Click("nap"))
        await world.until_noted("nap-start")
        place.move(second)
        await tab.cut()
        await eventually(lambda: len(tab.closes) > 1 or tab.node == second.node_id, "the other node answers")
    await world.until_noted("disconnect")
    await world.until_noted("nap-end")


async def test_a_holder_that_cannot_let_go_is_to_be_looked_for(world: World) -> None:
    """A handler that has run for longer than one would wait is not waited for."""
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place) as tab:
        send(tab, *[Click("nap")] * 3)
        await world.until_noted("nap-start")
        await asyncio.sleep(0.2)
        place.move(second, first)
        await tab.cut()
        await tab.until(lambda: tab.resumes == 1, 30 * SLOWNESS)
        await eventually(lambda: "Naps: 3" in tab.client.texts(), "all handlers ended")
    assert world.noted("main") == ["main"]
