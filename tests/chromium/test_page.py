"""What the page shows and asks for by itself: the banner, and nothing from other hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect
from tests.chromium.screen import BANNER, NOTICE, PATIENCE, Screen

if TYPE_CHECKING:
    from tests.chromium.conftest import Start


def boxes(screen: Screen) -> Any:
    """Where everything on the page is."""
    script = "[...document.querySelectorAll('flt-semantics, flt-glass-pane, body')].map((e) => {"
    return screen.page.evaluate(
        script + "const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]})"
    )


def test_the_banner_comes_and_goes_and_stands_in_nobodys_way(start: Start, screen: Screen) -> None:
    site = start("counter.py")
    screen.open(site.url, "Count: 0")
    screen.click("plus")
    screen.shows("Count: 1")
    screen.page.mouse.move(1, 1)
    before = boxes(screen)
    banner = screen.page.locator(BANNER)
    expect(banner).to_have_count(0)
    screen.forget()
    site.balancer.refuse()
    banner.wait_for()
    expect(banner).to_contain_text("Connection lost")
    assert banner.evaluate("(e) => getComputedStyle(e).pointerEvents") == "none"
    assert boxes(screen) == before
    screen.click("plus")  # works while nobody answers
    screen.photograph("offline")
    site.balancer.accept()
    screen.page.evaluate("dispatchEvent(new Event('online'))")  # as the browser does when the network is back
    screen.shows("Count: 2")
    expect(banner).to_have_count(0, timeout=PATIENCE)
    expect(screen.page.locator(NOTICE)).to_have_count(0)
    screen.photograph("back")
    screen.noticed_nothing()


def test_the_browser_asks_nobody_but_us(start: Start, screen: Screen) -> None:
    """Also not for fonts that the app did not bring: Flutter would fetch them from Google."""
    site = start("todo.py")
    failed: list[str] = []
    screen.page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    screen.page.on("console", lambda line: failed.append(line.text) if line.type == "error" else None)
    screen.open(site.url, "0 of 0 done")
    screen.page.wait_for_load_state("networkidle")
    assert not failed, "a plain load has no red line in the console"
    screen.write("What needs doing?", "日本語 and 😀")
    screen.click("Add")
    screen.shows("0 of 1 done")
    screen.page.wait_for_load_state("networkidle")
    screen.photograph("offline")
    assert screen.hosts == {f"127.0.0.1:{site.balancer.port}"}
