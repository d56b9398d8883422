"""No message between nodes ever arrives: slower, and just as correct (I4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import PATIENCE, PROBE, Marks, Place, World, leave, seconds
from tests.fleet import Fleet
from tests.steps import Click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_CLUSTER_DISCONNECT_GRACE": seconds(0.3),
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(1),
    }


@pytest.fixture(scope="module")
def nodes(
    valkey: str, options: Mapping[str, str], marks: Marks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    fleet = Fleet(
        PROBE,
        valkey,
        tmp_path_factory.mktemp("fleet"),
        {**marks.env, **options},
        launcher=("-m", "tests.cluster.deaf", "run"),
    )
    yield fleet
    fleet.stop()


@pytest.mark.parametrize("how", ["cut", "kill", "leave"])
async def test_the_session_moves_all_the_same(world: World, how: str) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        place.move(other)
        if how == "cut":
            await tab.cut()
        elif how == "kill":
            holder.kill()
        else:
            assert await leave(holder) == 0
        await tab.until(lambda: tab.resumes == 1, 2 * PATIENCE)
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        assert tab.node == other.node_id


async def test_a_frozen_holder_is_overruled_and_finds_out_by_itself(world: World) -> None:
    holder, other = world.pair()
    place = Place(holder)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        holder.pause()
        place.move(other)
        await tab.cut()
        await tab.until(lambda: tab.resumes == 1, 2 * PATIENCE)
        await tab.do(Click("plus"))
        holder.go_on()
        place.move(holder)
        await tab.cut()
        await tab.until(lambda: tab.resumes == 2, 2 * PATIENCE)
        await tab.do(Click("plus"))
        assert "Count: 3" in tab.client.texts()
        assert tab.node == holder.node_id
