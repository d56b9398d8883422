"""Relays over a Redis Cluster, whose channels have their places on its servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.tools import Place
from tests.fleet import fleet
from tests.relay.conftest import APP
from tests.relay.relay_tools import at_work, number
from tests.servers import running
from tests.steps import Click
from tests.tab import open_tab

if TYPE_CHECKING:
    from tests.cluster.tools import Marks


async def test_a_long_handler_is_relayed_and_its_session_moves(marks: Marks) -> None:
    with running("cluster") as url, fleet(APP, url, 2, **marks.env, STEP="0.1") as nodes:
        holder, front = nodes.nodes
        place = Place(holder)
        async with open_tab(place) as tab:
            await at_work(tab)
            place.move(front)
            await tab.cut()
            await tab.until(lambda: tab.resumes == 1)
            assert tab.node == holder.node_id
            await tab.do(Click("plus"))
            await tab.until(lambda: tab.node == front.node_id)
            assert (number(tab, "Step"), number(tab, "Count")) == (20, 1)
