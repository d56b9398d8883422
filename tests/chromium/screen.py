"""One browser tab as its user has it: what is on the page, and what was ever seen on it.

Flutter paints on a canvas. What a test reads and clicks is its accessibility tree, ``flt-semantics``.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from playwright.sync_api import TimeoutError as NeverCame
from playwright.sync_api import expect
from tests.shell.running import ROOT, SLOWNESS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Locator, Page, WebSocket

SHOTS = ROOT / "artifacts" / "browser"
PATIENCE = 30_000 * SLOWNESS
BOOT_SCREEN = "Working..."
"""What Flet's client paints over the page while it has no connection."""
BANNER = "#flet-cluster-banner"
NOTICE = "#flet-cluster-notice"

MOST_SHOTS = 30
STILL_SHOTS = 3

WATCH = """
(() => {
  const nothing = {loads: 0, loading: 0, boot: 0, told: [], states: []};
  const seen = JSON.parse(sessionStorage.getItem('seen')) || nothing;
  const keep = () => sessionStorage.setItem('seen', JSON.stringify(seen));
  seen.loads += 1;
  keep();
  window.seen = seen;
  seen.lines = () => [...document.querySelectorAll('flt-semantics')].flatMap((e) => {
    const own = [...e.childNodes].filter((n) => n.nodeName === '#text' || n.nodeName === 'SPAN');
    const label = e.getAttribute('aria-label') || '';
    return [...label.split('\\n'), ...own.map((n) => n.textContent)];
  });
  addEventListener('fletcluster', ({detail}) => { seen.states.push(detail); keep(); });
  const look = () => {
    const marks = {
      loading: !!document.getElementById('loading'),
      boot: seen.lines().includes('BOOT'),
    };
    for (const name in marks) if (marks[name] && !look[name]) seen[name] += 1;
    Object.assign(look, marks);
    for (const id of ['flet-cluster-banner', 'flet-cluster-notice']) {
      const text = document.getElementById(id)?.firstChild?.textContent;
      if (text && !seen.told.includes(text)) seen.told.push(text);
    }
    keep();
  };
  new MutationObserver(look).observe(document, {childList: true, subtree: true, characterData: true});
})();
""".replace("BOOT", BOOT_SCREEN)
"""Runs before the page's own scripts. What it saw survives a reload of the tab."""


class Screen:
    """One tab. Every test has its own, in a browser context of its own.

    Attributes:
        hosts: where the tab asked for anything.
        sockets: the tab's websockets, in order.
        nodes: ids of the nodes that welcomed it, in order.
    """

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.sockets: list[WebSocket] = []
        self.nodes: list[str] = []
        self._name = name
        self._shots = itertools.count(1)
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        page.on("websocket", self._opened)

    def _opened(self, websocket: WebSocket) -> None:
        self.sockets.append(websocket)
        websocket.on("framereceived", self._received)

    def _received(self, frame: str | bytes) -> None:
        if isinstance(frame, str) and '"welcome"' in frame:
            self.nodes.append(json.loads(frame)["node"])

    # -- coming and going ---------------------------------------------------------------------------

    def open(self, url: str, *texts: str) -> None:
        """Load the app and wait until these texts are there."""
        self.page.goto(url)
        self.settle(*texts)

    def settle(self, *texts: str) -> None:
        """After a load: let Flutter describe what it paints, then wait for texts."""
        placeholder = self.page.locator("flt-semantics-placeholder")
        placeholder.wait_for(state="attached")
        placeholder.dispatch_event("click")
        self.shows(*texts)

    def settle_after_reset(self) -> None:
        """Wait until the page has been reloaded on its own account, then :meth:`settle`."""
        self.page.wait_for_function("window.seen.loads >= 1")
        self.settle()

    # -- what is there ------------------------------------------------------------------------------

    def shows(self, *texts: str) -> None:
        """Wait until all of these texts are on the page, each as a whole line."""
        self._until("texts.every((text) => seen.lines().includes(text))", texts, "does not show")

    def lacks(self, *texts: str) -> None:
        """Wait until none of these texts is on the page."""
        self._until("!texts.some((text) => seen.lines().includes(text))", texts, "still shows")

    def _until(self, condition: str, texts: Sequence[str], complaint: str) -> None:
        try:
            self.page.wait_for_function(f"(texts) => {condition}", arg=list(texts))
        except NeverCame:
            shown = self.page.evaluate("seen.lines()")
            raise AssertionError(f"the page {complaint} {texts}: {shown}") from None

    def value(self, label: str, value: str) -> None:
        """Wait until a text field holds a value."""
        expect(self.field(label)).to_have_value(value, timeout=PATIENCE)

    def checked(self, label: str, *, on: bool) -> None:
        """Wait until a check box is or is not checked."""
        expect(self._box(label)).to_have_attribute("aria-checked", str(on).lower(), timeout=PATIENCE)

    def field(self, label: str) -> Locator:
        """A text field."""
        return self.page.locator(f'flt-semantics-host input[aria-label="{label}"]')

    def _box(self, label: str) -> Locator:
        return self.page.locator(f'flt-semantics-host [role=checkbox][aria-label="{label}"]')

    # -- what the user does -------------------------------------------------------------------------

    def click(self, name: str) -> None:
        """Press a button, by its text or its tooltip."""
        tooltip = self.page.locator(f'flt-semantics-host [aria-label="{name}"] [role=button]')
        text = self.page.locator("flt-semantics-host").get_by_role("button", name=name, exact=True)
        tooltip.or_(text).first.click()

    def tick(self, label: str) -> None:
        """Press a check box."""
        self._box(label).click()

    def write(self, label: str, text: str) -> None:
        """Type into a text field, key by key.

        Flutter sets the field's text when it takes the focus, a moment after the browser did; on a busy
        machine that wipes what was typed in between. A user would see it and type again.
        """
        self.field(label).click()
        expect(self.field(label)).to_be_focused(timeout=PATIENCE)
        for _ in range(5):
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text, delay=30)
            if self.field(label).input_value() == text:
                return
        raise AssertionError(f"{label} does not take {text!r}")

    # -- what was seen ------------------------------------------------------------------------------

    @property
    def seen(self) -> dict[str, Any]:
        """What the watcher noted since the tab was opened."""
        return cast("dict[str, Any]", self.page.evaluate("window.seen"))

    def forget(self) -> None:
        """Start the notes afresh: what comes from here on counts."""
        self.page.evaluate(
            "Object.assign(window.seen, {loads: 0, loading: 0, boot: 0, told: [], states: []})"
        )

    def noticed_nothing(self) -> None:
        """Since :meth:`forget`: no reload, no loading screen, neither Flutter's nor Flet's."""
        seen = self.seen
        assert (seen["loads"], seen["loading"], seen["boot"]) == (0, 0, 0), seen
        assert all("lost" in text for text in seen["told"]), seen  # at most that it takes a while

    def was_told(self, *reasons: str) -> None:
        """Since :meth:`forget`: the page was reloaded once, visibly, and says why, in one of these words."""
        told = re.compile(rf"Your session was restarted \(({'|'.join(reasons)})\)")
        expect(self.page.locator(NOTICE)).to_contain_text(told, timeout=PATIENCE)
        assert (self.seen["loads"], self.seen["loading"]) == (1, 1), self.seen

    def resumed(self, times: int) -> None:
        """Wait until the socket came back with nothing lost this often since :meth:`forget`."""
        count = "window.seen.states.filter((s) => s.state === 'connected' && s.resumed).length"
        self.page.wait_for_function(f"{count} >= {times}")

    def photograph(self, what: str) -> None:
        """Keep a picture of the page, once it holds still: Flutter paints a moment after it describes."""
        path = self._shot(what)
        before, same = b"", 0
        for _ in range(MOST_SHOTS):
            self.page.evaluate(
                "new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))"
            )
            picture = self.page.screenshot(path=path)
            same = same + 1 if picture == before else 0
            if same == STILL_SHOTS:
                return
            before = picture

    def photograph_change(self, what: str) -> None:
        """Keep a picture of what is painted next."""
        path = self._shot(what)
        before = self.page.screenshot(path=path)
        for _ in range(MOST_SHOTS):
            if self.page.screenshot(path=path) != before:
                return

    def _shot(self, what: str) -> Path:
        SHOTS.mkdir(parents=True, exist_ok=True)
        return Path(SHOTS) / f"{self._name}-{next(self._shots)}-{what}.png"
