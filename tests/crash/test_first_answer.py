"""A node that dies before the browser has what it was promised: its first page, or the whole page again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.crash.herd import CRASHING, herd
from tests.crash.nodes import CRASH_AT
from tests.steps import Click
from tests.tab import Tab
from tests.twin import ROOT

if TYPE_CHECKING:
    from tests.crash.zygote import Zygote

APPS = ROOT / "tests" / "crash" / "apps"
PATIENCE = 20.0


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("point", ["preparing", "prepared", "captured", "committed", "released", "sent"])
def test_before_main_is_not_skipped_when_its_node_dies(
    zygote: Zygote, valkey: str, point: str, kind: str
) -> None:
    asyncio.run(_die_at_start(zygote, valkey, f"{point}:1", kind))


async def _die_at_start(zygote: Zygote, valkey: str, crash_at: str, kind: str) -> None:
    async with herd(zygote, APPS / "preparing.py", valkey, CRASHING, PREPARE=kind) as nodes:
        mortal, heir = await nodes.spawn(**{CRASH_AT: crash_at}).ready(), await nodes.spawn().ready()
        tab = Tab(lambda: [heir.url if mortal.status is not None else mortal.url])
        try:
            await tab.start()
            assert mortal.status == -9
            assert tab.node == heir.node_id
            await tab.until(lambda: "prepared" in tab.client.texts(), PATIENCE)
            await tab.do(Click("more"))
            assert "prepared more" in tab.client.texts()
            assert nodes.main_runs(tab).count(heir.pid) == 1
            assert not tab.ended
        finally:
            print(nodes.complaints())  # shown when the test fails
            await tab.stop()


@pytest.mark.parametrize("point", ["captured", "committed"])
def test_a_whole_page_that_never_came_is_sent_by_the_next_node(
    zygote: Zygote, valkey: str, point: str
) -> None:
    asyncio.run(_die_before_the_page(zygote, valkey, f"{point}:1"))


async def _die_before_the_page(zygote: Zygote, valkey: str, crash_at: str) -> None:
    async with herd(zygote, APPS / "bulky.py", valkey, CRASHING) as nodes:
        first, heir = await nodes.spawn().ready(), await nodes.spawn().ready()
        mortal = await nodes.spawn(**{CRASH_AT: crash_at}).ready()
        places = [first]
        tab = Tab(lambda: [places[-1].url])
        try:
            await tab.start()
            await _miss(tab, Click("much"))
            places.append(mortal)
            await first.kill()
            assert await mortal.ended() == -9
            assert mortal.node_id in tab.nodes, "it never said welcome"
            places.append(heir)
            await tab.until(lambda: tab.node == heir.node_id, PATIENCE)
            await tab.do(Click("plus"))
            texts = tab.client.texts()
            assert "Count: 1" in texts
            assert any(text.startswith("much") for text in texts)
            assert not tab.ended
        finally:
            print(nodes.complaints())  # shown when the test fails
            await tab.stop()


async def _miss(tab: Tab, step: Click) -> None:
    """Do something whose output, too large to be kept, does not arrive; the socket is cut instead."""
    take = tab._take
    missed = asyncio.Event()

    def deaf(message: str | bytes) -> None:
        if missed.is_set() or len(message) > 1_000_000:
            missed.set()
        else:
            take(message)

    tab._take = deaf  # type: ignore[method-assign]
    for packet in tab.client.step(step):
        tab.send(packet)
    await asyncio.wait_for(missed.wait(), PATIENCE)
    tab._take = take  # type: ignore[method-assign]
