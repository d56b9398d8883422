"""One user's code does not stop a node, keep it from stopping, or leave a session in limbo (I6, I9)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.browser import Browser
from tests.cluster.tools import Place, eventually, leave, seconds, send
from tests.fleet import fleet
from tests.shell.running import SLOWNESS
from tests.steps import Click
from tests.tab import TabEnded, open_tab

APP = str(Path(__file__).with_name("hostile_app.py"))
DRAIN = 1.0


@pytest.mark.parametrize("what", ["thread", "to_thread", "block"])
async def test_a_node_leaves_although_a_thread_or_a_handler_never_ends(valkey: str, what: str) -> None:
    with fleet(APP, valkey, 1, FLET_CLUSTER_DRAIN_TIMEOUT=seconds(DRAIN)) as nodes:
        node = nodes.nodes[0]
        place = Place(node)
        async with open_tab(place) as tab:
            send(tab, Click(what))
            await asyncio.sleep(0.3 * SLOWNESS)
            place.move()
            code = await leave(node)  # fails if it takes longer than all of the test's patience
        assert code == (1 if what == "block" else 0), nodes.logs()


async def test_an_exit_in_a_task_does_not_end_the_node(valkey: str) -> None:
    with fleet(APP, valkey, 1) as nodes:
        node = nodes.nodes[0]
        async with open_tab(Place(node)) as tab:
            for what in ("bare_exit", "task_exit", "gated_exit"):
                await tab.do(Click(what))
            await tab.do(Click("plus"))
            assert "Count: 1" in tab.client.texts()
            assert tab.closes == []
        assert node.process.poll() is None


@pytest.mark.parametrize("route", ["/exit", "/cancel"])
async def test_a_main_that_exits_or_cancels_itself_has_ended(valkey: str, route: str) -> None:
    with fleet(APP, valkey, 2) as nodes:
        holder, other = nodes.nodes
        place = Place(holder)
        async with open_tab(place, Browser(route=route)) as tab:
            assert "Count: 0" not in tab.client.texts()
            place.move(other)
            await tab.cut()  # a session whose main "runs" would not be given to the other node
            await eventually(lambda: tab.node == other.node_id, "the session moves", 5 * SLOWNESS)
        assert holder.process.poll() is None


async def test_a_session_that_raises_while_it_is_rebuilt_is_reset(valkey: str) -> None:
    with fleet(APP, valkey, 2) as nodes:
        holder, other = nodes.nodes
        place = Place(holder)
        async with open_tab(place) as tab:
            await tab.do(Click("unwelcome"))
            place.move(other)
            holder.kill()
            with pytest.raises(TabEnded, match="lost"):
                await tab.do(Click("plus"))


async def test_an_exit_in_a_component_ends_its_render_only(valkey: str) -> None:
    app = str(Path(__file__).with_name("exiting_component.py"))
    with fleet(app, valkey, 1) as nodes:
        node = nodes.nodes[0]
        async with open_tab(Place(node)) as tab:
            await tab.do(Click("plus"))
            await tab.do(Click("plus"))
            assert "two is too many" in tab.client.crashes[0]
        async with open_tab(Place(node)) as another:
            assert "Count: 0" in another.client.texts()
        assert node.process.poll() is None
