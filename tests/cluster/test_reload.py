"""F5: the same session in a new page."""

from __future__ import annotations

import pytest
from tests.browser import Browser
from tests.cluster.tools import Place, World, closed_with, eventually
from tests.steps import Click
from tests.tab import Tab, TabEnded

from flet_cluster.protocol.close import CloseCode


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_a_reload_keeps_the_state_and_fires_what_flet_fires(world: World, *, elsewhere: bool) -> None:
    first, second = world.pair()
    async with world.tab(Place(first)) as old:
        await old.do(Click("plus"))
        await old.do(Click("plus"))
        before = world.row(old)
        browser, token = old.client.browser, old.link.token
    await world.until_noted("disconnect")
    async with world.tab(Place(second if elsewhere else first), browser, token=token) as new:
        assert "Count: 2" in new.client.texts()
        assert new.resumes == 0
        await world.until_noted("connect")
        assert new.link.tx <= before.rx, "otherwise this does not show that numbers start anew"
        await new.do(Click("plus"))
        assert "Count: 3" in new.client.texts()
        assert world.noted() == ["main", "disconnect", "connect"]


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_the_old_page_is_told_to_stop(world: World, *, elsewhere: bool) -> None:
    first, second = world.pair()
    async with world.tab(Place(first)) as old:
        await old.do(Click("plus"))
        old_place = Place(second if elsewhere else first)
        old._urls = old_place
        async with world.tab(old_place, old.client.browser, token=old.link.token) as new:
            await eventually(lambda: old.ended, "the old page stops")
            await closed_with(old, CloseCode.REPLACED)
            await new.do(Click("plus"))
            assert "Count: 2" in new.client.texts()
            assert new.resumes == 0
            assert not new.closes, "the two pages took the session from each other"


async def test_a_page_loaded_during_a_cut_is_whole(world: World) -> None:
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place) as old:
        await old.do(Click("plus"))
        place.move()
        await old.cut()
        browser = Browser(route=world.route)
        async with world.tab(Place(second), browser, token=old.link.token) as new:
            assert "Count: 1" in new.client.texts()
            await new.do(Click("plus"))
            assert "Count: 2" in new.client.texts()
        assert "connect" in world.noted()


async def test_the_late_hello_of_a_page_that_is_gone_takes_nothing(world: World) -> None:
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place, instance="00000b-the-page-that-is-there") as tab:
        await tab.do(Click("plus"))
        place.move(second)
        late = Tab(Place(second), Browser(route=world.route), tab.link.token, "00000a-the-page-before-it")
        try:
            with pytest.raises(TabEnded, match=f"closed with {CloseCode.REPLACED:d}"):
                await late.start()
        finally:
            await late.stop()
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        assert CloseCode.REPLACED not in tab.closes
        assert tab.resumes == 1
