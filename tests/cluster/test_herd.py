"""A node dies that had many users: all go on elsewhere, and what they clicked meanwhile is done once."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place, World, send
from tests.steps import Click
from tests.tab import open_tab

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.tab import Tab

USERS = 150
AT_ONCE = 15


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    """Who comes to a crowded node may be sent on: not here, where moves are counted."""
    return {"FLET_CLUSTER_REBALANCE_RATE": "0"}


async def shows(tab: Tab, text: str) -> None:
    await tab.until(lambda: text in tab.client.texts(), 60)


async def all_open(stack: AsyncExitStack, places: list[Place]) -> list[Tab]:
    """Open the pages, some at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(place: Place) -> Tab:
        async with room:
            tab = await stack.enter_async_context(
                open_tab(place, settles=False, retry_seconds=random.uniform(0, 0.2))
            )
            await shows(tab, "Count: 0")
            return tab

    return await asyncio.gather(*(one(place) for place in places))


async def test_all_of_a_dead_nodes_users_go_on(world: World) -> None:
    nodes = [*world.pair(), world.fleet.add()]
    places = [Place(nodes[0]) for _ in range(USERS)]
    async with AsyncExitStack() as stack:
        tabs = await all_open(stack, places)
        for tab in tabs:
            send(tab, Click("plus"))
        await asyncio.gather(*(shows(tab, "Count: 1") for tab in tabs))
        for number, place in enumerate(places):
            place.move(*nodes[1:]) if number % 2 else place.move(*nodes[:0:-1])
        nodes[0].kill()
        for tab in tabs:
            send(tab, Click("plus"))
        await asyncio.gather(*(shows(tab, "Count: 2") for tab in tabs))
        for tab in tabs:
            send(tab, Click("plus"))
        await asyncio.gather(*(shows(tab, "Count: 3") for tab in tabs))
        await asyncio.gather(*(tab.settle() for tab in tabs))
        assert {tuple(tab.client.texts())[:1] for tab in tabs} == {("Count: 3",)}
        assert not [tab.ended for tab in tabs if tab.ended]
        assert {tab.node for tab in tabs} == {node.node_id for node in nodes[1:]}
        assert [tab.resumes for tab in tabs] == [1] * USERS
