"""``FLET_WEB_USE_COLOR_EMOJI``: where the browser looks for the font of coloured emojis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.shell.running import COMMAND, started

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Route

APP = "import flet as ft\n\ndef main(page):\n    page.add(ft.Text('\\U0001f600'))\n\nft.run(main)\n"


@pytest.mark.parametrize(
    ("wish", "place"), [("true", "https://fonts.gstatic.com/"), ("false", "/assets/fonts/")]
)
def test_coloured_emojis(tmp_path: Path, chromium: Browser, wish: str, place: str) -> None:
    (tmp_path / "app.py").write_text(APP)
    options = ("--port", "0")
    with started(tmp_path, *COMMAND, "app.py", *options, FLET_WEB_USE_COLOR_EMOJI=wish) as app:
        url, page = app.url(), chromium.new_page()
        outside: list[str] = []

        def answer(route: Route) -> None:
            """No test depends on a server elsewhere."""
            outside.append(route.request.url)
            route.abort()

        page.route(lambda asked: not asked.startswith(url), answer)
        with page.expect_request(lambda request: "notocoloremoji" in request.url) as asked:
            page.goto(url)
        assert asked.value.url.startswith(place if "://" in place else url.rstrip("/") + place)
        assert all("notocoloremoji" in request for request in outside)
        page.close()
