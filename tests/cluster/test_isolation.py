"""One user cannot stop another (I9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.browser import Browser
from tests.cluster.tools import Place, World, eventually, seconds, send
from tests.shell.running import SLOWNESS
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "BLOCK": str(3 * SLOWNESS),
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    }


async def test_others_go_on_while_a_handler_blocks_its_own_session(world: World) -> None:
    place = Place(world.pair()[0])
    other_route = f"{world.route}-other"
    async with world.tab(place) as blocked, world.tab(place, Browser(route=other_route)) as other:
        send(blocked, Click("block"), Click("plus"))
        await world.until_noted("block-start")
        for number in range(1, 21):
            send(other, Click("plus"))
            await other.until(lambda: f"Count: {number}" in other.client.texts())  # noqa: B023 - used at once
        assert "block-end" not in world.noted(), "the other's 20 clicks came before the blocked one's end"
        assert "Count: 0" in blocked.client.texts(), "the session's own events wait their turn"
        await blocked.until(lambda: "Count: 1" in blocked.client.texts())
    assert world.noted("block-start", "block-end") == ["block-start", "block-end"]


async def test_a_handler_that_blocks_the_loop_is_found_and_its_node_is_not_declared_dead(
    world: World,
) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        send(tab, Click("block loop"))
        await world.until_noted("loop-start")
        # Another node hears of the session meanwhile: the holder's heartbeat, on its own thread, protects it.
        place.move(other)
        await tab.cut()
        await world.until_noted("loop-end")
        await tab.do(Click("plus"))
        assert "Count: 1" in tab.client.texts()
    assert world.noted("loop-start", "loop-end") == ["loop-start", "loop-end"]
    await eventually(lambda: "the event loop was blocked" in holder.log.read_text(), "it is noticed")
    assert "in block_loop" in holder.log.read_text(), "the log names the handler"
    assert "taken by force" not in other.log.read_text()
