"""What a page load costs, as the browser's developer tools count it."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flet_web  # type: ignore[import-untyped]
from tests.chromium.conftest import CHROMIUM, FLAGS
from tests.chromium.screen import PATIENCE, WATCH, Screen

from flet_cluster.http.cache import VariantCache
from flet_cluster.http.files import Overlay
from flet_cluster.http.precompress import fill, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, BrowserType, Page

LOADED = ("main.dart.", "skwasm.wasm", "chromium/canvaskit.wasm", ".ttf", ".otf", ".js")
"""Ends or parts of the names of files that Chromium loads; the rest would take another minute to compress."""
LAST_FONT = "CupertinoIcons.ttf"


@dataclass
class Load:
    """Bytes of one page load.

    Attributes:
        asked: the files, by URL.
        sent: by file, what came over the network, with headers.
        content: by file, what that was, unpacked; from the browser's memory too.
    """

    asked: set[str] = field(default_factory=set)
    sent: dict[str, int] = field(default_factory=dict)
    content: dict[str, int] = field(default_factory=dict)

    def missing(self) -> set[str]:
        """What has not come completely; the last of Flutter's fonts is asked for a while after the first."""
        last = () if any(LAST_FONT in name for name in self.asked) else (LAST_FONT,)
        return {*last, *self.asked} - self.sent.keys()

    @property
    def bytes_sent(self) -> int:
        """All that came over the network."""
        return sum(self.sent.values())

    @property
    def bytes_of_content(self) -> int:
        """What a server that neither compresses nor is asked again would have sent, without headers."""
        return sum(self.content.values())


def watched(page: Page) -> Load:
    """Count from now on what a tab loads."""
    load = Load()
    names: dict[str, str] = {}
    session = page.context.new_cdp_session(page)

    def begun(event: dict[str, Any]) -> None:
        name = names[event["requestId"]] = event["request"]["url"]
        if name.startswith("http"):
            load.asked.add(name)

    def came(event: dict[str, Any]) -> None:
        name = names[event["requestId"]]
        load.content[name] = load.content.get(name, 0) + event["dataLength"]

    def over(event: dict[str, Any]) -> None:
        load.sent[names[event["requestId"]]] = event["encodedDataLength"]

    session.on("Network.requestWillBeSent", begun)
    session.on("Network.dataReceived", came)
    session.on("Network.loadingFinished", over)
    session.on("Network.loadingFailed", lambda event: load.asked.discard(names[event["requestId"]]))
    session.send("Network.enable")
    return load


def visit(context: BrowserContext, url: str, *texts: str) -> Load:
    """Load an app in a new tab until it shows some texts and has everything it asked for; close the tab."""
    page = context.new_page()
    page.add_init_script(WATCH)
    load = watched(page)
    Screen(page, "load").open(url, *texts)
    page.wait_for_load_state("networkidle")
    deadline = time.monotonic() + PATIENCE / 1000
    while load.missing() and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert not load.missing(), load
    page.close()
    return load


@contextlib.contextmanager
def profile(browser_type: BrowserType, folder: Path) -> Iterator[BrowserContext]:
    """Start a browser of a user who keeps it: what is on its disk is there the next time."""
    context = browser_type.launch_persistent_context(
        folder, executable_path=CHROMIUM, args=FLAGS, viewport={"width": 800, "height": 600}
    )
    try:
        yield context
    finally:
        context.close()


def compressed_client(folder: Path) -> Path:
    """Fill a cache with what Chromium loads, as ``flet-cluster precompress`` would; returns the folder."""
    cache = VariantCache(folder)
    cache.prepare()
    jobs = missing(Overlay([Path(flet_web.get_package_web_dir())]), cache)
    wanted = [job for job in jobs if job.coding == "br" and any(part in job.path for part in LOADED)]
    fill(cache, wanted, threads=2)
    return folder
