"""Relays are bounded: their number, what is on its way, and how long they wait in silence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.cluster.tools import Place, World, closed_with, eventually, metric, send
from tests.relay.relay_tools import number
from tests.steps import Change, Click, Find

from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fleet import FleetNode


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {"FLET_CLUSTER_METRICS": "true", "FLET_CLUSTER_MAX_RELAYS": "1"}


def says(world: World, node: FleetNode, **facts: int) -> bool:
    """Whether this is what a node's last heartbeat says of it."""
    text: Any = world.records.redis.get(f"fc:{world.fleet.app_name}:node:{node.node_id}")
    return bool(facts.items() <= json.loads(text).items())


async def test_one_relay_too_many_is_sent_to_look_for_the_holder(world: World) -> None:
    holder, front = world.pair()
    place, other_place = Place(holder), Place(holder)
    async with world.tab(place) as tab, world.tab(other_place) as other:
        for one in (tab, other):
            await one.do(Click("hold"))
        place.move(front)
        await tab.cut()
        await tab.until(lambda: tab.resumes == 1)
        other_place.move(front)
        await other.cut()
        await closed_with(other, CloseCode.BUSY)
        other_place.move(front, holder)
        await other.until(lambda: other.resumes == 1)
        for one in (tab, other):
            await one.do(Click("plus"))
            assert (one.node, number(one, "Count")) == (holder.node_id, 1)
        assert metric(front, "relays_fronted") == 1
        for node in (holder, front):
            await eventually(lambda: says(world, node, connected=1), "each user counts once")  # noqa: B023


async def test_what_is_more_than_a_window_passes_both_ways(world: World) -> None:
    holder, front = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("hold"))
        place.move(front)
        await tab.cut()
        await tab.until(lambda: tab.resumes == 1)
        for size in (3_000_000, *[300_000] * 20):
            send(tab, Change(Find(type="TextField"), f"{size} ".ljust(size, "x")), Click("echo"))
        await tab.settle()
        echoed = tab.client.find(Find(key="echoed")).props["value"]
        assert (len(echoed), echoed[:7]) == (300_000, "300000 ")
        assert (tab.node, tab.resumes) == (holder.node_id, 1)
