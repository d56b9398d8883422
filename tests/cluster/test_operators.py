"""What operators read of a live cluster, and what they do to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import select
import subprocess
import threading
import time
import tty
from typing import TYPE_CHECKING

import pytest
from tests.cluster.operators import COMMAND, becomes, environment, inspected, said, told
from tests.cluster.tools import PATIENCE, Place, World, eventually, seconds, session_of
from tests.steps import Click

from flet_cluster.cli import main, top
from flet_cluster.errors import SettingsError
from flet_cluster.inspection import State
from flet_cluster.inspection.leaving import see_off
from flet_cluster.inspection.listing import Wanted
from flet_cluster.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.fleet import Fleet

    from flet_cluster.inspection import Busy, Inspector, NodeFacts


@pytest.fixture(scope="module")
def options() -> Mapping[str, str]:
    return {
        "FLET_SESSION_TIMEOUT": seconds(10),  # sessions are looked after five times in so long
        "FLET_CLUSTER_DISCONNECT_GRACE": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_INTERVAL": seconds(0.2),
        "FLET_CLUSTER_HEARTBEAT_TIMEOUT": seconds(4),
        "FLET_CLUSTER_DRAIN_TIMEOUT": seconds(5),
    }


@pytest.fixture
async def inspector(world: World) -> AsyncIterator[Inspector]:
    async with inspected(world.fleet) as opened:
        yield opened


async def life(inspector: Inspector, session_id: str) -> list[tuple[str, str]]:
    """What has happened to a session, and where."""
    return [(event.kind, event.node) for event in (await inspector.session(session_id)).events]


async def test_nodes_and_their_sessions_are_listed(world: World) -> None:
    first, second = world.pair()
    async with world.tab(Place(first)) as tab:
        await tab.do(Click("plus"))
        nodes = {node["node_id"]: node for node in await told(world.fleet, "nodes")}
        assert {first.node_id, second.node_id} <= set(nodes)
        assert nodes[first.node_id]["pid"] == first.process.pid
        assert nodes[first.node_id]["address"] == f"127.0.0.1:{first.port}"
        assert nodes[first.node_id]["memory"] > 1_000_000
        assert nodes[first.node_id]["started"] < time.time()
        id_ = session_of(tab)
        here = await told(world.fleet, "sessions", "--node", first.node_id[:-2], "--state", "connected")
        (mine,) = [one for one in here["sessions"] if one["session_id"] == id_]
        assert (mine["owner"], mine["state"], mine["main"]) == (first.node_id, State.CONNECTED, "done")
        assert mine["commits"] >= 2
        assert mine["snapshot"] > 100
        assert {id_, first.node_id} <= set((await said(world.fleet, "sessions")).split())
        shown = await told(world.fleet, "session", "show", id_[:-1])
        assert (shown["look"]["connected"], shown["look"]["route"]) == (True, world.route)
        without_key = await said(world.fleet, "session", "show", id_, FLET_SECRET_KEY="")
        assert {id_, "connected", "created", first.node_id} <= set(without_key.split())
        assert world.route not in without_key


async def test_lists_have_pages_and_leave_out_what_does_not_fit(world: World, inspector: Inspector) -> None:
    first, second = world.pair()
    async with contextlib.AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(world.tab(Place(first))) for _ in range(5)]
        ids = {session_of(tab) for tab in tabs}
        found, cursor = set[str](), ""
        while True:
            page = await inspector.sessions(cursor, 2, node=first.node_id)
            found |= {one.session_id for one in page.sessions}
            cursor = page.cursor
            if not cursor:
                break
        assert ids <= found
        elsewhere = await Wanted(node=second.node_id).read(inspector)
        assert not ids & {one.session_id for one in elsewhere.sessions}
        asleep = await Wanted(state=State.ASLEEP).read(inspector)
        assert not ids & {one.session_id for one in asleep.sessions}
        few = await Wanted(node=first.node_id, limit=2).read(inspector)
        assert len(few.sessions) >= 2


async def test_figures_follow_what_happens(world: World, inspector: Inspector) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as tab:

        async def facts() -> NodeFacts:
            await tab.do(Click("plus"))
            return next(one for one in await inspector.nodes() if one.node_id == node.node_id)

        busy = await becomes(facts, lambda one: one.events > 0 and one.connected > 0)
        assert 0 < busy.latency <= busy.latency_high

        async def busiest() -> list[Busy]:
            await tab.do(Click("plus"))
            return await inspector.busiest()

        found = await becomes(busiest, lambda busy: session_of(tab) in {one.session_id for one in busy})
        assert node.node_id in {one.node_id for one in found}
        top = await said(world.fleet, "top", "--once")
        assert {node.node_id, world.fleet.app_name} <= set(top.split())
    history = await inspector.history()
    assert {"events", "latency", "cpu", "memory", "connected"} <= set(history[-1].figures)
    assert node.node_id in {sample.node_id for sample in history}
    assert await inspector.history(history[-1].at) == []


async def test_a_session_has_a_life(world: World, inspector: Inspector) -> None:
    first, second = world.pair()
    place = Place(first)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        id_ = session_of(tab)
        place.move(second)
        await asyncio.to_thread(first.kill)
        await tab.until(lambda: tab.node == second.node_id)
        expected = [("created", first.node_id), ("seized", second.node_id), ("resumed", second.node_id)]
        await becomes(lambda: life(inspector, id_), lambda found: found == expected)
        (seized,) = [one for one in (await inspector.session(id_)).events if one.kind == "seized"]
        assert seized.detail == first.node_id
    left = await becomes(lambda: inspector.session(id_), lambda found: found.facts.state is State.ASLEEP)
    assert [event.kind for event in left.events[3:]] == ["left", "released"]


async def test_a_kicked_user_is_told_and_the_app_too(world: World, inspector: Inspector) -> None:
    node, other = world.pair()
    async with world.tab(Place(node, other)) as tab:
        await tab.do(Click("plus"))
        id_ = session_of(tab)
        assert (await told(world.fleet, "kick", id_[:-2]))["outcome"] == "closed"
        await eventually(lambda: tab.ended, "the user is told")
        assert tab.ended.startswith("reset: deleted")
        assert world.noted("disconnect", "close") == ["disconnect", "close"]
        assert world.records.row(id_) is None
        assert await inspector.kick(id_) == "ended"
        assert [kind for kind, _ in await life(inspector, id_)] == ["created", "ended"]
        shown = await said(world.fleet, "session", "show", id_)
        assert {"ended", "kicked"} <= set(shown.split())


async def test_a_session_that_sleeps_is_kicked_and_its_app_told(world: World, inspector: Inspector) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as tab:
        id_ = session_of(tab)
    await eventually(lambda: world.records.existing(id_).owner == "", "it sleeps")
    assert await inspector.kick(id_) == "closed"
    assert world.noted("close") == ["close"]
    assert (await inspector.session(id_)).ended


async def test_a_session_of_a_dead_node_is_ended_all_the_same(world: World, inspector: Inspector) -> None:
    node, other = world.pair()
    place = Place(node)
    async with world.tab(place) as tab:
        id_ = session_of(tab)
        place.move()
        await asyncio.to_thread(node.kill)
        assert await inspector.kick(id_) in {"cut", "closed"}  # the latter if it was known to be dead by then
        place.move(other)
        await eventually(lambda: tab.ended, "the user is told")
        assert world.records.row(id_) is None


async def test_a_session_on_a_frozen_node_is_fenced(
    world: World, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flet_cluster.inspection.inspector.END_SECONDS", 0.3)
    node, _ = world.pair()
    async with world.tab(Place(node)) as tab:
        node.pause()
        try:
            assert await inspector.kick(session_of(tab)) == "cut"
            assert world.records.row(session_of(tab)) is None
        finally:
            node.go_on()
        await eventually(lambda: tab.ended, "the user is told")


async def test_who_holds_a_kicked_session_loses_it_though_nobody_tells(world: World) -> None:
    """As when the bus is away: the node finds out in the store."""
    node, other = world.pair()
    async with world.tab(Place(node, other)) as tab:
        store = RedisStore(world.fleet.redis_url, world.fleet.app_name)
        assert await store.kick(session_of(tab)) == node.node_id
        await store.stop()
        await eventually(lambda: tab.ended, "the user is told")


async def test_a_drained_node_hands_over_and_leaves(world: World, inspector: Inspector) -> None:
    node, other = world.pair()
    place = Place(node)
    async with world.tab(place) as tab:
        await tab.do(Click("plus"))
        place.move(other)
        printed = await said(world.fleet, "drain", node.node_id[:8])
        assert printed.endswith(f"Node {node.node_id} has left.\n")
        assert await asyncio.to_thread(node.process.wait, PATIENCE) == 0
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
        assert tab.resumes == 1
        kinds = [kind for kind, _ in await life(inspector, session_of(tab))]
        assert kinds[:3] == ["created", "released", "taken"]


async def test_a_worker_is_replaced_before_it_is_drained(world: World, inspector: Inspector) -> None:
    _, other = world.pair()
    pair = world.fleet.add(FLET_CLUSTER_WORKERS="2")

    async def workers() -> set[str]:
        nodes = await inspector.nodes()
        return {node.node_id for node in nodes if node.address.endswith(f":{pair.port}")}

    before = await becomes(workers, lambda ids: len(ids) == 2)
    async with world.tab(Place(pair, other)) as tab:
        await tab.do(Click("plus"))
        gone = min(before)
        lines: list[str] = []
        assert await see_off(inspector, gone, PATIENCE * 2, lines.append)
        assert lines[-1] == f"Node {gone} has left."
        after = await workers()
        assert len(after) == 2
        assert gone not in after
        await tab.do(Click("plus"))
        assert "Count: 2" in tab.client.texts()
    assert await asyncio.to_thread(pair.terminate, PATIENCE) == 0


def test_top_is_ended_by_a_key(world: World) -> None:
    world.pair()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "top", "--interval", "0.3"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**environment(world.fleet), "TERM": "xterm", "COLUMNS": "200", "LINES": "40"},
    )
    os.close(theirs)
    try:
        seen = b""
        until = time.monotonic() + PATIENCE
        while b"q: quit" not in seen:
            assert time.monotonic() < until, seen
            assert process.poll() is None
            if select.select([ours], [], [], 0.1)[0]:
                seen += os.read(ours, 4096)
        assert world.fleet.app_name.encode() in seen
        os.write(ours, b"q")
        reading = threading.Thread(target=drain_terminal, args=(ours,), daemon=True)
        reading.start()
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, b"")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_top_ends_with_its_terminal() -> None:
    """A process that outlives its terminal must not look without end at what nobody sees."""
    ours, theirs = pty.openpty()
    tty.setcbreak(theirs)
    try:
        os.write(ours, b" ")
        assert top.read_key(theirs) == b" "
        os.close(ours)
        assert top.read_key(theirs) == b"q"
    finally:
        os.close(theirs)


def drain_terminal(ours: int) -> None:
    """Read what is still shown: who writes it waits for that."""
    with contextlib.suppress(OSError):
        while os.read(ours, 4096):
            pass


@pytest.mark.parametrize(
    ("words", "env", "code", "message"),
    [
        (["nodes"], {"FLET_CLUSTER_APP_NAME": ""}, 2, "--app-name"),
        (["sessions"], {"FLET_CLUSTER_REDIS_URL": ""}, 2, "--redis-url"),
        (["sessions", "--state", "dead"], {}, 2, "connected, away, asleep"),
        (["sessions", "--cursor", "x"], {}, 2, "'x' is no cursor"),
        (["kick", "s"], {"FLET_SECRET_KEY": ""}, 2, "FLET_SECRET_KEY"),
        (["nodes"], {"FLET_CLUSTER_REDIS_URL": "redis://127.0.0.1:1/0"}, 1, "127.0.0.1:1"),
        (["session", "show", "nobody"], {}, 3, "no session 'nobody'"),
        (["kick", "nobody-has-this-very-long-id"], {}, 3, "no session"),
        (["kick", ""], {}, 3, "Which session?"),
        (["session", "show", ""], {}, 3, "Which session?"),
        (["drain", ""], {}, 3, "Which node?"),
        (["drain", "n-0"], {"FLET_CLUSTER_APP_NAME": "nobody"}, 3, "no node 'n-0'"),
    ],
)
def test_what_is_wrong_is_said(  # noqa: PLR0913, PLR0917  what is typed, set and said
    nodes: Fleet,
    words: list[str],
    env: Mapping[str, str],
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment(nodes, **env).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["flet-cluster", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == code
    assert message in capsys.readouterr().err


async def test_another_key_is_refused_before_anything_is_done(world: World) -> None:
    node, _ = world.pair()
    async with world.tab(Place(node)) as tab:
        with pytest.raises(SettingsError, match="opens none of the app's sessions"):
            async with inspected(world.fleet, "another key that no node of this fleet has"):
                pass
        await tab.do(Click("plus"))
        assert node.process.poll() is None
