"""A socket that ended without saying so: the session goes on, wherever the tab comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cluster.proxy import close_code, wire_to
from tests.cluster.tools import Place, World, eventually, seconds, send
from tests.steps import Click

from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {"FLET_CLUSTER_DISCONNECT_GRACE": seconds(60)}


async def test_a_cut_socket_moves_the_session_and_nobody_notices(world: World) -> None:
    place = Place(*world.pair())
    async with world.tab(place) as tab:
        for expected in range(1, 7):
            await tab.do(Click("plus"))
            assert f"Count: {expected}" in tab.client.texts()
            await tab.cut()
            await tab.until(lambda: tab.resumes == expected)  # noqa: B023 - used before the next round
        assert len(set(tab.nodes)) == 2
    assert world.noted("main", "connect") == ["main"]
    assert "disconnect" not in world.noted()[:-1], "only the closed tab at the end may be noticed"


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_input_that_a_hanging_socket_swallowed_comes_again(world: World, *, elsewhere: bool) -> None:
    first, second = world.pair()
    async with wire_to(first) as wire:
        place = Place(wire)
        async with world.tab(place) as tab:
            await tab.do(Click("plus"))
            wire.hang()
            send(tab, Click("plus"))
            place.move(second if elsewhere else first)
            wire.drop_client()
            await tab.until(lambda: tab.resumes == 1)
            await tab.do(Click("plus"))
            assert "Count: 3" in tab.client.texts()
            code = await eventually(lambda: close_code(wire.late), "the node closes the old socket")
            assert code == (CloseCode.MOVED if elsewhere else CloseCode.SUPERSEDED)
    assert world.noted("main", "connect") == ["main"]


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_output_that_a_hanging_socket_swallowed_is_replayed(world: World, *, elsewhere: bool) -> None:
    first, second = world.pair()
    async with wire_to(first) as wire:
        place = Place(wire)
        async with world.tab(place) as tab:
            await tab.do(Click("plus"))
            before = world.row(tab).rx
            wire.lose_output()
            send(tab, Click("plus"))
            await eventually(lambda: world.row(tab).rx == before + 1, "the click is committed")
            assert "Count: 1" in tab.client.texts()
            place.move(second if elsewhere else first)
            wire.drop_client()
            await tab.until(lambda: "Count: 2" in tab.client.texts())
            await tab.do(Click("plus"))
            assert "Count: 3" in tab.client.texts()
            assert tab.resumes == 1
    assert world.noted("main", "connect") == ["main"]
