"""Scripts named like a package that the node itself needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cluster.tools import Place
from tests.fleet import fleet
from tests.steps import Click
from tests.tab import open_tab

if TYPE_CHECKING:
    from pathlib import Path

APP = """\
import flet as ft


def main(page):
    label = ft.Text("Count: 0")

    def plus(_):
        label.value = "Count: 1"

    page.add(label, ft.Button("plus", on_click=plus))


ft.run(main)
"""


@pytest.mark.parametrize("name", ["redis", "msgpack"])
async def test_a_script_may_have_the_name_of_a_package(valkey: str, tmp_path: Path, name: str) -> None:
    script = tmp_path / f"{name}.py"
    script.write_text(APP)
    with fleet(str(script), valkey, 2) as nodes:
        holder, other = nodes.nodes
        place = Place(holder)
        async with open_tab(place) as tab:
            place.move(other)
            holder.kill()
            await tab.do(Click("plus"))
            assert "Count: 1" in tab.client.texts()
