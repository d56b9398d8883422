"""Where continuity ends, or seems to: the store is emptied, the session expires, a tab is duplicated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.chromium.screen import BANNER, NOTICE, Screen
from tests.servers import command
from tests.shell.running import eventually

from flet_cluster.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.chromium.conftest import NewScreen, Site, Start


class TestStoreRestartsEmpty:
    def test_a_connected_session_outlives_it_and_a_kill_after_it(self, start: Start, screen: Screen) -> None:
        with EmbeddedServer() as store:
            site = start("counter.py", store.url)
            screen.open(site.url, "Count: 0")
            screen.click("plus")
            screen.shows("Count: 1")
            screen.forget()
            store.kill()
            screen.click("plus")  # is done; its output waits for the store
            store.start()
            screen.shows("Count: 2")
            eventually(lambda: records(store), "the node wrote the session back")
            site.balancer.holder().kill()
            screen.click("plus")
            screen.shows("Count: 3")
            screen.photograph("after")
            screen.noticed_nothing()

    def test_a_session_that_nobody_held_is_lost_and_the_page_says_so(
        self, start: Start, screen: Screen
    ) -> None:
        with EmbeddedServer() as store:
            site = start("counter.py", store.url)
            screen.open(site.url, "Count: 0")
            screen.click("plus")
            screen.shows("Count: 1")
            screen.forget()
            holder = site.balancer.holder()
            store.kill()
            holder.kill()
            store.start()
            screen.settle_after_reset()
            screen.was_told("it is no longer there")
            screen.shows("Count: 0")
            screen.photograph("reset")
            screen.click("plus")
            screen.shows("Count: 1")


class TestExpiry:
    @pytest.fixture
    def options(self) -> Mapping[str, str]:
        return {"FLET_SESSION_TIMEOUT": "4", "FLET_CLUSTER_DISCONNECT_GRACE": "1"}

    def test_the_page_says_that_the_session_is_over(self, start: Start, screen: Screen) -> None:
        with EmbeddedServer() as store:
            site = start("counter.py", store.url)
            screen.open(site.url, "Count: 0")
            screen.click("plus")
            screen.shows("Count: 1")
            screen.forget()
            site.balancer.refuse()
            screen.page.locator(BANNER).wait_for()
            screen.photograph("gone")
            eventually(lambda: not records(store), "the session expires")
            screen.click("plus")  # for a session that is no more: must not reach the next one
            site.balancer.accept()
            screen.settle_after_reset()
            screen.was_told("it has ended")
            screen.shows("Count: 0")
            screen.photograph("reset")
            screen.page.locator(NOTICE).get_by_role("button", name="Dismiss").click()
            expect(screen.page.locator(NOTICE)).to_have_count(0)
            screen.click("plus")
            screen.shows("Count: 1")


def test_who_clears_cookies_reads_what_it_did(start: Start, screen: Screen) -> None:
    site = start("counter.py")
    screen.open(site.url, "Count: 0")
    screen.click("plus")
    screen.shows("Count: 1")
    screen.forget()
    screen.page.context.clear_cookies()
    site.balancer.holder().kill()
    screen.settle_after_reset()
    screen.was_told("this browser was not recognized: its cookies were cleared, or .*")
    screen.shows("Count: 0")


def test_a_duplicated_tab_gets_a_session_of_its_own(start: Start, new_screen: NewScreen) -> None:
    site: Site = start("counter.py")
    screen = new_screen()
    screen.open(site.url, "Count: 0")
    screen.click("plus")
    screen.shows("Count: 1")
    screen.forget()
    with screen.page.context.expect_page() as popup:
        screen.page.evaluate("window.open(location.href)")  # copies sessionStorage, as duplicating a tab does
    copy = new_screen(popup.value)
    copy.settle("Count: 0")
    copy.click("plus")
    copy.click("plus")
    copy.shows("Count: 2")
    copy.photograph("copy")
    screen.click("minus")
    screen.shows("Count: 0")
    screen.photograph("original")
    screen.noticed_nothing()
    copy.page.reload()
    copy.settle("Count: 2")
    screen.page.reload()
    screen.settle("Count: 0")


def records(store: EmbeddedServer) -> bool:
    """Whether there is any session in the store."""
    return b"}:s\r\n" in command(store.port, "KEYS", "*}:s")
