"""What the dashboard shows is what the cluster is, and goes on being shown when its node dies or leaves."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from tests.cluster.tools import eventually, leave, send
from tests.dashboard.conftest import PATH, operator_at
from tests.shell.running import SLOWNESS
from tests.steps import Click, Find, Route
from tests.tab import Tab, open_tab

from flet_cluster import figures
from flet_cluster.beside import SUFFIX
from flet_cluster.inspection import Inspector, SessionFacts
from flet_cluster.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fleet import Fleet, FleetNode


@contextlib.asynccontextmanager
async def inspecting(nodes: Fleet, suffix: str = "") -> AsyncIterator[Inspector]:
    """Read the cluster without any of its nodes; with a suffix, another one that these nodes have."""
    store = RedisStore(nodes.redis_url, nodes.app_name + suffix)
    await store.start()
    try:
        yield Inspector(store)
    finally:
        await store.stop()


@contextlib.asynccontextmanager
async def dashboard(nodes: Fleet, token: str | None = None, cookie: str = "") -> AsyncIterator[Tab]:
    """Open the dashboard at the first node that runs, or load a page of it anew."""
    living = running(nodes)[0]
    with operator_at(living.port) as operator:
        operator.sign_in()
        operator.get(**{"Sec-Fetch-Dest": "document"})  # brings the cookie that binds the session
        headers = {"Cookie": cookie or operator.cookie()}

    def urls() -> list[str]:
        """Only a page of the same host may open the socket."""
        node = (running(nodes) or nodes.nodes)[0]
        headers["Origin"] = f"http://127.0.0.1:{node.port}"
        return [f"ws://127.0.0.1:{node.port}{PATH}/ws"]

    async with open_tab(urls, token=token, headers=headers, settles=False) as tab:
        await shows(tab, "live")
        yield tab


def running(nodes: Fleet) -> list[FleetNode]:
    return [node for node in nodes.nodes if node.process.poll() is None]


async def shows(tab: Tab, *texts: str) -> None:
    """Wait until all of these texts are on the page."""
    try:
        await tab.until(lambda: set(texts) <= set(tab.client.texts()))
    except TimeoutError:
        raise AssertionError(f"{texts} in {tab.client.texts()}") from None


async def shows_commits(tab: Tab, inspector: Inspector, session_id: str) -> None:
    """Wait until the page of a session shows how many commits it has had: with the click just made."""
    async with asyncio.timeout(20 * SLOWNESS):
        while True:
            facts = (await inspector.session(session_id)).facts
            texts = tab.client.texts()
            shown = texts[texts.index("Commits") + 1] if "Commits" in texts else ""
            if facts is not None and shown == figures.count(facts.commits):
                return
            await asyncio.sleep(0.05)


async def the_session(inspector: Inspector) -> SessionFacts:
    (facts,) = (await inspector.sessions()).sessions
    return facts


async def test_what_is_shown_is_what_the_cluster_is(nodes: Fleet) -> None:
    async with (
        inspecting(nodes) as inspector,
        open_tab(lambda: [nodes.nodes[1].url]) as user,
        dashboard(nodes) as tab,
    ):
        await user.do(Click("plus"))
        await shows(tab, nodes.app_name, "Nodes", "3", "all ready", "1 connected")

        send(tab, Route("/nodes"))
        for node in await inspector.nodes():
            await shows(tab, node.node_id, node.address, figures.count(node.sessions), "ready")

        send(tab, Route("/sessions"))
        facts = await the_session(inspector)
        await shows(tab, facts.session_id, facts.owner, "connected", figures.size(facts.snapshot))

        send(tab, Route(f"/sessions/{facts.session_id}"))
        began = figures.clock(facts.created)
        await shows(tab, facts.session_id, "created", began, f"{figures.day(facts.created)} {began}", "/")
        await user.do(Click("plus"))
        await shows_commits(tab, inspector, facts.session_id)


async def test_a_session_can_be_ended_once_the_operator_is_sure(nodes: Fleet) -> None:
    async with inspecting(nodes) as inspector, open_tab(lambda: [nodes.nodes[1].url]) as user:
        ids = {
            facts.session_id for facts in (await inspector.sessions()).sessions if facts.state == "connected"
        }
        (mine,) = [facts for facts in (await inspector.sessions()).sessions if facts.session_id in ids]
        async with dashboard(nodes) as tab:
            send(tab, Route(f"/sessions/{mine.session_id}"))
            await shows(tab, mine.session_id)
            send(tab, Click("End session"))
            await shows(tab, "End this session?")
            assert not user.ended, "nobody has said yes"
            send(tab, Click(Find("End session", type="FilledButton")))
            await shows(tab, "ended")
        await eventually(lambda: user.ended, "its user is told")


async def test_it_rests_while_nobody_looks(nodes: Fleet) -> None:
    async with inspecting(nodes, SUFFIX) as own, inspecting(nodes) as inspector:
        async with dashboard(nodes) as tab:
            token, cookie = tab.link.token, tab.headers["Cookie"]
        await until_asleep(own, str(token).partition("~")[0])
        async with open_tab(lambda: [nodes.nodes[1].url]) as user:
            facts = next(one for one in (await inspector.sessions()).sessions if one.state == "connected")
            async with dashboard(nodes, token, cookie) as back:
                send(back, Route(f"/sessions/{facts.session_id}"))
                await shows(back, "Life")
                await user.do(Click("plus"))
                await shows_commits(back, inspector, facts.session_id)


async def until_asleep(own: Inspector, session_id: str) -> None:
    """Wait until a session of the dashboard is in the store only, with nothing that runs."""
    async with asyncio.timeout(20 * SLOWNESS):
        while (facts := (await own.session(session_id)).facts) is None or facts.state != "asleep":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert not facts.background


async def test_the_dashboard_goes_on_when_its_node_is_killed_and_when_it_leaves(nodes: Fleet) -> None:
    async with dashboard(nodes) as tab:
        await shows(tab, "3", "all ready")
        running(nodes)[0].kill()
        await tab.until(lambda: tab.resumes == 1)
        await shows(tab, "2")
        send(tab, Route("/nodes"))
        await shows(tab, "Drain", "ready")
        started = asyncio.get_running_loop().time()
        assert await leave(running(nodes)[0]) == 0
        assert asyncio.get_running_loop().time() - started < 15, "a loop that refreshes keeps no node"
        await tab.until(lambda: tab.resumes == 2)
        async with inspecting(nodes) as inspector:
            last = running(nodes)[0].node_id
            await shows(tab, last, "live")
            await tab.until(lambda: tab.client.texts().count("Drain") == 1)
            assert [node.node_id for node in await inspector.nodes()] == [last]
        send(tab, Click("Drain"))
        await shows(tab, f"Drain node {last}?")
        assert any(text.startswith("No other node is ready") for text in tab.client.texts())
        send(tab, Click(Find("Drain", type="FilledButton")))
        assert await asyncio.to_thread(running(nodes)[0].process.wait, 20) == 0, "told to, it leaves in order"
        assert len(set(tab.nodes)) == 3
