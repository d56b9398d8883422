"""A session stays with its version of the app while there is one, and goes on as it can after that."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import TYPE_CHECKING

import pytest
from tests.browser import Browser
from tests.cluster.test_plain_clients import opened
from tests.cluster.tools import Place, eventually, leave, metric, seconds, session_of
from tests.soak import SOAK
from tests.steps import Click
from tests.tab import Tab, TabEnded, open_tab

from flet_cluster.protocol.close import CloseCode

if TYPE_CHECKING:
    from tests.fleet import FleetNode
    from tests.versions.conftest import Deployment

CHANGED = "News: restarted without ['changes', 'page']"


async def goes(tab: Tab, place: Place, node: FleetNode) -> None:
    """Lose the socket and come back at another node."""
    resumes = tab.resumes
    place.move(node)
    await tab.cut()
    await tab.until(lambda: tab.resumes > resumes)


def shown(tab: Tab, name: str) -> str:
    """What ``name: …`` shows."""
    return next(text[len(name) + 2 :] for text in tab.client.texts() if text.startswith(f"{name}: "))


async def test_a_session_stays_with_its_code_and_begins_anew_after_that(deployment: Deployment) -> None:
    first, second = deployment.add("old"), deployment.add("old")
    place, browser = Place(first), Browser(route="/cart")
    async with open_tab(place, browser) as tab:
        for step in ("fill", "plus", "plus"):
            await tab.do(Click(step))
        new = deployment.add("changed")
        await goes(tab, place, new)  # relayed to its holder, and quiet
        assert tab.node == first.node_id
        await tab.do(Click("plus"))
        await asyncio.sleep(0.5)
        assert (shown(tab, "Count"), tab.node) == ("3", first.node_id)

        assert await leave(first) == 0  # the record is free: the other old node takes it
        await tab.until(lambda: tab.node == second.node_id)
        await tab.do(Click("plus"))
        assert (shown(tab, "Count"), shown(tab, "Version")) == ("4", "1")
        assert deployment.records.existing(session_of(tab)).owner == second.node_id
        assert not tab.ended

        second.kill()  # nobody is left who has that code
        with pytest.raises(TabEnded, match="upgraded"):
            await tab.until(lambda: False)
        token = tab.link.token
    async with open_tab(place, browser, token) as tab:  # as the browser does: the page is loaded anew
        await tab.until(lambda: CHANGED in tab.client.texts())
        assert shown(tab, "Version") == "2"
        assert shown(tab, "Kept") == "4 7 None"
        assert (shown(tab, "User"), shown(tab, "Route")) == ("ada", "/cart")
        assert (tab.link.token, tab.node) == (token, new.node_id)
        await tab.do(Click("plus"))
        assert shown(tab, "Count") == "10"
    assert deployment.marks.of("/cart") == ["main 1", "main 2", "upgrade restarted"]
    logs = deployment.fleet.logs()
    assert "page.session.store['changes'] is dropped" in logs
    assert "page.session.store['page'] is dropped" in logs
    assert metric(new, "upgraded", how="restarted") == 1


async def test_nobody_begins_anew_for_want_of_a_relay(deployment: Deployment) -> None:
    old = deployment.add("old")
    places = [Place(old) for _ in range(3)]
    async with contextlib.AsyncExitStack() as stack:
        tabs = [
            await stack.enter_async_context(open_tab(place, Browser(route=f"/cart{number}")))
            for number, place in enumerate(places)
        ]
        for tab in tabs:
            await tab.do(Click("plus"))
        new = deployment.add("changed", FLET_CLUSTER_MAX_RELAYS="1")
        for tab, place in zip(tabs, places, strict=True):
            place.move(new)
            await tab.cut()
        await eventually(lambda: sum(CloseCode.BUSY in tab.closes for tab in tabs) == 2, "two are too many")
        assert metric(new, "relays_fronted") == 1
        for place in places:
            place.move(old)
        for tab in tabs:
            await tab.do(Click("plus"))
            assert (shown(tab, "Count"), tab.node, tab.ended) == ("2", old.node_id, "")


@pytest.mark.parametrize("choice", ["resume", "restart"])
async def test_where_nothing_of_it_changed_a_session_goes_on_as_it_is(
    deployment: Deployment, choice: str
) -> None:
    old = deployment.add("old")
    place, browser = Place(old), Browser(route="/cart")
    async with open_tab(place, browser) as tab:
        await tab.do(Click("plus"))
        new = deployment.add("more", FLET_CLUSTER_ON_UPGRADE=choice)
        place.move(new)
        assert await leave(old) == 0
        if choice == "resume":
            await tab.until(lambda: "News: resumed without []" in tab.client.texts())
            await tab.do(Click("plus"))
            assert (shown(tab, "Count"), shown(tab, "Version")) == ("2", "1")
            assert not tab.ended
        else:
            with pytest.raises(TabEnded, match="upgraded"):
                await tab.until(lambda: False)
        token = tab.link.token
    if choice == "restart":
        async with open_tab(place, browser, token) as tab:
            await tab.until(lambda: "News: restarted without []" in tab.client.texts())
            assert (shown(tab, "Kept"), shown(tab, "Version")) == ("1 None None", "2")
    upgraded = ["upgrade resumed"] if choice == "resume" else ["main 2", "upgrade restarted"]
    assert deployment.marks.of("/cart") == ["main 1", *upgraded]


async def test_a_client_without_the_link_gets_its_page_anew(deployment: Deployment) -> None:
    old = deployment.add("old")
    browser = Browser(route="/cart")
    async with opened(old, browser, "Count: 0") as client:
        await client.do(Click("fill"), "Count: 0")
        await client.do(Click("plus"), "Count: 1")
        token = client.token
        new = deployment.add("changed")
        async with opened(new, browser, "Count: 1") as relayed:
            await relayed.do(Click("plus"), "Count: 2")
            assert await leave(old) == 0
            await relayed.closed
    async with opened(new, browser, "Version: 2") as client:
        await client.until("Kept: 2 7 None")
        await client.do(Click("plus"), "Count: 10")
        assert client.token == token


async def test_an_expired_session_is_closed_where_its_code_is(deployment: Deployment) -> None:
    deployment.fleet.env = {**deployment.fleet.env, "FLET_SESSION_TIMEOUT": seconds(2)}
    old = deployment.add("old")
    for _ in range(2):
        deployment.add("changed")
    routes = [f"/{number}" for number in range(3)]
    for route in routes:  # one after the other, so that not one node closes them all
        async with open_tab(Place(old), Browser(route=route)) as tab:
            await tab.do(Click("plus"))
        await asyncio.sleep(0.5)
    for route in routes:
        await eventually(lambda: "close" in deployment.marks.of(route), f"on_close of {route}")  # noqa: B023
    await eventually(lambda: deployment.records.count() == 0, "all are gone")


class Shopper:
    """Clicks on and on, reloads its page when it is told to, and counts what was acknowledged."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.browser = Browser(route=f"/{secrets.token_hex(4)}")
        self.clicks = 0
        self.doubtful = 0
        self.resets = 0
        self.stopping = False
        self.total = 0
        self.why = "reset: upgraded"

    async def run(self) -> None:
        """Shop until told to stop; the total is what the store says then."""
        token = None
        while not self.stopping:
            async with open_tab(self.place, self.browser, token) as tab:
                try:
                    await self._click(tab)
                except TabEnded:
                    self.why = tab.ended
                    self.doubtful += 1
                    self.resets += 1
                token = tab.link.token
        async with open_tab(self.place, self.browser, token) as tab:
            await tab.do(Click("plus"))
            self.clicks += 1
            self.total = int(shown(tab, "Total"))

    async def _click(self, tab: Tab) -> None:
        while not self.stopping:
            await tab.do(Click("plus"))
            self.clicks += 1
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("version", ["changed", "more"] if SOAK else ["changed"])
async def test_three_nodes_are_replaced_under_clicking_clients(deployment: Deployment, version: str) -> None:
    old = [deployment.add("old") for _ in range(3)]
    place = Place(*old)
    shoppers = [Shopper(place) for _ in range(6)]
    tasks = [asyncio.create_task(shopper.run()) for shopper in shoppers]
    await eventually(lambda: all(shopper.clicks >= 3 for shopper in shoppers), "all shop")
    fleet = list(old)
    for leaving in old:
        deployment.fleet.target = str(deployment.fleet.folder / version / "shop.py")
        fresh = await asyncio.to_thread(deployment.fleet.add)
        fleet = [*(node for node in fleet if node is not leaving), fresh]
        place.move(*fleet)
        before = [shopper.clicks for shopper in shoppers]
        assert await leave(leaving) == 0
        await eventually(
            lambda: all(s.clicks > b + 2 for s, b in zip(shoppers, before, strict=True)),  # noqa: B023
            "all go on shopping",
        )
        if leaving is not old[-1]:
            assert [shopper.resets for shopper in shoppers] == [0] * 6
    for shopper in shoppers:
        shopper.stopping = True
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    assert [shopper.resets for shopper in shoppers] == [int(version == "changed")] * 6
    assert {shopper.why for shopper in shoppers} == {"reset: upgraded"}
    for shopper in shoppers:  # a click that a reset met may have been done or not; all others were, once
        assert shopper.clicks <= shopper.total <= shopper.clicks + shopper.doubtful
