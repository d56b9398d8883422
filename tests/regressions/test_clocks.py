"""Threads that never end: everybody gets one, and none outlives its session here (I7, I9)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser import Browser
from tests.cluster.tools import Marks, Place, eventually, leave, seconds
from tests.fleet import fleet
from tests.tab import open_tab

if TYPE_CHECKING:
    from tests.tab import Tab

APP = str(Path(__file__).with_name("clock_app.py"))
VISITORS = 45


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    return Marks(tmp_path / "marks.jsonl")


def ticks(tab: Tab) -> bool:
    """Whether the clock runs."""
    return any(text.startswith("Tick: ") and text != "Tick: 0" for text in tab.client.texts())


async def test_the_clock_of_who_comes_last_runs_and_the_others_end(valkey: str, marks: Marks) -> None:
    env = {
        "FLET_SESSION_TIMEOUT": seconds(3),
        "FLET_CLUSTER_DISCONNECT_GRACE": seconds(0.3),
        "FLET_CLUSTER_DRAIN_TIMEOUT": "60",
    }
    with fleet(APP, valkey, 1, **marks.env, **env) as nodes:
        node = nodes.nodes[0]
        for _ in range(VISITORS):
            async with open_tab(Place(node), Browser(route="/gone"), settles=False) as tab:
                await tab.until(lambda tab=tab: "Tick: 0" in tab.client.texts())  # type: ignore[misc]
        async with open_tab(Place(node), Browser(route="/last"), settles=False) as tab:
            await tab.until(lambda: ticks(tab))
            assert len(marks.of("/gone", "start")) == VISITORS
            await eventually(lambda: len(marks.of("/gone", "end")) == VISITORS, "their threads ended", 60.0)
            assert await leave(node) == 0
        log = node.log.read_text()
        assert "drained; 0 sessions had to be cut short" in log
        assert "threads of the app still run" not in log
        assert "Traceback" not in log


@pytest.mark.parametrize("how", ["drain", "move"])
async def test_a_clock_that_moves_ends_before_it_starts_again(valkey: str, marks: Marks, how: str) -> None:
    with fleet(APP, valkey, 2, **marks.env) as nodes:
        holder, other = nodes.nodes
        place = Place(holder)
        async with open_tab(place, Browser(route="/one"), settles=False) as tab:
            await tab.until(lambda: ticks(tab))
            place.move(other)
            if how == "drain":
                assert await leave(holder) == 0
            else:
                await tab.cut()
            await eventually(lambda: len(marks.of("/one", "start")) == 2, "it starts again")
            await asyncio.sleep(0.3)
            pids = [node.process.pid for node in (holder, other)]
            told = [("start", pids[0]), ("end", pids[0]), ("start", pids[1])]
            assert marks.all("/one") == told
            await tab.until(lambda: ticks(tab))
        assert "Traceback" not in nodes.logs()
