"""A browser says that a page is hidden when it is left, and nothing when one is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place
from tests.fleet import fleet
from tests.steps import Click, Event, Find
from tests.tab import open_tab

if TYPE_CHECKING:
    from pathlib import Path

APP = """\
import flet as ft


def main(page):
    label = ft.Text("nothing")

    def look(_):
        label.value = f"seen: {page.app_visible}"

    async def wait(_):
        await page.wait_until_visible()
        label.value = "waited"

    page.add(label, ft.Button("look", on_click=look), ft.Button("wait", on_click=wait))


ft.run(main)
"""
HIDDEN = Event(Find(type="Page"), "app_lifecycle_state_change", {"state": "hide"}, always=True)


@pytest.mark.parametrize("elsewhere", [True, False])
async def test_a_reloaded_page_is_seen(valkey: str, tmp_path: Path, *, elsewhere: bool) -> None:
    script = tmp_path / "looks.py"
    script.write_text(APP)
    with fleet(str(script), valkey, 2) as nodes:
        first, second = nodes.nodes
        async with open_tab(Place(first)) as old:
            await old.do(HIDDEN)
            await old.do(Click("look"))
            assert "seen: False" in old.client.texts()
            browser, token = old.client.browser, old.link.token
        async with open_tab(Place(second if elsewhere else first), browser, token) as new:
            await new.do(Click("look"))
            assert "seen: True" in new.client.texts()
            await new.do(Click("wait"))
            assert "waited" in new.client.texts()
