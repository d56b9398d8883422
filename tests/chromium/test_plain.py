"""Without resume.js the client speaks plain Flet: it notices a loss, and comes back to the page as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.chromium.screen import BOOT_SCREEN, Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chromium.conftest import Start


@pytest.fixture
def launcher() -> Sequence[str]:
    return ("-m", "tests.chromium.plain_node", "run")


def test_the_page_is_as_it_was_and_goes_on_after_each_loss(start: Start, screen: Screen) -> None:
    site = start("counter.py")
    screen.open(site.url, "Count: 0")
    screen.click("plus")
    screen.shows("Count: 1")
    for i, end in enumerate(("kill", "terminate"), start=1):
        screen.forget()
        getattr(site.balancer.holder(), end)()
        screen.page.wait_for_function("window.seen.boot > 0")
        screen.photograph_change(f"during-{end}")
        screen.lacks(BOOT_SCREEN)
        screen.click("plus")
        screen.shows(f"Count: {2 * i}")
        screen.click("plus")
        screen.shows(f"Count: {2 * i + 1}")
        screen.photograph(f"after-{end}")
        assert screen.seen["loads"] == 0
    screen.page.reload()
    screen.settle("Count: 5")
    screen.click("minus")
    screen.shows("Count: 4")


def test_services_and_fields_work_on_a_page_that_came_back(start: Start, screen: Screen) -> None:
    """Each is bound to a control; the controls of the page from before the loss answer to nobody."""
    site = start("services.py")
    screen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    screen.open(site.url, "ready")
    screen.forget()
    site.balancer.holder().kill()
    screen.page.wait_for_function("window.seen.boot > 0")
    screen.lacks(BOOT_SCREEN)
    screen.write("Name", "Ada")
    screen.click("Copy")
    screen.shows("copied")
    screen.click("Paste")
    screen.shows("pasted: hello Ada")
    screen.photograph("after")
    assert screen.seen["loads"] == 0
    assert "Traceback" not in site.fleet.logs()
