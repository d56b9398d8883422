"""The dashboard in a real browser: signing in, charts, a session's life, and the death of its node."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from tests.chromium.screen import PATIENCE
from tests.dashboard.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.chromium.conftest import NewScreen, Site, Start
    from tests.chromium.screen import Screen
    from tests.fleet import FleetNode

PATH = "flet-cluster/"


@pytest.fixture
def options() -> Mapping[str, str]:
    return {
        "FLET_CLUSTER_DASHBOARD_PASSWORD": PASSWORD,
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": "0.5",
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": "3",
    }


def sign_in(screen: Screen, url: str) -> None:
    """Type the password."""
    page = screen.page
    page.goto(url)
    page.get_by_label("Password").fill("a guess")
    page.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_have_text("This is not the password.", timeout=PATIENCE)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button").click()


def holder(site: Site, screen: Screen) -> FleetNode:
    """The process that serves a screen: it has several nodes, each with an id of its own."""
    return next(node for node in site.fleet.nodes if screen.nodes[-1] in node.log.read_text())


def test_an_operator_watches_the_cluster_and_its_node_dies(start: Start, new_screen: NewScreen) -> None:
    site = start("counter.py")
    user, screen = new_screen(), new_screen()
    user.open(site.url, "Count: 0")
    user.click("plus")
    user.shows("Count: 1")

    sign_in(screen, site.url + PATH)
    screen.settle("live", "Nodes", "3", "all ready", "1 connected", "Events per second")
    screen.page.wait_for_function("seen.lines().some((line) => line.startsWith('10m ago'))")
    screen.photograph("overview")

    screen.forget()
    holder(site, screen).kill()
    screen.resumed(1)
    screen.shows("live", "2", "1 connected")
    screen.photograph("after-kill")
    screen.noticed_nothing()
    user.click("plus")  # its objects, which know its route, are made again when they are needed
    user.shows("Count: 2")

    screen.page.set_viewport_size({"width": 390, "height": 780})
    screen.page.get_by_role("tab", name=re.compile("Sessions")).click()
    screen.shows("Session", "Seen")
    line = screen.page.locator("flt-semantics").filter(has_text=re.compile("^connected")).last
    expect(line).to_be_visible(timeout=PATIENCE)
    screen.photograph("phone")
    line.click()
    screen.shows("Life", "created", "/")
    screen.photograph("life")
    user.click("plus")
    user.shows("Count: 2")
    screen.page.set_viewport_size({"width": 800, "height": 600})
    screen.click("Sign out")
    expect(screen.page.get_by_label("Password")).to_be_visible(timeout=PATIENCE)
