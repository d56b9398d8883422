"""A node that was frozen, was overruled, and runs again: it must not write, send or keep anything (I2)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.cluster.proxy import BINARY, TEXT, close_code, frames, wire_to
from tests.cluster.tools import Place, World, eventually, seconds, send
from tests.shell.running import SLOWNESS
from tests.steps import Click

from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fleet import FleetNode

NAP = 1.5 * SLOWNESS


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
        "FLET_SESSION_TIMEOUT": seconds(20),
        "NAP": str(NAP),
    }


async def until_it_counts_as_dead(world: World, node: FleetNode) -> None:
    key = f"fc:{world.fleet.app_name}:node:{node.node_id}"
    await eventually(lambda: not world.records.redis.exists(key), "its heartbeat expires")


@pytest.mark.parametrize("busy", [False, True])
async def test_the_frozen_holder_finds_out_and_drops_the_session(world: World, *, busy: bool) -> None:
    holder, other = world.pair()
    async with wire_to(holder) as wire:
        place = Place(wire)
        async with world.tab(place) as tab:
            if busy:
                send(tab, Click("nap"))
                await world.until_noted("nap-start")
            await tab.do(Click("plus"))
            holder.pause()
            before = world.row(tab)
            await until_it_counts_as_dead(world, holder)
            place.move(other)
            wire.drop_client()
            await tab.do(Click("plus"))
            taken = world.row(tab)
            assert (taken.owner, taken.epoch) == (other.node_id, before.epoch + 1)
            assert taken.commit > before.commit
            shown = tab.client.texts()

            holder.go_on()
            code = await eventually(lambda: close_code(wire.late), "the old holder closes its socket")
            assert code == CloseCode.MOVED
            assert not [body for opcode, body in frames(wire.late) if opcode in {TEXT, BINARY}]
            await asyncio.sleep(NAP)
            after = world.row(tab)
            assert (after.owner, after.epoch, after.commit) == (taken.owner, taken.epoch, taken.commit)
            assert tab.client.texts() == shown

            await tab.do(Click("plus"))
            assert world.row(tab).commit == taken.commit + 1
            assert {"Count: 3", "Naps: 0"} <= set(tab.client.texts())
    assert world.fleet.logs().count("on_click was interrupted") == int(busy)


async def test_the_frozen_holder_comes_back_to_its_own_session(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        before = world.row(tab)
        holder.pause()
        await until_it_counts_as_dead(world, holder)
        holder.go_on()
        await tab.do(Click("plus"))
        after = world.row(tab)
        assert (after.owner, after.epoch) == (before.owner, before.epoch)
        assert "Count: 2" in tab.client.texts()
        place.move(other)
        await tab.cut()
        await tab.do(Click("plus"))
        assert "Count: 3" in tab.client.texts()
