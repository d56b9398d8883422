"""A store that was away, or lost its data, is no reason to take sessions from nodes that live (I2)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tests.browser import Browser
from tests.cluster.tools import Place, metric, seconds
from tests.fleet import fleet
from tests.relay.conftest import APP
from tests.relay.relay_tools import at_work, number
from tests.shell.running import SLOWNESS
from tests.tab import open_tab

from flet_cluster.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cluster.tools import Marks

USERS = 4
HEARTBEAT = 2.0


@pytest.mark.parametrize(
    ("persistence", "outage"),
    [([], 0.8), (["--appendonly", "yes", "--appendfsync", "always"], HEARTBEAT + 1)],
)
async def test_handlers_end_where_they_run(
    persistence: list[str], outage: float, marks: Marks, options: Mapping[str, str]
) -> None:
    env = {**options, **marks.env, "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(1), "STEP": "0.3"}
    with EmbeddedServer(options=persistence) as server, fleet(APP, server.url, 2, **env) as nodes:
        holder, front = nodes.nodes
        place = Place(holder)
        async with contextlib.AsyncExitStack() as stack:
            tabs = [
                await stack.enter_async_context(open_tab(place, Browser(route=f"/{n}"))) for n in range(USERS)
            ]
            for tab in tabs:
                await at_work(tab)
            place.move(front)
            for tab in tabs:
                await tab.cut()
                await tab.until(lambda tab=tab: tab.resumes == 1)  # type: ignore[misc]
            assert metric(front, "relays_fronted") == USERS
            server.kill()
            await asyncio.sleep(outage * SLOWNESS)
            server.start()
            for tab in tabs:
                await tab.until(lambda tab=tab: number(tab, "Step") == 20, 60)  # type: ignore[misc]
        assert metric(front, "seized") == 0
        assert "interrupted" not in nodes.logs()
