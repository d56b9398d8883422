"""Apps in the spelling of older Flet, in the real client: dialogs, tabs and focus do what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chromium.conftest import Start
    from tests.chromium.screen import Screen


def test_a_tour_of_older_names(start: Start, screen: Screen) -> None:
    site = start("../apps_older/tour.py")
    screen.open(site.url, "Welcome!")
    screen.click("Join")
    screen.shows("Name cannot be blank!")
    screen.write("Name", "Ada")
    screen.click("Join")
    screen.lacks("Welcome!")
    screen.click("Count")
    screen.shows("counted 1")
    screen.forget()
    site.balancer.holder().kill()
    screen.click("Count")
    screen.shows("counted 2")
    screen.click("Confirm")
    screen.shows("Please confirm")
    screen.click("Yes")
    screen.lacks("Please confirm")
    screen.click("Extend")
    screen.shows("extended", "said")
    screen.click("Remember")
    screen.shows("stored ['red', 'Ada']")
    screen.click("Tell")
    screen.shows("Saved")
    screen.photograph("after")
    screen.noticed_nothing()
    assert "Traceback" not in site.fleet.logs()


def test_the_first_snippet_of_the_hosting_page(start: Start, screen: Screen) -> None:
    site = start("../apps_older/sync_and_async.py")
    screen.open(site.url, "Call handler")
    screen.click("Call async handler")
    screen.shows("Async handler clicked")
