"""Charts of matplotlib, painted by an endless task of the control, go on after a ``kill -9`` and a reload."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from tests.shell.running import SLOWNESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chromium.conftest import Start
    from tests.chromium.screen import Screen

APP = str(Path(__file__).with_name("charts_app.py"))
PLACE = {"x": 20.0, "y": 150.0, "width": 700.0, "height": 200.0}
"""Within the chart."""
PATIENCE = 30 * SLOWNESS
STILL = 6
"""So many pictures in a row are the same."""


def picture(screen: Screen) -> bytes:
    return screen.page.screenshot(clip=PLACE)  # type: ignore[arg-type]  # a FloatRect


def blank(image: bytes) -> bool:
    return Image.open(io.BytesIO(image)).convert("RGB").getcolors(1) is not None


def until(screen: Screen, fits: Callable[[bytes], bool], what: str) -> bytes:
    """Wait for a picture that stays: a chart may be painted in another size first."""
    deadline = time.monotonic() + PATIENCE
    seen: list[bytes] = []
    while len(seen) < STILL or len(set(seen[-STILL:])) > 1 or not fits(seen[-1]):
        assert time.monotonic() < deadline, f"never painted: {what}"
        screen.page.wait_for_timeout(50)
        seen.append(picture(screen))
    return seen[-1]


def test_a_chart_goes_on_after_a_kill_and_a_reload(start: Start, screen: Screen) -> None:
    site = start(APP)
    screen.open(site.url, "drawn 0")
    first = until(screen, lambda image: not blank(image), "the chart")
    site.fleet.node(screen.nodes[-1]).kill()
    screen.resumed(1)
    screen.click("draw")
    screen.shows("drawn 1")
    second = until(screen, lambda image: image != first and not blank(image), "the change after the kill")
    screen.page.reload()
    screen.settle("drawn 1")
    until(screen, lambda image: image == second, "the same after the reload")
    screen.click("draw")
    screen.shows("drawn 2")
    until(screen, lambda image: image != second and not blank(image), "the change after the reload")
    assert "will not survive" not in site.fleet.logs()
