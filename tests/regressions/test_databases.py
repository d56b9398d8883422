"""Apps that open sqlite3 as if there were one thread, which is so in stock Flet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.browser import Browser
from tests.cluster.tools import Place
from tests.fleet import fleet
from tests.steps import Click
from tests.tab import open_tab

if TYPE_CHECKING:
    from pathlib import Path

APP = """\
import sqlite3
import flet as ft

FIRST = None


class Visits:
    def __init__(self):
        self.connection = sqlite3.connect(FILE)
        self.cursor = self.connection.cursor()
        self.cursor.execute("CREATE TABLE IF NOT EXISTS visits (at TEXT)")
        self.connection.commit()

    def add(self):
        self.cursor.execute("INSERT INTO visits VALUES (datetime('now'))")
        self.connection.commit()
        return self.cursor.execute("SELECT count(*) FROM visits").fetchone()[0]


async def main(page):  # on the event loop; its handler is in a worker thread
    global FIRST
    visits = Visits()
    FIRST = FIRST or visits
    first = FIRST if page.route == "/second" else visits
    label = ft.Text("none")

    def add(_):
        label.value = f"visits: {visits.add()}"

    def intrude(_):
        first.add()

    page.add(label, ft.Button("add", on_click=add), ft.Button("intrude", on_click=intrude))


ft.run(main)
"""


async def test_a_sessions_connection_and_cursor_work_in_all_its_threads_and_travel(
    valkey: str, tmp_path: Path
) -> None:
    script = tmp_path / "visits.py"
    script.write_text(APP.replace("FILE", repr(str(tmp_path / "visits.db"))))
    with fleet(str(script), valkey, 2) as nodes:
        holder, other = nodes.nodes
        place = Place(holder)
        async with open_tab(place) as tab:
            await tab.do(Click("add"))
            assert "visits: 1" in tab.client.texts()
            place.move(other)
            holder.kill()
            await tab.do(Click("add"))
            assert "visits: 2" in tab.client.texts()
        await asyncio.to_thread(other.terminate)
        assert "will not survive" not in nodes.logs()


async def test_it_is_no_other_sessions(valkey: str, tmp_path: Path) -> None:
    script = tmp_path / "visits.py"
    script.write_text(APP.replace("FILE", repr(str(tmp_path / "visits.db"))))
    with fleet(str(script), valkey, 1) as nodes:
        (node,) = nodes.nodes
        async with (
            open_tab(Place(node)) as first,
            open_tab(Place(node), Browser(route="/second")) as second,
        ):
            await second.do(Click("intrude"))
            assert "another user's session opened it" in second.client.crashes[0]
            assert "FLET_CLUSTER_SYNC_HANDLERS=loop" in node.log.read_text()
            await first.do(Click("add"))
            await second.do(Click("add"))
            assert "visits: 2" in second.client.texts()
