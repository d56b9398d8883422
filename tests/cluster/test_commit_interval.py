"""A commit interval: shown at once, committed later, done again after a loss."""

from __future__ import annotations

import asyncio
from functools import partial

from tests.cluster.tools import Records, session_of
from tests.fleet import fleet
from tests.servers import running
from tests.steps import Click
from tests.tab import Tab, open_tab

INTERVAL = "60"  # longer than the test


def shows(tab: Tab, text: str) -> bool:
    """Whether a text is on the page."""
    return text in tab.client.texts()


async def test_what_was_shown_but_not_committed_is_done_again_on_the_older_state() -> None:
    with (
        running("valkey") as url,
        fleet("tests/apps/counter.py", url, 2, FLET_CLUSTER_COMMIT_INTERVAL=INTERVAL) as nodes,
    ):
        records = Records(nodes)
        async with open_tab(lambda: nodes.urls, settles=False) as tab:
            await tab.until(partial(shows, tab, "Count: 0"))
            before = records.existing(session_of(tab)).commit
            for number in (1, 2, 3):
                for packet in tab.client.step(Click("plus")):
                    tab.send(packet)
                await tab.until(partial(shows, tab, f"Count: {number}"))
            assert records.existing(session_of(tab)).commit == before, "shown without a commit"
            assert tab.link.pending >= 3, "nothing is acknowledged before it is committed"
            shown = tab.link.rx

            assert await asyncio.to_thread(nodes.node(tab.node).kill) == -9
            await tab.until(lambda: len(tab.nodes) == 2)
            await tab.until(lambda: "Count: 3" in tab.client.texts() and tab.link.rx > shown)
            assert tab.resumes == 0, "the page came whole: output had been ahead of the state"
            assert not tab.ended


async def test_a_session_that_is_asked_for_is_committed_first() -> None:
    with (
        running("valkey") as url,
        fleet("tests/apps/counter.py", url, 2, FLET_CLUSTER_COMMIT_INTERVAL=INTERVAL) as nodes,
    ):
        async with open_tab(lambda: nodes.urls, settles=False) as tab:
            await tab.until(partial(shows, tab, "Count: 0"))
            for packet in tab.client.step(Click("plus")):
                tab.send(packet)
            await tab.until(lambda: "Count: 1" in tab.client.texts())
            assert await asyncio.to_thread(nodes.node(tab.node).terminate) == 0
            await tab.until(lambda: len(tab.nodes) == 2)
            await tab.until(lambda: tab.link.pending == 0)
            assert "Count: 1" in tab.client.texts()
            assert tab.resumes == 1
